/* SPDX-License-Identifier: MIT */
/*
 * Users' folders on their way into containers.
 *
 * A folder comes as a descriptor that its user opened: the kernel has answered whether they may
 * reach it, and no path of theirs is ever looked up here. mounts_check_*() look at it without
 * touching what is in it; mounts_attach() clones it to <runtime>/<key>/<what> with nosuid, nodev
 * and the id map of idmap.h, where the engine binds it from. Mounts live from a container's start
 * to its stop; the key is the container's. What lies below the runtime folder is ours alone (mode
 * 0700, root).
 *
 * Only one thread works on a key at a time; different keys don't disturb each other.
 */
#pragma once

#include "host/mountinfo.h"
#include "host/peer.h"

#include <stdbool.h>
#include <sys/types.h>

struct mounts {
        char *path; /* of the runtime folder, without symlinks: as mountinfo will show it */
        int dir_fd;
        int userns_fd;
        bool map_required; /* see mounts_with_map() */
};
#define MOUNTS_INIT ((struct mounts){ .dir_fd = -1, .userns_fd = -1 })
#define cleanup_mounts CLEANUP(mounts_done)
void mounts_done(struct mounts *m);

/* Where a checked folder really is; the same folder gives the same dev and ino. */
struct mount_source {
        dev_t dev;
        ino_t ino;
        char fstype[32];
};

/*
 * Opens the runtime folder (such as /run/ds01/ws), making it 0700 and missing parents 0755, and
 * makes the id map. Refuses a folder that isn't root's or that others may enter. Left-over mounts
 * stay: see mounts_each_key().
 */
int mounts_open(const char *path, struct mounts *ret, struct err *e);

/*
 * The same runtime folder with another id map, and without mercy: what can't take that map is not
 * mounted at all. Borrows both; not to be ended.
 */
struct mounts mounts_with_map(const struct mounts *m, int userns_fd);

/*
 * A directory on a file system that can be handed to a container. ERR_DENIED for FUSE (its owner
 * decides what root sees, and when), for the kernel's own file systems, and for a mount that only
 * the caller's mount namespace has. dir_fd may be O_PATH. ret_source may be NULL.
 */
int mounts_check_dir(int dir_fd, struct mount_source *ret_source, struct err *e);

/*
 * As mounts_check_dir(), and: not the root folder, and the peer may write and search it by owner,
 * mode and ACL. The file system itself has the last word later, as the user, in the container.
 */
int mounts_check_workspace(
        int dir_fd, const struct peer *p, struct mount_source *ret_source, struct err *e);

/*
 * Mounts the folder at <runtime>/<key>/<what> and gives the path, which the caller owns. Something
 * mounted there before is detached first. *ret_mapped (may be NULL) is false where the file system
 * can't take an id map: nosuid and nodev hold all the same. Submounts below the folder don't come
 * along, and later ones don't appear in it.
 */
int mounts_attach(const struct mounts *m, int dir_fd, const char *key, const char *what,
        bool read_only, char **ret_path, bool *ret_mapped, struct err *e);

/*
 * Whether the file system of a folder takes the id map, by trying it on a clone that nobody ever sees.
 * Of *m only userns_fd counts.
 */
int mounts_try(const struct mounts *m, int dir_fd, bool *ret_mapped, struct err *e);

/*
 * Writes a small file of ours (such as a container's passwd, 0644) to <runtime>/<key>/<what>, to be
 * bound read-only. Gives the path, which the caller owns.
 */
int mounts_put_file(const struct mounts *m, const char *key, const char *what, const char *text,
        char **ret_path, struct err *e);

/*
 * Makes sure that a process (the engine; 0 is ourselves) sees the very mount that we see at `path`,
 * nosuid and nodev, and, if it must be, with an id map: a source that it doesn't see would start
 * silently on an empty folder. ERR_ENGINE if that process has ended.
 */
int mounts_visible(const char *path, pid_t engine_pid, bool mapped, struct err *e);

/* Detaches everything of a key and removes its folder. Nothing there is fine. */
int mounts_detach_all(const struct mounts *m, const char *key, struct err *e);

/* Calls fn once for each key that has a folder; fn may detach it. For cleaning up after a crash. */
int mounts_each_key(
        const struct mounts *m, void (*fn)(void *arg, const char *key), void *arg, struct err *e);
