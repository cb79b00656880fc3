/* SPDX-License-Identifier: MIT */
/*
 * TOML 1.0 text as a JSON tree, with the place of every key.
 *
 * The only piece of C++ in the program stands behind this header, so that nothing else has to know
 * toml++. Tables become objects, arrays arrays, dates and times the text that TOML writes for them.
 * The module reads memory only: no file, no clock.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#define TOML_TEXT_MAX (256 * 1024) /* bytes of text that toml_parse accepts */
#define TOML_DEPTH_MAX 32          /* tables and arrays inside one another */

#ifdef __cplusplus
extern "C" {
#endif

/* Why a text was refused. Line and column count from 1; 0 if the reason has no place. */
struct toml_failure {
        unsigned line, column;
        char reason[256]; /* may quote the text: print it with str_safe() */
};

/*
 * Parses n bytes. On success the caller owns both trees: *ret_tree is the document; *ret_where maps
 * a JSON pointer ("/tool/ds01/type", "/tool/ds01/data/0") to the place where that key or element
 * stands, for toml_place(). Pointers longer than 255 bytes have no entry.
 */
int toml_parse(const char *text, size_t n, json_t **ret_tree, json_t **ret_where,
        struct toml_failure *ret_failure);

/* Looks a pointer up; line and column are 0 if it has no entry. */
void toml_place(const json_t *where, const char *pointer, unsigned *ret_line, unsigned *ret_column);

#ifdef __cplusplus
}
#endif
