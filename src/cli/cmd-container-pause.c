/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/each.h"
#include "cli/out.h"

static int ask(
        struct cli *c, const char *method, const char *name, bool *ret_already, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        if (cli_call(c, method, json_pack("{s:s}", "name", name), &reply, e) < 0)
                return -1;
        *ret_already = json_bool(reply, "already", false);
        return 0;
}

static int pause_one(struct cli *c, const char *name, struct err *e)
{
        bool already;
        if (ask(c, "io.ds01.Containers.Pause", name, &already, e) < 0)
                return -1;
        out_say("%s %s. Its processes keep their memory. Go on: container-unpause %s", name,
                already ? "is already paused" : "is paused", name);
        return 0;
}

static int unpause_one(struct cli *c, const char *name, struct err *e)
{
        bool already;
        if (ask(c, "io.ds01.Containers.Unpause", name, &already, e) < 0)
                return -1;
        out_say("%s %s. Attach: container-attach %s", name, already ? "is not paused" : "goes on",
                name);
        return 0;
}

static int run_pause(struct cli *c, struct err *e)
{
        static const struct each what = { .title = "Select a container to pause:",
                .verb = "Pause",
                .which = PICK_RUNNING,
                .one = pause_one };
        return each_container(c, &what, e);
}

static int run_unpause(struct cli *c, struct err *e)
{
        static const struct each what = { .title = "Select a container to unpause:",
                .verb = "Unpause",
                .which = PICK_PAUSED,
                .one = unpause_one };
        return each_container(c, &what, e);
}

static const struct opt opts[] = {
        { 'f', "force", OPT_FLAG, NULL, "Ask nothing" },
        { 'a', "all", OPT_FLAG, NULL, "All of yours that it fits" },
        { 0 },
};

const struct command cmd_container_pause = {
        .noun = "container",
        .verb = "pause",
        .args = "[name…]",
        .max_args = 64,
        .names = { NAMES_RUNNING, NAMES_RUNNING },
        .flags = CMD_ACCOUNT,
        .summary = "Freezes a container's processes where they are",
        .details =
                "  They use no processor until container-unpause, and keep their memory. Shells that are open in\n"
                "  it stand still as well.\n",
        .examples = "container-pause my-thesis",
        .topic = "states",
        .opts = opts,
        .run = run_pause,
};

const struct command cmd_container_unpause = {
        .noun = "container",
        .verb = "unpause",
        .args = "[name…]",
        .max_args = 64,
        .names = { NAMES_PAUSED, NAMES_PAUSED },
        .flags = CMD_ACCOUNT,
        .summary = "Lets a paused container's processes go on",
        .details = "",
        .examples = "container-unpause my-thesis",
        .topic = "states",
        .opts = opts,
        .run = run_unpause,
};
