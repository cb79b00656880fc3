/* SPDX-License-Identifier: MIT */
#include "store/tickets.h"

#include "store/lease-rows.h"
#include "store/store-private.h"

#include <string.h>

enum { ETAS_MAX = 10000, SAME_ETA_S = 60 };

static const char *const kinds[] = {
        [TICKET_HOLD] = "hold",
        [TICKET_WAIT] = "wait",
        [TICKET_LAUNCH] = "launch",
};

void ticket_done(struct ticket *t)
{
        char *owned[] = { t->user, t->name, t->request, t->footing, t->boot_id, t->note };
        for (size_t i = 0; i < ARRAY_LEN(owned); i++)
                free(owned[i]);
        *t = (struct ticket){ 0 };
}

void tickets_done(struct tickets *l)
{
        for (size_t i = 0; i < l->n; i++)
                ticket_done(&l->v[i]);
        free(l->v);
        *l = (struct tickets){ 0 };
}

static void read_ticket(struct db_row *row, struct ticket *t)
{
        t->id = db_int(row);
        t->uid = (uid_t)db_int(row);
        t->user = db_text(row);
        t->name = db_text(row);
        t->slots = (int)db_int(row);
        cleanup_free char *kind = db_text(row);
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(kind, kinds[i]))
                        t->kind = (enum ticket_kind)i;
        t->joined_at = db_int(row);
        t->turn_until = db_int(row);
        t->missed = (int)db_int(row);
        db_text_into(row, t->op, sizeof t->op);
        t->request = db_text(row);
        t->footing = db_text(row);
        t->boot_id = db_text(row);
        t->note = db_text(row);
}

static void read_into_list(struct db_row *row, void *ctx)
{
        struct tickets *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        l->v[l->n] = (struct ticket){ 0 };
        read_ticket(row, &l->v[l->n++]);
}

int tickets_all(struct store *s, struct tickets *ret, struct err *e)
{
        cleanup_tickets struct tickets l = { 0 };
        if (store_rows(s, QUERY_TICKETS, NO_ARGS, read_into_list, &l, NULL, e))
                return -1;
        *ret = l;
        l = (struct tickets){ 0 };
        return 0;
}

static int find(struct store *s, enum query q, const struct db_arg *args, size_t n,
        struct ticket *ret, bool *ret_found, struct err *e)
{
        cleanup_tickets struct tickets l = { 0 };
        if (store_rows(s, q, args, n, read_into_list, &l, NULL, e))
                return -1;
        *ret_found = l.n > 0;
        if (l.n > 0) {
                ticket_done(ret);
                *ret = l.v[0];
                l.v[0] = (struct ticket){ 0 };
        }
        return 0;
}

int tickets_find(struct store *s, uid_t uid, const char *name, struct ticket *ret, bool *ret_found,
        struct err *e)
{
        return find(s, QUERY_TICKET_BY_NAME, ARGS(INT(uid), TEXT(name)), ret, ret_found, e);
}

int tickets_get(struct store *s, int64_t id, struct ticket *ret, bool *ret_found, struct err *e)
{
        return find(s, QUERY_TICKET, ARGS(INT(id)), ret, ret_found, e);
}

/* ---- joining ---- */

static void read_int(struct db_row *row, void *ctx)
{
        *(int64_t *)ctx = db_int(row);
}

static int add(struct db *db, const struct ticket *t, int max, enum ticket_verdict *ret,
        int64_t *ret_id, struct err *e)
{
        int64_t have = 0, same = 0;
        if (db_rows(db, QUERY_TICKET_BY_NAME, ARGS(INT(t->uid), TEXT(t->name)), read_int, &same,
                    NULL, e) ||
                db_rows(db, QUERY_TICKET_COUNT, ARGS(INT(t->uid)), read_int, &have, NULL, e))
                return -1;
        *ret = same ? TICKET_EXISTS : have >= max ? TICKET_TOO_MANY : TICKET_ADDED;
        *ret_id = same;
        if (*ret != TICKET_ADDED)
                return 0;
        if (db_run(db, QUERY_TICKET_ADD,
                    ARGS(INT(t->uid), TEXT(t->user), TEXT(t->name), INT(t->slots),
                            TEXT(kinds[t->kind]), INT(t->joined_at), TEXT(t->op),
                            TEXT(str_or_empty(t->request)), TEXT(str_or_empty(t->footing)),
                            TEXT(str_or_empty(t->boot_id))),
                    e))
                return -1;
        *ret_id = db_inserted_id(db);
        return 0;
}

int tickets_add(struct store *s, const struct ticket *t, int max, enum ticket_verdict *ret,
        int64_t *ret_id, struct err *e)
{
        enum ticket_verdict verdict = TICKET_TOO_MANY;
        int64_t id = 0;
        struct db *db;
        if (store_write_begin(s, &db, e) ||
                store_write_end(s, add(db, t, max, &verdict, &id, e), e))
                return -1;
        *ret = verdict;
        *ret_id = id;
        return 0;
}

/* ---- turns ---- */

static void read_turn(struct db_row *row, void *ctx)
{
        struct ticket *t = ctx;
        read_ticket(row, t);
}

static int grant(
        struct db *db, int64_t id, const struct lease *v, size_t n, int64_t until, struct err *e)
{
        cleanup_ticket struct ticket t = { 0 };
        size_t found = 0;
        if (db_rows(db, QUERY_TICKET, ARGS(INT(id)), read_turn, &t, &found, e))
                return -1;
        if (!found || t.turn_until)
                return err_set(e, ERR_STALE, "The ticket no longer waits");
        return lease_rows_add(db, v, n, t.uid, 0, id, e) ||
                               db_run(db, QUERY_TICKET_TURN, ARGS(INT(id), INT(until)), e) ||
                               db_run(db, QUERY_ETA_CAME,
                                       ARGS(INT(id), INT(n > 0 ? v[0].since : clock_unix())), e)
                       ? -1
                       : 0;
}

int tickets_grant(
        struct store *s, int64_t id, const struct lease *v, size_t n, int64_t until, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, grant(db, id, v, n, until, e), e);
}

static int pass(struct db *db, int64_t id, const struct usage *use, int64_t now, struct err *e)
{
        return lease_rows_end(db, 0, id, use, e) ||
                               db_run(db, QUERY_TICKET_MISSED, ARGS(INT(id), INT(now)), e)
                       ? -1
                       : 0;
}

int tickets_pass(struct store *s, int64_t id, const struct usage *use, int64_t now, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, pass(db, id, use, now, e), e);
}

static int end(struct db *db, int64_t id, const struct usage *use, struct err *e)
{
        /* An estimate that nobody waited for says nothing. */
        return (use && lease_rows_end(db, 0, id, use, e)) ||
                               db_run(db, QUERY_ETA_CAME, ARGS(INT(id), INT(-1)), e) ||
                               db_run(db, QUERY_TICKET_DELETE, ARGS(INT(id)), e)
                       ? -1
                       : 0;
}

int tickets_end(struct store *s, int64_t id, const struct usage *use, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, end(db, id, use, e), e);
}

int tickets_set_note(struct store *s, int64_t id, const char *note, struct err *e)
{
        return store_run(s, QUERY_TICKET_NOTE, ARGS(INT(id), TEXT(note)), e);
}

int tickets_set_kind(struct store *s, int64_t id, enum ticket_kind kind, struct err *e)
{
        return store_run(s, QUERY_TICKET_KIND, ARGS(INT(id), TEXT(kinds[kind])), e);
}

/* ---- estimates ---- */

struct last {
        int64_t early, late;
};

static void read_last(struct db_row *row, void *ctx)
{
        struct last *l = ctx;
        l->early = db_int(row);
        l->late = db_int(row);
}

static bool same(int64_t a, int64_t b)
{
        return (a == 0) == (b == 0) && a - b <= SAME_ETA_S && b - a <= SAME_ETA_S;
}

static int given(struct db *db, const struct ticket *t, int64_t now, int64_t early, int64_t late,
        struct err *e)
{
        return db_run(db, QUERY_ETA_ADD,
                       ARGS(INT(t->id), INT(t->uid), INT(t->slots), INT(now), INT(early),
                               INT(late)),
                       e) || db_run(db, QUERY_ETA_PRUNE, ARGS(INT(ETAS_MAX)), e)
                       ? -1
                       : 0;
}

int etas_given(struct store *s, const struct ticket *t, int64_t now, int64_t early, int64_t late,
        struct err *e)
{
        struct last last = { -1, -1 };
        struct db *db;
        if (store_rows(s, QUERY_ETA_LAST, ARGS(INT(t->id)), read_last, &last, NULL, e))
                return -1;
        if (last.early >= 0 && same(last.early, early) && same(last.late, late))
                return 0;
        if (store_write_begin_relaxed(s, &db, e))
                return -1;
        return store_write_end(s, given(db, t, now, early, late, e), e);
}
