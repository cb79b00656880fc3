/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets ask of text that people are shown: nothing in it directs a terminal or changes how its
 * neighbours are read, and it is UTF-8. Read here byte by byte along the table of the Unicode standard (3-7),
 * so that it owes nothing to base/str.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the well-formed character at s, of at most n, or 0; the character in *c. */
static inline size_t calm_character(const unsigned char *s, size_t n, uint32_t *c)
{
        static const struct {
                unsigned char first, last, second_from, second_to;
                unsigned char length, bits;
        } rows[] = {
                { 0x00, 0x7f, 0, 0, 1, 0x7f },
                { 0xc2, 0xdf, 0x80, 0xbf, 2, 0x1f },
                { 0xe0, 0xe0, 0xa0, 0xbf, 3, 0x0f },
                { 0xe1, 0xec, 0x80, 0xbf, 3, 0x0f },
                { 0xed, 0xed, 0x80, 0x9f, 3, 0x0f },
                { 0xee, 0xef, 0x80, 0xbf, 3, 0x0f },
                { 0xf0, 0xf0, 0x90, 0xbf, 4, 0x07 },
                { 0xf1, 0xf3, 0x80, 0xbf, 4, 0x07 },
                { 0xf4, 0xf4, 0x80, 0x8f, 4, 0x07 },
        };
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
                if (s[0] < rows[r].first || s[0] > rows[r].last)
                        continue;
                if (rows[r].length > n)
                        return 0;
                *c = s[0] & rows[r].bits;
                for (size_t i = 1; i < rows[r].length; i++) {
                        unsigned char from = i == 1 ? rows[r].second_from : 0x80;
                        unsigned char to = i == 1 ? rows[r].second_to : 0xbf;
                        if (s[i] < from || s[i] > to)
                                return 0;
                        *c = *c << 6 | (s[i] & 0x3f);
                }
                return rows[r].length;
        }
        return 0;
}

/* C0 and DEL, C1, what turns the direction of text, and what separates lines or has no width. */
static inline bool calm_allows(uint32_t c)
{
        static const uint32_t never[] = { 0x61c, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f,
                0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2060, 0x2066, 0x2067,
                0x2068, 0x2069, 0xfeff };
        for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
                if (c == never[i])
                        return false;
        return c >= 0x20 && !(c >= 0x7f && c <= 0x9f);
}

/* `lines`: newline and tab may be there. `cut`: the text may have been cut within its last character. */
static inline bool calm(const char *text, size_t n, bool lines, bool cut)
{
        const unsigned char *s = (const unsigned char *)text;
        uint32_t c = 0;
        for (size_t i = 0, len; i < n; i += len) {
                len = calm_character(s + i, n - i, &c);
                if (len == 0)
                        return cut && n - i < 4 && s[i] >= 0xc2;
                if (!calm_allows(c) && !(lines && (c == '\n' || c == '\t')))
                        return false;
        }
        return true;
}

/* An error's sentence, of a buffer of `size` bytes that may have cut it. */
static inline bool calm_sentence(const char *text, size_t size)
{
        size_t n = strlen(text);
        return n > 0 && calm(text, n, false, n == size - 1);
}
