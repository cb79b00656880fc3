/* SPDX-License-Identifier: MIT */
#include "cli/lines.h"

#include <string.h>

static void line_done(struct line *line)
{
        free(line->text);
        free(line->v);
}

void lines_cut(struct lines *l, size_t n)
{
        while (l->n > n)
                line_done(&l->v[--l->n]);
}

void lines_done(struct lines *l)
{
        lines_cut(l, 0);
        free(l->v);
        *l = (struct lines){ 0 };
}

void lines_take(struct lines *l, struct line line)
{
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        l->v[l->n++] = line;
}

/* Appends n bytes of a text, in ASCII. */
static void add_ascii(struct buf *to, const char *text, size_t from, size_t n)
{
        cleanup_free char *part = xstrndup(text + from, n);
        for (const char *p = part; *p;) {
                size_t len = 1;
                while (((unsigned char)p[len] & 0xc0) == 0x80)
                        len++;
                cleanup_free char *c = xstrndup(p, len);
                if ((unsigned char)*p < 0x80)
                        buf_putc(to, *p);
                else
                        buf_printf(to, "%.*s", (int)str_width(c), "??");
                p += len;
        }
}

static void to_ascii(struct line *line)
{
        cleanup_buf struct buf to = BUF_INIT(4 * strlen(line->text) + 1);
        size_t done = 0;
        for (size_t i = 0; i < line->n; i++) {
                struct span *s = &line->v[i];
                add_ascii(&to, line->text, done, s->at - done);
                done = s->at + s->len;
                size_t at = to.len;
                add_ascii(&to, line->text, s->at, s->len);
                *s = (struct span){ .style = s->style, .at = at, .len = to.len - at };
        }
        add_ascii(&to, line->text, done, strlen(line->text + done));
        str_replace(&line->text, buf_str(&to));
}

void lines_to_ascii(struct lines *l)
{
        for (size_t i = 0; i < l->n; i++)
                to_ascii(&l->v[i]);
}
