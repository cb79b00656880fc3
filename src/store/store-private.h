/* SPDX-License-Identifier: MIT */
/*
 * The store as the files of store/ see it: its connections, lent for one read or one transaction.
 * Implemented in store.c; nobody outside store/ includes this.
 */
#pragma once

#include "store/db.h"
#include "store/store.h"

/* The database in a state directory; owned. */
char *store_path(const char *state_dir);
/* What SQLite keeps of a database: the file itself, first, and those beside it. */
extern const char *const store_suffixes[4];
void store_remove_files(const char *path);
int store_sync_dir(const char *dir, struct err *e);

/*
 * Makes a whole database at `path`, schema and instance (NULL draws one) in it and nothing left beside
 * it, in place of what an earlier attempt left there.
 */
int store_write_new(const char *path, const char *instance, struct err *e);
/* Opens a database that is there. The caller owns *ret. */
int store_open_file(const char *path, struct store **ret, struct err *e);

/* At every start: finishes the exchange of a rebuild, or removes what one left that came less far. */
int store_settle_rebuild(const char *state_dir, struct err *e);

/*
 * write_begin takes the write lock and begins a transaction; write_end ends both: it commits if
 * result is 0, else rolls back, and returns what db_end() returns. Nothing between the two may
 * block.
 */
int store_write_begin(struct store *s, struct db **ret, struct err *e);
/* For rows that mean nothing after a reboot, see db_begin_relaxed(). */
int store_write_begin_relaxed(struct store *s, struct db **ret, struct err *e);
int store_write_end(struct store *s, int result, struct err *e);

/* One statement as a transaction of its own. */
int store_run(struct store *s, enum query q, const struct db_arg *args, size_t n, struct err *e);
/* db_rows() on a borrowed reading connection; waits for one if all are lent. */
int store_rows(struct store *s, enum query q, const struct db_arg *args, size_t n,
        void (*read)(struct db_row *row, void *ctx), void *ctx, size_t *ret_n, struct err *e);
/* The same for rows of one number each. The caller frees *ret. */
int store_numbers(struct store *s, enum query q, const struct db_arg *args, size_t n, int64_t **ret,
        size_t *ret_n, struct err *e);
