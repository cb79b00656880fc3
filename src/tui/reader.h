/* SPDX-License-Identifier: MIT */
/*
 * Reads the board every two seconds, in a thread of its own with its own connection, so that a ds01d
 * that hangs holds up no key. What was read is fetched with reader_take() when the descriptor says so.
 */
#pragma once

#include "cli/dashboard.h"

struct reader;

int reader_start(unsigned parts, struct reader **ret, struct err *e);
/* Ends it within half a second; one that hangs in the kernel is left behind. */
void reader_stop(struct reader *r);

/* Readable once there is news; borrowed. */
int reader_fd(const struct reader *r);
/*
 * The last reading, once: 1 and *ret is the caller's (board_done); 0: there is none yet, or no newer one;
 * -1: it failed. A ds01d that doesn't answer for some seconds is ERR_DAEMON.
 */
int reader_take(struct reader *r, struct board *ret, struct err *e);

/* No more readings until further notice: nobody looks. */
void reader_pause(struct reader *r);
/* A reading now, and then again every two seconds. */
void reader_now(struct reader *r);
