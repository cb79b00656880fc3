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

void cgroup_use_at(const struct mountinfo *mi, const char *path, struct cgroup_use *ret)
{
        struct cgroup_use u = { -1, -1, -1 };
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
                if (v2)
                        read_v2(dir, &u);
                else
                        read_v1(dir, row->super, &u);
        }
        *ret = exists ? u : (struct cgroup_use){ 0 };
}

int cgroup_use(const char *driver, uid_t uid, struct cgroup_use *ret, struct err *e)
{
        char parent[CGROUP_PARENT_LEN];
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (mountinfo_read(0, &mi, e))
                return -1;
        cgroup_parent(driver, uid, parent);
        /* systemd puts a slice below the one that its name begins with. */
        cleanup_free char *path =
                parent[0] == '/' ? xstrdup(parent) : xasprintf("/ds01.slice/%s", parent);
        cgroup_use_at(&mi, path, ret);
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
