/* SPDX-License-Identifier: MIT */
/*
 * .dockerignore: which paths stay out of a build context, by Docker's rules.
 *
 * One pattern a line, relative to the project's folder, matched against whole paths: `*` and `?`
 * stop at "/", `**` does not, `[a-z]` and `[^a-z]` are classes, a backslash takes the next
 * character as it is. A line whose first character is `#` is a comment; a leading or trailing "/"
 * means nothing; `!` makes an exception. The last pattern that matches a path, or one of the
 * folders above it, decides.
 *
 * Pure: no file is touched. Matching costs at most pattern length × path length.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define IGNORE_TEXT_MAX (256 * 1024)

struct ignore_pattern;

struct ignore {
        struct ignore_pattern *v;
        size_t n;
        bool has_exceptions;
};
#define cleanup_ignore CLEANUP(ignore_done)
void ignore_done(struct ignore *ig);

/* Reads the text of a .dockerignore. A malformed pattern is ERR_INVALID with its line. */
int ignore_parse(const char *text, struct ignore *ret, struct err *e);

/*
 * Is this path ignored? `hits` has one flag for each pattern: does it match this path or a folder
 * above it. On entry it holds the flags of the path's folder (all false at the top); on return this
 * path's own, to be passed on to what lies inside. Paths have no leading or trailing slash.
 */
bool ignore_match(const struct ignore *ig, const char *path, bool *hits);

/* For an ignored folder: could an exception bring back something inside it? */
bool ignore_may_descend(const struct ignore *ig, const char *dir);

/* ignore_match() for a single path, its folders included. */
bool ignore_path(const struct ignore *ig, const char *path);
