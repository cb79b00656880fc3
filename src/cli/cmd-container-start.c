/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "cli/launch.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/start.h"

static int run(struct cli *c, struct err *e)
{
        char name[41];
        bool already;
        if (pick_container(c, "Select a container to start:", PICK_IDLE, name, e) < 0 ||
                start_container(c, name, &already, e) < 0)
                return -1;
        if (already)
                out_say("%s is already running. Attach: container-attach %s", name, name);
        else
                launch_say("Started", name);
        return 0;
}

const struct command cmd_container_start = {
        .noun = "container",
        .verb = "start",
        .args = "[name]",
        .max_args = 1,
        .flags = CMD_ACCOUNT,
        .summary = "Starts a container that exists",
        .details =
                "  What was changed in the container is still there; programs that ran in it are not. It keeps\n"
                "  the folders and the limits that it was made with. A paused one goes on where it was.\n",
        .examples = "container-start my-thesis",
        .topic = "states",
        .run = run,
};
