/* SPDX-License-Identifier: MIT */
/*
 * Changing a project's Dockerfile and requirements.txt, for image-create, image-update and
 * `container retire --save-packages`: what project/recipe.h makes of their texts is written here.
 *
 * A file is replaced as a whole and keeps its mode; where one of the two can't be written, neither is
 * changed. Everything happens with the caller's rights.
 */
#pragma once

#include "cli/cli.h"

/* The words of a list such as -p "pandas>=2 rich", separated by blanks or by a comma and a blank. */
void recipe_words(const char *text, struct strv *ret);

struct recipe_change {
        struct strv add, remove; /* Python packages; what is removed may be a Debian package */
        struct strv add_apt;
};
#define cleanup_recipe_change CLEANUP(recipe_change_done)
void recipe_change_done(struct recipe_change *r);

/*
 * Changes the files of the project `name` in dir_fd and says what changed. A package to remove that
 * neither of them has is ERR_NOT_FOUND. Where the Dockerfile doesn't install requirements.txt, it
 * offers to let it. Nothing is changed unless all can be.
 */
int recipe_apply(
        struct cli *c, const char *name, int dir_fd, const struct recipe_change *r, struct err *e);

/* Writes requirements.txt or Dockerfile anew; `text` takes the place of the whole file. */
int recipe_write(int dir_fd, const char *file, const char *text, struct err *e);
