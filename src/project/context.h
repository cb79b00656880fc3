/* SPDX-License-Identifier: MIT */
/*
 * The build context: a project's folder as a tar stream.
 *
 * Runs as the ordinary user and opens everything relative to the folder's descriptor. What
 * .dockerignore names stays out, and ignored folders are not even opened; Dockerfile and
 * .dockerignore always go along. Symbolic links stay links, everything belongs to root inside,
 * modification times are whole seconds. Devices, sockets and pipes are left out and counted.
 *
 * Only a build needs it, and libarchive brings a dozen libraries that cost every start: in ds01 it is
 * a module, ds01-pack.so, which cli/build.c opens.
 *
 * The whole tree is looked at before the first byte is written, so that a folder that is too large
 * or holds a file that can't be read is refused before a build begins.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct context_limits {
        uint64_t max_bytes; /* of the archive, headers included */
        size_t max_entries; /* files, folders and links */
};
#define CONTEXT_LIMITS_DEFAULT                                                                     \
        ((struct context_limits){ .max_bytes = UINT64_C(512) << 20, .max_entries = 100000 })

struct context_stats {
        uint64_t bytes;         /* of file content written */
        size_t entries;         /* written */
        size_t ignored;         /* left out by .dockerignore; a folder counts once */
        size_t skipped_special; /* devices, sockets, pipes */
};

/*
 * Writes the context of a project folder to out_fd (a pipe, socket or file), which stays open.
 * Fails with ERR_LIMIT and the largest folders if a limit is passed, with ERR_INVALID for a
 * malformed .dockerignore, with ERR_FAILED naming a file that can't be read, and with
 * ERR_INTERRUPTED when the reader has gone (no SIGPIPE is raised).
 */
int context_pack(int project_dirfd, int out_fd, const struct context_limits *limits,
        struct context_stats *ret, struct err *e);
/* Its type and name for who opens the module. */
typedef int context_pack_fn(int project_dirfd, int out_fd, const struct context_limits *limits,
        struct context_stats *ret, struct err *e);
#define CONTEXT_MODULE "ds01-pack.so"
#define CONTEXT_ENTRY "context_pack"
