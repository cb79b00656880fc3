/* SPDX-License-Identifier: MIT */
#include "cli/retire.h"

#include "base/json.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/progress.h"

#include <string.h>

int retire_container(struct cli *c, const char *name, bool force, bool image, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        json_t *params = json_pack("{s:s, s:b, s:b}", "name", name, "force", (int)force, "image", (int)image);
        if (cli_value(c, "user"))
                json_object_set_new(params, "user", json_string(cli_value(c, "user")));
        struct progress p;
        progress_start(&p, force ? "Removing" : "Stopping its processes");
        struct interrupt interrupt;
        interrupt_begin(&interrupt, c);
        int r = cli_call(c, "io.ds01.Containers.Retire", params, &reply, e);
        interrupt_end(&interrupt);
        progress_end(&p);
        if (r < 0 && e->code == ERR_INTERRUPTED) {
                err_set(e, ERR_INTERRUPTED, "Interrupted; %s is still being retired", name);
                err_fix(e, "container-list --all");
        }
        if (r < 0)
                return -1;
        const char *removed = json_str(reply, "image_removed");
        const char *workspace = str_or_empty(json_str(reply, "workspace"));
        out_say("Retired %s. Your files are kept in %s.%s%s%s", name, *workspace ? workspace : "~/workspace",
                removed && *removed ? " Image " : "", str_or_empty(removed),
                removed && *removed ? " removed." : "");
        out_say("Start again: project launch %s", name);
        return 0;
}
