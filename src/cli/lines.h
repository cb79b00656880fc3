/* SPDX-License-Identifier: MIT */
/*
 * Lines that are kept instead of printed: each a text and which parts of it are in which style, for
 * somebody who shows them in another way than a stream does. Texts are safe (base/str.h).
 */
#pragma once

#include "cli/out.h"

struct span {
        enum out_style style;
        size_t at, len; /* bytes of the line's text */
};

struct line {
        char *text;     /* owned */
        struct span *v; /* owned; what none covers is plain */
        size_t n;
        bool chosen; /* it stands out from the others */
};

struct lines { /* zero it to start */
        struct line *v;
        size_t n;
};
#define cleanup_lines CLEANUP(lines_done)
void lines_done(struct lines *l);
/* Appends a line, which the lines now own. */
void lines_take(struct lines *l, struct line line);
/* Drops all but the first n. */
void lines_cut(struct lines *l, size_t n);
/*
 * Puts '?' for each character that isn't ASCII, two for a wide one, for a terminal that can't show it:
 * what stands behind it stays where it is.
 */
void lines_to_ascii(struct lines *l);
