/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "cli/queue.h"

/* Of several tickets, the one that is meant. */
static int choose(struct cli *c, const json_t *tickets, size_t *ret, struct err *e)
{
        cleanup_choices struct choices l = { 0 };
        size_t i;
        json_t *ticket;
        *ret = 0;
        if (json_array_size(tickets) == 1)
                return 0;
        if (!c->tty)
                return cli_usage(c, e, "You have %zu tickets in the queue: which one is meant?",
                        json_array_size(tickets));
        json_array_foreach (tickets, i, ticket) {
                cleanup_free char *when = queue_when(ticket);
                choices_add(&l, queue_subject(ticket), when);
        }
        return prompt_pick(c, "Select a ticket to give up:", &l, ret, e);
}

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *tickets = NULL, *reply = NULL;
        size_t i;
        if (queue_own(c, &tickets, e) < 0 || choose(c, tickets, &i, e) < 0)
                return -1;
        const json_t *ticket = json_array_get(tickets, i);
        const char *name = str_or_empty(json_str(ticket, "name"));
        json_t *params = *name ? json_pack("{s:s}", "name", name) : json_object();
        if (cli_call(c, "io.ds01.Queue.Leave", params, &reply, e) < 0)
                return -1;
        out_say("Left the queue: %s waits for no GPU any more. Join again: gpu-queue join%s%s",
                queue_subject(ticket), *name ? " " : "", name);
        return 0;
}

const struct command cmd_gpu_queue_leave = {
        .noun = "gpu-queue",
        .verb = "leave",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_TICKETS },
        .flags = CMD_ACCOUNT,
        .summary = "Gives up a place in line",
        .details =
                "  If its turn has come, the GPU that was kept goes to the next in line. Without a name it takes\n"
                "  your only ticket, or asks which.\n",
        .examples = "gpu-queue leave\n"
                    "gpu-queue leave my-thesis",
        .topic = "gpus",
        .run = run,
};
