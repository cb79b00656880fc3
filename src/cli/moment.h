/* SPDX-License-Identifier: MIT */
/* Moments for people, in local time. */
#pragma once

#include <stdint.h>

#define MOMENT_LEN 32
/* "16:30", on another day than `now` "24 Nov 16:30"; "-" for 0. */
void moment_clock(int64_t at, int64_t now, char out[MOMENT_LEN]);
/* "16:30 (1h left)"; "no end" for 0, "now" for what is over. */
#define MOMENT_END_LEN 64
void moment_end(int64_t at, int64_t now, char out[MOMENT_END_LEN]);
