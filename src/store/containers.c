/* SPDX-License-Identifier: MIT */
#include "store/containers.h"

#include "store/container-change.h"
#include "store/leases.h"
#include "store/store-private.h"

#include <string.h>

/* Who holds a row, and in which state it is. */
struct holder {
        bool found;
        char op[RANDOM_HEX_LEN + 1];
        enum ledger_state state;
        char *name;
};

static void holder_done(struct holder *h)
{
        free(h->name);
}

static void read_holder(struct db_row *row, void *ctx)
{
        struct holder *h = ctx;
        h->found = true;
        db_text_into(row, h->op, sizeof h->op);
        cleanup_free char *state = db_text(row);
        h->state = ledger_from_wire(state);
        h->name = db_text(row);
}

static int get_holder(struct db *db, int64_t id, struct holder *ret, struct err *e)
{
        return db_rows(db, QUERY_CONTAINER_HOLDER, ARGS(INT(id)), read_holder, ret, NULL, e);
}

static int check_op(const struct holder *h, const char *op, struct err *e)
{
        if (!h->found)
                return err_set(e, ERR_STALE, "The container no longer exists");
        if (*op == '\0' || strcmp(op, h->op) != 0)
                return err_set(e, ERR_STALE, "The operation on container %s is no longer under way",
                        h->name);
        return 0;
}

/* As get_holder, and fails unless `op` is the one that holds the row. */
static int check_holder(
        struct db *db, int64_t id, const char *op, struct holder *ret, struct err *e)
{
        return get_holder(db, id, ret, e) ? -1 : check_op(ret, op, e);
}

static int move(struct db *db, int64_t id, enum ledger_state to, int64_t at, struct err *e)
{
        return db_run(db, QUERY_CONTAINER_MOVE, ARGS(INT(id), TEXT(ledger_wire(to)), INT(at)), e);
}

/*
 * One change in the name of an operation: runs a query on the row (QUERY_COUNT: none), then moves
 * it (LEDGER_NONE: it stays where it is).
 */
static int change_in(struct db *db, int64_t id, const char *op, enum query q,
        const struct db_arg *args, size_t n, enum ledger_state to, struct err *e)
{
        CLEANUP(holder_done) struct holder h = { 0 };
        if (check_holder(db, id, op, &h, e))
                return -1;
        if (to != LEDGER_NONE && !ledger_may_enter(h.state, to))
                return err_set(e, ERR_FAILED, "Container %s can't go from %s to %s", h.name,
                        ledger_wire(h.state), ledger_wire(to));
        if (q != QUERY_COUNT && db_run(db, q, args, n, e))
                return -1;
        return to == LEDGER_NONE ? 0 : move(db, id, to, clock_unix(), e);
}

static int change(struct store *s, int64_t id, const char *op, enum query q,
        const struct db_arg *args, size_t n, enum ledger_state to, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, change_in(db, id, op, q, args, n, to, e), e);
}

static void read_int(struct db_row *row, void *ctx)
{
        *(int64_t *)ctx = db_int(row);
}

int container_reserve_in(
        struct db *db, struct container *row, int max, enum reserve_verdict *ret, struct err *e)
{
        size_t same_name = 0;
        int64_t have = 0;
        if (db_rows(db, QUERY_CONTAINER_BY_NAME, ARGS(INT(row->uid), TEXT(row->name)), NULL, NULL,
                    &same_name, e) ||
                db_rows(db, QUERY_CONTAINER_COUNT, ARGS(INT(row->uid)), read_int, &have, NULL, e))
                return -1;
        *ret = same_name > 0 ? RESERVE_EXISTS : max >= 0 && have >= max ? RESERVE_LIMIT : RESERVED;
        return *ret == RESERVED ? container_insert(db, row, e) : 0;
}

int container_reserve_prepare(const struct container *c, struct container *row, struct err *e)
{
        if (strlen(c->born_op) != RANDOM_HEX_LEN)
                return err_set(e, ERR_INVALID, "A reservation needs an operation");
        /* A copy that owns nothing: *c changes only if the row is there for good. */
        *row = *c;
        row->state = LEDGER_CREATING;
        row->exit_code = -1;
        row->state_since = clock_unix();
        memcpy(row->op, row->born_op, sizeof row->op);
        if (row->created_at == 0)
                row->created_at = row->state_since;
        return 0;
}

int containers_reserve(struct store *s, struct container *c, int max_containers,
        enum reserve_verdict *ret, struct err *e)
{
        return leases_reserve(s, c, max_containers, NULL, 0, 0, ret, e);
}

int containers_adopt(struct store *s, struct container *c, struct err *e)
{
        struct container row = *c;
        struct db *db;
        if (store_write_begin(s, &db, e) || store_write_end(s, container_insert(db, &row, e), e))
                return -1;
        c->id = row.id;
        return 0;
}

static int begin(struct db *db, int64_t id, const char *op, bool *ret_taken, struct container *row,
        struct err *e)
{
        size_t found = 0;
        if (db_run(db, QUERY_CONTAINER_BEGIN, ARGS(INT(id), TEXT(op)), e))
                return -1;
        *ret_taken = db_changes(db) == 1;
        if (db_rows(db, QUERY_CONTAINER_BY_ID, ARGS(INT(id)), container_read, row, &found, e))
                return -1;
        return found ? 0 : err_set(e, ERR_NOT_FOUND, "The container no longer exists");
}

int containers_begin(struct store *s, int64_t id, const char *op, bool *ret_taken,
        struct container *c_out, struct err *e)
{
        if (strlen(op) != RANDOM_HEX_LEN)
                return err_set(e, ERR_INVALID, "An operation has %d digits", RANDOM_HEX_LEN);
        cleanup_container struct container row = { 0 };
        bool taken = false;
        struct db *db;
        /* Like its end: after a reboot nobody holds an operation. */
        if (store_write_begin_relaxed(s, &db, e) ||
                store_write_end(s, begin(db, id, op, &taken, &row, e), e))
                return -1;
        *ret_taken = taken;
        if (c_out) {
                container_done(c_out);
                *c_out = row;
                row = (struct container){ 0 };
        }
        return 0;
}

static int end(struct db *db, int64_t id, const char *op, struct err *e)
{
        CLEANUP(holder_done) struct holder h = { 0 };
        if (get_holder(db, id, &h, e))
                return -1;
        if (!h.found)
                return 0;
        return check_op(&h, op, e) ? -1 : db_run(db, QUERY_CONTAINER_END, ARGS(INT(id)), e);
}

int containers_end(struct store *s, int64_t id, const char *op, struct err *e)
{
        struct db *db;
        /* Lost with the machine, it is given back by the next start's containers_clear_ops(). */
        if (store_write_begin_relaxed(s, &db, e))
                return -1;
        return store_write_end(s, end(db, id, op, e), e);
}

int containers_move(
        struct store *s, int64_t id, const char *op, enum ledger_state to, struct err *e)
{
        return change(s, id, op, QUERY_COUNT, NO_ARGS, to, e);
}

int containers_set_engine_id(
        struct store *s, int64_t id, const char *op, const char *engine_id, struct err *e)
{
        return change(s, id, op, QUERY_CONTAINER_ENGINE_ID, ARGS(INT(id), TEXT(engine_id)),
                LEDGER_NONE, e);
}

int containers_set_started(struct store *s, int64_t id, const char *op, int64_t started_at,
        const char *boot_id, struct err *e)
{
        return change(s, id, op, QUERY_CONTAINER_STARTED,
                ARGS(INT(id), INT(started_at), TEXT(boot_id)), LEDGER_NONE, e);
}

int containers_set_stopped(struct store *s, int64_t id, const char *op, int64_t stopped_at,
        int exit_code, const char *last_lines, struct err *e)
{
        return change(s, id, op, QUERY_CONTAINER_STOPPED,
                ARGS(INT(id), INT(stopped_at), INT(exit_code), TEXT(last_lines)), LEDGER_NONE, e);
}

int containers_created(
        struct store *s, int64_t id, const char *op, const char *engine_id, struct err *e)
{
        return change(s, id, op, QUERY_CONTAINER_ENGINE_ID, ARGS(INT(id), TEXT(engine_id)),
                LEDGER_CREATED, e);
}

int containers_started(struct store *s, int64_t id, const char *op, int64_t started_at,
        const char *boot_id, struct err *e)
{
        return change(s, id, op, QUERY_CONTAINER_STARTED,
                ARGS(INT(id), INT(started_at), TEXT(boot_id)), LEDGER_RUNNING, e);
}

int containers_stopped(struct store *s, int64_t id, const char *op, int64_t stopped_at,
        int exit_code, const char *last_lines, struct err *e)
{
        return change(s, id, op, QUERY_CONTAINER_STOPPED,
                ARGS(INT(id), INT(stopped_at), INT(exit_code), TEXT(last_lines)), LEDGER_STOPPED,
                e);
}

int containers_set_stop_reason(
        struct store *s, int64_t id, const char *op, const char *reason, struct err *e)
{
        return change(s, id, op, QUERY_CONTAINER_STOP_REASON, ARGS(INT(id), TEXT(reason)),
                LEDGER_NONE, e);
}

int containers_set_warned(struct store *s, int64_t id, int percent, struct err *e)
{
        return store_run(s, QUERY_CONTAINER_WARNED, ARGS(INT(id), INT(percent)), e);
}

/* What an observation tells about the run itself; a pause is no change of it. */
static int record_seen(struct db *db, int64_t id, enum ledger_state from, enum ledger_state to,
        int exit_code, int64_t at, const char *last_lines, struct err *e)
{
        if (to == LEDGER_STOPPED)
                return db_run(db, QUERY_CONTAINER_STOPPED,
                        ARGS(INT(id), INT(at), INT(exit_code), TEXT(last_lines)), e);
        if (to == LEDGER_RUNNING && from != LEDGER_PAUSED)
                return db_run(db, QUERY_CONTAINER_SEEN_RUNNING, ARGS(INT(id), INT(at)), e);
        return 0;
}

static int observe(struct db *db, int64_t id, enum ledger_state to, int exit_code, int64_t at,
        const char *last_lines, bool *ret_changed, struct err *e)
{
        CLEANUP(holder_done) struct holder h = { 0 };
        if (get_holder(db, id, &h, e))
                return -1;
        *ret_changed = h.found && h.op[0] == '\0' && ledger_may_observe(h.state, to);
        if (!*ret_changed)
                return 0;
        if (record_seen(db, id, h.state, to, exit_code, at, last_lines, e))
                return -1;
        return move(db, id, to, at, e);
}

int containers_observe(struct store *s, int64_t id, enum ledger_state to, int exit_code, int64_t at,
        const char *last_lines, bool *ret_changed, struct err *e)
{
        bool changed = false;
        struct db *db;
        if (at == 0)
                at = clock_unix();
        if (store_write_begin(s, &db, e) ||
                store_write_end(s, observe(db, id, to, exit_code, at, last_lines, &changed, e), e))
                return -1;
        *ret_changed = changed;
        return 0;
}

int container_check_op(struct db *db, int64_t id, const char *op, struct err *e)
{
        CLEANUP(holder_done) struct holder h = { 0 };
        return check_holder(db, id, op, &h, e);
}

int container_delete_in(struct db *db, int64_t id, const char *op, struct err *e)
{
        CLEANUP(holder_done) struct holder h = { 0 };
        if (check_holder(db, id, op, &h, e))
                return -1;
        if (h.state != LEDGER_REMOVING)
                return err_set(e, ERR_FAILED, "Container %s is %s, so its row stays", h.name,
                        ledger_wire(h.state));
        return db_run(db, QUERY_CONTAINER_DELETE, ARGS(INT(id)), e);
}

int containers_delete(struct store *s, int64_t id, const char *op, struct err *e)
{
        return leases_end_container(s, id, op, NULL, NULL, 0, e);
}

int containers_clear_ops(struct store *s, struct err *e)
{
        return store_run(s, QUERY_CONTAINER_CLEAR_OPS, NO_ARGS, e);
}

/* One row by a query that gives at most one. */
static int find(struct store *s, enum query q, const struct db_arg *args, size_t n,
        struct container *ret, bool *ret_found, struct err *e)
{
        cleanup_container struct container row = { 0 };
        size_t found = 0;
        if (store_rows(s, q, args, n, container_read, &row, &found, e))
                return -1;
        *ret_found = found > 0;
        if (found) {
                container_done(ret);
                *ret = row;
                row = (struct container){ 0 };
        }
        return 0;
}

int containers_get(
        struct store *s, int64_t id, struct container *ret, bool *ret_found, struct err *e)
{
        return find(s, QUERY_CONTAINER_BY_ID, ARGS(INT(id)), ret, ret_found, e);
}

int containers_find(struct store *s, uid_t uid, const char *name, struct container *ret,
        bool *ret_found, struct err *e)
{
        return find(s, QUERY_CONTAINER_BY_NAME, ARGS(INT(uid), TEXT(name)), ret, ret_found, e);
}

int containers_find_engine_id(struct store *s, const char *engine_id, struct container *ret,
        bool *ret_found, struct err *e)
{
        return find(s, QUERY_CONTAINER_BY_ENGINE_ID, ARGS(TEXT(engine_id)), ret, ret_found, e);
}

int containers_count(struct store *s, uid_t uid, int *ret, struct err *e)
{
        int64_t count = 0;
        if (store_rows(s, QUERY_CONTAINER_COUNT, ARGS(INT(uid)), read_int, &count, NULL, e))
                return -1;
        *ret = (int)count;
        return 0;
}

struct container_list {
        struct container *v;
        size_t n;
};

static void list_done(struct container_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                container_done(&l->v[i]);
        free(l->v);
}

static void list_read(struct db_row *row, void *ctx)
{
        struct container_list *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        l->v[l->n] = (struct container){ 0 };
        container_read(row, &l->v[l->n++]);
}

int containers_each(struct store *s, uid_t uid, bool all,
        int (*fn)(const struct container *c, void *ctx), void *ctx, struct err *e)
{
        /* Read as a whole first: fn may talk to a slow client, and a snapshot must not wait for
         * one. */
        CLEANUP(list_done) struct container_list list = { 0 };
        const struct db_arg args[] = { INT(uid) };
        bool everyone = uid == STORE_EVERYONE;
        enum query q = everyone ? (all ? QUERY_CONTAINERS : QUERY_CONTAINERS_ACTIVE)
                                : (all ? QUERY_CONTAINERS_OF : QUERY_CONTAINERS_OF_ACTIVE);
        if (store_rows(s, q, args, everyone ? 0 : 1, list_read, &list, NULL, e))
                return -1;
        for (size_t i = 0; i < list.n; i++)
                if (fn(&list.v[i], ctx) < 0)
                        break;
        return 0;
}

int containers_unfinished(struct store *s, int64_t **ret, size_t *ret_n, struct err *e)
{
        return store_numbers(s, QUERY_CONTAINERS_UNFINISHED, NO_ARGS, ret, ret_n, e);
}

int containers_accounts(struct store *s, uid_t **ret, size_t *ret_n, struct err *e)
{
        cleanup_free int64_t *numbers = NULL;
        size_t n = 0;
        if (store_numbers(s, QUERY_CONTAINERS_ACCOUNTS, NO_ARGS, &numbers, &n, e))
                return -1;
        uid_t *uids = xcalloc(n ? n : 1, sizeof *uids);
        for (size_t i = 0; i < n; i++)
                uids[i] = (uid_t)numbers[i];
        *ret = uids;
        *ret_n = n;
        return 0;
}
