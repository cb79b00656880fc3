/* SPDX-License-Identifier: MIT */
#include "cli/retire.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/slow.h"

#include <string.h>

/* How to have it again: by its project, or from the image that it was deployed from. */
static void add_again(struct buf *to, const char *name, const json_t *reply)
{
        const char *image = str_or_empty(json_str(reply, "image"));
        const char *project = str_or_empty(json_str(reply, "project"));
        if (str_starts(image, "ds01-") && str_eq(project, name))
                buf_printf(to, "\nStart again: project launch %s", name);
        else if (str_starts(image, "ds01-"))
                buf_printf(to, "\nStart again: container deploy %s --project=%s", name, project);
        else if (*image)
                buf_printf(to, "\nStart again: container deploy %s --image=%s", name, image);
}

/* "GPU 0 (A100 40 GB) is free again." */
static void add_gpus(struct buf *to, const json_t *reply)
{
        const char *gpus = str_or_empty(json_str(reply, "gpu_text"));
        const char *drained = str_or_empty(json_str(reply, "drained"));
        bool several = str_starts(gpus, "GPUs");
        if (*drained)
                buf_printf(to, "\nTaken out until it is clean: %s.", drained);
        else if (*gpus)
                buf_printf(to, "\n%s %s free again.", gpus, several ? "are" : "is");
}

char *retire_told(const char *name, bool own, const json_t *reply)
{
        struct buf text = BUF_INIT(65536);
        const char *removed = str_or_empty(json_str(reply, "image_removed"));
        const char *workspace = str_or_empty(json_str(reply, "workspace"));
        buf_printf(&text, "Retired %s. Your files are kept in %s.%s%s%s", name,
                *workspace ? workspace : "~/workspace", *removed ? " Image " : "", removed,
                *removed ? " removed." : "");
        add_gpus(&text, reply);
        if (own)
                add_again(&text, name, reply);
        return buf_take(&text);
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
        cleanup_free char *told = retire_told(name, !cli_value(c, "user"), reply);
        out_say("%s", told);
        return 0;
}
