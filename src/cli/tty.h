/* SPDX-License-Identifier: MIT */
/*
 * The terminal between the caller and a process in a container.
 *
 * The stream comes from ds01d as a descriptor that carries that process's input and output and
 * nothing else. With a TTY the caller's terminal is raw while the pump runs and is given back on
 * every way out, signals included. Without one, the stream is Docker's multiplexed form and the
 * caller's stdin ends with the stream's write side.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct pump {
        int fd;           /* the stream; borrowed */
        bool tty;         /* it is a TTY on the other side, and we have one on ours */
        bool no_input;    /* the process reads nothing: neither do we */
        const char *head; /* input that was read before the pump started; may be NULL */
        size_t head_len;
        /* A descriptor that hangs up when ds01d goes away, or -1; on_lost() then tries to get a new one
         * (-1: not yet, it is asked again every half second). */
        int control_fd;
        int (*on_lost)(void *ctx);
        /* The terminal has a new size. */
        void (*on_resize)(int rows, int cols, void *ctx);
        void *ctx;
};

enum pump_end {
        PUMP_ENDED, /* the process's side closed the stream */
        PUMP_SIGNALLED /* we were told to end (SIGTERM, SIGHUP, SIGINT without a TTY), or our terminal is gone */
};

/* Runs until one side ends. */
int tty_pump(struct pump *p, enum pump_end *ret, struct err *e);

/* The terminal's size on stdout, or 24×80. */
void tty_size(int *ret_rows, int *ret_cols);
