/* SPDX-License-Identifier: MIT */
/*
 * How long the processors of this machine have worked and waited since its start, as /proc/stat tells
 * (proc(5)). How busy they are is the difference between two looks.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct ticks { /* of all processors together, in clock ticks */
        uint64_t busy, all;
        int cpus;
};

/* From the text of /proc/stat: false if it says nothing about processors. Waiting for the disk is not
 * being busy. */
bool ticks_parse(const char *text, struct ticks *ret);
int ticks_read(struct ticks *ret, struct err *e);
/* Thousandths of a processor that were busy between two looks; -1 if no time has passed. */
int64_t ticks_milli(const struct ticks *before, const struct ticks *after);
