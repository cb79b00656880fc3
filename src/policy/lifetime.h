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
 * The warning that is due, in percent of the time from `start` to `end`, if `warned` is the last
 * that was given (0: none): 75 or 90, 0 if none is. After the end there is nothing to warn of. Of
 * two that are due at once, the later one says it all.
 */
int lifetime_warning(int64_t start, int64_t end, int64_t now, int warned);
