/* SPDX-License-Identifier: MIT */
#include "store/store-private.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Two names: "being made" can be half a database, "made" is a whole one. The exchange is then:
 *   1. the old files get their second name,
 *   2. the old database loses its first one,         <- from here on a start goes on with step 3
 *   3. so do the files beside it, which would otherwise be taken for the new one's,
 *   4. the new database gets its place.
 */
static char *being_made(const char *state_dir)
{
        return xasprintf("%s/ds01.db.rebuilding", state_dir);
}

static char *made(const char *state_dir)
{
        return xasprintf("%s/ds01.db.rebuilt", state_dir);
}

char *store_path(const char *state_dir)
{
        return xasprintf("%s/ds01.db", state_dir);
}

const char *const store_suffixes[4] = { "", "-wal", "-shm", "-journal" };

void store_remove_files(const char *path)
{
        for (size_t i = 0; i < ARRAY_LEN(store_suffixes); i++) {
                cleanup_free char *p = xasprintf("%s%s", path, store_suffixes[i]);
                unlink(p);
        }
}

int store_sync_dir(const char *dir, struct err *e)
{
        cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd))
                return err_sys(e, errno, "Can't sync the directory %s", dir);
        return 0;
}

int store_begin_rebuild(
        const char *state_dir, const char *instance, struct store **ret, struct err *e)
{
        cleanup_free char *path = being_made(state_dir);
        if (store_settle_rebuild(state_dir, e) || store_write_new(path, instance, e))
                return -1;
        return store_open_file(path, ret, e);
}

void store_abandon_rebuild(const char *state_dir, struct store *taken)
{
        cleanup_free char *path = being_made(state_dir);
        store_close(taken);
        store_remove_files(path);
}

/* Step 1. Links, so that there is no moment without the one or the other. */
static int name_aside(const char *state_dir, const char *path, char **ret_aside, struct err *e)
{
        cleanup_free char *aside = xasprintf("%s.%lld.old", path, (long long)clock_unix());
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(store_suffixes); i++) {
                cleanup_free char *from = xasprintf("%s%s", path, store_suffixes[i]);
                cleanup_free char *to = xasprintf("%s%s", aside, store_suffixes[i]);
                if (link(from, to) == 0)
                        found = true;
                else if (errno != ENOENT)
                        return err_sys(e, errno, "Can't call %s %s as well", from, to);
        }
        *ret_aside = found ? take_ptr(aside) : NULL;
        return store_sync_dir(state_dir, e);
}

/* Steps 2 to 4. */
static int exchange(const char *state_dir, const char *path, struct err *e)
{
        cleanup_free char *whole = made(state_dir);
        store_remove_files(path);
        if (rename(whole, path))
                return err_sys(e, errno, "Can't rename %s to %s", whole, path);
        return store_sync_dir(state_dir, e);
}

int store_finish_rebuild(
        const char *state_dir, struct store *taken, char **ret_aside, struct err *e)
{
        cleanup_free char *path = store_path(state_dir), *half = being_made(state_dir);
        cleanup_free char *whole = made(state_dir), *log = xasprintf("%s-wal", half);
        cleanup_free char *aside = NULL;
        store_close(taken);
        /* Closing folds the log into the file. A log that is still there has something that isn't. */
        if (access(log, F_OK) == 0)
                return err_set(e, ERR_FAILED, "The new database %s can't be completed", half);
        if (rename(half, whole))
                return err_sys(e, errno, "Can't rename %s to %s", half, whole);
        if (store_sync_dir(state_dir, e) || name_aside(state_dir, path, &aside, e) ||
                exchange(state_dir, path, e))
                return -1;
        *ret_aside = take_ptr(aside);
        return 0;
}

int store_settle_rebuild(const char *state_dir, struct err *e)
{
        cleanup_free char *path = store_path(state_dir), *half = being_made(state_dir);
        cleanup_free char *whole = made(state_dir);
        store_remove_files(half);
        if (access(whole, F_OK))
                return 0;
        if (access(path, F_OK) && errno == ENOENT)
                return exchange(state_dir, path, e);
        store_remove_files(whole);
        return 0;
}
