/* SPDX-License-Identifier: MIT */
#include "store/db.h"

#include "base/str.h"

#include <assert.h>
#include <sqlite3.h>
#include <string.h>

/* How long a foreign program, such as a backup, may hold the database before we give up. */
enum { BUSY_TIMEOUT_MS = 5000 };

struct db {
        sqlite3 *handle;
        char *path;
        bool relaxed; /* synchronous is NORMAL, not FULL */
        sqlite3_stmt *stmts[QUERY_COUNT];
};

static const char *const queries[QUERY_COUNT] = {
#define X(query, sql) [query] = sql,
#include "store/query.def"
#undef X
};

int db_damaged(const struct db *db, const char *what, struct err *e)
{
        err_set(e, ERR_FAILED, "The database %s is damaged: %s", db->path, what);
        return err_fix(e, "ds01d --rebuild");
}

/* Turns SQLite's last failure on this connection into a sentence. */
static int fail(struct db *db, struct err *e)
{
        const char *text = sqlite3_errmsg(db->handle);
        switch (sqlite3_errcode(db->handle) & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return db_damaged(db, text, e);
        case SQLITE_FULL:
                err_set(e, ERR_FAILED, "No space left on the disk of the database %s", db->path);
                return err_fix(e, "df -h %s", db->path);
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return err_set(e, ERR_BUSY, "Another program holds the database %s", db->path);
        case SQLITE_CONSTRAINT:
                return err_set(e, ERR_EXISTS, "The database %s refuses: %s", db->path, text);
        default:
                return err_set(e, ERR_FAILED, "Can't use the database %s: %s", db->path, text);
        }
}

int db_open(const char *path, struct db **ret, struct err *e)
{
        cleanup_db struct db *db = xcalloc(1, sizeof *db);
        db->path = xstrdup(path);
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
        if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK)
                return fail(db, e);
        sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        if (db_script(db,
                    "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
                    "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;"
                    "PRAGMA page_size = 4096", /* DB_PAGE_SIZE; matters for a new file only */
                    e))
                return -1;
        *ret = take_ptr(db);
        return 0;
}

int db_trust(struct db *db, struct err *e)
{
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        return db_script(db, "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 4194304", e);
}

void db_close(struct db *db)
{
        if (!db)
                return;
        for (size_t i = 0; i < ARRAY_LEN(db->stmts); i++)
                sqlite3_finalize(db->stmts[i]);
        sqlite3_close(db->handle);
        free(db->path);
        free(db);
}

/* As text each time: SQLite obeys this pragma when it is prepared, not when it is run. */
static int set_relaxed(struct db *db, bool relaxed, struct err *e)
{
        if (db->relaxed == relaxed)
                return 0;
        if (db_script(db, relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", e))
                return -1;
        db->relaxed = relaxed;
        return 0;
}

int db_begin(struct db *db, struct err *e)
{
        return set_relaxed(db, false, e) ? -1 : db_run(db, QUERY_BEGIN, NO_ARGS, e);
}

int db_begin_relaxed(struct db *db, struct err *e)
{
        return set_relaxed(db, true, e) ? -1 : db_run(db, QUERY_BEGIN, NO_ARGS, e);
}

int db_end(struct db *db, int result, struct err *e)
{
        if (result == 0 && db_run(db, QUERY_COMMIT, NO_ARGS, e))
                result = -1;
        /* A full disk may have rolled back already. The first failure is the one worth telling. */
        struct err ignored;
        if (!sqlite3_get_autocommit(db->handle))
                db_run(db, QUERY_ROLLBACK, NO_ARGS, &ignored);
        return result;
}

static int bind(sqlite3_stmt *st, int i, const struct db_arg *arg)
{
        if (!arg->is_text)
                return sqlite3_bind_int64(st, i, arg->number);
        /* The caller's text outlives the statement's run, and no run outlives db_rows(). */
        return arg->text ? sqlite3_bind_text64(
                                   st, i, arg->text, strlen(arg->text), SQLITE_STATIC, SQLITE_UTF8)
                         : sqlite3_bind_null(st, i);
}

/* The prepared statement of a query with its parameters set. */
static int start(struct db *db, enum query q, const struct db_arg *args, size_t n,
        sqlite3_stmt **ret, struct err *e)
{
        sqlite3_stmt **st = &db->stmts[q];
        if (!*st && sqlite3_prepare_v3(db->handle, queries[q], -1, SQLITE_PREPARE_PERSISTENT, st,
                            NULL) != SQLITE_OK)
                return fail(db, e);
        assert((size_t)sqlite3_bind_parameter_count(*st) == n);
        for (size_t i = 0; i < n; i++)
                if (bind(*st, (int)i + 1, &args[i]) != SQLITE_OK)
                        return fail(db, e);
        *ret = *st;
        return 0;
}

int db_rows(struct db *db, enum query q, const struct db_arg *args, size_t n,
        void (*read)(struct db_row *row, void *ctx), void *ctx, size_t *ret_n, struct err *e)
{
        sqlite3_stmt *st = NULL;
        if (start(db, q, args, n, &st, e))
                return -1;
        size_t count = 0;
        int rc;
        while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
                struct db_row row = { .stmt = st };
                count++;
                if (read)
                        read(&row, ctx);
        }
        int r = rc == SQLITE_DONE ? 0 : fail(db, e);
        /* Reset at once, because a statement that rests in the middle holds its snapshot. */
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
        if (r == 0 && ret_n)
                *ret_n = count;
        return r;
}

int db_run(struct db *db, enum query q, const struct db_arg *args, size_t n, struct err *e)
{
        return db_rows(db, q, args, n, NULL, NULL, NULL, e);
}

int64_t db_changes(const struct db *db)
{
        return sqlite3_changes64(db->handle);
}

int64_t db_inserted_id(const struct db *db)
{
        return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_int(struct db_row *row)
{
        return sqlite3_column_int64(row->stmt, row->column++);
}

char *db_text(struct db_row *row)
{
        return xstrdup((const char *)sqlite3_column_text(row->stmt, row->column++));
}

void db_text_into(struct db_row *row, char *out, size_t size)
{
        const char *s = str_or_empty((const char *)sqlite3_column_text(row->stmt, row->column++));
        size_t n = strnlen(s, size);
        /* What follows the cut is the rest of a character (10xxxxxx): that goes as a whole. */
        if (n == size)
                for (n--; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
                        ;
        memcpy(out, s, n);
        out[n] = '\0';
}

int db_script(struct db *db, const char *sql, struct err *e)
{
        return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, e);
}

int db_value(struct db *db, const char *sql, char **ret, struct err *e)
{
        sqlite3_stmt *st;
        if (sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL) != SQLITE_OK)
                return fail(db, e);
        int r = 0;
        if (sqlite3_step(st) == SQLITE_ROW)
                *ret = xstrdup(str_or_empty((const char *)sqlite3_column_text(st, 0)));
        else
                r = fail(db, e);
        sqlite3_finalize(st);
        return r;
}
