/* SPDX-License-Identifier: MIT */
/*
 * How much processor time accounts use at the moment. The kernel only counts what was used since the
 * group was made, so the janitor notes the counters: every two seconds while somebody asks, every fifteen
 * otherwise. Asking costs nothing.
 */
#pragma once

#include "daemon/daemon.h"

/* Called by the janitor in each of its rounds: if it is time, notes the counters of everyone who has
 * something running. */
void usage_sweep(struct daemon *d);
/* Percent of one processor since the counters were noted before; -1: not known (yet). */
int64_t usage_cpu_percent(uid_t uid);
