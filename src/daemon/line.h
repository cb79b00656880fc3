/* SPDX-License-Identifier: MIT */
/*
 * The line for GPUs at a moment: devices, leases with their ends, tickets with what policy/queue.h
 * wants to know about their accounts, and its verdict on each.
 *
 * Read under gpus_lock(), so that what is decided on it can be written. line_warm() before that: who
 * is in which group may have to be asked of the network.
 */
#pragma once

#include "daemon/gpus.h"
#include "policy/eta.h"
#include "policy/policy.h"
#include "store/tickets.h"

/* Somebody who asks for GPUs without a ticket: judged as if they had joined the line this moment. */
struct line_guest {
        uid_t uid;
        int slots;
        const struct limits *limits; /* borrowed */
        /* What it was made with, where it can't be served by others: it is judged with just GPUs of these
         * models to give, which is the same for whoever is before it. Borrowed; NULL: any will do. */
        const struct strv *devices;
};

struct line {
        struct gpus_view view;
        struct tickets tickets; /* all, those with a turn too */
        struct queue_settings settings;
        int64_t *ends;          /* for each of view.leases: Unix seconds; 0: no end is known */
        struct container *rows; /* for each of view.leases: the container's, id 0 for a turn */

        /* Those that wait: tickets in the order of the ledger, then the guest. */
        struct queue_ticket *waiting;
        size_t *ticket_of; /* for each of them: index into tickets; tickets.n for the guest */
        size_t n_waiting;
        struct queue_verdict *verdicts; /* n_waiting, in the order of the line */
        struct limits **limits;         /* owned; of waiting[i] */
};
#define cleanup_line CLEANUP(line_done)
void line_done(struct line *l);

/* Has the groups of everybody who waits or holds GPUs looked up: line_read() goes by what is remembered
 * and asks nobody. */
void line_warm(struct daemon *d);
/* Reads all, and decides. guest may be NULL. The caller owns *ret. */
int line_read(struct daemon *d, const struct line_guest *guest, struct line *ret, struct err *e);

/* The place in `verdicts` of a ticket, or of the guest with tickets.n; n_waiting if it isn't there. */
size_t line_place(const struct line *l, size_t ticket);
/* When their turns come: one for each of `verdicts`; the caller frees it. */
int line_etas(struct daemon *d, const struct line *l, struct eta **ret, struct err *e);

/* The account that holds a lease, by name; borrowed. */
const char *line_holder(const struct line *l, size_t lease);
/* The ticket whose turn holds it; NULL if a container does. */
const struct ticket *line_turn(const struct line *l, size_t lease);

/*
 * When a lease ends at the latest, whatever its holder does: max_runtime_h after the container got its
 * GPUs, with grace and hold. 0: no end is known. One of row and turn is NULL.
 */
int64_t line_lease_end(struct daemon *d, const struct lease *lease, const struct container *row,
        const struct ticket *turn);
/* The same as people are told: one that is stopped gives its GPUs back sooner, unless it is started. */
int64_t line_shown_end(struct daemon *d, const struct line *l, size_t lease);

/* GPU-seconds of an account at `now`, what it holds at the moment included. `all`: by uid. */
double line_usage(const struct usage *all, size_t n, const struct leases *leases, uid_t uid,
        int64_t half_life, int64_t now);
