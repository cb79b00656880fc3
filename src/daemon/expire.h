/* SPDX-License-Identifier: MIT */
/*
 * What ends because its time is over: containers that ran for max_runtime_h are stopped, with
 * warnings to their owners before, and stopped ones are removed after container_hold_after_stop_h.
 *
 * Times count from what the ledger says, and the limits are those that hold at the moment: neither a
 * restart nor a change of the policy starts a clock anew. A stop takes as long as its grace, and a
 * removal as long as the engine likes, so each has a thread; at the end of ds01d those are left behind,
 * and the next start goes on.
 */
#pragma once

#include "daemon/daemon.h"
#include "policy/limits.h"
#include "store/containers.h"

/* Called now and then by the janitor. */
void expire_sweep(struct daemon *d);
/* Waits for those under way, for a short time; returns how many still are. */
size_t expire_wait(int64_t deadline);

/* Until when a container runs at most, and until when a stopped one is kept: 0 means for ever. */
int64_t expire_runs_until(const struct limits *l, const struct container *c);
int64_t expire_kept_until(const struct limits *l, const struct container *c);
/*
 * Until when one that is stopped, or was never started, keeps its GPUs; 0 means for ever, or that it
 * runs. Not before a start that was given up can no longer land.
 */
int64_t expire_gpus_until(const struct limits *l, const struct container *c);
