/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer that is born with its maximum.
 *
 * Once an append would pass the maximum, the buffer is marked `full`, keeps what it had, and every
 * later append does nothing: callers check once, at the end. The bytes are always followed by a NUL
 * that is not counted. One owner, no locking.
 */
#pragma once

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
        char *data; /* NULL until the first append; buf_str() is never NULL */
        size_t len, cap, max;
        bool full;
};

#define BUF_INIT(maximum) ((struct buf){ .max = (maximum) })
#define cleanup_buf CLEANUP(buf_done)

void buf_done(struct buf *b);
/* Appends n bytes, a string, one byte, or formatted text. */
void buf_add(struct buf *b, const void *data, size_t n);
void buf_str_add(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);
/* Empties the buffer and clears `full`; the memory is kept. */
void buf_clear(struct buf *b);
/* The bytes as a string, borrowed until the next change. */
const char *buf_str(const struct buf *b);
/* Moves the bytes out as a string that the caller owns; the buffer is empty afterwards. */
char *buf_take(struct buf *b);
