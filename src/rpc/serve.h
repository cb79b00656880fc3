/* SPDX-License-Identifier: MIT */
/*
 * One request on one connection: read, check, authorize, handle, answer. Called by the server in
 * the connection's thread; knows no other connection.
 */
#pragma once

#include "rpc/call.h"

struct serve_ops {
        /* Counts the call; -1: it is told *e (io.ds01.Busy). leave() follows one that was let in.
         */
        int (*enter)(struct rpc_conn *c, const struct api_method *m, struct err *e);
        void (*leave)(struct rpc_conn *c);
        int (*authorize)(struct rpc_call *call, void *ctx, struct err *e);
        void (*handle)(struct rpc_call *call, void *ctx);
        void *ctx;
};

/*
 * Waits for a request and sees it through. Returns 1 if the next may come, 0 if the connection is
 * to be closed: its end, a broken protocol, or the server's stop.
 */
int serve_next(struct rpc_conn *c, const struct serve_ops *ops);
