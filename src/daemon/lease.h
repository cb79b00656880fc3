/* SPDX-License-Identifier: MIT */
/*
 * Giving GPUs to containers and taking them back: between the decision (line.h) and its record
 * (store/leases.h), each time as one step under gpus_lock(). Every decision is kept with its reason,
 * for `ds01 why`.
 *
 * A launch that asks for GPUs is judged as a ticket that joins the line this moment (policy/queue.h), so
 * it overtakes nobody whom a ticket would not. One whose account has a ticket for it uses that ticket's
 * place or turn. So is a start whose GPUs had lapsed, with just those to give.
 */
#pragma once

#include "daemon/line.h"

/*
 * How many GPUs a request means. asked < 0 stands for the default: one, if the machine has one and
 * the account may hold any. ERR_INVALID for more than a container can have.
 */
int lease_slots(struct daemon *d, const struct limits *l, int64_t asked, int *ret, struct err *e);

/*
 * Reserves the row together with `slots` >= 1 devices, whose uuids become row->gpus. ERR_UNAVAILABLE
 * and ERR_LIMIT say who has what until when; *ret is then untouched, and so is everything else.
 * `queued`: a launch that waited in the queue under row->born_op; ERR_STALE if its ticket is gone. What
 * was mounted for a ticket that another launch uses up is detached.
 */
int lease_reserve(struct daemon *d, struct container *row, const struct limits *l, int slots,
        bool queued, int max_containers, enum reserve_verdict *ret, struct err *e);

/*
 * Whether lease_reserve() would refuse as things are; the same errors. row->uid and row->name count.
 * With `may_wait` what a place in the queue would bring is not refused: *ret_waits. Keeps no decision:
 * nothing was asked for yet.
 */
int lease_check(struct daemon *d, const struct container *row, const struct limits *l, int slots,
        bool may_wait, bool *ret_waits, struct err *e);

/*
 * Before a start of one that exists, under its operation: it gets the devices it was made with again,
 * if its hold has lapsed and they are free; or it is seen to that those it holds are usable.
 * *ret_taken tells that they were taken now. None at all is fine.
 */
int lease_again(struct daemon *d, const struct container *row, const struct limits *l,
        bool *ret_taken, struct err *e);

/* Takes back what a container holds, under its operation; `why` is a clause for people. */
int lease_lapse(struct daemon *d, const struct container *row, const char *why, struct err *e);

/*
 * The end of a removal, under its operation: deletes the row, and what it held is free. A device that
 * a process still uses, or whose driver doesn't answer, is drained instead; *ret_drained (owned) says
 * why, "" if none was.
 */
int lease_end_with_row(
        struct daemon *d, const struct container *row, char **ret_drained, struct err *e);

/* The use to book when these leases of one account end now. Under gpus_lock(). */
int lease_use(struct daemon *d, const struct leases *ending, struct usage *ret, struct err *e);

/* Keeps a decision and its reason. */
void lease_tell(struct daemon *d, uid_t uid, const char *name, const char *what, const char *fmt,
        ...) __attribute__((format(printf, 5, 6)));

/* Called by the janitor: ends holds whose time is over, gives back drained devices that are clean again. */
void lease_sweep(struct daemon *d);
