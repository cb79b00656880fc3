/* SPDX-License-Identifier: MIT */
/*
 * Time. Deadlines are monotonic milliseconds (int64_t, -1 = never); moments that people see or that
 * are stored are Unix seconds (int64_t, 0 = unset). The two never mix.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ms(void); /* CLOCK_BOOTTIME, so that a suspended machine's deadlines pass */
int64_t clock_mono_us(void); /* the same in microseconds, to measure with */
int64_t clock_unix(void);
/* Milliseconds left as poll(2) wants them: -1 for no deadline, 0 if it has passed. */
int clock_poll_timeout(int64_t deadline);

#define CLOCK_RFC3339_LEN 26
/* "2026-11-23T18:30:00Z" (UTC); "" for 0. */
void clock_rfc3339(int64_t unix_s, char out[CLOCK_RFC3339_LEN]);
/* The inverse, for what the engine writes (fractions and offsets are understood); 0 if it is not a time
 * or is the engine's zero time, 0001-01-01. */
int64_t clock_from_rfc3339(const char *s);

/*
 * Reads a duration as people write it: a number with s, m, h or d, several in a row ("1h30m"). False,
 * and *ret untouched, for anything else, for nothing, and for more than max_s seconds.
 */
bool clock_read_duration(const char *s, int64_t max_s, int64_t *ret);

#define CLOCK_DURATION_LEN 24
/* For people: "45s", "12m", "3h 5m", "2d 4h". Negative counts as 0. */
void clock_duration(int64_t seconds, char out[CLOCK_DURATION_LEN]);
