/* SPDX-License-Identifier: MIT */
/*
 * Containers: one row each, and the one operation at a time that may change it.
 *
 * A row moves only as ledger.def allows. Whoever changes something that people asked for first
 * takes the row's operation (reserve, begin), names it in every change, and gives it back (end,
 * delete). A change in the name of an operation that no longer holds the row fails with ERR_STALE
 * and does nothing. What the engine did by itself comes in through containers_observe(), which
 * yields to an operation. An operation survives a crash in the row, so that recovery can carry it
 * on: it uses the op that it finds there.
 *
 * A `struct container *` that is an output must be zeroed or hold an earlier row: what it held is
 * freed when it is filled. Times are Unix seconds.
 */
#pragma once

#include "base/clock.h"
#include "base/str.h"
#include "store/ledger.h"
#include "store/store.h"

struct container { /* one row; strings owned, NULL where unset */
        int64_t id;
        uid_t uid;
        gid_t gid;
        bool root; /* it has root inside */
        char *name, *user, *project, *image_ref, *image_id, *framework, *interface;
        char *engine_id;              /* 64 hexadecimal digits */
        char *workspace;              /* path as the user gave it, resolved */
        struct strv data_ro, data_rw; /* paths of data folders */
        enum ledger_state state;
        char born_op[RANDOM_HEX_LEN + 1]; /* the operation that created the row */
        char op[RANDOM_HEX_LEN + 1];      /* the operation under way, "" if none */
        int64_t created_at, started_at, stopped_at, state_since;
        int exit_code;      /* of the last run; -1 unknown */
        char *last_lines;   /* what it said last before it ended */
        char *boot_id;      /* the machine's, at the last start */
        char *stop_reason;  /* where it was stopped: why, in a few words; else NULL */
        int warned;         /* percent of its time at which its owner was last warned; 0: not yet */
        int64_t late_until; /* stopped out of a start: until then that start may still land */
        int64_t gpus_since; /* since when it has its GPUs; 0: it holds none. By leases.h alone */
        struct strv gpus;   /* uuids of the GPUs it was made with; leases.h tells which it holds */
};
#define cleanup_container CLEANUP(container_done)
void container_done(struct container *c);

enum reserve_verdict { RESERVED, RESERVE_EXISTS, RESERVE_LIMIT };

/*
 * In one transaction: is the name free, has the uid fewer than `max` rows (max < 0: no limit)? Then
 * inserts *c as CREATING, held by c->born_op, and fills in id, state, op, exit_code, state_since
 * and, where it is 0, created_at. ERR_INVALID if born_op is no operation or a data path is not
 * UTF-8.
 */
int containers_reserve(struct store *s, struct container *c, int max_containers,
        enum reserve_verdict *ret, struct err *e);
/*
 * Inserts a row for a container that exists in the engine but not here (--rebuild): everything is
 * taken from *c as it is, c->id is filled in. ERR_EXISTS if the name or the engine id has a row.
 */
int containers_adopt(struct store *s, struct container *c, struct err *e);

/*
 * Takes the operation: *ret_taken is false if another one is under way; the same one again is
 * taken. c_out (may be NULL) gets the whole row in either case. ERR_NOT_FOUND if there is no such
 * row.
 */
int containers_begin(struct store *s, int64_t id, const char *op, bool *ret_taken,
        struct container *c_out, struct err *e);
/* Gives the operation back. A row that is gone is fine; one that another operation holds is
 * ERR_STALE. */
int containers_end(struct store *s, int64_t id, const char *op, struct err *e);

/*
 * Moves the row. ERR_FAILED if ledger.def has no such move. state_since becomes now; so does
 * stopped_at, if the container is stopped and its end was not recorded yet.
 */
int containers_move(
        struct store *s, int64_t id, const char *op, enum ledger_state to, struct err *e);
/* Record what is known, under the operation. A start forgets how the last run ended. */
int containers_set_engine_id(
        struct store *s, int64_t id, const char *op, const char *engine_id, struct err *e);
int containers_set_started(struct store *s, int64_t id, const char *op, int64_t started_at,
        const char *boot_id, struct err *e);
int containers_set_stopped(struct store *s, int64_t id, const char *op, int64_t stopped_at,
        int exit_code, const char *last_lines, struct err *e);
/* The same and the move to CREATED, RUNNING, STOPPED in one transaction: one wait for the disk, not
 * two. */
int containers_created(
        struct store *s, int64_t id, const char *op, const char *engine_id, struct err *e);
int containers_started(struct store *s, int64_t id, const char *op, int64_t started_at,
        const char *boot_id, struct err *e);
int containers_stopped(struct store *s, int64_t id, const char *op, int64_t stopped_at,
        int exit_code, const char *last_lines, struct err *e);

/* Why ds01d stops it; a start forgets it. The caller holds the operation. */
int containers_set_stop_reason(
        struct store *s, int64_t id, const char *op, const char *reason, struct err *e);
/* Its owner was warned at so many percent of its time; needs no operation. */
int containers_set_warned(struct store *s, int64_t id, int percent, struct err *e);

/*
 * What the engine was seen to have done by itself, at the time `at` (0 = now): RUNNING, PAUSED, or
 * STOPPED with exit code and last lines (may be NULL). No effect if an operation holds the row, if
 * the row is gone, or if ledger.def doesn't know the move; *ret_changed tells. The caller has asked
 * the engine: an event alone may be older than the row.
 */
int containers_observe(struct store *s, int64_t id, enum ledger_state to, int exit_code, int64_t at,
        const char *last_lines, bool *ret_changed, struct err *e);
/*
 * Deletes the row and its sessions. Only from REMOVING, and only if it holds no GPU (else
 * leases_end_container() is the way); the operation ends with it.
 */
int containers_delete(struct store *s, int64_t id, const char *op, struct err *e);
/* At the daemon's start, once recovery has dealt with every row: forgets the former operations. */
int containers_clear_ops(struct store *s, struct err *e);

int containers_get(
        struct store *s, int64_t id, struct container *ret, bool *ret_found, struct err *e);
int containers_find(struct store *s, uid_t uid, const char *name, struct container *ret,
        bool *ret_found, struct err *e);
int containers_find_engine_id(struct store *s, const char *engine_id, struct container *ret,
        bool *ret_found, struct err *e);
/* Those in the middle of something that no operation holds, by id. The caller frees *ret. */
int containers_unfinished(struct store *s, int64_t **ret, size_t *ret_n, struct err *e);
/* The accounts that have something running, ascending. The caller frees *ret. */
int containers_accounts(struct store *s, uid_t **ret, size_t *ret_n, struct err *e);
/* Rows of a uid in any state: what containers_reserve() compares with its limit. */
int containers_count(struct store *s, uid_t uid, int *ret, struct err *e);
/*
 * Calls fn for each row of a uid or of STORE_EVERYONE, the active ones (running, paused, starting)
 * first, then by name; with all = false only those. fn returns < 0 to stop early, which is no
 * error. It costs what the rows of that uid cost, however many others there are.
 */
int containers_each(struct store *s, uid_t uid, bool all,
        int (*fn)(const struct container *c, void *ctx), void *ctx, struct err *e);
