/* SPDX-License-Identifier: MIT */
/*
 * How much processor time accounts use at the moment. The kernel only counts what was used since the
 * group was made, so the janitor notes the counters now and then, and asking costs nothing.
 */
#pragma once

#include "daemon/daemon.h"

/* Called by the janitor: notes the counters of everyone who has something running. */
void usage_sweep(struct daemon *d);
/* Percent of one processor over the last seconds; -1: not known (yet). */
int64_t usage_cpu_percent(uid_t uid);
