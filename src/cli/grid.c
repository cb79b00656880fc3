/* SPDX-License-Identifier: MIT */
#include "cli/grid.h"

#include <stdarg.h>
#include <string.h>

struct grid grid_begin(const struct grid_column *columns, size_t n)
{
        return (struct grid){ .columns = columns, .n_columns = n };
}

void grid_done(struct grid *g)
{
        for (size_t i = 0; i < g->n_cells; i++) {
                free(g->cells[i].text);
                free(g->cells[i].spark);
        }
        free(g->cells);
}

static void add(struct grid *g, struct grid_cell cell)
{
        g->cells = xrealloc(g->cells, g->n_cells + 1, sizeof *g->cells);
        g->cells[g->n_cells++] = cell;
}

void grid_add(struct grid *g, enum out_style style, const char *text)
{
        add(g, (struct grid_cell){ .text = str_safe(text && *text ? text : "-"), .style = style });
}

void grid_addf(struct grid *g, enum out_style style, const char *fmt, ...)
{
        va_list ap;
        cleanup_free char *raw = NULL;
        va_start(ap, fmt);
        if (vasprintf(&raw, fmt, ap) < 0)
                abort();
        va_end(ap);
        grid_add(g, style, raw);
}

void grid_bar(struct grid *g, int percent)
{
        add(g, (struct grid_cell){ .percent = percent });
}

void grid_spark(struct grid *g, const signed char *percent, size_t n)
{
        signed char *copy = xcalloc(n ? n : 1, sizeof *copy);
        if (n)
                memcpy(copy, percent, n * sizeof *copy);
        add(g, (struct grid_cell){ .spark = copy, .n_spark = n });
}

size_t grid_rows(const struct grid *g)
{
        return g->n_cells / g->n_columns;
}

static size_t total(const struct grid *g, const size_t *widths)
{
        size_t sum = 0;
        for (size_t i = 0; i < g->n_columns; i++)
                if (widths[i])
                        sum += widths[i] + (sum ? GRID_GAP : 0);
        return sum;
}

/* One column less for the widest that may shrink. False if none may. */
static bool shrink(const struct grid *g, size_t *widths)
{
        size_t *widest = NULL;
        for (size_t i = 0; i < g->n_columns; i++)
                if (g->columns[i].least && widths[i] > g->columns[i].least &&
                        (!widest || widths[i] > *widest))
                        widest = &widths[i];
        if (widest)
                (*widest)--;
        return widest != NULL;
}

static bool leave_out(const struct grid *g, size_t *widths)
{
        size_t last = g->n_columns;
        for (size_t i = 0; i < g->n_columns; i++)
                if (widths[i] && g->columns[i].rank > 0 &&
                        (last == g->n_columns || g->columns[i].rank > g->columns[last].rank))
                        last = i;
        if (last == g->n_columns)
                return false;
        widths[last] = 0;
        return true;
}

static void natural(const struct grid *g, size_t *widths)
{
        for (size_t i = 0; i < g->n_columns; i++)
                if (widths[i] || g->columns[i].rank == 0) {
                        size_t w = g->columns[i].bar ? g->columns[i].bar
                                                     : str_width(g->columns[i].head);
                        widths[i] = w ? w : 1; /* 0 would say that it is left out */
                }
        for (size_t i = 0; i < g->n_cells; i++) {
                size_t *width = &widths[i % g->n_columns];
                size_t w = g->cells[i].text ? str_width(g->cells[i].text) : 0;
                if (*width && w > *width)
                        *width = w;
        }
}

/* What is left over goes to the columns that like it. */
static void grow(const struct grid *g, size_t max, size_t *widths)
{
        for (size_t i = 0; i < g->n_columns; i++) {
                size_t used = total(g, widths), left = max > used ? max - used : 0;
                size_t most = g->columns[i].grows;
                if (widths[i] && most > widths[i])
                        widths[i] += left < most - widths[i] ? left : most - widths[i];
        }
}

void grid_fit(const struct grid *g, size_t max, size_t widths[GRID_COLUMNS_MAX])
{
        for (size_t i = 0; i < g->n_columns; i++)
                widths[i] = 1;
        for (;;) {
                natural(g, widths);
                while (max && total(g, widths) > max && shrink(g, widths))
                        continue;
                /* With a column less, the others may be as wide as they like again. */
                if (!max || total(g, widths) <= max || !leave_out(g, widths))
                        break;
        }
        grow(g, max, widths);
}

static void print_cell(const struct grid *g, struct row *r, size_t i, size_t width)
{
        const struct grid_column *column = &g->columns[i % g->n_columns];
        const struct grid_cell *cell = &g->cells[i];
        if (cell->text)
                row_field(r, cell->style, cell->text, width, column->right);
        else if (cell->spark)
                row_spark(r, cell->spark, cell->n_spark, width);
        else
                row_bar(r, cell->percent, width);
}

void grid_show(const struct grid *g, const struct sheet *s, size_t n)
{
        size_t widths[GRID_COLUMNS_MAX];
        cleanup_row struct row r = row_begin(s);
        grid_fit(g, s->columns > s->indent ? s->columns - s->indent : s->columns, widths);
        row_pad(&r, s->indent);
        for (size_t i = 0; i < g->n_columns; i++)
                if (widths[i]) {
                        row_field(&r, OUT_DIM, g->columns[i].head, widths[i], g->columns[i].right);
                        row_pad(&r, r.width + GRID_GAP);
                }
        row_end(&r);
        for (size_t k = 0; k < n && k < grid_rows(g); k++) {
                row_pad(&r, s->indent);
                for (size_t i = 0; i < g->n_columns; i++)
                        if (widths[i]) {
                                print_cell(g, &r, k * g->n_columns + i, widths[i]);
                                row_pad(&r, r.width + GRID_GAP);
                        }
                row_end(&r);
        }
}
