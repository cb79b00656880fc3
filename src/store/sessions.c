/* SPDX-License-Identifier: MIT */
#include "store/sessions.h"

#include "store/store-private.h"

static int add(struct db *db, const struct session *session, struct err *e)
{
        size_t found = 0;
        if (db_rows(db, QUERY_CONTAINER_HOLDER, ARGS(INT(session->container_id)), NULL, NULL,
                    &found, e))
                return -1;
        if (!found)
                return err_set(e, ERR_NOT_FOUND, "The container no longer exists");
        return db_run(db, QUERY_SESSION_ADD,
                ARGS(TEXT(session->exec_id), INT(session->container_id), TEXT(session->engine_id),
                        INT(session->uid), TEXT(session->boot_id), INT(session->tty),
                        INT(session->created_at)),
                e);
}

int sessions_add(struct store *s, const struct session *session, struct err *e)
{
        struct db *db;
        if (store_write_begin_relaxed(s, &db, e))
                return -1;
        return store_write_end(s, add(db, session, e), e);
}

static void read_session(struct db_row *row, void *ctx)
{
        struct session *session = ctx;
        db_text_into(row, session->exec_id, sizeof session->exec_id);
        session->container_id = db_int(row);
        db_text_into(row, session->engine_id, sizeof session->engine_id);
        session->uid = (uid_t)db_int(row);
        db_text_into(row, session->boot_id, sizeof session->boot_id);
        session->tty = db_int(row) != 0;
        session->created_at = db_int(row);
}

int sessions_find(struct store *s, const char *exec_id, uid_t uid, struct session *ret,
        bool *ret_found, struct err *e)
{
        struct session row;
        size_t found = 0;
        if (store_rows(
                    s, QUERY_SESSION, ARGS(TEXT(exec_id), INT(uid)), read_session, &row, &found, e))
                return -1;
        *ret_found = found > 0;
        if (found)
                *ret = row;
        return 0;
}

int sessions_remove(struct store *s, const char *exec_id, struct err *e)
{
        struct db *db;
        if (store_write_begin_relaxed(s, &db, e))
                return -1;
        return store_write_end(s, db_run(db, QUERY_SESSION_REMOVE, ARGS(TEXT(exec_id)), e), e);
}

struct session_list {
        struct session *v;
        size_t n;
};

static void list_done(struct session_list *l)
{
        free(l->v);
}

static void list_read(struct db_row *row, void *ctx)
{
        struct session_list *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        read_session(row, &l->v[l->n++]);
}

int sessions_each(struct store *s, int64_t container_id,
        int (*fn)(const struct session *session, void *ctx), void *ctx, struct err *e)
{
        CLEANUP(list_done) struct session_list list = { 0 };
        const struct db_arg args[] = { INT(container_id) };
        bool one = container_id != 0;
        if (store_rows(s, one ? QUERY_SESSIONS_OF : QUERY_SESSIONS, args, one ? 1 : 0, list_read,
                    &list, NULL, e))
                return -1;
        for (size_t i = 0; i < list.n; i++)
                if (fn(&list.v[i], ctx) < 0)
                        break;
        return 0;
}
