/* SPDX-License-Identifier: MIT */
/*
 * The audit log: what admins ask for with regard to other accounts. <state dir>/audit.jsonl, root's
 * alone, one JSON object a line: one when an operation begins and one, with the same `id`, when it
 * has ended and how. Lines are ASCII, so that no name in them can end one or direct a terminal.
 * It is opened for each line, so that it can be rotated by renaming it.
 *
 * A line that can't be written (a full disk) is told in the daemon's log, together with what it would
 * have said, and the operation goes on: it may be the one that frees the disk.
 */
#pragma once

#include "daemon/caller.h"

struct audit {
        bool active; /* false: nothing to record */
        char id[RANDOM_HEX_LEN + 1];
};

/* Records the beginning, if this is an admin's request about others. */
void audit_begin(
        struct daemon *d, const struct caller *who, const struct rpc_call *call, struct audit *ret);
/* Records the end; `e` is NULL if it was done. */
void audit_end(struct daemon *d, const struct caller *who, const struct rpc_call *call,
        const struct audit *a, const struct err *e);
