/* SPDX-License-Identifier: MIT */
#include "host/cgroup.h"

#include "base/fd.h"
#include "base/str.h"
#include "host/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPU_PERIOD_US 100000

static bool is_systemd(const char *driver)
{
        return str_eq(driver, "systemd");
}

void cgroup_parent(const char *driver, uid_t uid, char out[CGROUP_PARENT_LEN])
{
        snprintf(out, CGROUP_PARENT_LEN, is_systemd(driver) ? "ds01-%u.slice" : "/ds01/%u", uid);
}

void cgroup_build_parent(const char *driver, uid_t uid, char out[CGROUP_PARENT_LEN])
{
        snprintf(out, CGROUP_PARENT_LEN,
                is_systemd(driver) ? "ds01-%u-build.slice" : "/ds01/%u/build", uid);
}

/* One group of one hierarchy. */
struct group {
        int fd;
        bool v2;
        const char *controllers; /* of a v1 hierarchy; every v2 group lists its own */
};

/* The kernel takes a setting in one write. 0, or -1 with errno. */
static int write_setting(int fd, const char *file, const char *text)
{
        cleanup_close int f = openat(fd, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (f < 0)
                return -1;
        size_t n = strlen(text);
        return write(f, text, n) == (ssize_t)n ? 0 : -1;
}

/* Lets the groups below use what this one has. Each by itself: one that can't doesn't stop the
 * rest. */
static void hand_down_controllers(int fd)
{
        static const char *const wanted[] = { "+cpuset", "+cpu", "+io", "+memory", "+pids",
                "+hugetlb" };
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                (void)write_setting(fd, "cgroup.subtree_control", wanted[i]);
}

/* A new v1 cpuset has no CPU and no memory node, and takes no process until it has. */
static void inherit_cpuset(int parent_fd, int fd)
{
        static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                struct err ignored = ERR_INIT;
                cleanup_free char *own = NULL, *parents = NULL;
                if (fd_read_file(fd, files[i], 65536, &own, NULL, &ignored) == 0 && own[0] > ' ')
                        continue;
                if (fd_read_file(parent_fd, files[i], 65536, &parents, NULL, &ignored) == 0)
                        (void)write_setting(fd, files[i], parents);
        }
}

/* Makes one level of the path below *fd and steps into it. 0, or -1 with errno. */
static int descend(struct group *g, const char *name)
{
        if (g->v2)
                hand_down_controllers(g->fd);
        if (mkdirat(g->fd, name, 0755) && errno != EEXIST)
                return -1;
        int fd = openat(g->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -1;
        if (!g->v2 && mountinfo_has_option(g->controllers, "cpuset"))
                inherit_cpuset(g->fd, fd);
        /* Before Linux 5.11 a v1 group counts its children's memory only if told to; now it always
         * does. */
        if (!g->v2 && mountinfo_has_option(g->controllers, "memory"))
                (void)write_setting(fd, "memory.use_hierarchy", "1");
        close(g->fd);
        g->fd = fd;
        return 0;
}

/* A limit that may be absent (another hierarchy has the controller) when there is none to set. */
static int set_number(int fd, const char *file, int64_t value, const char *unlimited)
{
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)value);
        int r = write_setting(fd, file, value < 0 ? unlimited : text);
        return r && value < 0 && errno == ENOENT ? 0 : r;
}

static int set_memory(const struct group *g, int64_t bytes)
{
        if (g->v2)
                return set_number(g->fd, "memory.max", bytes, "max");
        /* Memory must never be above memory plus swap, in either direction of a change. */
        bool swap = write_setting(g->fd, "memory.memsw.limit_in_bytes", "-1") == 0;
        if (set_number(g->fd, "memory.limit_in_bytes", bytes, "-1"))
                return -1;
        return swap ? set_number(g->fd, "memory.memsw.limit_in_bytes", bytes, "-1") : 0;
}

static int set_cpu(const struct group *g, int64_t percent)
{
        int64_t quota = percent < 0 ? -1 : percent * (CPU_PERIOD_US / 100);
        char text[64];
        if (!g->v2) {
                snprintf(text, sizeof text, "%d", CPU_PERIOD_US);
                (void)write_setting(g->fd, "cpu.cfs_period_us", text);
                return set_number(g->fd, "cpu.cfs_quota_us", quota, "-1");
        }
        snprintf(text, sizeof text, "%lld %d", (long long)quota, CPU_PERIOD_US);
        int r = write_setting(g->fd, "cpu.max", quota < 0 ? "max" : text);
        return r && quota < 0 && errno == ENOENT ? 0 : r;
}

static int set_pids(const struct group *g, int64_t n)
{
        return set_number(g->fd, "pids.max", n, "max");
}

/* Before version 2 there is nothing that slows a group down. */
static int set_memory_high(const struct group *g, int64_t bytes)
{
        return g->v2 ? set_number(g->fd, "memory.high", bytes, "max") : 0;
}

static int64_t want_memory(const struct cgroup_limits *l)
{
        return l->memory_bytes;
}

static int64_t want_cpu(const struct cgroup_limits *l)
{
        return l->cpu_quota_percent;
}

static int64_t want_pids(const struct cgroup_limits *l)
{
        return l->pids;
}

static int64_t want_memory_high(const struct cgroup_limits *l)
{
        return l->memory_high_bytes > 0 ? l->memory_high_bytes : -1;
}

static const struct {
        const char *controller;
        const char *v2_file; /* there if the group has the controller */
        int64_t (*want)(const struct cgroup_limits *);
        int (*set)(const struct group *, int64_t);
} limits[] = {
        { "memory", "memory.max", want_memory, set_memory },
        { "cpu", "cpu.max", want_cpu, set_cpu },
        { "pids", "pids.max", want_pids, set_pids },
        { "memory", "memory.high", want_memory_high, set_memory_high },
};

static bool has_controller(const struct group *g, size_t i)
{
        return g->v2 ? faccessat(g->fd, limits[i].v2_file, F_OK, 0) == 0
                     : mountinfo_has_option(g->controllers, limits[i].controller);
}

/* Sets what this hierarchy is in charge of, and marks it in `done`. */
static int apply(const struct group *g, const char *parent, const struct cgroup_limits *l,
        bool *done, struct err *e)
{
        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
                int64_t value = limits[i].want(l);
                if (!has_controller(g, i))
                        continue;
                if (limits[i].set(g, value)) {
                        if (errno == EBUSY)
                                return err_set(e, ERR_LIMIT,
                                        "More %s is in use in %s than its limit of %lld",
                                        limits[i].controller, parent, (long long)value);
                        return err_sys(e, errno, "Can't set the %s limit of the control group %s",
                                limits[i].controller, parent);
                }
                done[i] = true;
        }
        return 0;
}

/* A mount of a whole hierarchy; a part of one, bound somewhere, is not what the engine uses. */
static bool is_hierarchy(const struct mountinfo_row *row)
{
        return strcmp(row->root, "/") == 0 &&
               (strcmp(row->fstype, "cgroup") == 0 || strcmp(row->fstype, "cgroup2") == 0);
}

static int prepare_in(const struct mountinfo_row *row, const char *parent,
        const struct cgroup_limits *l, bool *done, struct err *e)
{
        struct group g = {
                .fd = open(row->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                .v2 = strcmp(row->fstype, "cgroup2") == 0,
                .controllers = row->super,
        };
        int r = g.fd < 0 ? -1 : 0;
        cleanup_free char *parts = xstrdup(parent);
        char *save = NULL;
        for (char *part = strtok_r(parts, "/", &save); part && r == 0;
                part = strtok_r(NULL, "/", &save))
                r = descend(&g, part);
        if (r)
                err_sys(e, errno, "Can't make the control group %s%s", row->path, parent);
        else
                r = apply(&g, parent, l, done, e);
        mem_closep(&g.fd);
        return r;
}

int cgroup_prepare_at(const struct mountinfo *mi, const char *parent, const struct cgroup_limits *l,
        struct err *e)
{
        bool done[ARRAY_LEN(limits)] = { false };
        for (size_t i = 0; i < mi->n; i++)
                if (is_hierarchy(&mi->rows[i]) && prepare_in(&mi->rows[i], parent, l, done, e))
                        return -1;
        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
                if (done[i] || limits[i].want(l) < 0)
                        continue;
                err_set(e, ERR_FAILED, "This machine has no %s controller for the limit of %s",
                        limits[i].controller, parent);
                return err_fix(e,
                        "Enable the controller, or take the users' aggregate %s limit out of the "
                        "policy",
                        limits[i].controller);
        }
        return 0;
}

static int prepare(
        const char *driver, const char *parent, const struct cgroup_limits *l, struct err *e)
{
        if (is_systemd(driver))
                return slice_set(parent, l, e);
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (mountinfo_read(0, &mi, e))
                return -1;
        return cgroup_prepare_at(&mi, parent, l, e);
}

int cgroup_prepare(const char *driver, uid_t uid, const struct cgroup_limits *l, struct err *e)
{
        char parent[CGROUP_PARENT_LEN];
        cgroup_parent(driver, uid, parent);
        return prepare(driver, parent, l, e);
}

int cgroup_prepare_build(
        const char *driver, uid_t uid, const struct cgroup_limits *l, struct err *e)
{
        char parent[CGROUP_PARENT_LEN];
        cgroup_build_parent(driver, uid, parent);
        return prepare(driver, parent, l, e);
}

void cgroup_remove(const char *driver, uid_t uid)
{
        cleanup_mountinfo struct mountinfo mi = { 0 };
        struct err ignored = ERR_INIT;
        if (is_systemd(driver) || mountinfo_read(0, &mi, &ignored))
                return;
        char build[CGROUP_PARENT_LEN], parent[CGROUP_PARENT_LEN];
        cgroup_build_parent(driver, uid, build);
        cgroup_parent(driver, uid, parent);
        for (size_t i = 0; i < mi.n; i++) {
                if (!is_hierarchy(&mi.rows[i]))
                        continue;
                cleanup_free char *inner = xasprintf("%s%s", mi.rows[i].path, build);
                cleanup_free char *outer = xasprintf("%s%s", mi.rows[i].path, parent);
                (void)rmdir(inner);
                (void)rmdir(outer);
        }
}
