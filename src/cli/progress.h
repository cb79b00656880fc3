/* SPDX-License-Identifier: MIT */
/*
 * What is being waited for, and for how long: "Building the image of x... 12s  2/6 RUN make".
 *
 * On a terminal it is one line on stderr, rewritten in place by a thread of its own, so that it
 * goes on while the caller is blocked in a call; elsewhere it is printed once, at the start or, with
 * progress_start_late(), once it has taken so long that somebody might wonder (100 ms). Nothing else
 * may be said on stderr between start and end.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct progress {
        const char *what; /* borrowed */
        int64_t started_ms;
        bool live;  /* there is a thread */
        bool plain; /* it prints once */
        pthread_t thread;
        pthread_mutex_t lock; /* of the following, and of the line on the terminal */
        pthread_cond_t changed;
        bool ended;
        char *detail;
};

/* True if stderr is a terminal on which a line can be rewritten. */
bool progress_possible(void);
/* Pair each start with an end, on every path; *p must not move in between. */
void progress_start(struct progress *p, const char *what);
/* For what may fail or be done at once: then nothing is said. */
void progress_start_late(struct progress *p, const char *what);
/* What is going on within it; copied. NULL: nothing to add. */
void progress_tick(struct progress *p, const char *detail);
/* Clears the line. */
void progress_end(struct progress *p);
