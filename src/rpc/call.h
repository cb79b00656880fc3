/* SPDX-License-Identifier: MIT */
/*
 * A request as its handler sees it, and the ways to answer.
 *
 * A handler runs in its connection's own thread and may block. It answers with any number of
 * rpc_reply_more() where the caller asked for more, then exactly one of rpc_reply(), rpc_reply_fd()
 * or rpc_fail(); if it returns without, the server answers for it with io.ds01.Failed. A handler
 * that waits polls conn_fd for POLLRDHUP (the caller went away) and rpc_call_stop_fd() (we are
 * stopping). It never reads or writes conn_fd.
 */
#pragma once

#include "base/err.h"
#include "rpc/api.h"
#include "rpc/frame.h"

#include <stdbool.h>
#include <sys/socket.h>

/* The connection behind a request. The server's; handlers use the functions below. */
struct rpc_conn {
        struct frame_conn frame;
        struct ucred peer; /* as the kernel saw it at connect() */
        int stop_fd;       /* borrowed */
        bool closing;      /* no further request will be read */
        void *data;
        void (*data_free)(void *data);
};

struct rpc_call {
        const struct api_method *method;
        const json_t *params;   /* an object; checked against the table */
        int fds[FRAME_FDS_MAX]; /* closed after the call; take_fd() what is to be kept */
        size_t n_fds;
        bool more;
        bool answered; /* the final answer has been given */
        struct ucred peer;
        int conn_fd;
        struct rpc_conn *conn;
};

/*
 * The final answer; params (NULL: none) are taken, whatever happens. With rpc_reply_fd() a
 * descriptor goes along, which stays ours to close. 0, or -1 if the caller is gone or has its
 * answer already. A reply that is not as the table has it, or that is too large, becomes an
 * io.ds01.Failed.
 */
int rpc_reply(struct rpc_call *call, json_t *params);
int rpc_reply_fd(struct rpc_call *call, json_t *params, int fd);
/*
 * An answer that others follow, for API_MORE methods. Params are taken; NULL is our own mistake and
 * ends in io.ds01.Failed. -1: stop, there is nobody to answer any more.
 */
int rpc_reply_more(struct rpc_call *call, json_t *params);
/* The final answer where it failed. */
int rpc_fail(struct rpc_call *call, const struct err *e);
/* The final answer as a finished message, which is taken: for the server's own errors. */
int rpc_answer(struct rpc_call *call, json_t *message);

/* Becomes readable, and stays so, when the server is told to stop. Borrowed. */
int rpc_call_stop_fd(const struct rpc_call *call);

/*
 * What a handler keeps with the connection, such as the sessions that end with it. Setting frees
 * other data that was there; `free_fn` is called in the connection's thread when the connection
 * ends.
 */
void *rpc_conn_data(const struct rpc_call *call);
void rpc_conn_set_data(struct rpc_call *call, void *data, void (*free_fn)(void *data));
