/* SPDX-License-Identifier: MIT */
#include "cli/queue.h"

#include "base/json.h"
#include "cli/gpus.h"
#include "cli/rows.h"

#include <string.h>

static int on_ticket(const json_t *ticket, void *ctx)
{
        return json_array_append_new(ctx, json_deep_copy(ticket));
}

int queue_tickets(struct cli *c, bool mine, json_t **ret, struct err *e)
{
        json_t *params = mine ? json_pack("{s:b}", "mine", 1) : json_object();
        cleanup_json json_t *rows = json_array();
        cli_for_user(c, params);
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        if (rpc_stream(c->rpc, "io.ds01.Queue.List", params, NULL, 0, on_ticket, rows, e) < 0)
                return -1;
        *ret = take_ptr(rows);
        return 0;
}

static int no_ticket(const char *name, struct err *e)
{
        if (!name) {
                err_set(e, ERR_NOT_FOUND, "You have no ticket in the queue");
                return err_fix(e, "gpu-queue join");
        }
        err_set(e, ERR_NOT_FOUND, "%s is not in the queue", name);
        return err_fix(e, "gpu-queue status\ngpu-queue join %s", name);
}

int queue_own(struct cli *c, json_t **ret, struct err *e)
{
        char name[41];
        cleanup_json json_t *rows = NULL;
        bool named = c->n_args > 0;
        if ((named && cli_name(c->args[0], name, e) < 0) || queue_tickets(c, true, &rows, e) < 0)
                return -1;
        for (size_t i = json_array_size(rows); i > 0 && named; i--)
                if (!str_eq(json_str(json_array_get(rows, i - 1), "name"), name))
                        json_array_remove(rows, i - 1);
        if (json_array_size(rows) == 0)
                return no_ticket(named ? name : NULL, e);
        *ret = take_ptr(rows);
        return 0;
}

const char *queue_subject(const json_t *ticket)
{
        const char *name = str_or_empty(json_str(ticket, "name"));
        return *name ? name : "your next launch";
}

static bool is_turn(const json_t *ticket)
{
        return str_eq(json_str(ticket, "state"), "turn");
}

static char *turn_sentence(const json_t *ticket)
{
        const char *gpus = str_or_empty(json_str(ticket, "gpu_text"));
        const char *note = str_or_empty(json_str(ticket, "reason"));
        bool several = json_int(ticket, "gpus", 1) != 1;
        cleanup_free char *until = gpus_time(json_int(ticket, "turn_until", 0));
        return xasprintf("It is the turn of %s: %s %s kept until %s.%s%s%s", queue_subject(ticket),
                *gpus     ? gpus
                : several ? "its GPUs"
                          : "its GPU",
                several ? "are" : "is", until, *note ? " " : "", note, *note ? "." : "");
}

char *queue_sentence(const json_t *ticket)
{
        if (is_turn(ticket))
                return turn_sentence(ticket);
        int64_t n = json_int(ticket, "gpus", 1);
        cleanup_free char *place = gpus_place(ticket);
        cleanup_free char *eta = gpus_eta(ticket);
        /* "2nd in line" and ", behind bob" have the number of GPUs between them. */
        size_t head = strcspn(place, ",");
        /* Where there is no end to it, what it waits for says more than the hour. */
        const char *reason =
                json_int(ticket, "eta_late", 0) ? "" : str_or_empty(json_str(ticket, "reason"));
        const char *name = str_or_empty(json_str(ticket, "name"));
        return xasprintf("%s is %.*s for %lld GPU%s%s. %s%s%s%s.",
                *name ? name : "Your next launch", (int)head, place, (long long)n,
                n == 1 ? "" : "s", place + head,
                *eta      ? "Its turn comes "
                : *reason ? ""
                          : "When its turn comes is not known",
                eta, *eta && *reason ? ". " : "", reason);
}

char *queue_next(const json_t *ticket)
{
        const char *name = str_or_empty(json_str(ticket, "name"));
        const char *blank = *name ? " " : "";
        if (is_turn(ticket))
                return xasprintf("Use it: project launch %s · Leave: gpu-queue leave%s%s",
                        *name ? name : "NAME", blank, name);
        return xasprintf("See how it stands: gpu-queue position%s%s · Leave: gpu-queue leave%s%s",
                blank, name, blank, name);
}

char *queue_when(const json_t *ticket)
{
        /* Until when, the policy may hide. */
        if (is_turn(ticket) && json_int(ticket, "turn_until", 0) == 0)
                return xstrdup("now");
        if (is_turn(ticket)) {
                cleanup_free char *until = gpus_time(json_int(ticket, "turn_until", 0));
                return xasprintf("now, until %s", until);
        }
        char *eta = gpus_eta(ticket);
        if (!*eta)
                str_replace(&eta, "not known");
        return eta;
}

void queue_print_json(json_t *tickets)
{
        static const char *const times[] = { "joined_at", "turn_until", "eta_early", "eta_late" };
        size_t i;
        json_t *ticket;
        json_array_foreach (tickets, i, ticket)
                for (size_t k = 0; k < ARRAY_LEN(times); k++)
                        rows_time(ticket, times[k]);
        rows_print("tickets", tickets);
}
