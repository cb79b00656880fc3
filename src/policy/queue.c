/* SPDX-License-Identifier: MIT */
#include "policy/queue.h"

#include "policy/turns.h"

#include <math.h>
#include <stdlib.h>

/* ---- use ---- */

static double half_lives(int64_t seconds, int64_t half_life)
{
        return seconds > 0 ? (double)seconds / (double)half_life : 0;
}

double queue_decay(double usage, int64_t elapsed, int64_t half_life)
{
        return usage * exp2(-half_lives(elapsed, half_life));
}

/* The integral of weight * 2^(-(now - t) / half_life) over t from since to now. */
double queue_usage_of(struct frac weight, int64_t since, int64_t now, int64_t half_life)
{
        double lives = half_lives(now - since, half_life);
        return frac_double(weight) * (double)half_life / M_LN2 * -expm1(-lives * M_LN2);
}

int64_t queue_ends_at(const struct limits *l, int64_t start)
{
        int64_t runtime = limits_get(l, LIMIT_RUNTIME), hold = limits_get(l, LIMIT_GPU_HOLD),
                grace = limits_get(l, LIMIT_GRACE);
        if (runtime < 0 || hold < 0)
                return 0;
        return start + runtime + hold + (grace > 0 ? grace : 0);
}

/* ---- order ---- */

struct standing {
        size_t at;
        const struct queue_ticket *ticket;
        double value; /* hours of one GPU; the lowest goes first */
};

static int by_account(const void *x, const void *y)
{
        const struct queue_ticket *a = ((const struct standing *)x)->ticket,
                                  *b = ((const struct standing *)y)->ticket;
        if (a->uid != b->uid)
                return a->uid < b->uid ? -1 : 1;
        if (a->joined_at != b->joined_at)
                return a->joined_at < b->joined_at ? -1 : 1;
        return (a->id > b->id) - (a->id < b->id);
}

static int by_standing(const void *x, const void *y)
{
        const struct standing *a = x, *b = y;
        if (a->value < b->value || a->value > b->value)
                return a->value < b->value ? -1 : 1;
        return (a->ticket->id > b->ticket->id) - (a->ticket->id < b->ticket->id);
}

static void put_in_line(struct standing *v, const struct queue_ticket *tickets, size_t n,
        const struct queue_rules *rules, int64_t now)
{
        int64_t asked = 0; /* by the account's tickets before this one: slots, each for an hour */
        for (size_t i = 0; i < n; i++)
                v[i] = (struct standing){ .at = i, .ticket = &tickets[i] };
        qsort(v, n, sizeof *v, by_account);
        for (size_t i = 0; i < n; i++) {
                const struct queue_ticket *q = v[i].ticket;
                int64_t waited = now > q->joined_at ? now - q->joined_at : 0;
                if (i == 0 || v[i - 1].ticket->uid != q->uid)
                        asked = 0;
                v[i].value =
                        q->usage / 3600 + (double)asked - rules->ageing * (double)waited / 3600;
                asked += q->slots;
        }
        qsort(v, n, sizeof *v, by_standing);
}

/* ---- all at once ---- */

void queue_decide(const struct place_device *devices, size_t n_devices,
        const struct queue_lease *leases, size_t n_leases, const struct queue_ticket *tickets,
        size_t n_tickets, const struct queue_rules *rules, int64_t now, struct queue_verdict *ret)
{
        if (n_tickets == 0)
                return;
        cleanup_turns struct turns t = { 0 };
        cleanup_free struct standing *line = xcalloc(n_tickets, sizeof *line);
        turns_init(&t, devices, n_devices, tickets, n_tickets, rules);
        for (size_t i = 0; i < n_leases; i++) {
                size_t d = turns_device(&t, leases[i].device);
                if (d != TURNS_NOBODY && leases[i].ends_at)
                        t.until[d] = leases[i].ends_at;
        }
        put_in_line(line, tickets, n_tickets, rules, now);
        turns_start(&t, now);
        for (size_t i = 0; i < n_tickets; i++) {
                turns_next(&t, line[i].at, &ret[i]);
                for (size_t k = 0; k < ret[i].place.n; k++)
                        ret[i].place.at[k] = t.fleet.v[ret[i].place.at[k]].given;
        }
}
