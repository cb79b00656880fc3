/* SPDX-License-Identifier: MIT */
/*
 * What a build context will hold: the list of a folder's entries that .dockerignore lets through.
 *
 * context.c writes what this lists. Ignored folders are not opened unless an exception could match
 * inside. Reads metadata only.
 */
#pragma once

#include "base/err.h"
#include "project/context.h"
#include "project/ignore.h"

#include <stdint.h>
#include <sys/types.h>

struct tree_entry {
        char *path; /* relative, without leading or trailing slash */
        mode_t mode;
        uint64_t bytes;
        int64_t mtime;
};

struct tree {
        struct tree_entry *v; /* a folder stands before what it holds; siblings are sorted */
        size_t n, ignored, skipped_special;
        uint64_t bytes; /* of the archive, headers included */
};
#define cleanup_tree CLEANUP(tree_done)
void tree_done(struct tree *t);

/*
 * Lists a folder. ERR_LIMIT names the largest items at the top if a limit is passed; a file or
 * folder that the caller may not read is ERR_FAILED.
 */
int tree_list(int dirfd, const struct ignore *ig, const struct context_limits *limits,
        struct tree *ret, struct err *e);
