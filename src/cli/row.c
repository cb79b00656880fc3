/* SPDX-License-Identifier: MIT */
#include "cli/row.h"

#include <langinfo.h>
#include <stdarg.h>
#include <string.h>

enum { LINE_MAX_BYTES = 16384 };

bool row_utf8(void)
{
        return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

const char *row_dot(void)
{
        return row_utf8() ? " · " : " - ";
}

size_t row_bar_full(int percent, size_t cells)
{
        if (percent <= 0)
                return 0;
        if (percent >= 100)
                return cells;
        size_t full = (size_t)percent * cells / 100;
        return full ? full : cells > 0;
}

enum out_style row_bar_style(int percent)
{
        return percent >= 90 ? OUT_RED : percent >= 50 ? OUT_YELLOW : OUT_GREEN;
}

struct row row_begin(FILE *f, size_t max)
{
        return (struct row){ .f = f, .max = max, .text = BUF_INIT(LINE_MAX_BYTES) };
}

void row_done(struct row *r)
{
        buf_done(&r->text);
}

/* Columns that are left. */
static size_t room(const struct row *r)
{
        return r->max == 0 ? LINE_MAX_BYTES : r->max - r->width;
}

/* Text that is safe already. */
static void add_safe(struct row *r, enum out_style style, const char *safe)
{
        const char *begin = style == OUT_PLAIN ? "" : out_style(r->f, style);
        if (room(r) == 0 || !*safe)
                return;
        cleanup_free char *cut = str_cut_end(safe, room(r));
        buf_printf(&r->text, "%s%s%s", begin, cut, *begin ? out_style(r->f, OUT_PLAIN) : "");
        r->width += str_width(cut);
        /* Half of a wide character is not shown, and what follows would look as if it came next. */
        if (strcmp(cut, safe) != 0 && r->max)
                r->width = r->max;
}

void row_add(struct row *r, enum out_style style, const char *text)
{
        cleanup_free char *safe = str_safe(str_or_empty(text));
        add_safe(r, style, safe);
}

void row_printf(struct row *r, enum out_style style, const char *fmt, ...)
{
        va_list ap;
        cleanup_free char *raw = NULL;
        va_start(ap, fmt);
        if (vasprintf(&raw, fmt, ap) < 0)
                abort();
        va_end(ap);
        row_add(r, style, raw);
}

void row_pad(struct row *r, size_t column)
{
        if (r->max && column > r->max)
                column = r->max;
        if (column > r->width) {
                buf_printf(&r->text, "%*s", (int)(column - r->width), "");
                r->width = column;
        }
}

void row_field(struct row *r, enum out_style style, const char *text, size_t width, bool right)
{
        cleanup_free char *safe = str_safe(str_or_empty(text));
        cleanup_free char *cut = str_cut_middle(safe, width < 3 ? 3 : width);
        size_t end = r->width + width, w = str_width(cut);
        if (right && w < width)
                row_pad(r, end - w);
        add_safe(r, style, cut);
        row_pad(r, end);
}

void row_bar(struct row *r, int percent, size_t cells)
{
        const char *on = row_utf8() ? "█" : "#", *off = row_utf8() ? "░" : "-";
        cleanup_buf struct buf full = BUF_INIT(LINE_MAX_BYTES), rest = BUF_INIT(LINE_MAX_BYTES);
        if (percent < 0) {
                row_pad(r, r->width + cells);
                return;
        }
        if (cells > room(r))
                cells = room(r);
        size_t n = row_bar_full(percent, cells);
        for (size_t i = 0; i < cells; i++)
                buf_str_add(i < n ? &full : &rest, i < n ? on : off);
        add_safe(r, row_bar_style(percent), buf_str(&full));
        add_safe(r, OUT_DIM, buf_str(&rest));
}

void row_end(struct row *r)
{
        while (r->text.len > 0 && r->text.data[r->text.len - 1] == ' ')
                r->text.data[--r->text.len] = '\0';
        fprintf(r->f, "%s\n", buf_str(&r->text));
        buf_clear(&r->text);
        r->width = 0;
}
