/* SPDX-License-Identifier: MIT */
#include "base/ticks.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STAT_MAX = 1 << 20 }; /* it grows with processors and interrupts */

bool ticks_parse(const char *text, struct ticks *ret)
{
        /* user nice system idle iowait irq softirq steal; guest time is in user already */
        uint64_t v[8] = { 0 };
        struct ticks t = { 0 };
        if (sscanf(text,
                    "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                    " %" SCNu64 " %" SCNu64,
                    &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) < 4)
                return false;
        for (size_t i = 0; i < ARRAY_LEN(v); i++)
                t.all += v[i];
        t.busy = t.all - v[3] - v[4];
        for (const char *p = text; (p = strstr(p, "\ncpu")); p++)
                t.cpus += p[4] >= '0' && p[4] <= '9';
        if (t.cpus == 0)
                return false;
        *ret = t;
        return true;
}

int ticks_read(struct ticks *ret, struct err *e)
{
        cleanup_free char *text = NULL;
        if (fd_read_file(AT_FDCWD, "/proc/stat", STAT_MAX, &text, NULL, e) < 0)
                return -1;
        return ticks_parse(text, ret) ? 0 : err_set(e, ERR_FAILED, "Can't understand /proc/stat");
}

int64_t ticks_milli(const struct ticks *before, const struct ticks *after)
{
        /* Idle time of a processor can go back a little (proc(5)). */
        if (after->all <= before->all || after->busy < before->busy)
                return -1;
        uint64_t all = after->all - before->all, busy = after->busy - before->busy;
        return (int64_t)((busy > all ? all : busy) * 1000 * (uint64_t)after->cpus / all);
}
