/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a request goes, for the log of `ds01d --debug`: a line for each request to the
 * engine but the start of an attachment, whose time is its method's own, and one for each method with how much of it was the engine's. tests/bench/daemonload.py
 * reads the latter.
 *
 * A method asks the engine from the thread that answers it, so that what it asked is summed up in
 * that thread; what others ask meanwhile (events, the janitor) is not its own. Without --debug
 * no request is measured, and nothing is said.
 */
#pragma once

#include "engine/engine.h"

#include <stdint.h>
#include <sys/types.h>

/* From now on requests of this engine are measured. Before its first one. */
void spans_watch(struct engine *en);

struct span {
        int64_t began_us; /* clock_mono_us() */
};

/* A method begins in this thread. */
struct span span_begin(void);
/* It has ended: says so in the log. */
void span_end(const struct span *s, const char *method, uid_t uid);
