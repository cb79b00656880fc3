/* SPDX-License-Identifier: MIT */
/*
 * Frames: JSON objects that each end with a NUL, on a unix stream socket, in Varlink's form.
 *
 * Descriptors ride on a frame's first byte. Nothing here knows what a frame means. What arrives is
 * capped in size, depth, number of descriptors and time before anything is made of it; after a
 * failure every descriptor that had come is closed, and the connection is of no further use. One
 * thread at a time.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        FRAME_MAX = 64 << 10, /* bytes of JSON, the NUL not counted */
        FRAME_DEPTH_MAX = 8,
        FRAME_FDS_MAX = 16,
        FRAME_PROGRESS_MS = 10 * 1000, /* for a whole frame to arrive; for a write to get on */
};

struct frame_conn {
        int fd;         /* owned */
        int wake_fd;    /* borrowed or -1: readable = stop waiting for a frame to begin */
        bool pipelined; /* further frames may follow before the first is answered */
        bool woken;     /* the last frame_read() returned 0 because of wake_fd */
        int progress_ms;
        struct buf in;
        int fds[FRAME_FDS_MAX]; /* came with the frame in `in` */
        size_t n_fds;
};

/*
 * Takes the socket. pipelined is true at a client, whose stream of replies comes unasked, and false
 * at a server, where bytes after a request and before its reply are a protocol error.
 */
void frame_init(struct frame_conn *c, int fd, bool pipelined);
/* Closes the socket and what came with an unfinished frame. */
void frame_done(struct frame_conn *c);

/*
 * Reads a frame. Waits for its first byte until deadline_first (clock_mono_ms() time, -1 for ever),
 * then FRAME_PROGRESS_MS for the rest. Returns
 *    1  a frame: *ret is the caller's (json_decref), fds[0 .. *ret_nfds) are the caller's (close);
 *    0  the peer closed its end between two frames, or wake_fd became readable;
 *   -1  ERR_INVALID: the peer broke the protocol (an answer may still be sent, then close);
 *       ERR_BUSY: deadline_first passed; ERR_FAILED: the connection is gone.
 */
int frame_read(struct frame_conn *c, int64_t deadline_first, json_t **ret, int fds[FRAME_FDS_MAX],
        size_t *ret_nfds, struct err *e);

/*
 * Writes a frame with at most FRAME_FDS_MAX descriptors, which stay the caller's. Waits for a slow
 * reader as long as it gets on at least every FRAME_PROGRESS_MS. ERR_INVALID: larger than
 * FRAME_MAX, nothing was sent; ERR_FAILED: the connection is gone or stuck.
 */
int frame_write(
        struct frame_conn *c, const json_t *frame, const int *fds, size_t n_fds, struct err *e);
