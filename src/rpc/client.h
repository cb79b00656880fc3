/* SPDX-License-Identifier: MIT */
/*
 * The client's side of a connection to ds01d: one call after the other.
 *
 * A daemon that isn't there, goes away or can't be understood is ERR_DAEMON; every other error is
 * the one that the daemon answered. After ERR_DAEMON, ERR_INTERRUPTED, or a stream that its
 * receiver ended, the connection is closed and every further call fails. One thread at a time.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

#define RPC_SOCKET_PATH "/run/ds01/ds01.sock"

struct rpc_client;

/*
 * Connects to the daemon. The socket, its folder and the process that listens must be root's:
 * nobody else may pose as the daemon. The result is the caller's (rpc_client_free).
 */
int rpc_connect(const char *path, struct rpc_client **ret, struct err *e);
void rpc_client_free(struct rpc_client *c); /* NULL does nothing */

/* The connection, to be polled for a hang-up only (POLLRDHUP); borrowed. -1 once it is closed. */
int rpc_client_fd(const struct rpc_client *c);

/*
 * While a call waits for its next reply, fd (borrowed; -1: none) becoming readable ends it with
 * ERR_INTERRUPTED.
 */
void rpc_client_set_interrupt_fd(struct rpc_client *c, int fd);

/*
 * One request, one reply. Takes params (NULL: none). The descriptors stay the caller's. *ret (may
 * be NULL) is the caller's. ret_fd is NULL where no descriptor is expected; else it is the
 * caller's, and a reply without one is an error.
 */
int rpc_call(struct rpc_client *c, const char *method, json_t *params, const int *fds, size_t n_fds,
        json_t **ret, int *ret_fd, struct err *e);

/* What receives a stream; the reply is borrowed. Anything but 0 ends the stream. */
typedef int rpc_stream_fn(const json_t *reply, void *ctx);

/*
 * One request, any number of replies: each goes to fn, the last too unless it is empty. Returns 0
 * at the end of the stream, 1 if fn ended it, -1.
 */
int rpc_stream(struct rpc_client *c, const char *method, json_t *params, const int *fds,
        size_t n_fds, rpc_stream_fn *fn, void *ctx, struct err *e);

/*
 * The same, but takes the descriptors: they are closed, and set to -1, as soon as the request is
 * sent or has failed. So the end of a pipe is ours no longer while the stream runs.
 */
int rpc_stream_take(struct rpc_client *c, const char *method, json_t *params, int *fds,
        size_t n_fds, rpc_stream_fn *fn, void *ctx, struct err *e);
