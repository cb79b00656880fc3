/* SPDX-License-Identifier: MIT */
/*
 * The engine's stream of two outputs in one. However it is cut, the same bytes come out of the same outputs, the
 * same header ends it, and it is at rest at the same places: those that a reading of the whole finds. A taker
 * that stops it gets its own answer back, and nothing more. The first byte gives the size of the pieces, the
 * second after how many the taker has enough.
 */
#include "base/demux.h"

#include "base/buf.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outputs {
        struct buf out, err;
        size_t takes, enough; /* 0: never enough */
        int r;
        bool at_rest;
};
#define OUTPUTS_INIT                                                                               \
        ((struct outputs){ .out = BUF_INIT(SIZE_MAX / 2), .err = BUF_INIT(SIZE_MAX / 2) })

static void outputs_done(struct outputs *o)
{
        buf_done(&o->out);
        buf_done(&o->err);
}

static int take(const char *data, size_t n, bool is_stderr, void *ctx)
{
        struct outputs *o = ctx;
        if (n == 0 || (o->enough && o->takes == o->enough))
                abort();
        buf_add(is_stderr ? &o->err : &o->out, data, n);
        o->takes++;
        return o->takes == o->enough ? 77 : 0;
}

static void feed(struct outputs *o, const char *data, size_t n, size_t piece)
{
        struct demux d = { 0 };
        for (size_t i = 0; i < n && o->r == 0; i += piece)
                o->r = demux_feed(&d, data + i, n - i < piece ? n - i : piece, take, o);
        o->at_rest = demux_at_rest(&d);
        if (o->r < 0 && demux_feed(&d, data, n, take, o) != -1 && n > 0)
                abort();
}

/* The whole at once: header, bytes, header, bytes. */
static void read_whole(struct outputs *o, const unsigned char *s, size_t n)
{
        size_t at = 0;
        while (n - at >= 8) {
                const unsigned char *h = s + at;
                size_t length =
                        ((size_t)h[4] << 24) + ((size_t)h[5] << 16) + ((size_t)h[6] << 8) + h[7];
                if (h[0] > 3 || h[1] || h[2] || h[3]) {
                        o->r = -1;
                        return;
                }
                at += 8;
                size_t there = length < n - at ? length : n - at;
                buf_add(h[0] == 0 || h[0] == 1 ? &o->out : &o->err, s + at, there);
                at += there;
                if (there < length)
                        return;
        }
        o->at_rest = at == n;
}

static bool equal(const struct buf *a, const struct buf *b)
{
        return a->len == b->len && memcmp(buf_str(a), buf_str(b), a->len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        if (n < 2)
                return 0;
        const char *stream = (const char *)data + 2;
        CLEANUP(outputs_done) struct outputs whole = OUTPUTS_INIT, cut = OUTPUTS_INIT;
        CLEANUP(outputs_done) struct outputs stopped = OUTPUTS_INIT;
        read_whole(&whole, data + 2, n - 2);
        feed(&cut, stream, n - 2, (size_t)data[0] + 1);
        if (cut.r != whole.r || cut.at_rest != whole.at_rest || !equal(&cut.out, &whole.out) ||
                !equal(&cut.err, &whole.err))
                abort();
        stopped.enough = (size_t)data[1] + 1;
        feed(&stopped, stream, n - 2, (size_t)data[0] + 1);
        if (stopped.r != (cut.takes >= stopped.enough ? 77 : cut.r))
                abort();
        return 0;
}
