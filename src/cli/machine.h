/* SPDX-License-Identifier: MIT */
/*
 * How busy this machine is: processors, memory, swap, and the disk that / is on. Read by the CLI
 * itself, from /proc (proc(5)) and statvfs(3): everybody may.
 */
#pragma once

#include "base/err.h"
#include "base/ticks.h"

#include <stdbool.h>
#include <stdint.h>

enum { MACHINE_LOOK_MS = 200 }; /* processors are counted over that time at least */

struct machine {
        char host[65];
        int cpus;
        int64_t cpu_milli; /* thousandths of a processor that are busy; -1: not known */
        double load[3];    /* getloadavg(3) */
        int64_t memory_total, memory_used; /* bytes; used: what programs can't get at once */
        int64_t swap_total, swap_used;
        int64_t disk_total, disk_used; /* of /, used by anybody */
};

/* /proc/meminfo: fills memory and swap; false if it can't be understood. */
bool machine_parse_meminfo(const char *text, struct machine *m);
/* A part in percent, from 0 to 100; -1 if the whole isn't known. */
int machine_percent(int64_t part, int64_t whole);

/* A look at the processors before, and when it was. */
struct machine_look {
        struct ticks ticks;
        int64_t at_ms; /* clock_mono_ms() */
};
int machine_begin(struct machine_look *ret, struct err *e);
/* Everything; waits for what is left of MACHINE_LOOK_MS since that look. */
int machine_end(const struct machine_look *look, struct machine *ret, struct err *e);
