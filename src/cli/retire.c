/* SPDX-License-Identifier: MIT */
#include "cli/retire.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/slow.h"

#include <string.h>

/* How to have it again: by its project, or from the image that it was deployed from. */
static void say_again(const struct cli *c, const char *name, const json_t *reply)
{
        const char *image = str_or_empty(json_str(reply, "image"));
        if (cli_value(c, "user"))
                return;
        if (str_starts(image, "ds01-") && str_eq(json_str(reply, "project"), name))
                out_say("Start again: project launch %s", name);
        else if (str_starts(image, "ds01-"))
                out_say("Start again: container deploy %s --project=%s", name,
                        str_or_empty(json_str(reply, "project")));
        else if (*image)
                out_say("Start again: container deploy %s --image=%s", name, image);
}

/* "GPU 0 (A100 40 GB) is free again." */
static void say_gpus(const json_t *reply)
{
        const char *gpus = str_or_empty(json_str(reply, "gpu_text"));
        const char *drained = str_or_empty(json_str(reply, "drained"));
        bool several = str_starts(gpus, "GPUs");
        if (*drained)
                out_say("Taken out until it is clean: %s.", drained);
        else if (*gpus)
                out_say("%s %s free again.", gpus, several ? "are" : "is");
}

int retire_container(struct cli *c, const char *name, bool force, bool image, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        json_t *params = json_pack(
                "{s:s, s:b, s:b}", "name", name, "force", (int)force, "image", (int)image);
        cli_for_user(c, params);
        cleanup_free char *still = xasprintf("%s is still being retired", name);
        if (slow_call(c, force ? "Removing" : "Stopping its processes", still,
                    "io.ds01.Containers.Retire", params, &reply, e) < 0)
                return -1;
        const char *removed = json_str(reply, "image_removed");
        const char *workspace = str_or_empty(json_str(reply, "workspace"));
        out_say("Retired %s. Your files are kept in %s.%s%s%s", name,
                *workspace ? workspace : "~/workspace", removed && *removed ? " Image " : "",
                str_or_empty(removed), removed && *removed ? " removed." : "");
        say_gpus(reply);
        say_again(c, name, reply);
        return 0;
}
