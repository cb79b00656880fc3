/* SPDX-License-Identifier: MIT */
#include "store/decisions.h"

#include "base/str.h"
#include "store/store-private.h"

enum { DECISIONS_PER_ACCOUNT = 200 };

struct row {
        int64_t at;
        char *name, *what, *text;
};

struct rows {
        struct row *v;
        size_t n;
};

static void rows_done(struct rows *l)
{
        for (size_t i = 0; i < l->n; i++) {
                free(l->v[i].name);
                free(l->v[i].what);
                free(l->v[i].text);
        }
        free(l->v);
}

static void read_row(struct db_row *row, void *ctx)
{
        struct rows *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        struct row *r = &l->v[l->n++];
        r->at = db_int(row);
        r->name = db_text(row);
        r->what = db_text(row);
        r->text = db_text(row);
}

static int add(struct db *db, uid_t uid, const struct decision *d, struct err *e)
{
        return db_run(db, QUERY_DECISION_ADD,
                       ARGS(INT(d->at), INT(uid), TEXT(d->name), TEXT(d->what), TEXT(d->text)),
                       e) || db_run(db, QUERY_DECISION_PRUNE,
                                     ARGS(INT(uid), INT(DECISIONS_PER_ACCOUNT)), e)
                       ? -1
                       : 0;
}

int decisions_add(struct store *s, uid_t uid, const struct decision *d, struct err *e)
{
        CLEANUP(rows_done) struct rows last = { 0 };
        struct db *db;
        if (store_rows(s, QUERY_DECISION_LAST, ARGS(INT(uid), TEXT(d->name)), read_row, &last, NULL,
                    e))
                return -1;
        if (last.n > 0 && str_eq(last.v[0].what, d->what) && str_eq(last.v[0].text, d->text))
                return 0;
        if (store_write_begin_relaxed(s, &db, e))
                return -1;
        return store_write_end(s, add(db, uid, d, e), e);
}

int decisions_each(struct store *s, uid_t uid, const char *name, int max,
        int (*fn)(const struct decision *d, void *ctx), void *ctx, struct err *e)
{
        CLEANUP(rows_done) struct rows l = { 0 };
        int r = name ? store_rows(s, QUERY_DECISIONS_NAMED, ARGS(INT(uid), TEXT(name), INT(max)),
                               read_row, &l, NULL, e)
                     : store_rows(
                               s, QUERY_DECISIONS, ARGS(INT(uid), INT(max)), read_row, &l, NULL, e);
        if (r)
                return -1;
        for (size_t i = 0; i < l.n; i++) {
                struct decision d = { l.v[i].at, l.v[i].name, l.v[i].what, l.v[i].text };
                if (fn(&d, ctx) < 0)
                        break;
        }
        return 0;
}
