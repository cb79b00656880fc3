/* SPDX-License-Identifier: MIT */
/*
 * How things are said: colour per stream, tables, errors.
 *
 * Foreign text (names, log lines, messages of the engine) is escaped by whoever prints it here; no
 * control character reaches the terminal except our own colour sequences.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>

/* Decides colour for stdout and stderr from NO_COLOR, TERM and what they are. Call once, first. */
void out_init(void);
/* --color: "auto", "always" or "never"; -1 for anything else. */
int out_set_color(const char *when);

enum out_style {
        OUT_PLAIN,
        OUT_BOLD,
        OUT_DIM,
        OUT_GREEN,
        OUT_YELLOW,
        OUT_RED,
        OUT_CYAN,
        OUT_MAGENTA
};
/* The sequence that starts a style on a stream, or "" there; OUT_PLAIN ends it. */
const char *out_style(FILE *f, enum out_style style);

/* A line of talk on stderr (a newline is added). */
void out_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * The marks of our own texts (the dot between two things, dots for more, the dash) in ASCII where the
 * locale can't show them; in place. Returns `text`.
 */
char *out_local(char *text);
/* "Error: …", what is known beside it, and "To fix:" with the commands, on stderr. */
void out_error(const struct err *e);

/* A line of --json. On a terminal all that isn't ASCII is escaped: names are foreign text, and the same
 * to whoever parses them. */
void out_json(FILE *f, const json_t *j);

/* Columns of the terminal behind a stream; 80 if it has none. */
int out_width(FILE *f);

/* A table of strings: add cells row by row, then print. All text is copied and made safe. */
struct table {
        size_t n_cols;
        const char *const *heads; /* borrowed; NULL: no head line */
        struct strv cells;
        int shrink; /* the column that is cut first where the line is too wide; -1: the widest */
};
#define cleanup_table CLEANUP(table_done)
void table_init(struct table *t, const char *const *heads, size_t n_cols, int shrink);
void table_done(struct table *t);
void table_cell(struct table *t, const char *text);
/* Prints aligned, never wrapped; to a file or pipe nothing is cut. */
void table_print(const struct table *t, FILE *f);
