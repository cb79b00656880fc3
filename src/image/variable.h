/* SPDX-License-Identifier: MIT */
/*
 * The variables of a Dockerfile in front of its first FROM, and their use in FROM: $X, ${X},
 * ${X:-word}, ${X:+word}, with the quotes and backslashes that the builder understands.
 * Used by image/dockerfile.c. Pure.
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

#define VARIABLE_VALUE_MAX 1024 /* bytes of an expanded word */

struct variable {
        char *name;
        char *value; /* NULL: declared, but its value is not in the file */
};

struct variables {
        struct variable *v;
        size_t n;
};
#define cleanup_variables CLEANUP(variables_done)
void variables_done(struct variables *l);

/* True for a letter or '_' and then letters, digits and '_'. */
bool variable_name_ok(const char *name, size_t n);

/* Sets a variable; a later value replaces an earlier one. `value` may be NULL and is copied. */
void variables_set(struct variables *l, const char *name, size_t name_len, const char *value);

/*
 * Expands one word. ERR_INVALID with a sentence that begins with what is wrong (the caller adds
 * where) for a variable without a value, an unclosed quote or brace, another operator, and results
 * over VARIABLE_VALUE_MAX bytes.
 */
int variables_expand(const struct variables *l, const char *word, char **ret, struct err *e);
