/* SPDX-License-Identifier: MIT */
/*
 * Work that may hang for ever, done by a thread of its own: a look at a file system whose server is gone,
 * or at accounts whose directory is.
 *
 * Whoever asks goes on at the deadline. The thread is then left to itself and gives back its work when it
 * ends, if it ever does; so that work must own all that it touches. Of each kind of work not more than
 * BOUNDED_LEFT_MAX are left at any time: beyond that none is begun, and other kinds go on.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { BOUNDED_LEFT_MAX = 2 };

struct bounded { /* a kind of work; static, zeroed */
        atomic_int left;
};

/*
 * Runs work(arg) and waits for its end for at most ms. True: it ended, and arg is the caller's as before.
 * False: it goes on, or was not begun, and arg is freed with done(arg) once nobody uses it.
 */
bool bounded_run(struct bounded *kind, void (*work)(void *arg), void (*done)(void *arg), void *arg,
        int64_t ms);
