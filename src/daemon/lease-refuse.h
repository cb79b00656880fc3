/* SPDX-License-Identifier: MIT */
/* Why somebody gets no GPU now, in sentences: for errors, for the queue, for `ds01 why`. */
#pragma once

#include "daemon/line.h"

/* "until 16:30 (1h 20m left)", "no end": when something ends, for people; owned. */
char *lease_when(int64_t at, int64_t now);

/* Fills *e for the place in l->verdicts; `name` is the container's, `sees` what the account may see of
 * others (LIMIT_VISIBILITY). Returns -1. */
int lease_refuse(const struct line *l, size_t place, const char *name, int64_t sees, struct err *e);

/* Whether what lease_refuse() refuses is only a matter of waiting. */
bool lease_waits(const struct line *l, size_t place);

/* The same as one sentence without a full stop; owned. */
char *lease_reason(const struct line *l, size_t place, int64_t sees);

/* Fills *e: of these devices, which a turn of `name` holds, one can't be used. Returns -1. */
int lease_refuse_turn(
        const struct gpus_view *view, const size_t *at, size_t n, const char *name, struct err *e);

/* Fills *e: these devices of a container that is to start are not free. Returns -1. */
int lease_refuse_again(const struct line *l, const struct container *row, const size_t *at,
        size_t n, int64_t sees, struct err *e);
