/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/launch.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/start.h"

static int run(struct cli *c, struct err *e)
{
        char name[41];
        bool already;
        struct wait wait;
        cleanup_json json_t *reply = NULL;
        if (wait_option(c, &wait, e) < 0 ||
                pick_container(c, "Select a container to start:", PICK_IDLE, name, e) < 0 ||
                start_container(c, name, &wait, &already, &reply, e) < 0)
                return -1;
        if (already)
                out_say("%s is already running. Attach: container-attach %s", name, name);
        else
                launch_say("Started", name, reply);
        return 0;
}

static const struct opt opts[] = { WAIT_OPT, { 0 } };

const struct command cmd_container_start = {
        .noun = "container",
        .verb = "start",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_IDLE },
        .flags = CMD_ACCOUNT,
        .summary = "Starts a container that exists",
        .details =
                "  What was changed in the container is still there; programs that ran in it are not. It keeps\n"
                "  the folders and the limits that it was made with. A paused one goes on where it was.\n"
                "  One that was made with GPUs gets the same ones again; if they are somebody else's by now, it\n"
                "  says whose, and --wait waits until they are free.\n",
        .examples = "container-start my-thesis\n"
                    "container-start my-thesis --wait=2h",
        .topic = "states",
        .opts = opts,
        .run = run,
};
