/* SPDX-License-Identifier: MIT */
/* The caller's editor, for `image-update --edit`. */
#pragma once

#include "base/err.h"

/*
 * Opens files (NULL-terminated) of a folder in $VISUAL, $EDITOR, or what there is, and waits until the
 * editor ends. The variable's words are separated by blanks; no shell reads it. A missing editor and
 * an exit status other than 0 are ERR_FAILED.
 */
int editor_run(const char *folder, const char *const *files, struct err *e);
