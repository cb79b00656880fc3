/* SPDX-License-Identifier: MIT */
#include "cli/machine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PROC_MAX = 65536 };

/* Bytes of a line "Key:   123 kB"; -1 if there is none. */
static int64_t meminfo(const char *text, const char *key)
{
        size_t n = strlen(key);
        for (const char *p = text; *p; p += *p == '\n') {
                long long kib;
                if (strncmp(p, key, n) == 0 && p[n] == ':' &&
                        sscanf(p + n + 1, "%lld kB", &kib) == 1)
                        return (int64_t)kib * 1024;
                p += strcspn(p, "\n");
        }
        return -1;
}

bool machine_parse_meminfo(const char *text, struct machine *m)
{
        int64_t total = meminfo(text, "MemTotal"), available = meminfo(text, "MemAvailable"),
                swap = meminfo(text, "SwapTotal"), swap_free = meminfo(text, "SwapFree");
        if (total <= 0 || available < 0 || available > total)
                return false;
        m->memory_total = total;
        m->memory_used = total - available;
        m->swap_total = swap < 0 ? 0 : swap;
        m->swap_used = swap_free < 0 || swap_free > m->swap_total ? 0 : m->swap_total - swap_free;
        return true;
}

int machine_percent(int64_t part, int64_t whole)
{
        if (whole <= 0 || part < 0)
                return -1;
        return part >= whole ? 100 : (int)((double)part * 100 / (double)whole);
}

int machine_begin(struct machine_look *ret, struct err *e)
{
        struct machine_look look = { .at_ms = clock_mono_ms() };
        if (ticks_read(&look.ticks, e) < 0)
                return -1;
        *ret = look;
        return 0;
}

int machine_end(const struct machine_look *look, struct machine *ret, struct err *e)
{
        struct machine m = { 0 };
        struct ticks now;
        struct statvfs disk;
        cleanup_free char *text = NULL;
        int left;
        while ((left = clock_poll_timeout(look->at_ms + MACHINE_LOOK_MS)) > 0)
                (void)poll(NULL, 0, left);
        if (ticks_read(&now, e) < 0 ||
                fd_read_file(AT_FDCWD, "/proc/meminfo", PROC_MAX, &text, NULL, e) < 0)
                return -1;
        if (!machine_parse_meminfo(text, &m))
                return err_set(e, ERR_FAILED, "Can't understand /proc/meminfo");
        if (statvfs("/", &disk) < 0)
                return err_sys(e, errno, "Can't look at the disk of /");
        if (gethostname(m.host, sizeof m.host - 1) < 0 || getloadavg(m.load, 3) < 3)
                return err_sys(e, errno, "Can't look at this machine");
        m.cpus = now.cpus;
        m.cpu_milli = ticks_milli(&look->ticks, &now);
        m.disk_total = (int64_t)(disk.f_blocks * disk.f_frsize);
        m.disk_used = m.disk_total - (int64_t)(disk.f_bfree * disk.f_frsize);
        *ret = m;
        return 0;
}
