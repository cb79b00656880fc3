/* SPDX-License-Identifier: MIT */
/*
 * The life of a launch, of a creation, and of a start: lists of steps, each with its undo.
 *
 * Up to the reservation a launch can be refused or interrupted. Past it, it runs to its end whether
 * or not the client is still there: a reply that nobody reads changes nothing. The ledger says
 * STARTING, durably, before the engine is asked to start.
 */
#pragma once

#include "daemon/caller.h"
#include "store/containers.h"

struct launch_request {
        const char *name, *project, *image, *interface, *workspace;
        struct strv data_ro, data_rw;
        const int *fds; /* workspace, data_ro, data_rw: borrowed */
        size_t n_fds;
        int64_t gpus; /* how many; -1: what is usual here (lease.h) */

        /* A launch that waited in the queue: the operation under which its folders are mounted already,
         * and what must not have changed since. NULL for all others. */
        const char *mounted, *footing;
        bool root;          /* and whether they are mounted for root inside */
        bool *ret_reserved; /* set once GPUs are reserved: then its ticket is used up */

        /* Where to put a sentence that the caller should read (owned by them); NULL: there is nobody. */
        char **ret_notice;
};

/* Creates and starts a container; *ret_row is its row, running. */
int launch_new(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e);

/*
 * Creates one without starting it. Its folders are mounted for as long as that takes: so what a start
 * would refuse is refused now. *ret_row is its row, created.
 */
int launch_create(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e);

/*
 * For a launch that is to wait in the queue: checks it as launch_new() would, and mounts its folders.
 * *ret_op is the operation that it will be; *ret_request and *ret_footing (owned) go into the ticket.
 * Whoever gives the ticket up detaches the mounts of *ret_op.
 */
int launch_join(struct daemon *d, struct caller *who, const struct launch_request *r,
        char ret_op[RANDOM_HEX_LEN + 1], int *ret_slots, char **ret_request, char **ret_footing,
        struct err *e);
/* launch_new() for such a ticket. ERR_STALE if what it stands on has changed. */
int launch_queued(struct daemon *d, struct caller *who, const char *op, const char *request,
        const char *footing, bool *ret_reserved, struct container *ret_row, struct err *e);

/*
 * Whether a launch that asks for that many GPUs (-1: what is usual here) would be refused as things are,
 * before its image is built or fetched: a name that is taken, too many containers, a limit, no GPU.
 * With `may_wait` it is no refusal that all GPUs it could have are taken now, but *ret_waits. Nothing is
 * reserved, so it may be refused all the same.
 */
int launch_check(struct daemon *d, struct caller *who, const char *name, int64_t gpus,
        bool may_wait, bool *ret_waits, struct err *e);

/* Starts a container that exists; r->name and the folders count. *ret_row is its row, running. */
int launch_again(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e);
