/* SPDX-License-Identifier: MIT */
/*
 * Users: the name under which an account's images stand in the engine. Given once per uid, kept for
 * good, so that neither a renamed account loses its images nor another one inherits them.
 */
#pragma once

#include "store/store.h"

/*
 * The prefix of a uid: "ds01-alice". At first sight it is made from the user name: capitals become
 * small, every run of bytes other than a-z and 0-9 becomes one "-", those at the ends go; nothing
 * left gives "u<uid>". If another uid has that text, "-<uid>" follows. The caller owns *ret.
 */
int users_image_prefix(struct store *s, uid_t uid, const char *username, char **ret, struct err *e);
