/* SPDX-License-Identifier: MIT */
/*
 * --wait: a place in the queue for as long as the command runs, with what is known about it on the
 * screen. Ctrl-C, and the end of the time that was given, leave the queue.
 */
#pragma once

#include "cli/cli.h"

/* The option, for the table of a command. */
#define WAIT_OPT                                                                                   \
        {                                                                                          \
                0, "wait", OPT_OPTIONAL, "TIME", "Wait for a GPU, at most that long: 90s, 30m, 2h" \
        }

struct wait {
        bool wanted;
        int64_t deadline; /* clock_mono_ms() time; -1: none */
};

/* Reads --wait or --wait=TIME; the time counts from now. */
int wait_option(const struct cli *c, struct wait *ret, struct err *e);

/*
 * Joins the queue for `gpus` GPUs (-1: one) for that container, and waits until its turn has come: the
 * next launch of that name has them. ERR_BUSY when the time is over, ERR_INTERRUPTED on Ctrl-C; both
 * leave the queue, unless the container was in line before. A restart of ds01d costs no place.
 */
int wait_for_turn(struct cli *c, const char *name, int gpus, const struct wait *w, struct err *e);

/*
 * For a container that was made with these GPUs (an array of uuids) and was refused because others have
 * them: waits until they look free, or until asking again tells more. There is no line for those: the
 * queue gives any GPU. Ends early as above.
 */
int wait_for_own(
        struct cli *c, const char *name, const json_t *uuids, const struct wait *w, struct err *e);
