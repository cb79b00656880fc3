/* SPDX-License-Identifier: MIT */
/* Starting a container that exists, for container-start and container-run. */
#pragma once

#include "cli/wait.h"

/*
 * Starts the caller's container; one that is frozen goes on. *ret_already is true for one that ran
 * already, which is fine. A missing one fails with ERR_NOT_FOUND and tells how to create it. Where its
 * GPUs are somebody else's now, it waits for them if `wait` says so. *ret_reply (owned) is the answer,
 * NULL if there was nothing to start.
 */
int start_container(struct cli *c, const char *name, const struct wait *wait, bool *ret_already,
        json_t **ret_reply, struct err *e);
