/* SPDX-License-Identifier: MIT */
/*
 * The id maps that folders of users are mounted with, each in the form of a user namespace, which is how
 * the kernel takes one.
 *
 * The usual one: ids 1 to 4294967294 are themselves and 0 is nobody. Files of groups work as they do
 * outside; nothing on disk can become root's, and root's files can't be changed, whatever runs in the
 * container. ds01d makes it once, at start.
 *
 * That of a container with root inside: its user on disk is 0 inside, and 0 inside is its user on disk,
 * as with their own group; their other groups are themselves; everybody else is nobody, over whose files no
 * capability helps. It is made for each start and closed after it, because the mounts keep it: so it
 * always has the groups of that moment, and no cache has to be bounded.
 */
#pragma once

#include "base/err.h"

#include <sys/types.h>

/* Groups beyond this many are nobody inside: the kernel takes a map of one page. */
#define IDMAP_GROUPS_MAX 128

/*
 * Both make a namespace and return a descriptor that keeps it alive; the caller closes it. -1 on
 * failure. Need root. Safe in a process with threads: no fork handlers run, and the short-lived
 * child makes system calls only.
 */
int idmap_userns_fd(struct err *e);
/*
 * uid and gid are not 0. Of `groups` doubles and gid are passed over, and all below IDMAP_GROUP_MIN:
 * those are there for devices, and root inside may give its files to the groups of these numbers that
 * packages make.
 */
#define IDMAP_GROUP_MIN 1000
int idmap_root_fd(uid_t uid, gid_t gid, const gid_t *groups, size_t n, struct err *e);
