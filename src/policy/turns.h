/* SPDX-License-Identifier: MIT */
/*
 * The line at one moment: asked about each ticket in its order, says who gets what and keeps what is
 * to be kept (the rules are in queue.h). queue.c walks it once, eta.c again and again while it plays
 * the line forward. For these two alone. Pure.
 */
#pragma once

#include "policy/fleet.h"
#include "policy/queue.h"

#define TURNS_NEVER INT64_MAX /* a time that is not known */
#define TURNS_NOBODY SIZE_MAX /* no ticket, no device, no account */

struct turns_account {
        uid_t uid;
        struct frac held;
        struct frac
                asked; /* in this walk, by its tickets that wait for GPUs; the most it may weigh */
        size_t first;  /* of these tickets */
};

/* Who keeps a model, and by when it starts. */
struct turns_claim {
        size_t ticket; /* or TURNS_NOBODY */
        int64_t starts;
};

struct turns {
        struct fleet fleet;
        int64_t *until;             /* by device of the fleet: when it is certainly free again */
        struct turns_claim *claims; /* by model */
        bool *closed;               /* by model, for the ticket at hand */
        bool waiting;               /* somebody in this walk waits for a GPU */
        const struct queue_ticket *tickets; /* borrowed */
        struct turns_account *accounts;     /* of the tickets; by uid */
        size_t n_accounts;
        size_t *account_of; /* by ticket */
        int64_t turn, now;
};
#define cleanup_turns CLEANUP(turns_done)
void turns_init(struct turns *t, const struct place_device *devices, size_t n_devices,
        const struct queue_ticket *tickets, size_t n_tickets, const struct queue_rules *rules);
void turns_done(struct turns *t);

/* The device of the fleet that the caller has at that index, the account of a uid; or TURNS_NOBODY. */
size_t turns_device(const struct turns *t, size_t given);
size_t turns_account(const struct turns *t, uid_t uid);

/* A walk begins: nothing is kept yet. */
void turns_start(struct turns *t, int64_t now);
/*
 * Decides about the next ticket of the walk; a grant takes effect in fleet, until and held.
 * ret->place.at are devices of the fleet, ret->before is a ticket as given.
 */
void turns_next(struct turns *t, size_t ticket, struct queue_verdict *ret);
/* A device is given back; account: whose it was, or TURNS_NOBODY. */
void turns_give_back(struct turns *t, size_t device, size_t account);
