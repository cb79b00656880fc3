/* SPDX-License-Identifier: MIT */
/*
 * What an operation costs on a larger machine: ds01d's own code at 10, 100, 1,000 and 10,000 containers,
 * tickets and accounts, and up to the 512 GPUs that there may be; everything else is of a usual size.
 *
 *   scale [--containers | --gpus | --tickets | --accounts] [--json] [--check]
 *
 * For each: microseconds of CPU (median), the steps that SQLite's machine takes and the rows that it
 * goes through without an index. --check compares steps of two sizes, which no machine changes: what is said
 * to be flat must not grow, and nothing may grow much faster than what it is about. Exit status 1 if it does.
 */
#include "scale-world.h"

#include "base/json.h"
#include "daemon/expire.h"
#include "daemon/lease.h"
#include "daemon/methods.h"
#include "daemon/recovery.h"
#include "daemon/scheduler.h"
#include "daemon/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 9, SIZES = 4, RUN_MAX_US = 2000000 };

/* ---- operations ---- */

static bool ask(struct daemon *d, method_fn *fn, uid_t uid, json_t *params, bool more)
{
        char user[16];
        snprintf(user, sizeof user, "u%u", (unsigned)uid);
        struct caller who = { .daemon = d, .peer = { .uid = uid, .gid = uid, .user = user } };
        cleanup_json json_t *owned = params;
        struct rpc_call call = { .params = owned, .n_fds = 1, .more = more, .conn_fd = -1 };
        struct err e = ERR_INIT;
        call.fds[0] = open("/", O_PATH | O_CLOEXEC);
        int r = fn(d, &who, &call, &e);
        for (size_t i = 0; i < call.n_fds; i++)
                mem_closep(&call.fds[i]);
        if (r < 0 && e.code != ERR_UNAVAILABLE)
                scale_fail("%s", e.msg);
        return r == 0;
}

static void list_own(struct daemon *d)
{
        ask(d, containers_list, SCALE_UID, json_pack("{s:b}", "all", 1), true);
}

static void list_all(struct daemon *d)
{
        ask(d, containers_list, 0, json_pack("{s:b}", "all", 1), true);
}

static void get_one(struct daemon *d)
{
        ask(d, containers_get_row, SCALE_UID, json_pack("{s:s}", "name", "c1"), false);
}

static void limits(struct daemon *d)
{
        ask(d, limits_get_all, SCALE_UID, json_object(), true);
}

static void gpus(struct daemon *d)
{
        ask(d, gpus_list, SCALE_UID, json_object(), true);
}

static void queue(struct daemon *d)
{
        ask(d, queue_list, SCALE_UID, json_object(), true);
}

static void own_queue(struct daemon *d)
{
        ask(d, queue_list, SCALE_UID, json_pack("{s:b}", "mine", 1), true);
}

static void join_and_leave(struct daemon *d)
{
        ask(d, queue_join, SCALE_UID, json_pack("{s:s, s:i}", "name", "q", "gpus", 2), false);
        ask(d, queue_leave, SCALE_UID, json_pack("{s:s}", "name", "q"), false);
}

static void launch_with(struct daemon *d, int n)
{
        json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", "new", "image",
                "aime/pytorch:2.8.0", "interface", "api", "workspace", "/home/u/work", "gpus", n);
        if (ask(d, containers_launch, SCALE_UID, j, false))
                ask(d, containers_retire, SCALE_UID,
                        json_pack("{s:s, s:b}", "name", "new", "force", 1), false);
}

static void launch_without(struct daemon *d)
{
        launch_with(d, 0);
}

static void launch_with_gpu(struct daemon *d)
{
        launch_with(d, 1);
}

static void schedule(struct daemon *d)
{
        scheduler_look(d, true);
}

static void janitor(struct daemon *d)
{
        recovery_sweep(d);
        lease_sweep(d);
        usage_sweep(d);
}

static void limits_in_time(struct daemon *d)
{
        scale_pass(6);
        expire_sweep(d);
}

/* ---- dimensions ---- */

enum dimension { CONTAINERS, GPUS, TICKETS, ACCOUNTS, DIMENSIONS };

static const char *const dimension_names[] = {
        [CONTAINERS] = "containers",
        [GPUS] = "gpus",
        [TICKETS] = "tickets",
        [ACCOUNTS] = "accounts",
};

static struct scale_size size_of(enum dimension dim, size_t n)
{
        struct scale_size s = { .containers = 40, .gpus = 4, .tickets = 0, .accounts = 20 };
        if (dim == CONTAINERS)
                s.containers = n;
        else if (dim == GPUS)
                s.gpus = s.containers = n, s.containers *= 2;
        else if (dim == TICKETS)
                s.tickets = n;
        else
                s.accounts = n;
        return s;
}

static size_t count_of(enum dimension dim, int i)
{
        static const size_t counts[] = { 10, 100, 1000, 10000 }, gpus_counts[] = { 4, 16, 64, 512 };
        return dim == GPUS ? gpus_counts[i] : counts[i];
}

#define ON(dim) (1u << (dim))
static const struct {
        const char *name;
        void (*fn)(struct daemon *d);
        unsigned flat; /* dimensions that it must not grow with */
} operations[] = {
        { "container-list", list_own, ON(CONTAINERS) | ON(GPUS) | ON(TICKETS) | ON(ACCOUNTS) },
        { "one container", get_one, ON(CONTAINERS) | ON(GPUS) | ON(TICKETS) | ON(ACCOUNTS) },
        { "check-limits", limits, ON(CONTAINERS) | ON(TICKETS) | ON(ACCOUNTS) },
        { "launch and retire, no GPU", launch_without,
                ON(CONTAINERS) | ON(GPUS) | ON(TICKETS) | ON(ACCOUNTS) },
        { "launch and retire, one GPU", launch_with_gpu, ON(CONTAINERS) | ON(ACCOUNTS) },
        { "dashboard: GPUs", gpus, ON(CONTAINERS) | ON(ACCOUNTS) },
        { "gpu-queue status", queue, ON(CONTAINERS) | ON(ACCOUNTS) },
        { "gpu-queue position", own_queue, ON(CONTAINERS) | ON(ACCOUNTS) },
        { "gpu-queue join and leave", join_and_leave, ON(CONTAINERS) },
        { "scheduler: a look", schedule, ON(CONTAINERS) | ON(GPUS) | ON(ACCOUNTS) },
        { "janitor: every 2 s", janitor, ON(TICKETS) | ON(ACCOUNTS) },
        { "janitor: every 5 s", limits_in_time, ON(TICKETS) | ON(ACCOUNTS) },
        { "admin: list of everything", list_all, ON(TICKETS) | ON(ACCOUNTS) },
};
enum { OPERATIONS = ARRAY_LEN(operations) };

/* ---- measuring ---- */

struct result {
        int64_t us;
        struct scale_cost cost;
};

static int64_t cpu_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int compare(const void *x, const void *y)
{
        const int64_t *a = x, *b = y;
        return (*a > *b) - (*a < *b);
}

static struct result measure(struct daemon *d, void (*fn)(struct daemon *d), int runs)
{
        int64_t us[RUNS];
        struct result r = { 0 };
        int n = 0;
        fn(d); /* statements are prepared, connections opened */
        do {
                (void)scale_count();
                int64_t start = cpu_us();
                fn(d);
                us[n++] = cpu_us() - start;
                r.cost = scale_count();
        } while (n < runs && us[n - 1] < RUN_MAX_US);
        qsort(us, (size_t)n, sizeof *us, compare);
        r.us = us[n / 2];
        return r;
}

static void remove_dir(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *entry;
        while (dir && (entry = readdir(dir)))
                unlinkat(dirfd(dir), entry->d_name, 0);
        if (dir)
                closedir(dir);
        rmdir(path);
}

static void measure_all(
        enum dimension dim, size_t n, int runs, struct result ret[static OPERATIONS])
{
        char dir[] = "/dev/shm/ds01-scale-XXXXXX";
        struct scale_size size = size_of(dim, n);
        if (!mkdtemp(dir))
                scale_fail("no folder for the database in /dev/shm");
        struct daemon *d = scale_open(dir, &size);
        for (size_t i = 0; i < OPERATIONS; i++)
                ret[i] = measure(d, operations[i].fn, runs);
        scale_close(d);
        remove_dir(dir);
}

/* ---- telling ---- */

static void tell_table(enum dimension dim, struct result v[SIZES][OPERATIONS])
{
        printf("%-28s", dimension_names[dim]);
        for (int k = 0; k < SIZES; k++)
                printf("%24zu", count_of(dim, k));
        printf("\n%-28s", "");
        for (int k = 0; k < SIZES; k++)
                printf("%10s%14s", "us", "SQLite steps");
        puts("");
        for (size_t i = 0; i < OPERATIONS; i++) {
                printf("%-28s", operations[i].name);
                for (int k = 0; k < SIZES; k++)
                        printf("%10lld%14lld", (long long)v[k][i].us,
                                (long long)v[k][i].cost.steps);
                puts("");
        }
        puts("");
}

static void tell_json(enum dimension dim, struct result v[SIZES][OPERATIONS])
{
        for (int k = 0; k < SIZES; k++)
                for (size_t i = 0; i < OPERATIONS; i++) {
                        const struct scale_cost *c = &v[k][i].cost;
                        printf("{\"of\": \"%s\", \"n\": %zu, \"operation\": \"%s\", \"cpu_us\": %lld, \"steps\": %lld,"
                               " \"queries\": %lld, \"scanned\": %lld, \"replies\": %lld, \"bytes\": %lld, \"engine\": %lld}\n",
                                dimension_names[dim], count_of(dim, k), operations[i].name,
                                (long long)v[k][i].us, (long long)c->steps, (long long)c->queries,
                                (long long)c->scanned, (long long)c->replies, (long long)c->bytes,
                                (long long)c->requests);
                }
}

/* ---- checking ---- */

static bool grows_as_said(
        enum dimension dim, size_t i, int64_t few, int64_t many, const int64_t n[2])
{
        bool flat = operations[i].flat & ON(dim);
        int64_t most = flat ? few + few / 10 : few * n[1] / n[0] * 5 / 4;
        if (many <= most)
                return true;
        printf("%s: %lld steps at %lld %s, %lld at %lld: %s\n", operations[i].name, (long long)few,
                (long long)n[0], dimension_names[dim], (long long)many, (long long)n[1],
                flat ? "it should not grow with them" : "it grows faster than they do");
        return false;
}

/* One that is refused costs little, and says nothing about a launch. Behind tickets it has to be. */
static bool launched(enum dimension dim, size_t i, const struct result *r)
{
        bool is_launch = str_starts(operations[i].name, "launch");
        if (!is_launch || dim == TICKETS || r->cost.requests > 0)
                return true;
        printf("%s asked nothing of the engine: it was refused\n", operations[i].name);
        return false;
}

static bool check(void)
{
        static const int64_t sizes[DIMENSIONS][2] = { [CONTAINERS] = { 20, 400 },
                [GPUS] = { 8, 64 },
                [TICKETS] = { 20, 200 },
                [ACCOUNTS] = { 20, 200 } };
        bool ok = true;
        for (enum dimension dim = 0; dim < DIMENSIONS; dim++) {
                struct result few[OPERATIONS], many[OPERATIONS];
                measure_all(dim, (size_t)sizes[dim][0], 1, few);
                measure_all(dim, (size_t)sizes[dim][1], 1, many);
                for (size_t i = 0; i < OPERATIONS; i++) {
                        ok &= launched(dim, i, &few[i]);
                        ok &= launched(dim, i, &many[i]);
                        ok &= grows_as_said(
                                dim, i, few[i].cost.steps, many[i].cost.steps, sizes[dim]);
                }
        }
        return ok;
}

int main(int argc, char **argv)
{
        static struct result v[SIZES][OPERATIONS];
        static const struct option options[] = { { "containers", no_argument, NULL, CONTAINERS },
                { "gpus", no_argument, NULL, GPUS }, { "tickets", no_argument, NULL, TICKETS },
                { "accounts", no_argument, NULL, ACCOUNTS }, { "json", no_argument, NULL, 'j' },
                { "check", no_argument, NULL, 'c' }, { 0 } };
        unsigned wanted = 0;
        bool json = false, checked = false;
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                if (c == 'j')
                        json = true;
                else if (c == 'c')
                        checked = true;
                else if (c < DIMENSIONS)
                        wanted |= ON(c);
                else
                        return 2;
        }
        if (checked)
                return check() ? 0 : 1;
        for (enum dimension dim = 0; dim < DIMENSIONS; dim++) {
                if (wanted && !(wanted & ON(dim)))
                        continue;
                for (int k = 0; k < SIZES; k++)
                        measure_all(dim, count_of(dim, k), RUNS, v[k]);
                if (json)
                        tell_json(dim, v);
                else
                        tell_table(dim, v);
        }
        return 0;
}
