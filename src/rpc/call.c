/* SPDX-License-Identifier: MIT */
#include "rpc/call.h"

#include "base/json.h"
#include "rpc/message.h"

#include <sys/socket.h>

/* Sends, and on failure makes this the connection's last message. */
static int send_message(
        struct rpc_call *call, const json_t *message, const int *fds, size_t n_fds, struct err *e)
{
        if (call->conn->closing)
                return err_set(e, ERR_FAILED, "The connection is closing");
        if (frame_write(&call->conn->frame, message, fds, n_fds, e) == 0)
                return 0;
        if (e->code != ERR_INVALID)
                call->conn->closing = true;
        return -1;
}

/* A request that is sent before the last one is answered gets no answer: the connection ends. */
static bool sent_too_early(const struct rpc_call *call)
{
        char c;
        return recv(call->conn_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static int final(struct rpc_call *call, json_t *message, const int *fds, size_t n_fds)
{
        cleanup_json json_t *owned = message;
        struct err e = ERR_INIT;
        if (call->answered)
                return -1;
        call->answered = true;
        bool early = sent_too_early(call);
        int r = send_message(call, owned, fds, n_fds, &e);
        if (r < 0 && e.code == ERR_INVALID) {
                /* It is too large: nothing was sent, so that there is room for an error. */
                err_set(&e, ERR_FAILED, "The answer to %s is larger than %d bytes",
                        call->method->name, FRAME_MAX);
                cleanup_json json_t *error = message_error_new(&e);
                r = send_message(call, error, NULL, 0, &e);
        }
        if (early)
                call->conn->closing = true;
        return r;
}

static int reply(struct rpc_call *call, json_t *params, const int *fds, size_t n_fds)
{
        struct err e = ERR_INIT;
        if (api_check_reply(call->method, params, &e) < 0) {
                json_decref(params);
                return rpc_fail(call, &e);
        }
        return final(call, message_reply_new(params, false), fds, n_fds);
}

int rpc_reply(struct rpc_call *call, json_t *params)
{
        return reply(call, params, NULL, 0);
}

int rpc_reply_fd(struct rpc_call *call, json_t *params, int fd)
{
        return reply(call, params, &fd, 1);
}

static int check_row(const struct rpc_call *call, const json_t *params, struct err *e)
{
        if (!params)
                return err_set(
                        e, ERR_FAILED, "A reply to %s could not be made", call->method->name);
        return api_check_reply(call->method, params, e);
}

int rpc_reply_more(struct rpc_call *call, json_t *params)
{
        struct err e = ERR_INIT;
        if (call->answered || !call->more || check_row(call, params, &e) < 0) {
                json_decref(params);
                if (e.code != ERR_NONE)
                        rpc_fail(call, &e);
                return -1;
        }
        cleanup_json json_t *message = message_reply_new(params, true);
        if (send_message(call, message, NULL, 0, &e) == 0)
                return 0;
        if (e.code == ERR_INVALID)
                rpc_fail(call, &e);
        return -1;
}

int rpc_fail(struct rpc_call *call, const struct err *e)
{
        return final(call, message_error_new(e), NULL, 0);
}

int rpc_answer(struct rpc_call *call, json_t *message)
{
        return final(call, message, NULL, 0);
}

int rpc_call_stop_fd(const struct rpc_call *call)
{
        return call->conn->stop_fd;
}

void *rpc_conn_data(const struct rpc_call *call)
{
        return call->conn->data;
}

void rpc_conn_set_data(struct rpc_call *call, void *data, void (*free_fn)(void *data))
{
        struct rpc_conn *c = call->conn;
        if (c->data && c->data != data && c->data_free)
                c->data_free(c->data);
        c->data = data;
        c->data_free = free_fn;
}
