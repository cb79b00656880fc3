/* SPDX-License-Identifier: MIT */
/* The invariants that are looked at between two steps. */
#pragma once

#include "host.h"

/* After every step: I1, I2, I3, I6, and what I10 needs to know. */
void check_always(void);
/* Once nothing is under way and ds01d has just begun: I4, and that nothing was left behind. */
void check_settled(void);

/* What ledger and engine hold, as text, to be compared (I8); owned. */
char *digest(void);
