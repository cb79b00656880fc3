/* SPDX-License-Identifier: MIT */
#include "cli/retire.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/slow.h"

#include <string.h>

int retire_container(struct cli *c, const char *name, bool force, bool image, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        json_t *params = json_pack(
                "{s:s, s:b, s:b}", "name", name, "force", (int)force, "image", (int)image);
        if (cli_value(c, "user"))
                json_object_set_new(params, "user", json_string(cli_value(c, "user")));
        cleanup_free char *still = xasprintf("%s is still being retired", name);
        if (slow_call(c, force ? "Removing" : "Stopping its processes", still,
                    "io.ds01.Containers.Retire", params, &reply, e) < 0)
                return -1;
        const char *removed = json_str(reply, "image_removed");
        const char *workspace = str_or_empty(json_str(reply, "workspace"));
        out_say("Retired %s. Your files are kept in %s.%s%s%s", name,
                *workspace ? workspace : "~/workspace", removed && *removed ? " Image " : "",
                str_or_empty(removed), removed && *removed ? " removed." : "");
        out_say("Start again: project launch %s", name);
        return 0;
}
