/* SPDX-License-Identifier: MIT */
/*
 * One connection to the database, and statements on it. Used by the files of store/ alone; db.c is
 * the only one that speaks SQLite's API. A connection is used by one thread at a time: store.c
 * hands it out. Statements are those of query.def, prepared at first use and kept.
 *
 * Every failure names the database file. A full disk, a damaged file and a file locked by a foreign
 * program are told apart; nothing here ever repairs, replaces or truncates a file.
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct db;
struct sqlite3_stmt;

/* A database file is a whole number of these bytes long. */
#define DB_PAGE_SIZE 4096

enum query {
#define X(query, sql) query,
#include "store/query.def"
#undef X
        QUERY_COUNT
};

/* A value for a parameter of a statement: ?1 is the first. A NULL text is SQL's NULL. */
struct db_arg {
        bool is_text;
        int64_t number;
        const char *text;
};
#define INT(v) ((struct db_arg){ .number = (v) })
#define TEXT(v) ((struct db_arg){ .is_text = true, .text = (v) })
#define ARGS(...)                                                                                  \
        (const struct db_arg[]){ __VA_ARGS__ }, ARRAY_LEN(((struct db_arg[]){ __VA_ARGS__ }))
#define NO_ARGS NULL, 0

/* A row being read, column after column, in the order of the SELECT. */
struct db_row {
        struct sqlite3_stmt *stmt;
        int column;
};

/*
 * Opens a file that exists; it is not looked into yet. Until db_trust() the connection writes
 * nothing to the file, even when it is closed. The caller owns *ret (db_close).
 */
int db_open(const char *path, struct db **ret, struct err *e);
/* Says that the file is sound and ours: write-ahead logging is switched on. */
int db_trust(struct db *db, struct err *e);
/* Frees the connection; NULL is fine. A transaction that is open is rolled back. */
void db_close(struct db *db);
DEFINE_CLEANUP(struct db *, db_close)
#define cleanup_db CLEANUP(db_closep)

/* A writing transaction: begin takes the write lock; end commits if result is 0, else rolls back.
 * Returns result, or -1 if the commit failed: then nothing was written. Durable on return. */
int db_begin(struct db *db, struct err *e);
/*
 * The same for what means nothing after a reboot: the commit does not wait for the disk. A crash of
 * this process loses nothing; one of the machine may lose it, and never what was durable before.
 */
int db_begin_relaxed(struct db *db, struct err *e);
int db_end(struct db *db, int result, struct err *e);

/* Runs a statement that gives no rows. */
int db_run(struct db *db, enum query q, const struct db_arg *args, size_t n, struct err *e);
/* Rows changed by the last db_run(), and the id that it inserted. */
int64_t db_changes(const struct db *db);
int64_t db_inserted_id(const struct db *db);
/*
 * Runs a statement that gives rows and calls read(row, ctx) for each; *ret_n (may be NULL) is their
 * number. If it fails, some rows may have been read already.
 */
int db_rows(struct db *db, enum query q, const struct db_arg *args, size_t n,
        void (*read)(struct db_row *row, void *ctx), void *ctx, size_t *ret_n, struct err *e);

/* The next column of a row. Text is a copy that the caller owns, NULL for NULL. */
int64_t db_int(struct db_row *row);
char *db_text(struct db_row *row);
/* Copies the next column into a fixed field, cut to its size between characters; "" for NULL. */
void db_text_into(struct db_row *row, char *out, size_t size);

/* For schema.c: SQL that is no query of query.def. db_value gives the first column of the first
 * row. */
int db_script(struct db *db, const char *sql, struct err *e);
int db_value(struct db *db, const char *sql, char **ret, struct err *e);
/* For schema.c: fills *e with the sentence for a damaged database and the way out. Returns -1. */
int db_damaged(const struct db *db, const char *what, struct err *e);
