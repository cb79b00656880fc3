/* SPDX-License-Identifier: MIT */
/*
 * HTTP to the engine's socket: one request, one answer. The only user of libcurl.
 *
 * Owns a small pool of idle connections. Any thread may call; each call has a connection to itself.
 * Knows nothing of the engine's API: statuses and bodies are the caller's to judge. Internal to the
 * engine layer.
 */
#pragma once

#include "base/buf.h"
#include "engine/wait.h"

#include <stddef.h>
#include <sys/types.h>

struct http;

/* What a request body is read from, piece by piece. */
struct engine_source {
        /*
         * Up to n bytes; 0 at the end; -1 with errno. EAGAIN: wait until `fd` is readable, then ask
         * again. Any other errno ends the call with an error. Must not block.
         */
        ssize_t (*read)(void *ctx, char *buf, size_t n);
        void *ctx;
        int fd; /* -1 if read() never says EAGAIN */
};

/*
 * Takes a piece of the body of a good answer (status below 400), as it arrives. The first call
 * comes with n = 0 once the answer's head is in. Fails with *e filled, which ends the call with
 * that error.
 */
typedef int http_sink(void *ctx, const char *data, size_t n, struct err *e);

struct http_request {
        const char *method;
        const char *target;           /* "/v1.41/info?x=y", percent-encoded */
        const char *what;             /* for errors: "start container x" */
        const char *json;             /* body, or NULL */
        struct engine_source *source; /* body sent in chunks, as application/x-tar, or NULL */
        http_sink *sink;              /* NULL: the body is gathered in the reply */
        void *ctx;
        const char *want_header; /* a header to keep, or NULL */
};

struct http_reply {
        int status; /* 0 until an answer's head is in */
        struct buf
                body; /* born by the caller with its maximum; error answers are gathered here too */
        char *header; /* value of want_header; owned; NULL if absent */
};
void http_reply_done(struct http_reply *r);
#define cleanup_http_reply CLEANUP(http_reply_done)

/* A client of the socket; connects when first asked. The caller frees it when no call is running.
 */
struct http *http_new(const char *socket_path);
void http_free(struct http *h);
const char *http_socket(const struct http *h);

/*
 * Sends the request and takes the whole answer, whatever its status. Fails with ERR_ENGINE (no
 * connection, an answer cut short, larger than its maximum or not HTTP), ERR_INTERRUPTED, ERR_BUSY,
 * or the error of the sink or source. Nothing is sent if the limits are passed at the start.
 */
int http_call(struct http *h, const struct engine_wait *limits, const struct http_request *req,
        struct http_reply *reply, struct err *e);

/* Fills *e with ERR_ENGINE for a socket that nobody answers on, and how to start the engine. */
int http_unreachable(const char *socket_path, int errnum, struct err *e);
