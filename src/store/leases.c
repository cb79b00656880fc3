/* SPDX-License-Identifier: MIT */
#include "store/leases.h"

#include "store/container-change.h"
#include "store/lease-rows.h"
#include "store/store-private.h"

#include <string.h>

enum { HISTORY_PER_ACCOUNT = 50 };

void leases_done(struct leases *l)
{
        free(l->v);
        *l = (struct leases){ 0 };
}

static void read_lease(struct db_row *row, void *ctx)
{
        struct leases *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        struct lease *lease = &l->v[l->n++];
        *lease = (struct lease){ 0 };
        db_text_into(row, lease->device, sizeof lease->device);
        db_text_into(row, lease->parent, sizeof lease->parent);
        db_text_into(row, lease->slot, sizeof lease->slot);
        db_text_into(row, lease->label, sizeof lease->label);
        lease->slices = (int)db_int(row);
        lease->of = (int)db_int(row);
        lease->uid = (uid_t)db_int(row);
        lease->since = db_int(row);
        lease->container_id = db_int(row);
        lease->ticket_id = db_int(row);
}

static int read_all(struct store *s, enum query q, const struct db_arg *args, size_t n,
        struct leases *ret, struct err *e)
{
        cleanup_leases struct leases l = { 0 };
        if (store_rows(s, q, args, n, read_lease, &l, NULL, e))
                return -1;
        *ret = l;
        l = (struct leases){ 0 };
        return 0;
}

int leases_all(struct store *s, struct leases *ret, struct err *e)
{
        return read_all(s, QUERY_LEASES, NO_ARGS, ret, e);
}

int leases_of_container(struct store *s, int64_t container_id, struct leases *ret, struct err *e)
{
        return read_all(s, QUERY_LEASES_OF_CONTAINER, ARGS(INT(container_id)), ret, e);
}

int leases_of_ticket(struct store *s, int64_t ticket_id, struct leases *ret, struct err *e)
{
        return read_all(s, QUERY_LEASES_OF_TICKET, ARGS(INT(ticket_id)), ret, e);
}

/* ---- beginning ---- */

int lease_rows_add(struct db *db, const struct lease *v, size_t n, uid_t uid, int64_t container_id,
        int64_t ticket_id, struct err *e)
{
        for (size_t i = 0; i < n; i++)
                if (db_run(db, QUERY_LEASE_ADD,
                            ARGS(TEXT(v[i].device), TEXT(v[i].parent), TEXT(v[i].slot),
                                    TEXT(v[i].label), INT(v[i].slices), INT(v[i].of), INT(uid),
                                    INT(v[i].since), INT(container_id), INT(ticket_id)),
                            e))
                        return err_wrap(e, "GPU %s", v[i].slot);
        return 0;
}

/* Moves what the ticket holds of `v` to the container, adds the rest, and ends the ticket. */
static int begin(struct db *db, uid_t uid, int64_t container_id, const struct lease *v, size_t n,
        int64_t ticket_id, int64_t now, struct err *e)
{
        if (n > 0 && db_run(db, QUERY_CONTAINER_GPUS_SINCE, ARGS(INT(container_id), INT(now)), e))
                return -1;
        for (size_t i = 0; i < n; i++) {
                if (ticket_id &&
                        db_run(db, QUERY_LEASE_TO_CONTAINER,
                                ARGS(TEXT(v[i].device), INT(ticket_id), INT(container_id)), e))
                        return err_wrap(e, "GPU %s", v[i].slot);
                if (ticket_id && db_changes(db) == 1)
                        continue;
                if (lease_rows_add(db, &v[i], 1, uid, container_id, 0, e))
                        return -1;
        }
        if (!ticket_id)
                return 0;
        /* What it held beyond that was never used: nothing to book. Estimates are open if it still
         * waited: they have come true now. */
        return db_run(db, QUERY_LEASES_END, ARGS(INT(0), INT(ticket_id)), e) ||
                               db_run(db, QUERY_ETA_CAME,
                                       ARGS(INT(ticket_id), INT(n > 0 ? v[0].since : clock_unix())),
                                       e) ||
                               db_run(db, QUERY_TICKET_DELETE, ARGS(INT(ticket_id)), e)
                       ? -1
                       : 0;
}

static int reserve(struct db *db, struct container *row, int max, const struct lease *v, size_t n,
        int64_t ticket_id, enum reserve_verdict *ret, struct err *e)
{
        if (container_reserve_in(db, row, max, ret, e))
                return -1;
        if (*ret != RESERVED)
                return 0;
        row->gpus_since = n > 0 ? row->state_since : 0;
        return begin(db, row->uid, row->id, v, n, ticket_id, row->state_since, e);
}

int leases_reserve(struct store *s, struct container *c, int max_containers, const struct lease *v,
        size_t n, int64_t ticket_id, enum reserve_verdict *ret, struct err *e)
{
        struct container row;
        enum reserve_verdict verdict = RESERVE_LIMIT;
        struct db *db;
        if (container_reserve_prepare(c, &row, e) || store_write_begin(s, &db, e) ||
                store_write_end(
                        s, reserve(db, &row, max_containers, v, n, ticket_id, &verdict, e), e))
                return -1;
        if (verdict == RESERVED)
                *c = row;
        *ret = verdict;
        return 0;
}

struct owner {
        uid_t uid;
};

static void read_owner(struct db_row *row, void *ctx)
{
        cleanup_container struct container c = { 0 };
        container_read(row, &c);
        ((struct owner *)ctx)->uid = c.uid;
}

static int take(struct db *db, int64_t id, const char *op, const struct lease *v, size_t n,
        int64_t ticket_id, struct err *e)
{
        struct owner owner = { 0 };
        if (container_check_op(db, id, op, e) ||
                db_rows(db, QUERY_CONTAINER_BY_ID, ARGS(INT(id)), read_owner, &owner, NULL, e))
                return -1;
        return begin(db, owner.uid, id, v, n, ticket_id, clock_unix(), e);
}

int leases_take(struct store *s, int64_t container_id, const char *op, const struct lease *v,
        size_t n, int64_t ticket_id, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, take(db, container_id, op, v, n, ticket_id, e), e);
}

/* ---- ending ---- */

int lease_rows_end(struct db *db, int64_t container_id, int64_t ticket_id, const struct usage *use,
        struct err *e)
{
        if (db_run(db, QUERY_LEASES_HISTORY_PUT, ARGS(INT(container_id), INT(use->at)), e) ||
                db_run(db, QUERY_LEASES_END, ARGS(INT(container_id), INT(ticket_id)), e))
                return -1;
        if (db_changes(db) == 0)
                return 0;
        if (container_id &&
                db_run(db, QUERY_CONTAINER_GPUS_SINCE, ARGS(INT(container_id), INT(0)), e))
                return -1;
        return db_run(db, QUERY_LEASE_HISTORY_PRUNE, ARGS(INT(use->uid), INT(HISTORY_PER_ACCOUNT)),
                       e) || db_run(db, QUERY_USAGE_PUT,
                                     ARGS(INT(use->uid), INT((int64_t)(use->gpu_seconds * 1000)),
                                             INT(use->at)),
                                     e)
                       ? -1
                       : 0;
}

static int lapse(struct db *db, int64_t id, const char *op, const struct usage *use, struct err *e)
{
        return container_check_op(db, id, op, e) || lease_rows_end(db, id, 0, use, e) ? -1 : 0;
}

int leases_lapse(struct store *s, int64_t container_id, const char *op, const struct usage *use,
        struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, lapse(db, container_id, op, use, e), e);
}

static int add_drain(struct db *db, const struct drain *d, struct err *e)
{
        return db_run(db, QUERY_DRAINED_ADD,
                ARGS(TEXT(d->device), TEXT(d->slot), TEXT(d->label), TEXT(d->reason),
                        INT(d->since)),
                e);
}

static int end_container(struct db *db, int64_t id, const char *op, const struct usage *use,
        const struct drain *drains, size_t n_drains, struct err *e)
{
        if (container_check_op(db, id, op, e) || (use && lease_rows_end(db, id, 0, use, e)))
                return -1;
        for (size_t i = 0; i < n_drains; i++)
                if (add_drain(db, &drains[i], e))
                        return -1;
        return container_delete_in(db, id, op, e);
}

int leases_end_container(struct store *s, int64_t container_id, const char *op,
        const struct usage *use, const struct drain *drains, size_t n_drains, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, end_container(db, container_id, op, use, drains, n_drains, e), e);
}

/* ---- what was taken out, what was used, how long it lasted ---- */

struct drain_list {
        struct drain *v;
        size_t n;
};

static void read_drain(struct db_row *row, void *ctx)
{
        struct drain_list *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        struct drain *d = &l->v[l->n++];
        db_text_into(row, d->device, sizeof d->device);
        db_text_into(row, d->slot, sizeof d->slot);
        db_text_into(row, d->label, sizeof d->label);
        db_text_into(row, d->reason, sizeof d->reason);
        d->since = db_int(row);
}

int drains_all(struct store *s, struct drain **ret, size_t *ret_n, struct err *e)
{
        struct drain_list l = { 0 };
        if (store_rows(s, QUERY_DRAINED, NO_ARGS, read_drain, &l, NULL, e)) {
                free(l.v);
                return -1;
        }
        *ret = l.v;
        *ret_n = l.n;
        return 0;
}

int drains_add(struct store *s, const struct drain *d, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, add_drain(db, d, e), e);
}

int drains_remove(struct store *s, const char *device, struct err *e)
{
        return store_run(s, QUERY_DRAINED_REMOVE, ARGS(TEXT(device)), e);
}

struct usage_list {
        struct usage *v;
        size_t n;
};

static void read_usage(struct db_row *row, void *ctx)
{
        struct usage_list *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        struct usage *u = &l->v[l->n++];
        u->uid = (uid_t)db_int(row);
        u->gpu_seconds = (double)db_int(row) / 1000;
        u->at = db_int(row);
}

int usage_read(struct store *s, uid_t uid, struct usage **ret, size_t *ret_n, struct err *e)
{
        struct usage_list l = { 0 };
        bool all = uid == STORE_EVERYONE;
        const struct db_arg args[] = { INT(uid) };
        if (store_rows(s, all ? QUERY_USAGE : QUERY_USAGE_OF, args, all ? 0 : 1, read_usage, &l,
                    NULL, e)) {
                free(l.v);
                return -1;
        }
        *ret = l.v;
        *ret_n = l.n;
        return 0;
}

int leases_history(struct store *s, uid_t uid, int64_t **ret, size_t *ret_n, struct err *e)
{
        return store_numbers(s, QUERY_LEASE_HISTORY, ARGS(INT(uid)), ret, ret_n, e);
}
