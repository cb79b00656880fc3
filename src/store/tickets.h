/* SPDX-License-Identifier: MIT */
/*
 * Tickets: who waits for GPUs. One for each account and container name; the name may be empty, then
 * the ticket serves whichever container the account launches next.
 *
 * A ticket waits, or has its turn: then it holds GPUs (leases.h) until turn_until, for its account to
 * launch something with them. A turn that passes sends the ticket to the end of the line; the second
 * one that passes ends it. A ticket may carry a request that ds01d launches itself when the turn
 * comes. Whoever changes who holds what holds one lock (leases.h), which covers these calls too.
 */
#pragma once

#include "store/leases.h"

enum ticket_kind {
        TICKET_HOLD,   /* its turn is kept for its account to use */
        TICKET_WAIT,   /* somebody waits on a connection (--wait) */
        TICKET_LAUNCH, /* ds01d launches it */
};

struct ticket { /* strings owned, never NULL once read */
        int64_t id;
        uid_t uid;
        char *user, *name;
        int slots;
        enum ticket_kind kind;
        int64_t joined_at;
        int64_t turn_until; /* Unix seconds; 0: it waits */
        int missed;         /* turns that it let pass */
        char op[RANDOM_HEX_LEN +
                1];    /* LAUNCH: the operation of the container to be; its mounts' key */
        char *request; /* LAUNCH: what was asked for, as JSON */
        char *footing; /* LAUNCH: what must not have changed since */
        char *boot_id; /* of the machine, when it joined */
        char *note;    /* LAUNCH: why it doesn't start by itself although its turn came; "" */
};
#define cleanup_ticket CLEANUP(ticket_done)
void ticket_done(struct ticket *t);

struct tickets {
        struct ticket *v; /* owned */
        size_t n;
};
#define cleanup_tickets CLEANUP(tickets_done)
void tickets_done(struct tickets *l);

enum ticket_verdict { TICKET_ADDED, TICKET_EXISTS, TICKET_TOO_MANY };
/*
 * Adds a ticket, unless the account has one of that name (*ret_id is then that one's) or `max`
 * tickets already. t->id, note and turns are the store's to set.
 */
int tickets_add(struct store *s, const struct ticket *t, int max, enum ticket_verdict *ret,
        int64_t *ret_id, struct err *e);

/* All, by id. The caller owns *ret. */
int tickets_all(struct store *s, struct tickets *ret, struct err *e);
int tickets_find(struct store *s, uid_t uid, const char *name, struct ticket *ret, bool *ret_found,
        struct err *e);
int tickets_get(struct store *s, int64_t id, struct ticket *ret, bool *ret_found, struct err *e);

/* Its turn: leases for it (as leases_reserve() takes them) until `until`. Estimates given for it have
 * come true now. ERR_STALE if the ticket is gone or has its turn. */
int tickets_grant(
        struct store *s, int64_t id, const struct lease *v, size_t n, int64_t until, struct err *e);
/* The turn passed: frees what it holds and books that; the ticket waits anew from `now`. One that is
 * gone, or has no turn, stays as it is. */
int tickets_pass(struct store *s, int64_t id, const struct usage *use, int64_t now, struct err *e);
/* Ends it, and books what it held (NULL: it holds nothing). One that is gone is fine. */
int tickets_end(struct store *s, int64_t id, const struct usage *use, struct err *e);
/* Why it doesn't start by itself; and what it is. One that is gone is fine. */
int tickets_set_note(struct store *s, int64_t id, const char *note, struct err *e);
int tickets_set_kind(struct store *s, int64_t id, enum ticket_kind kind, struct err *e);

/*
 * Records an estimate that somebody is told, unless it says what the last one of that ticket said, give
 * or take a minute, and that one is still open. late: 0 if no end is known. Keeps the last 10,000 of
 * all.
 */
int etas_given(struct store *s, const struct ticket *t, int64_t now, int64_t early, int64_t late,
        struct err *e);
