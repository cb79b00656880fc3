/* SPDX-License-Identifier: MIT */
/*
 * A project's recipe: Dockerfile and requirements.txt as texts, and the small edits of
 * image-update.
 *
 * Both files are the user's. An edit touches the lines that it is about and leaves every other byte
 * as it is; in the Dockerfile that is only the block between the two "apt packages" marks that the
 * generator writes. Reading is the only I/O; the caller writes the new text.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

#define DOCKERFILE_MAX (64 * 1024)
#define REQUIREMENTS_MAX (1024 * 1024)

/* The first and last line of the block that apt packages stand in. */
#define APT_BLOCK_BEGIN "# apt packages"
#define APT_BLOCK_END "# end of apt packages"

/*
 * Reads the Dockerfile of a project; `name` is for the sentence and the way out. A missing one is
 * ERR_NOT_FOUND, one larger than 64 KiB ERR_INVALID. The caller owns the text.
 */
int dockerfile_read(int project_dirfd, const char *name, char **ret_text, struct err *e);
/* Reads requirements.txt; a missing one is the empty text. */
int requirements_read(int project_dirfd, char **ret_text, struct err *e);

/*
 * Adds and removes packages of a requirements text. An added "numpy>=2" takes the place of what the
 * line about numpy says in front of its comment, else it goes to the end; a mere "numpy" leaves a
 * line about numpy as it is. Names compare as pip compares them. A line that ends in a backslash is
 * one with the next. Names to remove that
 * stand nowhere are added to ret_missing (which may be NULL). add and remove may be NULL. A
 * requirement with control characters, a leading "-" or a blank at its end is ERR_INVALID. The
 * caller owns the text.
 */
int requirements_edit(const char *text, const struct strv *add, const struct strv *remove,
        char **ret_text, struct strv *ret_missing, struct err *e);

/*
 * The packages of a requirements text, without comments, as requirements_edit() takes them. What it
 * would not take (options such as -r, paths) is ERR_INVALID with its line; `shown` is what the
 * sentence calls the file.
 */
int requirements_list(const char *text, const char *shown, struct strv *ret, struct err *e);

/*
 * The same for apt packages in a Dockerfile. A Dockerfile without the marks gets the block after
 * its last FROM, if there is a package to write. ERR_INVALID for a name that is none, for a block
 * that was changed into something else, if there is no FROM, or if the text ends in that FROM with a
 * line that goes on.
 */
int apt_edit(const char *dockerfile, const struct strv *add, const struct strv *remove,
        char **ret_text, struct strv *ret_missing, struct err *e);

/* Is this one requirement, or one apt package, that may be written into the files? */
bool requirement_ok(const char *s);
bool apt_package_ok(const char *s);

/* Appends the block with these packages (possibly none), marks included. */
void apt_block_add(struct buf *b, const struct strv *packages);

/* Appends the steps that install requirements.txt in a layer of their own. */
void pip_layer_add(struct buf *b);
/* Does a step of the Dockerfile speak of requirements.txt? Else a change there changes no image. */
bool dockerfile_installs_requirements(const char *dockerfile);
/*
 * The Dockerfile with pip_layer_add() at its end. ERR_INVALID if its last line goes on. The caller
 * owns the text.
 */
int dockerfile_add_pip_layer(const char *dockerfile, char **ret_text, struct err *e);
