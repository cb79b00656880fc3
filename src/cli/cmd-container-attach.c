/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "cli/pick.h"
#include "cli/session.h"

static int run(struct cli *c, struct err *e)
{
        char name[41];
        int status = 0;
        if (pick_container(c, "Select a container to attach to:", PICK_RUNNING, name, e) < 0)
                return -1;
        return session_run(c, name, c->trailing, NULL, 0, &status, e) < 0 ? -1 : status;
}

const struct command cmd_container_attach = {
        .noun = "container",
        .verb = "attach",
        .alias = "open",
        .args = "[name] [-- COMMAND…]",
        .max_args = 1,
        .names = { NAMES_RUNNING },
        .flags = CMD_TRAILING | CMD_ACCOUNT,
        .summary = "Opens a shell in a running container",
        .details =
                "  Several shells may be open in one container. Leaving one (exit, Ctrl-D) leaves the container\n"
                "  running. Without a terminal, stdin is run as commands; with -- COMMAND, that command is run\n"
                "  instead of a shell. The exit status is the shell's or the command's own.\n",
        .examples = "container-attach my-thesis\n"
                    "container-attach my-thesis -- python train.py\n"
                    "echo 'nproc; free -h' | container-attach my-thesis",
        .topic = "containers",
        .run = run,
};
