/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is. Pure: the caller brings tickets, devices, leases and the time.
 *
 * Order: fair share with ageing. Each account has a usage, its GPU-seconds held (one whole GPU for a
 * second is 1), which halves every `half_life`. A ticket's standing is its account's usage, in hours
 * of one GPU, less the hours it has waited times `ageing`; the lowest goes first, then the earlier
 * ticket. Waiting outweighs any usage in the end, because usage decays and waiting only grows, so
 * nobody starves. Accounts are ordered once each: the second ticket of one account stands behind its
 * first as if the first were served (its usage grows by what that one asks for, for an hour).
 *
 * Backfill: the first ticket that can't be served yet is the head, and devices that it could use are
 * kept for it. A later one gets such a device only if the account's max_runtime_h ends its lease
 * before the head could start (by the ends of the leases held now), or if the head has no use for
 * the device. So nobody behind the head ever delays it. A ticket that waits for its own account's
 * limit, not for a GPU, is passed over and keeps its standing.
 */
#pragma once

#include "policy/place.h"

struct queue_ticket {
        int64_t id; /* unique; grows with time */
        uid_t uid;
        int slots;
        int64_t joined_at;           /* Unix seconds */
        const struct limits *limits; /* of the account */
        struct frac held;            /* what the account holds, turns included */
        double usage;                /* decayed GPU-seconds of the account at `now` */
};

struct queue_lease {     /* a device that is held */
        size_t device;   /* index into the devices */
        int64_t ends_at; /* Unix seconds by which it is certainly free again; 0: no end is known */
};

struct queue_rules {
        int64_t half_life; /* seconds; > 0 */
        double ageing;     /* hours of GPU use that an hour of waiting makes up for; > 0 */
};
#define QUEUE_RULES_DEFAULT ((struct queue_rules){ .half_life = 7 * 86400, .ageing = 1.0 })

enum queue_reason {
        QUEUE_GRANTED, /* it gets place.at */
        QUEUE_HEAD,    /* first in line; not enough is free yet */
        QUEUE_BEHIND,  /* something may be free, but somebody before it waits for that */
        QUEUE_NO_ROOM, /* not the first, and not enough is free for it anyway */
        QUEUE_LIMIT,   /* waits for its own account's limit (place.key) */
        QUEUE_NEVER,   /* can't be served by this machine or policy as they are */
};

struct queue_verdict {
        size_t ticket; /* index into the tickets as given */
        enum queue_reason reason;
        bool backfilled; /* granted although somebody before it waits */
        struct place place;
        size_t before; /* index of the ticket whose claim is in the way (QUEUE_BEHIND) */
        int64_t starts_at; /* QUEUE_HEAD: by when it starts if every lease lasts to its end; 0: unknown */
};

/* Decayed usage after `elapsed` seconds; and what a lease of `weight` GPUs from `since` to `now` adds
 * to the usage at `now` (each second counts with its own decay). */
double queue_decay(double usage, int64_t elapsed, int64_t half_life);
double queue_usage_of(struct frac weight, int64_t since, int64_t now, int64_t half_life);

/*
 * Decides about all tickets at once. ret has room for n_tickets verdicts, in the order of the line:
 * ret[0] is the first in line, so a ticket's position is its place there. Grants are made in that
 * order, each with the earlier ones taken into account: what they hold counts at once. devices whose
 * state is GPU_FREE are what there is to give; they are not changed.
 */
void queue_decide(const struct place_device *devices, size_t n_devices,
        const struct queue_lease *leases, size_t n_leases, const struct queue_ticket *tickets,
        size_t n_tickets, const struct queue_rules *rules, int64_t now, struct queue_verdict *ret);
