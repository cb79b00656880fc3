/* SPDX-License-Identifier: MIT */
/*
 * A program under test on a terminal: a child of ours whose stdin, stdout and stderr are a
 * pseudoterminal, which the test reads and types on. Waits end after ten seconds in a failure.
 */
#pragma once

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/types.h>

struct terminal {
        int fd; /* our side; -1 once closed */
        pid_t pid;
        struct buf seen; /* what was shown, without carriage returns */
};

/* Starts fn on a terminal of that many columns; its result is the exit status. */
struct terminal terminal_start(int columns, int (*fn)(void *ctx), void *ctx);
/* Waits until the text is shown; what was shown up to its end is taken, and is the caller's. */
char *terminal_expect(struct terminal *t, const char *text);
void terminal_type(struct terminal *t, const char *keys);
/* Waits for the end; what was shown until then is appended to `seen`. Returns the exit status. */
int terminal_end(struct terminal *t);
