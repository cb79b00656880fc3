/* SPDX-License-Identifier: MIT */
/* Strings: lists of them, safe printing of foreign text, and "did you mean". No locale is consulted. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* A NULL-terminated list of owned strings; zero it to start. */
struct strv {
        char **v; /* NULL or n strings and a NULL */
        size_t n;
};
#define cleanup_strv CLEANUP(strv_done)
void strv_done(struct strv *l);
/* Appends a copy of s. */
void strv_add(struct strv *l, const char *s);
/* Appends s itself, which the list now owns. */
void strv_take(struct strv *l, char *s);
bool strv_has(const struct strv *l, const char *s);

bool str_eq(const char *a, const char *b); /* two NULLs are equal */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* "" for NULL. */
const char *str_or_empty(const char *s);
/* True if the n bytes are valid UTF-8 (shortest form, no surrogates) without NUL. */
bool str_is_utf8(const char *s, size_t n);
/* A decimal integer and nothing else, within [min, max]; otherwise false and *ret untouched. */
bool str_to_int(const char *s, long long min, long long max, long long *ret);

/*
 * Appends foreign text in a form that a terminal can't act on: C0 and C1 control characters, DEL,
 * bidirectional controls, zero-width and line-separator characters and bytes that are not UTF-8
 * become \xNN or \u{NNNN}; everything else stays. With keep_lines, newline and tab pass through.
 */
void str_safe_add(struct buf *b, const char *s, size_t n, bool keep_lines);
/* The same as an owned string. */
char *str_safe(const char *s);
/* The same, of at most max bytes: what doesn't fit is left out from the first character on that doesn't. */
char *str_safe_max(const char *s, size_t max);

/*
 * Takes terminal escape sequences (CSI, OSC and two-byte ones) and carriage returns out of a text, in
 * place; returns its new length. What a program said on a terminal then reads as lines.
 */
size_t str_strip_escapes(char *s, size_t n);

/* Columns that UTF-8 text takes on a terminal (East Asian wide characters count two). */
size_t str_width(const char *s);
/* Text cut in its middle ("my-very~name") to at most `width` columns, width >= 3; owned. */
char *str_cut_middle(const char *s, size_t width);
/* Text cut at its end ("my-very-l~") to at most `width` columns, width >= 1; owned. */
char *str_cut_end(const char *s, size_t width);

/*
 * The candidate nearest to s by Damerau-Levenshtein distance, at most 2 away and less than half of
 * its length, or NULL. candidates is NULL-terminated; the result is borrowed from it.
 */
const char *str_nearest(const char *s, const char *const *candidates);

/* 32 hexadecimal digits from the kernel's random source, and a NUL. */
#define RANDOM_HEX_LEN 32
void random_hex(char out[RANDOM_HEX_LEN + 1]);
