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

/* Starts a container that exists; r->name and the folders count. *ret_row is its row, running. */
int launch_again(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e);
