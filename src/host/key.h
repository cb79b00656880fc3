/* SPDX-License-Identifier: MIT */
/* The names that this layer makes folders of. They come from ds01d, which made them from checked
 * parts. */
#pragma once

#include <stdbool.h>
#include <string.h>

#define KEY_LEN_MAX 200

/*
 * True if s can stand as one part of a path: letters, digits, '.', '_' and '-', no '.' in front (so
 * that neither ".." nor our own dot names can be meant), at most KEY_LEN_MAX bytes.
 */
static inline bool key_ok(const char *s)
{
        static const char allowed[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
        size_t n = strspn(s, allowed);
        return n > 0 && n <= KEY_LEN_MAX && s[n] == '\0' && s[0] != '.';
}
