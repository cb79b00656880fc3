/* SPDX-License-Identifier: MIT */
/*
 * How long a call to the engine may last: until it is done, its caller hangs up, or a deadline
 * passes.
 *
 * Every call of this layer takes one. ERR_INTERRUPTED and ERR_BUSY mean that the call was left, not
 * that it had no effect: what the engine did is unknown until it is asked again.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

struct engine_wait {
        int hangup_fd;    /* anything readable or closed there ends the call; -1 for none */
        int64_t deadline; /* clock_mono_ms() time, -1 for none */
};

#define ENGINE_WAIT_FOREVER ((struct engine_wait){ .hangup_fd = -1, .deadline = -1 })

/* One wait in progress: what is waited for (an infinitive: "start container x") and since when. */
struct wait {
        const struct engine_wait *limits;
        const char *what;
        int64_t since;
};

/* `limits` may be NULL: no limits. Both pointers are borrowed for the life of the wait. */
struct wait wait_begin(const struct engine_wait *limits, const char *what);

/* 0 to go on; -1 with ERR_INTERRUPTED or ERR_BUSY. Never blocks. */
int wait_check(const struct wait *w, struct err *e);

/* Blocks until poll(2) reports `events` (or an error) on fd. 0, or -1 as wait_check(). */
int wait_fd(const struct wait *w, int fd, short events, struct err *e);

/* Lets ms milliseconds pass, less if the deadline comes first. 0, or -1 as wait_check(). */
int wait_sleep(const struct wait *w, int ms, struct err *e);

int wait_hangup_fd(const struct wait *w); /* -1 for none */
int wait_timeout(const struct wait *w);   /* milliseconds left as poll(2) wants them */
