/* SPDX-License-Identifier: MIT */
/*
 * From the model and a size to the lines of the screen. Pure, but for the locale (row_utf8()) and the
 * time zone. There are never more lines than rows, and none is wider than the columns.
 */
#pragma once

#include "tui/model.h"

enum { LAYOUT_ROWS_LEAST = 10, LAYOUT_COLUMNS_LEAST = 40 };

/*
 * Fills *ret with at most `rows` lines. What is said or asked stands last, at the bottom, so that the
 * lines are exactly as many as the rows; only a screen below the least size has one sentence.
 */
void layout(const struct model *m, size_t rows, size_t columns, struct lines *ret);
