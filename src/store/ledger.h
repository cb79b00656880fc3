/* SPDX-License-Identifier: MIT */
/*
 * The states of a container and the moves between them, as ledger.def tells them. Pure: no I/O, no
 * clock. containers.c checks every move here before it writes; recovery asks here what to do with
 * what a former process left behind.
 */
#pragma once

#include <stdbool.h>

enum ledger_state {
        LEDGER_NONE = 0, /* no row */
#define X(state, wire, entered_from, seen_from, if_born, otherwise) state,
#include "store/ledger.def"
#undef X
        LEDGER_STATE_COUNT
};

enum ledger_recovery {
        RECOVERY_KEEP,   /* nothing to do */
        RECOVERY_VERIFY, /* compare with the engine: labels and devices must equal the row */
        RECOVERY_SETTLE, /* running in the engine: RUNNING; else STOPPED, its resources kept a while
                          */
        RECOVERY_REMOVE, /* remove by force until the engine says that it is gone */
        RECOVERY_FINISH, /* finish the removal that was begun */
};

/* True if an operation may move a row from one state to the other. LEDGER_NONE is "no row yet". */
bool ledger_may_enter(enum ledger_state from, enum ledger_state to);
/* True if the engine may be seen to have moved it there without an operation of ours. */
bool ledger_may_observe(enum ledger_state from, enum ledger_state to);
/*
 * What recovery does with a row in this state. born_in_this_op: the operation that held the row
 * when the former process ended is the one that created it (op equals born_op).
 */
enum ledger_recovery ledger_recovery(enum ledger_state state, bool born_in_this_op);

/* "running"; "" for LEDGER_NONE. */
const char *ledger_wire(enum ledger_state state);
/* The inverse; LEDGER_NONE for text that names no state. */
enum ledger_state ledger_from_wire(const char *wire);
