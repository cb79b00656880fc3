/* SPDX-License-Identifier: MIT */
/*
 * Names of projects and containers, and the forms that other systems want of them.
 *
 * A name is 1 to 40 lower-case letters and digits, with single . _ - between them. That is also a
 * valid engine name, image path component and (with . and _ replaced) host name, so nothing has to
 * be escaped anywhere. Pure.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define NAME_MAX_LEN 40
#define NAME_SIZE (NAME_MAX_LEN + 1)
/* name, "._.", a 32-bit uid */
#define NAME_ENGINE_SIZE (NAME_MAX_LEN + 3 + 10 + 1)

/*
 * Checks a name that somebody typed and copies it to out, upper case folded; *ret_folded (may be
 * NULL) tells whether that changed it. ERR_INVALID with the rule.
 */
int name_check(const char *in, char out[NAME_SIZE], bool *ret_folded, struct err *e);
/* The host name inside a container; `name` has passed name_check(). */
void name_hostname(const char *name, char out[NAME_SIZE]);
/* What the engine calls the container of one account: "my-thesis._.1000". */
void name_engine(const char *name, uid_t uid, char out[NAME_ENGINE_SIZE]);
