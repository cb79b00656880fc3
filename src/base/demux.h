/* SPDX-License-Identifier: MIT */
/*
 * The engine's stream of two outputs in one: frames of an 8-byte header (stream number, three zero
 * bytes, length as a big-endian 32-bit number) and that many bytes. Logs and execs without a
 * terminal speak it, so both the daemon and the CLI read it.
 *
 * Pure and incremental: input may be cut anywhere, nothing is kept but the header's own bytes, and
 * no length makes it allocate. Zero the struct to start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct demux {
        unsigned char head[8];
        size_t have;   /* bytes of the header that are in */
        uint32_t left; /* bytes of the frame still to come */
        bool bad;
};

/* Takes one piece of output. 0 to go on, a positive value to stop. */
typedef int demux_fn(const char *data, size_t n, bool is_stderr, void *ctx);

/*
 * Decodes n more bytes and calls fn for each piece of output in them. Returns 0; fn's own value if
 * it stopped (the rest of the bytes is dropped); or -1 if a header is not one, now and ever after.
 */
int demux_feed(struct demux *d, const char *data, size_t n, demux_fn *fn, void *ctx);

/* True between frames: a stream that ends elsewhere was cut short. */
bool demux_at_rest(const struct demux *d);
