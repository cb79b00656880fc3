/* SPDX-License-Identifier: MIT */
/* What a user's control group uses: the part of cgroup.h that only reads. */
#include "host/cgroup.h"

#include "base/fd.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A setting or counter file: its first number, or -1. */
static int64_t read_number(const char *dir, const char *file)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *path = xasprintf("%s/%s", dir, file);
        cleanup_free char *text = NULL;
        long long n;
        if (fd_read_file(AT_FDCWD, path, 4096, &text, NULL, &ignored))
                return -1;
        text[strcspn(text, "\n")] = '\0';
        return str_to_int(text, 0, INT64_MAX, &n) ? n : -1;
}

/* The number behind a word at the start of a line, or -1. */
static int64_t read_line(const char *dir, const char *file, const char *word)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *path = xasprintf("%s/%s", dir, file);
        cleanup_free char *text = NULL;
        long long n;
        char *save = NULL;
        if (fd_read_file(AT_FDCWD, path, 65536, &text, NULL, &ignored))
                return -1;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *blank = strchr(line, ' ');
                if (!blank)
                        continue;
                *blank = '\0';
                if (strcmp(line, word) == 0)
                        return str_to_int(blank + 1, 0, INT64_MAX, &n) ? n : -1;
        }
        return -1;
}

/* What is left after files that were read once and can be dropped: they would look like use. */
static int64_t memory(const char *dir, const char *usage, const char *inactive)
{
        int64_t used = read_number(dir, usage);
        int64_t idle = read_line(dir, "memory.stat", inactive);
        if (used < 0 || idle <= 0)
                return used;
        return used > idle ? used - idle : 0;
}

static void read_v2(const char *dir, struct cgroup_use *u)
{
        int64_t us = read_line(dir, "cpu.stat", "usage_usec");
        int64_t bytes = memory(dir, "memory.current", "inactive_file");
        int64_t pids = read_number(dir, "pids.current");
        u->memory_bytes = bytes >= 0 ? bytes : u->memory_bytes;
        u->pids = pids >= 0 ? pids : u->pids;
        /* Every v2 group has cpu.stat, but counts nothing where v1 has the controller. */
        if (us >= 0 && u->cpu_ns < 0)
                u->cpu_ns = us * 1000;
}

static void read_v1(const char *dir, const char *controllers, struct cgroup_use *u)
{
        if (mountinfo_has_option(controllers, "memory"))
                u->memory_bytes = memory(dir, "memory.usage_in_bytes", "total_inactive_file");
        if (mountinfo_has_option(controllers, "cpuacct"))
                u->cpu_ns = read_number(dir, "cpuacct.usage");
        if (mountinfo_has_option(controllers, "pids"))
                u->pids = read_number(dir, "pids.current");
}

/* Calls fn for the folder of a group in each hierarchy that has it; true if one has. */
static bool each_folder(const struct mountinfo *mi, const char *path,
        void (*fn)(const char *dir, const char *v1_controllers, void *ctx), void *ctx)
{
        bool exists = false;
        for (size_t i = 0; i < mi->n; i++) {
                const struct mountinfo_row *row = &mi->rows[i];
                bool v2 = strcmp(row->fstype, "cgroup2") == 0;
                if ((!v2 && strcmp(row->fstype, "cgroup") != 0) || strcmp(row->root, "/") != 0)
                        continue;
                cleanup_free char *dir = xasprintf("%s%s", row->path, path);
                if (access(dir, F_OK))
                        continue;
                exists = true;
                fn(dir, v2 ? NULL : row->super, ctx);
        }
        return exists;
}

static void read_use(const char *dir, const char *v1_controllers, void *ctx)
{
        if (v1_controllers)
                read_v1(dir, v1_controllers, ctx);
        else
                read_v2(dir, ctx);
}

void cgroup_use_at(const struct mountinfo *mi, const char *path, struct cgroup_use *ret)
{
        struct cgroup_use u = { -1, -1, -1 };
        bool exists = each_folder(mi, path, read_use, &u);
        *ret = exists ? u : (struct cgroup_use){ 0 };
}

/* "50000 100000": so much time in each period; "max 100000" is no limit. */
static int64_t cpu_of_v2(const char *dir)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *path = xasprintf("%s/cpu.max", dir);
        cleanup_free char *text = NULL;
        long long quota, period;
        if (fd_read_file(AT_FDCWD, path, 4096, &text, NULL, &ignored))
                return -1;
        text[strcspn(text, "\n")] = '\0';
        char *blank = strchr(text, ' ');
        if (!blank)
                return -1;
        *blank = '\0';
        return str_to_int(text, 0, INT64_MAX / 1000, &quota) &&
                               str_to_int(blank + 1, 1, INT64_MAX, &period)
                       ? quota * 1000 / period
                       : -1;
}

static int64_t cpu_of_v1(const char *dir)
{
        int64_t quota = read_number(dir, "cpu.cfs_quota_us");
        int64_t period = read_number(dir, "cpu.cfs_period_us");
        return quota >= 0 && period > 0 ? quota * 1000 / period : -1;
}

static void read_bounds(const char *dir, const char *v1_controllers, void *ctx)
{
        struct cgroup_bounds *b = ctx;
        /* Where both versions are mounted, each controller is in one of them: -1 is "not here". */
        int64_t memory = -1, cpu = -1, pids = -1;
        if (!v1_controllers) {
                memory = read_number(dir, "memory.max");
                cpu = cpu_of_v2(dir);
                pids = read_number(dir, "pids.max");
        } else {
                if (mountinfo_has_option(v1_controllers, "memory"))
                        memory = read_number(dir, "memory.limit_in_bytes");
                if (mountinfo_has_option(v1_controllers, "cpu"))
                        cpu = cpu_of_v1(dir);
                if (mountinfo_has_option(v1_controllers, "pids"))
                        pids = read_number(dir, "pids.max");
        }
        /* With v1, no limit is the largest number of pages. */
        if (memory >= 0 && memory < 1LL << 60)
                b->memory_bytes = memory;
        b->cpu_milli = cpu >= 0 ? cpu : b->cpu_milli;
        b->pids = pids >= 0 ? pids : b->pids;
}

void cgroup_bounds_at(const struct mountinfo *mi, const char *path, struct cgroup_bounds *ret)
{
        *ret = (struct cgroup_bounds){ -1, -1, -1 };
        each_folder(mi, path, read_bounds, ret);
}

/* systemd puts a slice below the one that its name begins with. */
static char *parent_path(const char *driver, uid_t uid)
{
        char parent[CGROUP_PARENT_LEN];
        cgroup_parent(driver, uid, parent);
        return parent[0] == '/' ? xstrdup(parent) : xasprintf("/ds01.slice/%s", parent);
}

int cgroup_use_of(
        const char *driver, const uid_t *uids, size_t n, struct cgroup_use *ret, struct err *e)
{
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (mountinfo_read(0, &mi, e))
                return -1;
        for (size_t i = 0; i < n; i++) {
                cleanup_free char *path = parent_path(driver, uids[i]);
                cgroup_use_at(&mi, path, &ret[i]);
        }
        return 0;
}

int cgroup_use(const char *driver, uid_t uid, struct cgroup_use *ret, struct err *e)
{
        return cgroup_use_of(driver, &uid, 1, ret, e);
}

int cgroup_container_use(const char *driver, uid_t uid, const char *container_id,
        struct cgroup_use *ret, struct cgroup_bounds *ret_bounds, struct err *e)
{
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (mountinfo_read(0, &mi, e))
                return -1;
        cleanup_free char *parent = parent_path(driver, uid);
        bool systemd = str_eq(driver, "systemd");
        cleanup_free char *path = xasprintf("%s/%s%s%s", parent, systemd ? "docker-" : "",
                container_id, systemd ? ".scope" : "");
        cgroup_use_at(&mi, path, ret);
        cgroup_bounds_at(&mi, path, ret_bounds);
        return 0;
}

bool cgroup_has_memory_high(void)
{
        cleanup_mountinfo struct mountinfo mi = { 0 };
        struct err ignored = ERR_INIT;
        if (mountinfo_read(0, &mi, &ignored))
                return false;
        for (size_t i = 0; i < mi.n; i++) {
                cleanup_free char *controllers =
                        xasprintf("%s/cgroup.controllers", mi.rows[i].path);
                cleanup_free char *text = NULL;
                if (strcmp(mi.rows[i].fstype, "cgroup2") == 0 &&
                        fd_read_file(AT_FDCWD, controllers, 4096, &text, NULL, &ignored) == 0 &&
                        strstr(text, "memory"))
                        return true;
        }
        return false;
}
