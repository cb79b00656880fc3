/* SPDX-License-Identifier: MIT */
#include "tui/layout.h"

#include "cli/moment.h"

#include <string.h>

/* ---- the top: whose machine, when, and what is wrong ---- */

static void add_head(const struct model *m, const struct sheet *s)
{
        cleanup_row struct row r = row_begin(s);
        char clock[MOMENT_LEN];
        if (!m->trouble && m->any) {
                if (m->parts & BOARD_GPU && m->parts & BOARD_SYSTEM)
                        board_head(&m->board, s);
                return;
        }
        row_add(&r, m->trouble ? OUT_RED : OUT_DIM, m->trouble ? m->trouble : "Reading ...");
        moment_clock(m->board.now, m->board.now, clock);
        if (m->any)
                row_printf(&r, OUT_PLAIN, "%slast read at %s", row_dot(), clock);
        row_end(&r);
}

static void add_driver_trouble(const struct model *m, const struct sheet *s)
{
        cleanup_free char *text = m->parts & BOARD_GPU ? board_gpu_trouble(&m->board) : NULL;
        cleanup_row struct row r = row_begin(s);
        row_add(&r, OUT_RED, text);
        if (text)
                row_end(&r);
}

/* ---- the bottom: a question, what was done, help, or the keys ---- */

struct help {
        const char *key, *does;
};

static void add_word(struct row *r, const struct sheet *s, const char *key, const char *does)
{
        enum { GAP = 2 };
        size_t width = str_width(key) + 1 + str_width(does);
        if (r->width > 0 && r->width + GAP + width > s->columns)
                row_end(r);
        if (r->width > 0)
                row_pad(r, r->width + GAP);
        row_add(r, OUT_BOLD, key);
        row_printf(r, OUT_PLAIN, " %s", does);
}

static void add_help(const struct model *m, const struct sheet *s)
{
        cleanup_free char *sort = xasprintf("sort GPUs by %s, not by %s",
                model_sort_word((m->sort + 1) % SORT_COUNT), model_sort_word(m->sort));
        const struct help help[] = {
                { "q", "quit" },
                { "arrows j k Home End", "select a container" },
                { "a Enter", "open a shell in it" },
                { "r", "retire it" },
                { "s", sort },
                { "Ctrl-L", "draw anew" },
                { "?", "close this" },
        };
        cleanup_row struct row r = row_begin(s);
        for (size_t i = 0; i < ARRAY_LEN(help); i++)
                add_word(&r, s, help[i].key, help[i].does);
        row_end(&r);
}

/* One line, the most important keys first: what doesn't fit is left to "?". */
static void add_keys(const struct model *m, const struct sheet *s)
{
        cleanup_free char *sort = xasprintf("sort (%s)", model_sort_word(m->sort));
        const struct help keys[] = {
                { "q", "quit" },
                { "?", "help" },
                { "s", m->parts & BOARD_GPU ? sort : NULL },
                { "a", m->parts & BOARD_CONTAINERS ? "attach" : NULL },
                { "r", m->parts & BOARD_CONTAINERS ? "retire" : NULL },
                { "j k", m->parts & BOARD_CONTAINERS ? "select" : NULL },
        };
        cleanup_row struct row r = row_begin(s);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (keys[i].does &&
                        r.width + 4 + strlen(keys[i].does) + strlen(keys[i].key) <= s->columns)
                        add_word(&r, s, keys[i].key, keys[i].does);
        row_end(&r);
}

static void add_message(const struct model *m, const struct sheet *s)
{
        for (const char *p = m->message; *p;) {
                size_t n = strcspn(p, "\n");
                cleanup_row struct row r = row_begin(s);
                row_printf(&r, OUT_BOLD, "%.*s", (int)n, p);
                row_end(&r);
                p += n + (p[n] == '\n');
        }
}

static void add_question(const struct model *m, const struct sheet *s)
{
        const json_t *chosen = model_selected(m);
        cleanup_row struct row r = row_begin(s);
        row_printf(&r, OUT_BOLD, "Retire %s (%s)? [y/N]", str_or_empty(json_str(chosen, "name")),
                str_or_empty(json_str(chosen, "state")));
        row_add(&r, OUT_PLAIN, " Files in /workspace are kept.");
        row_end(&r);
}

static void add_bottom(const struct model *m, const struct sheet *s)
{
        if (m->asks)
                add_question(m, s);
        else if (m->message)
                add_message(m, s);
        else if (m->help)
                add_help(m, s);
        else
                add_keys(m, s);
}

/* ---- the middle ---- */

/* A window of the containers that has the selected one in it; what is outside is counted. */
static void add_containers(const struct model *m, const struct sheet *s, size_t lines)
{
        size_t n = json_array_size(m->board.containers), shown = n <= lines ? n
                                                                 : lines    ? lines - 1
                                                                            : 0;
        size_t from = m->at < shown ? 0 : shown ? m->at - shown + 1 : 0;
        struct sheet table = *s;
        struct board window = m->board;
        size_t begin = s->to->n;
        window.containers = json_array();
        for (size_t i = from; i < from + shown; i++)
                json_array_append(window.containers, json_array_get(m->board.containers, i));
        table.indent = 2;
        /* An empty window would be told as having none. */
        if (n == 0 || shown > 0)
                board_list(n == 0 ? &m->board : &window, &table, BOARD_CONTAINERS, shown);
        json_decref(window.containers);
        if (shown > 0) {
                struct line *chosen = &s->to->v[begin + 1 + m->at - from];
                chosen->text[0] = '>';
                chosen->chosen = true;
        }
        if (shown < n && (lines > 0 || shown == 0)) {
                cleanup_row struct row r = row_begin(s);
                row_printf(&r, OUT_DIM, "  %zu of %zu shown", shown, n);
                row_end(&r);
        }
}

/* The lists of a page, the most important one first. */
static const enum board_part lists[] = { BOARD_GPU, BOARD_CONTAINERS, BOARD_QUEUE };
enum { N_LISTS = ARRAY_LEN(lists), MACHINE_LINES = 3 };

/* How a page gets on with less and less room; the machine stands behind the GPUs. */
static const struct plan {
        bool blanks, machine;
        size_t n_lists;
} plans[] = {
        { true, true, N_LISTS },
        { false, true, N_LISTS },
        { false, false, N_LISTS },
        { false, false, N_LISTS - 1 },
};

/* What is left for rows of lists. */
static size_t room_of(const struct plan *p, size_t lines)
{
        size_t fixed = p->n_lists + (p->machine ? MACHINE_LINES : 0) +
                       (p->blanks ? p->n_lists + (p->machine ? 1 : 0) : 0);
        return lines > fixed ? lines - fixed : 0;
}

static void add_blank(const struct sheet *s)
{
        cleanup_row struct row r = row_begin(s);
        row_end(&r);
}

static void add_page(const struct model *m, const struct sheet *s, size_t lines)
{
        enum { SURE = 2 }; /* rows of each list, as board_share() has it */
        const struct plan *p = plans;
        size_t wants[N_LISTS], gets[N_LISTS], sure = 0;
        for (size_t i = 0; i < N_LISTS; i++) {
                wants[i] = board_list_count(&m->board, lists[i]);
                sure += wants[i] < SURE ? wants[i] : SURE;
        }
        while (p < plans + ARRAY_LEN(plans) - 1 && room_of(p, lines) < sure)
                p++;
        board_share(wants, p->n_lists, room_of(p, lines), gets);
        for (size_t i = 0; i < p->n_lists; i++) {
                if (p->blanks)
                        add_blank(s);
                if (lists[i] == BOARD_CONTAINERS)
                        add_containers(m, s, gets[i]);
                else
                        board_list(&m->board, s, lists[i], gets[i]);
                if (i == 0 && p->machine) {
                        if (p->blanks)
                                add_blank(s);
                        board_system_rows(&m->board, s, false);
                }
        }
}

/* One part alone, in all of the room. */
static void add_part(const struct model *m, const struct sheet *s, size_t lines)
{
        size_t rows = lines > 0 ? lines - 1 : 0; /* without the heads of a table */
        if (m->parts == BOARD_CONTAINERS)
                add_containers(m, s, rows);
        else if (m->parts == BOARD_GPU)
                board_list(&m->board, s, BOARD_GPU, rows);
        else if (m->parts == BOARD_QUEUE)
                board_list(&m->board, s, BOARD_QUEUE, rows);
        else
                board_sections(&m->board, s);
}

static void too_small(const struct sheet *s)
{
        cleanup_row struct row r = row_begin(s);
        row_printf(&r, OUT_PLAIN, "Too small: %dx%d is needed", LAYOUT_COLUMNS_LEAST,
                LAYOUT_ROWS_LEAST);
        row_end(&r);
}

void layout(const struct model *m, size_t rows, size_t columns, struct lines *ret)
{
        cleanup_lines struct lines top = { 0 }, bottom = { 0 };
        struct sheet s = { .to = &top, .columns = columns },
                     below = { .to = &bottom, .columns = columns };
        if (rows < LAYOUT_ROWS_LEAST || columns < LAYOUT_COLUMNS_LEAST) {
                too_small(&s);
        } else {
                enum { BOTTOM_MAX = LAYOUT_ROWS_LEAST / 2 };
                add_bottom(m, &below);
                lines_cut(&bottom, BOTTOM_MAX);
                add_head(m, &s);
                if (m->any) {
                        add_driver_trouble(m, &s);
                        bool page = m->parts & (m->parts - 1);
                        (page ? add_page : add_part)(m, &s, rows - bottom.n - top.n);
                }
                lines_cut(&top, rows - bottom.n);
                while (top.n + bottom.n < rows)
                        add_blank(&s);
        }
        for (size_t i = 0; i < top.n; i++)
                lines_take(ret, top.v[i]);
        for (size_t i = 0; i < bottom.n; i++)
                lines_take(ret, bottom.v[i]);
        top.n = bottom.n = 0; /* their lines are the screen's now */
        if (!row_utf8())
                lines_to_ascii(ret);
}
