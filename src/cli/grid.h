/* SPDX-License-Identifier: MIT */
/*
 * A table that fits: where a line is too wide, columns shrink down to what each needs at least, the
 * widest first; then whole columns are left out, those of the highest rank first. What is left over is
 * cut at the end of the line. Cells have styles, and may be bars or histories.
 */
#pragma once

#include "cli/row.h"

enum { GRID_COLUMNS_MAX = 14, GRID_GAP = 2 };

struct grid_column {
        const char *head;
        size_t least; /* columns of the terminal that it shrinks to; 0: it doesn't shrink */
        int rank;     /* 0: never left out; columns of higher ranks go first */
        bool right;   /* to the right, as numbers are */
        size_t bar;   /* of a column of bars or histories: its cells; else 0 */
        size_t grows; /* up to so many columns where there is room; 0: it doesn't */
};

struct grid_cell {
        char *text;         /* owned; NULL for a bar or a history */
        signed char *spark; /* owned; of a history: percents, the last one last */
        size_t n_spark;
        enum out_style style;
        int percent; /* of a bar; -1: unknown */
};

struct grid {
        const struct grid_column *columns; /* borrowed */
        size_t n_columns;
        struct grid_cell *cells; /* owned */
        size_t n_cells;
};
#define cleanup_grid CLEANUP(grid_done)
struct grid grid_begin(const struct grid_column *columns, size_t n);
void grid_done(struct grid *g);
/* Row by row. No text, or "", is shown as "-". */
void grid_add(struct grid *g, enum out_style style, const char *text);
void grid_addf(struct grid *g, enum out_style style, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void grid_bar(struct grid *g, int percent);
void grid_spark(struct grid *g, const signed char *percent, size_t n);

size_t grid_rows(const struct grid *g);
/* How wide each column gets within `max` columns (0: no end); 0: it is left out. */
void grid_fit(const struct grid *g, size_t max, size_t widths[GRID_COLUMNS_MAX]);
/* Shows the heads and the first n rows. */
void grid_show(const struct grid *g, const struct sheet *s, size_t n);
