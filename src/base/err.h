/* SPDX-License-Identifier: MIT */
/*
 * Errors: a code, a sentence, what is known beside it, and a way out.
 *
 * A function that can fail takes `struct err *e` last and returns 0 or -1; on failure it has filled
 * *e and left its outputs untouched. Callers add context with err_wrap() on the way up; the program
 * prints the result once, at the top. What is an expected answer (busy, denied, queued) is a value of
 * the function's own result, not an error. The struct lives on the caller's stack and owns nothing.
 *
 * Sentences start with a capital letter, name what failed and on what, and have no full stop. A fix
 * is one or more literal commands or short instructions, one on a line.
 */
#pragma once

#include <stddef.h>

enum err_code {
        ERR_NONE = 0,
#define X(code, wire, exit_status, meaning) code,
#include "base/err.def"
#undef X
        ERR_CODE_COUNT
};

struct err {
        enum err_code code;
        char msg[768];     /* one line: what failed, and on what */
        char detail[3072]; /* further lines, such as the end of a log; may be empty */
        char fix[768];     /* lines after "To fix:"; may be empty */
};

#define ERR_INIT ((struct err){ .code = ERR_NONE })

/* Fills *e with a code and a sentence; detail and fix become empty. Returns -1. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* As err_set with ERR_FAILED, and ": " plus the text of errnum appended. Returns -1. */
int err_sys(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "context: " before the sentence; code, detail and fix stay. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets the way out (replacing an earlier one). Returns -1, so that it can end a function. */
int err_fix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets the further lines. Returns -1. */
int err_detail(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Facts from err.def. An unknown wire name gives ERR_FAILED. */
const char *err_wire_name(enum err_code code);
enum err_code err_from_wire(const char *name);
int err_exit_status(enum err_code code);
