/* SPDX-License-Identifier: MIT */
/*
 * The server: accepts connections, keeps them within limits, and gives each its own thread, in
 * which one request after the other is read, checked against the table, authorized and handled.
 *
 * What is counted, for each account by the uid that the kernel names:
 *   - a connection is a request connection from its accept() on, whether it is busy or idle;
 *   - with its first API_STREAM call (several replies, a descriptor, a wait for a shell) it becomes
 *     a stream connection until it ends, and counts as a request only while an ordinary call runs.
 * A connection too many is told io.ds01.Busy and closed. A call too many on a connection that stays
 * within the limits is told the same and the connection lives on: a shell may hang on it.
 *
 * Requests that break the protocol or don't fit the table are answered with an error, then the
 * connection is closed. Who may call what is the business of `authorize`.
 */
#pragma once

#include "base/err.h"
#include "rpc/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        RPC_REQUESTS_PER_UID = 16,
        RPC_STREAMS_PER_UID = 64,
        RPC_CONNECTIONS = 512,
        RPC_CONNECTIONS_RESERVED = 16, /* of those, kept for root and admins */
};

struct rpc_server_config {
        int listen_fd; /* taken, also if the start fails */
        /* 0 stands for the constants above. */
        size_t requests_per_uid, streams_per_uid, connections, connections_reserved;
        int progress_ms; /* 0: FRAME_PROGRESS_MS */
        /* May this caller call this method? Before each handler; on -1 the caller is told *e. */
        int (*authorize)(struct rpc_call *call, void *ctx, struct err *e);
        void (*handle)(struct rpc_call *call, void *ctx);
        /* Is this a peer that the reserved connections are for? Root always is. May be NULL. */
        bool (*privileged)(int conn_fd, const struct ucred *peer, void *ctx);
        void *ctx; /* borrowed until the server is freed */
};

struct rpc_server;

/*
 * Starts to serve. All callbacks come from threads of the server, several at once, with all
 * signals blocked. The process should allow for 17 descriptors per connection.
 */
int rpc_server_start(
        const struct rpc_server_config *config, struct rpc_server **ret, struct err *e);

/*
 * Stops accepting, ends the idle connections, makes rpc_call_stop_fd() readable, makes stream calls see
 * a hang-up of their caller, and waits at most
 * timeout_ms for calls to return. Returns the number of connections whose calls still run.
 */
size_t rpc_server_stop(struct rpc_server *s, int64_t timeout_ms);

/* Connections at this moment. */
size_t rpc_server_connections(struct rpc_server *s);

/*
 * Frees a stopped server. If calls still run, they keep it and end with the process: nothing that
 * they use, *ctx included, may go before. NULL does nothing.
 */
void rpc_server_free(struct rpc_server *s);
