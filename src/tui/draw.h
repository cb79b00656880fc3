/* SPDX-License-Identifier: MIT */
/*
 * The screen: lines on it, keys from it. The only file that knows curses. There is one screen, the
 * terminal on stdin and stdout; between open and close it is ours, except after leave and before enter.
 *
 * No signal is handled here: whoever runs the view says when the size has changed, and when to leave.
 */
#pragma once

#include "cli/lines.h"

/*
 * Takes the terminal. ERR_INVALID where its kind can't show a screen. With `color` its colours are used,
 * if it has any.
 */
int draw_open(bool color, struct err *e);
/* Gives it back as it was; nothing if it isn't open. */
void draw_close(void);
/* Gives it back for a while, and takes it again. */
void draw_leave(void);
void draw_enter(void);

/* The terminal's size, read anew. */
void draw_size(size_t *ret_rows, size_t *ret_columns);
/* Shows the lines, from the top; only what differs from the screen is sent. */
void draw_lines(const struct lines *l);
/* The next draw_lines() sends all of it. */
void draw_all_next(void);
/* The next key that was pressed (tui/model.h), PRESS_NONE if there is none; doesn't wait. */
int draw_key(void);
