/* SPDX-License-Identifier: MIT */
/*
 * One call of the engine's API: the path under the agreed version, the JSON both ways, and the
 * engine's refusals as errors. Internal to the engine layer; every typed call is made of one.
 */
#pragma once

#include "base/json.h"
#include "engine/engine.h"
#include "engine/http.h"

#include <pthread.h>

enum {
        CALL_JSON_DEPTH = 64,
        CALL_ANSWER_MAX = 8 * 1024 * 1024,
        CALL_PATH_MAX = 64 * 1024,
};

#define ENGINE_API_MIN 41 /* of API 1.x: what Debian 12's dockerd speaks */
#define ENGINE_API_MAX 44 /* the oldest that the newest dockerd still takes */

struct engine {
        struct http *http;
        pthread_mutex_t lock; /* api */
        int api;              /* minor number agreed on, 0 unknown */
        engine_told *told;    /* or NULL */
        void *told_ctx;
};

struct call {
        const char *method;
        char what[192]; /* infinitive for errors: "start container x" */
        struct buf path;
        bool bad_path;
        const char *json; /* body, or NULL */
        struct engine_source *source;
        http_sink *sink;
        void *ctx;
        const char *want_header;
        enum err_code on_404, on_409; /* ERR_FAILED unless set */
        struct http_reply reply;      /* after the call; reply.status 0 if no answer came */
        char message[512];            /* the engine's reason, cleaned; empty unless it refused */
};
#define cleanup_call CLEANUP(call_done)

/* A call with an empty path. `what_fmt` is the infinitive for errors. Ends with call_done(). */
struct call call_new(const char *method, const char *what_fmt, ...)
        __attribute__((format(printf, 2, 3)));
void call_done(struct call *c);

/* Appends literal text ("/containers/"), one name as a path segment, or an image reference. */
void call_path(struct call *c, const char *literal);
void call_name(struct call *c, const char *name);
void call_reference(struct call *c, const char *reference);
/* Appends ?key=value or &key=value, the value percent-encoded; a NULL value is left out. */
void call_query(struct call *c, const char *key, const char *value);
void call_query_int(struct call *c, const char *key, int64_t value);
void call_query_json(struct call *c, const char *key, const json_t *value);
/* Appends filters={"label":["<label>"]}, with "type":["<type>"] if that is not NULL. */
void call_query_filters(struct call *c, const char *label, const char *type);

/*
 * Runs it. 0 for a 2xx or 304 answer, which is in c->reply unless a sink took it; -1 otherwise,
 * with the code that on_404 and on_409 name, and c->reply.status and c->message for a closer look.
 */
int call_run(struct engine *en, const struct engine_wait *w, struct call *c, struct err *e);

/* As call_run(), and parses the answer, which the caller owns; one that is no JSON is ERR_ENGINE.
 */
int call_run_json(struct engine *en, const struct engine_wait *w, struct call *c, json_t **ret,
        struct err *e);

/* Fills *e with ERR_ENGINE, for an answer that is JSON but lacks what every such answer has. */
int call_nonsense(const struct call *c, struct err *e);

/* The API version both sides speak, as the minor number of 1.x; asks the engine once. */
int call_api(struct engine *en, const struct engine_wait *w, int *ret_minor, struct err *e);

/* The "message" of an error body as one clean line in out; empty if there is none. */
void call_message(const char *body, size_t n, char *out, size_t size);

/* Copies src to a fixed array, cutting what does not fit; NULL copies "". */
void call_copy(char *dst, size_t size, const char *src);
