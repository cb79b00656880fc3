/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C while ds01d works for us. Between begin and end the signal ends the call that runs, with
 * ERR_INTERRUPTED, instead of the process: so the terminal is left tidy, what goes on without us can be
 * said, and the exit status is 130.
 */
#pragma once

#include "cli/cli.h"

#include <signal.h>

struct interrupt {
        struct cli *c;
        int fd;
        sigset_t old;
};

/* c must be connected. Pair each begin with an end, on every path. */
void interrupt_begin(struct interrupt *i, struct cli *c);
void interrupt_end(struct interrupt *i);
