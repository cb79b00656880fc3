/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/session.h"
#include "cli/start.h"

static const char *gpus(const json_t *reply)
{
        return str_or_empty(json_str(reply, "gpu_text"));
}

static int run(struct cli *c, struct err *e)
{
        char name[41];
        bool already;
        int status = 0;
        struct wait wait;
        cleanup_json json_t *reply = NULL;
        if (wait_option(c, &wait, e) < 0 ||
                pick_container(c, "Select a container to run:", PICK_ALL, name, e) < 0 ||
                start_container(c, name, &wait, &already, &reply, e) < 0)
                return -1;
        if (!already)
                out_say("Started %s%s%s.", name, *gpus(reply) ? " on " : "", gpus(reply));
        return session_run(c, name, c->trailing, NULL, 0, &status, e) < 0 ? -1 : status;
}

static const struct opt opts[] = { WAIT_OPT, { 0 } };

const struct command cmd_container_run = {
        .noun = "container",
        .verb = "run",
        .args = "[name] [-- COMMAND…]",
        .max_args = 1,
        .names = { NAMES_CONTAINERS },
        .flags = CMD_TRAILING | CMD_ACCOUNT,
        .summary = "Starts a container that exists and opens a shell in it",
        .details =
                "  The same as container-start and then container-attach. One that runs already is only entered.\n"
                "  Without a terminal, stdin is run as commands; with -- COMMAND, that command is run instead of\n"
                "  a shell. The exit status is the shell's or the command's own. The container runs on.\n",
        .examples = "container-run my-thesis\n"
                    "container-run my-thesis -- python train.py",
        .topic = "states",
        .opts = opts,
        .run = run,
};
