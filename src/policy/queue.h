/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is. Pure: the caller brings tickets, devices, leases and the time.
 *
 * Order: fair share with ageing. Each account has a usage, its GPU-seconds held (one whole GPU for a
 * second is 1), which halves every `half_life`. A ticket's standing is its account's usage, in hours
 * of one GPU, less the hours it has waited times `ageing`; the lowest goes first, then the earlier
 * ticket. Waiting outweighs any usage in the end, because usage decays and waiting only grows, so
 * nobody starves. The second ticket of one account stands behind its first as if the first were
 * served (its usage grows by what that one asks for, for an hour); the first is the one that has
 * waited longest.
 *
 * Who can't be served yet has a claim: the devices of every model that it could be served from, with
 * its limits, are kept for it, unless somebody before it keeps them. The first such ticket is the
 * head; it keeps all that it could use, and those behind it what it has no use for, so that a request
 * for several instances doesn't starve behind somebody who waits for whole GPUs. A model that hasn't
 * enough devices for the request at all, or not enough that come round by themselves (free or held;
 * not drained, in use outside ds01 or silent), is not kept.
 *
 * Backfill: a later ticket gets a device that is kept only if the limits of its account end its lease
 * (queue_ends_at()) before the claimant could start, by the ends of the leases held now. If these
 * have no end, or the later one has none, it doesn't get it. So a claimant starts at `starts_at`
 * whatever is given away behind it. Passed over, with their standing but without a claim, are tickets
 * that wait for their own account's limit, not for a GPU; that would use up what the limit leaves to
 * their account's own ticket before them (QUEUE_BEHIND that one); that need what is out of service;
 * and that can't ever be served.
 *
 * Nothing depends on the order in which tickets, devices and leases are given.
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
        int64_t turn;      /* seconds for which what is granted is held before it is used; >= 0 */
};
/*
 * By tests/bench/queue_sim, 30 days of 200 users on 16 GPUs with a load that fills them: with a week,
 * and an hour for an hour, light users have a GPU within the hour at the median, where first come,
 * first served takes eleven hours; heavy users wait no longer at the median, and about twice as long
 * at the worst. More ageing (4) brings that worst case back at the price of hours for everyone else;
 * less (0.25) lets heavy users wait longer still and gains light ones minutes. Below three days of
 * half-life use is forgotten over a weekend, and all wait alike; above, it changes little. Who has
 * held four GPUs for ever (970 hours of use, which decay meanwhile) comes first after twelve days.
 */
#define QUEUE_RULES_DEFAULT                                                                        \
        ((struct queue_rules){ .half_life = 7 * 86400, .ageing = 1.0, .turn = 600 })

/* What the policy file says about the queue (policy_queue()). */
struct queue_settings {
        struct queue_rules rules;
        int64_t turn_s;  /* for how long a turn is held; rules.turn is the same */
        int max_tickets; /* that an account may have at once */
};
#define QUEUE_SETTINGS_DEFAULT                                                                     \
        ((struct queue_settings){ .rules = QUEUE_RULES_DEFAULT, .turn_s = 600, .max_tickets = 8 })

enum queue_reason {
        QUEUE_GRANTED, /* it gets place.at */
        QUEUE_HEAD,    /* first in line; not enough is free yet */
        QUEUE_BEHIND,  /* something may be free, but somebody before it waits for that */
        QUEUE_NO_ROOM, /* not the first, and not enough is free for it anyway */
        QUEUE_LIMIT,   /* waits for its own account's limit (place.key) */
        QUEUE_NEVER,   /* can't be served by this machine or policy as they are */
        QUEUE_OUT, /* needs devices that are out of service now: drained, silent, in foreign use */
};

struct queue_verdict {
        size_t ticket; /* index into the tickets as given */
        enum queue_reason reason;
        bool backfilled; /* granted although somebody before it waits for a GPU */
        struct place place;
        size_t before; /* QUEUE_BEHIND: index of the ticket that is in the way; its own account's, maybe */
        /* QUEUE_HEAD, BEHIND, NO_ROOM, with a claim: by when it starts at the latest from what it
         * keeps, if every lease lasts to its end; 0: not known, or it keeps nothing. */
        int64_t starts_at;
};

/*
 * The latest moment at which a container that starts at `start` gives its GPUs back: max_runtime_h,
 * the grace in which it ends, and gpu_hold_after_stop_h. 0: no end is known, because one of the two
 * limits is not set.
 */
int64_t queue_ends_at(const struct limits *l, int64_t start);

/* Decayed usage after `elapsed` seconds; and what a lease of `weight` GPUs from `since` to `now` adds
 * to the usage at `now` (each second counts with its own decay). */
double queue_decay(double usage, int64_t elapsed, int64_t half_life);
double queue_usage_of(struct frac weight, int64_t since, int64_t now, int64_t half_life);

/*
 * Decides about all tickets at once. A launch that is asked for now is judged as one more ticket that
 * joins now, with an id above all others: it may have its GPUs if that ticket is granted. ret has room for n_tickets verdicts, in the order of the line:
 * ret[0] is the first in line, so a ticket's position is its place there. Grants are made in that
 * order, each with the earlier ones taken into account: what they hold counts at once. devices whose
 * state is GPU_FREE are what there is to give; they are not changed. `held` and `usage` of the tickets
 * of one account are the same. A device that is held and has no lease has no known end.
 */
void queue_decide(const struct place_device *devices, size_t n_devices,
        const struct queue_lease *leases, size_t n_leases, const struct queue_ticket *tickets,
        size_t n_tickets, const struct queue_rules *rules, int64_t now, struct queue_verdict *ret);
