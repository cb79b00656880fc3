/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/queue.h"

#include <stdio.h>

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *tickets = NULL;
        size_t i;
        json_t *ticket;
        if (queue_own(c, &tickets, e) < 0)
                return -1;
        if (cli_has(c, "json")) {
                queue_print_json(tickets);
                return 0;
        }
        json_array_foreach (tickets, i, ticket) {
                cleanup_free char *sentence = queue_sentence(ticket);
                cleanup_free char *safe = str_safe(sentence);
                puts(safe);
        }
        if (json_array_size(tickets) == 1) {
                cleanup_free char *next = queue_next(json_array_get(tickets, 0));
                fflush(stdout);
                out_say("%s", next);
        }
        return 0;
}

const struct command cmd_gpu_queue_position = {
        .noun = "gpu-queue",
        .verb = "position",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_TICKETS },
        .flags = CMD_JSON | CMD_ACCOUNT,
        .summary = "Tells how your tickets stand, and when their turn comes",
        .details =
                "  The time is an interval: it follows from when those who have the GPUs must give them back at\n"
                "  the latest, and from how long they kept them so far. Who waits behind you is in gpu-queue status.\n",
        .examples = "gpu-queue position\n"
                    "gpu-queue position my-thesis",
        .topic = "gpus",
        .run = run,
};
