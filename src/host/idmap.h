/* SPDX-License-Identifier: MIT */
/*
 * The one id map that every folder of a user is mounted with: ids 1 to 4294967294 are themselves
 * and 0 is nobody. Files of groups work as they do outside; nothing on disk can become root's, and
 * root's files can't be changed, whatever runs in the container.
 *
 * The kernel takes an id map in the form of a user namespace. ds01d makes it once, at start.
 */
#pragma once

#include "base/err.h"

/*
 * Makes the namespace and returns a descriptor that keeps it alive; the caller closes it. -1 on
 * failure. Needs root. Safe in a process with threads: no fork handlers run, and the short-lived
 * child makes system calls only.
 */
int idmap_userns_fd(struct err *e);
