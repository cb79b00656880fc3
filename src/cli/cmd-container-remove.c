/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/each.h"
#include "cli/out.h"
#include "cli/slow.h"

static int remove_one(struct cli *c, const char *name, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        bool stop = cli_has(c, "stop");
        json_t *params = json_pack("{s:s, s:b, s:b, s:b}", "name", name, "stop", (int)stop, "force",
                (int)cli_has(c, "force"), "image", (int)cli_has(c, "images"));
        cleanup_free char *still = xasprintf("%s is still being removed", name);
        if (slow_call(c, stop ? "Stopping its processes" : "Removing", still,
                    "io.ds01.Containers.Remove", params, &reply, e) < 0)
                return -1;
        const char *image = str_or_empty(json_str(reply, "image_removed"));
        out_say("Removed %s. Your files are kept in %s.%s%s%s", name,
                str_or_empty(json_str(reply, "workspace")), *image ? " Image " : "", image,
                *image ? " removed." : "");
        return 0;
}

static int run(struct cli *c, struct err *e)
{
        struct each what = { .title = "Select a container to remove:",
                .verb = "Remove",
                .which = cli_has(c, "stop") || cli_has(c, "all") ? PICK_ALL : PICK_IDLE,
                .one = remove_one };
        return each_container(c, &what, e);
}

static const struct opt opts[] = {
        { 0, "stop", OPT_FLAG, NULL, "Stop it first if it runs" },
        { 'f', "force", OPT_FLAG, NULL, "Ask nothing; with --stop, kill its processes at once" },
        { 'a', "all", OPT_FLAG, NULL, "Remove all of yours" },
        { 'i', "images", OPT_FLAG, NULL, "Remove their images as well" },
        { 0 },
};

const struct command cmd_container_remove = {
        .noun = "container",
        .verb = "remove",
        .args = "[name…]",
        .max_args = 64,
        .names = { NAMES_CONTAINERS, NAMES_CONTAINERS },
        .flags = CMD_ACCOUNT,
        .summary = "Removes a container that does not run",
        .details =
                "  What was installed or changed in the container is lost; what is in /workspace stays. One that\n"
                "  runs is refused unless --stop is given: --force alone doesn't end anybody's work.\n",
        .examples = "container-remove my-thesis\n"
                    "container-remove my-thesis --stop\n"
                    "container-remove --all --stop --force",
        .topic = "states",
        .opts = opts,
        .run = run,
};
