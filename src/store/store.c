/* SPDX-License-Identifier: MIT */
#include "store/store-private.h"

#include "base/str.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Readers at one time. A read takes well under a millisecond, so more threads than this just queue.
 */
enum { READERS_MAX = 8 };

struct store {
        char *path;
        char *instance;
        pthread_mutex_t write_lock;
        struct db *writer;
        pthread_mutex_t pool_lock; /* guards what follows */
        pthread_cond_t pool_freed;
        struct db *idle[READERS_MAX];
        size_t n_idle, n_open;
};

static int write_new(const char *path, const char *instance, struct err *e)
{
        /* Made by us for its mode, which SQLite gives to the files beside it too. */
        cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, errno, "Can't create the database %s", path);
        cleanup_db struct db *db = NULL;
        if (db_open(path, &db, e) || schema_migrate(db, e) || db_trust(db, e) || db_begin(db, e))
                return -1;
        int r = db_run(db, QUERY_META_PUT, ARGS(TEXT("instance"), TEXT(instance)), e);
        return db_end(db, r, e);
}

int store_write_new(const char *path, const char *instance, struct err *e)
{
        char drawn[RANDOM_HEX_LEN + 1];
        random_hex(drawn);
        store_remove_files(path);
        if (write_new(path, instance ? instance : drawn, e) == 0)
                return 0;
        store_remove_files(path);
        return -1;
}

static int create(const char *state_dir, const char *path, struct err *e)
{
        cleanup_free char *tmp = xasprintf("%s.new", path);
        /*
         * Made beside its place and renamed when it is whole: a crash on the way leaves no database
         * rather than one that looks damaged.
         */
        if (store_write_new(tmp, NULL, e))
                return -1;
        /* Not rename(2): a database that has come into being meanwhile must win. */
        if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE)) {
                int saved = errno;
                store_remove_files(tmp);
                if (saved == EEXIST)
                        return err_set(e, ERR_EXISTS, "There is a database already: %s", path);
                return err_sys(e, saved, "Can't create the database %s", path);
        }
        return store_sync_dir(state_dir, e);
}

static int refuse(const char *path, const char *why, struct err *e)
{
        err_set(e, ERR_FAILED, "The database %s is damaged: %s", path, why);
        return err_fix(e, "ds01d --rebuild");
}

/*
 * Makes the database if there is none, and refuses what SQLite would take for an empty or a sound
 * one: no bytes at all, no file but its log, a last page that is not whole. A crash may leave such
 * a page, but then the log has it.
 */
static int ensure_file(const char *state_dir, const char *path, struct err *e)
{
        struct stat st, log;
        cleanup_free char *wal = xasprintf("%s-wal", path);
        bool has_log = stat(wal, &log) == 0;
        if (stat(path, &st)) {
                if (errno != ENOENT)
                        return err_sys(e, errno, "Can't open the database %s", path);
                return has_log ? refuse(path, "it is gone, but its log is there", e)
                               : create(state_dir, path, e);
        }
        if (!S_ISREG(st.st_mode))
                return refuse(path, "it is not a file", e);
        if (st.st_size == 0)
                return refuse(path, "it is empty", e);
        if (st.st_size % DB_PAGE_SIZE != 0 && !(has_log && log.st_size > 0))
                return refuse(path, "it is cut short", e);
        return 0;
}

static void read_text(struct db_row *row, void *ctx)
{
        char **text = ctx;
        free(*text);
        *text = db_text(row);
}

static int open_writer(struct store *s, struct err *e)
{
        if (db_open(s->path, &s->writer, e) || schema_check(s->writer, e) ||
                db_trust(s->writer, e) || schema_migrate(s->writer, e) ||
                db_rows(s->writer, QUERY_META_GET, ARGS(TEXT("instance")), read_text, &s->instance,
                        NULL, e))
                return -1;
        return s->instance ? 0 : db_damaged(s->writer, "it has no instance", e);
}

int store_open_file(const char *path, struct store **ret, struct err *e)
{
        cleanup_store struct store *s = xcalloc(1, sizeof *s);
        pthread_mutex_init(&s->write_lock, NULL);
        pthread_mutex_init(&s->pool_lock, NULL);
        pthread_cond_init(&s->pool_freed, NULL);
        s->path = xstrdup(path);
        if (open_writer(s, e))
                return -1;
        *ret = take_ptr(s);
        return 0;
}

int store_open(const char *state_dir, struct store **ret, struct err *e)
{
        cleanup_free char *path = store_path(state_dir);
        if (store_settle_rebuild(state_dir, e) || ensure_file(state_dir, path, e))
                return -1;
        return store_open_file(path, ret, e);
}

void store_close(struct store *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->n_idle; i++)
                db_close(s->idle[i]);
        /* Last, because it folds the log into the file, which readers would prevent. */
        db_close(s->writer);
        pthread_cond_destroy(&s->pool_freed);
        pthread_mutex_destroy(&s->pool_lock);
        pthread_mutex_destroy(&s->write_lock);
        free(s->instance);
        free(s->path);
        free(s);
}

const char *store_instance(const struct store *s)
{
        return s->instance;
}

static int write_begin(
        struct store *s, int (*begin)(struct db *db, struct err *e), struct db **ret, struct err *e)
{
        pthread_mutex_lock(&s->write_lock);
        if (begin(s->writer, e)) {
                pthread_mutex_unlock(&s->write_lock);
                return -1;
        }
        *ret = s->writer;
        return 0;
}

int store_write_begin(struct store *s, struct db **ret, struct err *e)
{
        return write_begin(s, db_begin, ret, e);
}

int store_write_begin_relaxed(struct store *s, struct db **ret, struct err *e)
{
        return write_begin(s, db_begin_relaxed, ret, e);
}

int store_write_end(struct store *s, int result, struct err *e)
{
        result = db_end(s->writer, result, e);
        pthread_mutex_unlock(&s->write_lock);
        return result;
}

int store_run(struct store *s, enum query q, const struct db_arg *args, size_t n, struct err *e)
{
        struct db *db;
        if (store_write_begin(s, &db, e))
                return -1;
        return store_write_end(s, db_run(db, q, args, n, e), e);
}

/* Forgets a reader that was counted but could not be opened. */
static void uncount_reader(struct store *s)
{
        pthread_mutex_lock(&s->pool_lock);
        s->n_open--;
        pthread_cond_signal(&s->pool_freed);
        pthread_mutex_unlock(&s->pool_lock);
}

/* Borrows a reading connection, or opens one more while there are few. */
static int borrow(struct store *s, struct db **ret, struct err *e)
{
        pthread_mutex_lock(&s->pool_lock);
        while (s->n_idle == 0 && s->n_open == READERS_MAX)
                pthread_cond_wait(&s->pool_freed, &s->pool_lock);
        if (s->n_idle > 0) {
                *ret = s->idle[--s->n_idle];
                pthread_mutex_unlock(&s->pool_lock);
                return 0;
        }
        s->n_open++;
        pthread_mutex_unlock(&s->pool_lock);
        cleanup_db struct db *db = NULL;
        if (db_open(s->path, &db, e)) {
                uncount_reader(s);
                return -1;
        }
        *ret = take_ptr(db);
        return 0;
}

static void give_back(struct store *s, struct db *db)
{
        pthread_mutex_lock(&s->pool_lock);
        s->idle[s->n_idle++] = db;
        pthread_cond_signal(&s->pool_freed);
        pthread_mutex_unlock(&s->pool_lock);
}

int store_rows(struct store *s, enum query q, const struct db_arg *args, size_t n,
        void (*read)(struct db_row *row, void *ctx), void *ctx, size_t *ret_n, struct err *e)
{
        struct db *db;
        if (borrow(s, &db, e))
                return -1;
        int r = db_rows(db, q, args, n, read, ctx, ret_n, e);
        give_back(s, db);
        return r;
}

struct numbers {
        int64_t *v;
        size_t n;
};

static void read_number(struct db_row *row, void *ctx)
{
        struct numbers *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        l->v[l->n++] = db_int(row);
}

int store_numbers(struct store *s, enum query q, const struct db_arg *args, size_t n, int64_t **ret,
        size_t *ret_n, struct err *e)
{
        struct numbers l = { 0 };
        if (store_rows(s, q, args, n, read_number, &l, NULL, e)) {
                free(l.v);
                return -1;
        }
        *ret = l.v;
        *ret_n = l.n;
        return 0;
}
