/* SPDX-License-Identifier: MIT */
/*
 * Limits in time: until when a container may run, until when a stopped one is kept, and when its
 * owner is to be warned. Pure; times are Unix seconds, which the caller brings.
 */
#pragma once

#include "policy/limits.h"

/* The moment at which a limit in hours that began at `since` ends; 0: never, or not begun (since 0).
 */
int64_t lifetime_end(const struct limits *l, enum limit_key key, int64_t since);

/*
 * How much of the time from `start` to `end` (0: there is none) is over, in percent: 100, or one of the
 * marks at which people are warned, 90 and 75, or 0 before those.
 */
int lifetime_mark(int64_t start, int64_t end, int64_t now);
