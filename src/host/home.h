/* SPDX-License-Identifier: MIT */
/*
 * The home folders of containers: <base>/<key>, fresh for each container, its user's, gone with it.
 *
 * The base is root's and closed to everyone else: a home is reached only through a container, where
 * it is mounted like a workspace (mounts.h). What is in one is its user's work and hostile:
 * deleting follows no link, enters no other file system, and takes no more memory or descriptors
 * for a deep tree than for a flat one.
 */
#pragma once

#include "base/err.h"

#include <sys/types.h>

/*
 * Makes a home owned by uid:gid, 0700, with a .bashrc that sets the prompt of an interactive shell
 * ("user@NAME:folder$"; prompt_name NULL: the host's name) and a .profile that reads it. Makes the
 * base when it is missing. *ret_dirfd is the caller's. ERR_EXISTS if the key has a home.
 */
int home_create(const char *base, const char *key, uid_t uid, gid_t gid, const char *prompt_name,
        int *ret_dirfd, struct err *e);

/* Opens the folder that homes are made in, making it when it is missing. *ret_fd is the caller's. */
int home_open_base(const char *base, int *ret_fd, struct err *e);

/* Opens a home, for mounting. ERR_NOT_FOUND if the key has none. *ret_dirfd is the caller's. */
int home_open(const char *base, const char *key, int *ret_dirfd, struct err *e);

/* Puts a home out of the way at once, to be deleted by home_sweep(). None there is fine. */
int home_discard(const char *base, const char *key, struct err *e);

/* Discards a home and deletes it, which takes as long as it is large. None there is fine. */
int home_remove(const char *base, const char *key, struct err *e);

/* Deletes everything that was discarded and is still there. Tries all; fails if something stayed.
 */
int home_sweep(const char *base, struct err *e);
