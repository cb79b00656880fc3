/* SPDX-License-Identifier: MIT */
/*
 * When a ticket's turn will come, as an honest interval. Pure.
 *
 * What is known about a held device: its lease's end where the policy sets one (it can't last
 * longer), since when it is held, and how long its holder's former leases lasted. From the last, the
 * time it will still be held is estimated among those that lasted at least as long as this one has
 * already: the quarter that ends soonest gives the early bound, the quarter that lasts longest the
 * late one, both cut at the lease's end. A holder with fewer than ETA_HISTORY_MIN of these gives "now"
 * to the end, or no end. Then the line is played forward with the early times, and again with the
 * late ones; those who are served in it hold what they get as their own former leases suggest.
 *
 * What isn't known: who joins later and goes before (fair share), who leaves. The recorded estimates
 * and tests/bench/queue_sim tell how often the interval holds.
 */
#pragma once

#include "policy/queue.h"

struct eta_history { /* how long one account's leases lasted that have ended */
        uid_t uid;
        const int64_t *seconds; /* ascending */
        size_t n;
};

struct eta_lease {
        size_t device;
        uid_t uid;
        int64_t since;
        int64_t ends_at; /* as in queue_lease */
};

enum {
        ETA_HISTORY_MIN = 4,    /* former leases below which nothing is concluded from them */
        ETA_LOOKS_MAX = 200000, /* tickets looked at in one play, where it ends */
};

struct eta {
        int64_t early; /* Unix seconds; >= now */
        int64_t late;  /* >= early; 0: no end is known */
};

/*
 * The interval for each ticket of `line` (indices into tickets, in the order of queue_decide()), each
 * at most once. ret has room for n_line. A ticket that can't be served, as far as can be seen (never,
 * or not before an admin puts devices back into service), gets { 0, 0 }. The cost is bounded: a play
 * that would look at more than ETA_LOOKS_MAX tickets ends there, and who wasn't served by then gets
 * the time it had reached, and no late bound.
 */
void eta_estimate(const struct place_device *devices, size_t n_devices,
        const struct eta_lease *leases, size_t n_leases, const struct eta_history *histories,
        size_t n_histories, const struct queue_ticket *tickets, const size_t *line, size_t n_line,
        const struct queue_rules *rules, int64_t now, struct eta *ret);
