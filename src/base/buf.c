/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_done(struct buf *b)
{
        free(b->data);
        *b = BUF_INIT(b->max);
}

static bool reserve(struct buf *b, size_t n)
{
        if (b->full || n > b->max || b->len > b->max - n) {
                b->full = true;
                return false;
        }
        if (b->len + n + 1 > b->cap) {
                size_t cap = b->cap ? b->cap * 2 : 256;
                while (cap < b->len + n + 1)
                        cap *= 2;
                b->data = xrealloc(b->data, cap, 1);
                b->cap = cap;
        }
        return true;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
        if (n == 0 || !reserve(b, n))
                return;
        memcpy(b->data + b->len, data, n);
        b->len += n;
        b->data[b->len] = '\0';
}

void buf_str_add(struct buf *b, const char *s)
{
        buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
        buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
        char small[512];
        va_list ap, again;
        va_start(ap, fmt);
        va_copy(again, ap);
        int n = vsnprintf(small, sizeof small, fmt, ap);
        if (n > 0 && (size_t)n < sizeof small) {
                buf_add(b, small, (size_t)n);
        } else if (n > 0 && reserve(b, (size_t)n)) {
                vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
                b->len += (size_t)n;
        }
        va_end(again);
        va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
        if (n == 0)
                return;
        b->len -= n;
        memmove(b->data, b->data + n, b->len + 1);
}

void buf_clear(struct buf *b)
{
        b->len = 0;
        b->full = false;
        if (b->data)
                b->data[0] = '\0';
}

const char *buf_str(const struct buf *b)
{
        return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
        char *s = b->data ? take_ptr(b->data) : xstrdup("");
        buf_done(b);
        return s;
}
