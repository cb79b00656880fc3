/* SPDX-License-Identifier: MIT */
/* Descriptors: whole reads and writes, waiting with a deadline, files. Descriptors are born close-on-exec. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes all n bytes to a blocking or non-blocking descriptor, waiting at most until deadline
 * (clock_mono_ms() time, -1 for none) whenever it would block. 0, or -1 with errno (ETIMEDOUT).
 * Never raises SIGPIPE on a socket.
 */
int fd_write_all(int fd, const void *data, size_t n, int64_t deadline);

/*
 * Waits until `fd` is readable. Returns 1 (readable or hung up), 0 (deadline passed), -1 (errno).
 */
int fd_wait_readable(int fd, int64_t deadline);

/* True if the peer of a stream socket has closed its end (looks, takes nothing). */
bool fd_hung_up(int fd);

int fd_set_nonblock(int fd, bool on); /* 0 or -1 with errno */

/*
 * Reads a whole file (opened relative to dir_fd, AT_FDCWD for the working directory) of at most max
 * bytes into an owned, NUL-terminated string. A missing file, a larger one, or a read error fails;
 * errno tells ENOENT and EFBIG apart.
 */
int fd_read_file(
        int dir_fd, const char *path, size_t max, char **ret_text, size_t *ret_len, struct err *e);

/*
 * Replaces a file as a whole: writes a temporary file beside it, fsyncs, renames. An interrupted
 * call leaves the old content. `mode` is the new file's mode.
 */
int fd_replace_file(
        int dir_fd, const char *path, const void *data, size_t n, mode_t mode, struct err *e);

/* mkdir -p with the given mode for what is missing. 0, or -1 with errno. */
int fd_mkdir_all(const char *path, mode_t mode);
