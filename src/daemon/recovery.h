/* SPDX-License-Identifier: MIT */
/*
 * Making ledger, engine, mounts and homes agree: after a start with what a former process left, and
 * again whenever the engine comes back.
 *
 * store/ledger.def says what each state means after a crash. A container of ours that the store
 * doesn't know is kept and told in the log; one that no row could have made (to read an image's
 * accounts) is removed. Nothing of a user's that existed before the interrupted operation is
 * removed.
 */
#pragma once

#include "daemon/daemon.h"
#include "store/containers.h"

/* All of the above. Operations of a former process are settled only with `first`. -1: ask again later. */
int recovery_run(struct daemon *d, bool first, struct err *e);

/* What the engine says about one container, put into its row: running, stopped with its last words, gone. */
int recovery_observe(struct daemon *d, const char *engine_id, struct err *e);

/* Finishes removals and starts that could not be finished when they were begun. */
void recovery_sweep(struct daemon *d);
