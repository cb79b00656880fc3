/* SPDX-License-Identifier: MIT */
/*
 * One line of a page: pieces of text, each in a style, that together never get wider than told.
 *
 * Text is made safe (base/str.h) when it is added; what doesn't fit is cut at its end, and a bar gives
 * way to nothing. Bars are drawn with block characters where the locale is UTF-8, else in ASCII.
 */
#pragma once

#include "cli/lines.h"

/* Where lines are shown. */
struct sheet {
        FILE *f;          /* borrowed: they are printed, in its colours */
        struct lines *to; /* borrowed; if not NULL, they are kept there instead */
        size_t columns;   /* 0: as wide as it gets */
        size_t lines;     /* of a page */
        size_t indent;    /* blanks before the rows of a table */
};

struct row {
        const struct sheet *s; /* borrowed */
        size_t width;          /* columns that are used */
        struct buf text;
        struct span *spans;
        size_t n_spans;
};
#define cleanup_row CLEANUP(row_done)
struct row row_begin(const struct sheet *s);
void row_done(struct row *r);
/* Adds text; nothing more fits once it was cut. */
void row_add(struct row *r, enum out_style style, const char *text);
void row_printf(struct row *r, enum out_style style, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* Blanks up to a column, counted from 0; none if the line is there already. */
void row_pad(struct row *r, size_t column);
/* Text in a field of that many columns, its middle cut if it is wider; to the right of it if told. */
void row_field(struct row *r, enum out_style style, const char *text, size_t width, bool right);
/* A bar of that many cells, and how full it is; percent < 0 is unknown: blanks. */
void row_bar(struct row *r, int percent, size_t cells);
/*
 * The last `cells` of n percents, a character each, as high as it was; a blank for what is unknown (< 0)
 * or was before the first.
 */
void row_spark(struct row *r, const signed char *percent, size_t n, size_t cells);
/* Prints or keeps the line without blanks at its end, and begins anew. */
void row_end(struct row *r);

/* How many of `cells` are full: 0 only for nothing, all only for 100. */
size_t row_bar_full(int percent, size_t cells);
/* Red from 90 %, yellow from 50 %, else green: as in the dashboard that people know. */
enum out_style row_bar_style(int percent);
/* Does the locale show UTF-8? */
bool row_utf8(void);
/* " · ", or " - " where the locale can't show it. */
const char *row_dot(void);
