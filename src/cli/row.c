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

struct row row_begin(const struct sheet *s)
{
        return (struct row){ .s = s, .text = BUF_INIT(LINE_MAX_BYTES) };
}

void row_done(struct row *r)
{
        buf_done(&r->text);
        free(r->spans);
}

/* Columns that are left. */
static size_t room(const struct row *r)
{
        return r->s->columns == 0 ? LINE_MAX_BYTES : r->s->columns - r->width;
}

/* Text that is safe already. */
static void add_safe(struct row *r, enum out_style style, const char *safe)
{
        size_t at = r->text.len;
        if (room(r) == 0 || !*safe)
                return;
        cleanup_free char *cut = str_cut_end(safe, room(r));
        buf_str_add(&r->text, cut);
        struct span *last = r->n_spans ? &r->spans[r->n_spans - 1] : NULL;
        if (last && last->style == style && last->at + last->len == at) {
                last->len += r->text.len - at;
        } else if (style != OUT_PLAIN) {
                r->spans = xrealloc(r->spans, r->n_spans + 1, sizeof *r->spans);
                r->spans[r->n_spans++] =
                        (struct span){ .style = style, .at = at, .len = r->text.len - at };
        }
        r->width += str_width(cut);
        /* Half of a wide character is not shown, and what follows would look as if it came next. */
        if (strcmp(cut, safe) != 0 && r->s->columns)
                r->width = r->s->columns;
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
        if (r->s->columns && column > r->s->columns)
                column = r->s->columns;
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

void row_spark(struct row *r, const signed char *percent, size_t n, size_t cells)
{
        static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
        static const char *const ascii[] = { "_", ".", "-", "~", "=", "+", "*", "#" };
        enum { LEVELS = ARRAY_LEN(blocks) };
        if (cells > room(r))
                cells = room(r);
        size_t end = r->width + cells;
        if (n < cells)
                row_pad(r, r->width + cells - n);
        for (size_t i = n < cells ? 0 : n - cells; i < n; i++) {
                size_t level = percent[i] < 0 ? 0 : (size_t)percent[i] * LEVELS / 101;
                if (percent[i] < 0)
                        row_pad(r, r->width + 1);
                else
                        add_safe(r, row_bar_style(percent[i]),
                                (row_utf8() ? blocks : ascii)[level < LEVELS ? level : LEVELS - 1]);
        }
        row_pad(r, end);
}

/* Blanks at the end are none of the line, styled or not. */
static void trim(struct row *r)
{
        while (r->text.len > 0 && r->text.data[r->text.len - 1] == ' ')
                r->text.data[--r->text.len] = '\0';
        while (r->n_spans > 0) {
                struct span *last = &r->spans[r->n_spans - 1];
                if (last->at < r->text.len) {
                        if (last->at + last->len > r->text.len)
                                last->len = r->text.len - last->at;
                        break;
                }
                r->n_spans--;
        }
}

static void print(const struct row *r)
{
        FILE *f = r->s->f;
        const char *text = buf_str(&r->text);
        size_t done = 0;
        for (size_t i = 0; i < r->n_spans; i++) {
                const struct span *s = &r->spans[i];
                const char *begin = out_style(f, s->style);
                fprintf(f, "%.*s%s%.*s%s", (int)(s->at - done), text + done, begin, (int)s->len,
                        text + s->at, *begin ? out_style(f, OUT_PLAIN) : "");
                done = s->at + s->len;
        }
        fprintf(f, "%s\n", text + done);
}

void row_end(struct row *r)
{
        trim(r);
        if (r->s->to)
                lines_take(r->s->to, (struct line){ .text = xstrdup(buf_str(&r->text)),
                                             .v = take_ptr(r->spans),
                                             .n = r->n_spans });
        else
                print(r);
        buf_clear(&r->text);
        r->n_spans = 0;
        r->width = 0;
}
