/* SPDX-License-Identifier: MIT */
/*
 * The store: what ds01d remembers, in <state dir>/ds01.db. It owns the connections: one that
 * writes, behind a lock, and a few that read, each lent to one thread at a time. Everything that is
 * declared in containers.h, images.h, facts.h, sessions.h and users.h may be called from any
 * thread.
 *
 * A change is durable when its function returns. Calls are short and never wait for anything but
 * the disk and each other; callbacks run while nothing is held, so they may call the store.
 *
 * A database that is damaged, cut short, foreign or newer than the program is refused and left as
 * it is; a new one is made only where there was none. Nobody else in this process may open the
 * file: to close any descriptor of it would drop SQLite's locks. One ds01d a state directory is the
 * caller's to see to.
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct store;

/* Where a uid is asked for: everyone's. */
#define STORE_EVERYONE ((uid_t)-1)

/*
 * Opens the database of an existing state directory, makes it if there is none, brings it to
 * today's version. The caller owns *ret.
 */
int store_open(const char *state_dir, struct store **ret, struct err *e);
/* Frees the store; NULL is fine. No other thread may be in a call. */
void store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close)
#define cleanup_store CLEANUP(store_closep)

/* 32 hexadecimal digits that were drawn when the database was made; borrowed, lives with the store.
 */
const char *store_instance(const struct store *s);

/*
 * For --rebuild, while no store is open: a new database is made and filled beside the old one, which
 * stays where it is until the new one is whole. begin gives the new one, with the instance that the
 * engine's labels tell (NULL draws one). finish closes it, whatever happens, and puts it in the old
 * one's place, in steps such that a crash leaves the one or the other, and never neither; the old one's
 * files are then called ds01.db.<time>.old and so on: *ret_aside (owned), NULL if there was none. abandon
 * closes and removes it.
 */
int store_begin_rebuild(
        const char *state_dir, const char *instance, struct store **ret, struct err *e);
int store_finish_rebuild(
        const char *state_dir, struct store *taken, char **ret_aside, struct err *e);
void store_abandon_rebuild(const char *state_dir, struct store *taken);
