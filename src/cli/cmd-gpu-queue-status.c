/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/out.h"
#include "cli/queue.h"

static void add_row(struct table *t, const json_t *ticket)
{
        char waits[CLOCK_DURATION_LEN];
        int64_t position = json_int(ticket, "position", 0);
        bool mine = json_bool(ticket, "mine", false);
        const char *name = str_or_empty(json_str(ticket, "name"));
        cleanup_free char *place =
                position > 0 ? xasprintf("%lld", (long long)position) : xstrdup("turn");
        cleanup_free char *gpus = xasprintf("%lld", (long long)json_int(ticket, "gpus", 1));
        cleanup_free char *when = queue_when(ticket);
        clock_duration(clock_unix() - json_int(ticket, "joined_at", 0), waits);
        table_cell(t, place);
        table_cell(t, json_str(ticket, "user"));
        table_cell(t, *name ? name : mine ? "next launch" : NULL);
        table_cell(t, gpus);
        table_cell(t, waits);
        table_cell(t, when);
}

static void print_table(const json_t *tickets)
{
        static const char *const heads[] = { "PLACE", "USER", "CONTAINER", "GPUS", "WAITS",
                "TURN" };
        cleanup_table struct table t;
        size_t i;
        json_t *ticket;
        table_init(&t, heads, ARRAY_LEN(heads), 2);
        json_array_foreach (tickets, i, ticket)
                add_row(&t, ticket);
        table_print(&t, stdout);
}

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *tickets = NULL;
        if (queue_tickets(c, false, &tickets, e) < 0)
                return -1;
        if (cli_has(c, "json"))
                queue_print_json(tickets);
        else if (json_array_size(tickets) == 0)
                out_say("Nobody waits for a GPU. See the GPUs: dashboard gpu");
        else
                print_table(tickets);
        return 0;
}

const struct command cmd_gpu_queue_status = {
        .noun = "gpu-queue",
        .verb = "status",
        .args = "",
        .max_args = 0,
        .flags = CMD_JSON | CMD_ADMIN,
        .summary = "Shows who waits for a GPU, in order",
        .details =
                "  Those whose turn it is come first. The order is fair: who has held GPUs for less time lately\n"
                "  comes before who has held them for more, and nobody waits for ever. You see others' names as\n"
                "  far as the policy here allows.\n",
        .examples = "gpu-queue status\n"
                    "gpu-queue status --json",
        .topic = "gpus",
        .run = run,
};
