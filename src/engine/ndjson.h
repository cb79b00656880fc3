/* SPDX-License-Identifier: MIT */
/*
 * A stream of JSON objects, one a line, cut anywhere: what pulls, builds and events answer with.
 * Internal to the engine layer.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

/* Takes one object, borrowed. Fails with *e filled, which ends the feeding. */
typedef int ndjson_fn(void *ctx, const json_t *object, struct err *e);

struct ndjson {
        struct buf line;
        ndjson_fn *fn;
        void *ctx;
};
#define NDJSON_LINE_MAX (1024 * 1024)
#define NDJSON_INIT(fn_, ctx_) ((struct ndjson){ BUF_INIT(NDJSON_LINE_MAX), fn_, ctx_ })
#define cleanup_ndjson CLEANUP(ndjson_done)
void ndjson_done(struct ndjson *nd);

/* Decodes n more bytes. ERR_ENGINE for a line that is no object or too long, or fn's error. */
int ndjson_feed(struct ndjson *nd, const char *data, size_t n, struct err *e);

/* The same as an http_sink; ctx is the struct ndjson. */
int ndjson_sink(void *ctx, const char *data, size_t n, struct err *e);

/* To be called at the stream's end: decodes a last line without its end. */
int ndjson_end(struct ndjson *nd, struct err *e);
