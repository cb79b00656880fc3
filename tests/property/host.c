/* SPDX-License-Identifier: MIT */
/* The machine of the property test: clock, threads, the probe, mounts, homes, accounts, the rpc layer. */
#include "host.h"

#include "daemon/gpus-last.h"
#include "host/home.h"
#include "host/terminals.h"
#include "wrapped.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

/* ---- time and chance ---- */

int64_t __wrap_clock_unix(void)
{
        return world_clock();
}

/* A moment passes from one look at the clock to the next, so that before and after are told apart. */
int64_t __wrap_clock_mono_ms(void)
{
        return world->mono_ms++;
}

int __wrap_usleep(useconds_t us)
{
        world->mono_ms += us / 1000;
        return 0;
}

void __wrap_random_hex(char out[RANDOM_HEX_LEN + 1])
{
        uint64_t a = mix(++world->hexes), b = mix(world->hexes ^ 0xabcdef);
        snprintf(out, RANDOM_HEX_LEN + 1, "%016llx%016llx", (unsigned long long)a,
                (unsigned long long)b);
}

/* ---- commits ---- */

int __wrap_db_end(struct db *db, int result, struct err *e)
{
        fate_here();
        if (result == 0 && fate_says(world->full_pct)) {
                world->tally.full++;
                (void)__real_db_end(db, -1, e);
                return err_set(e, ERR_FAILED, "No space left on the disk of the database");
        }
        int r = __real_db_end(db, result, e);
        fate_here();
        return r;
}

/* ---- threads: they begin when a step says so ---- */

enum { THREADS_MAX = 64 };
static struct {
        void *(*fn)(void *);
        void *arg;
} threads[THREADS_MAX];
static int n_threads;
static bool forever; /* threads that run as long as ds01d: the steps do what they would */

void threads_forever(bool on)
{
        forever = on;
}

int __wrap_pthread_create(
        pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
        (void)attr;
        *ret = pthread_self();
        if (forever)
                return 0;
        if (n_threads == THREADS_MAX || fate_says(2))
                return EAGAIN;
        threads[n_threads].fn = fn;
        threads[n_threads++].arg = arg;
        return 0;
}

int __wrap_pthread_detach(pthread_t thread)
{
        (void)thread;
        return 0;
}

bool threads_run(int at)
{
        if (n_threads == 0)
                return false;
        at %= n_threads;
        void *(*fn)(void *) = threads[at].fn;
        void *arg = threads[at].arg;
        threads[at] = threads[--n_threads];
        (void)fn(arg);
        return true;
}

/* Whoever waits for figures: the sampler takes them now. Whoever waits for the engine waits in vain. */
int __wrap_pthread_cond_timedwait(
        pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
        (void)cond;
        (void)until;
        pthread_mutex_unlock(mutex);
        gpus_sample(daemon_now, NULL);
        pthread_mutex_lock(mutex);
        return world->silent ? ETIMEDOUT : 0;
}

/* ---- the driver ---- */

static bool used(const char *uuid)
{
        for (size_t i = 0; i < THINGS_MAX; i++)
                for (int k = 0;
                        world->things[i].state == THING_RUNNING && k < world->things[i].n_devices;
                        k++)
                        if (!strcmp(world->things[i].devices[k], uuid))
                                return true;
        return false;
}

int __wrap_probe_sample(
        struct probe *p, int64_t deadline, int stop_fd, struct gpu_sample *ret, struct err *e)
{
        (void)p;
        (void)deadline;
        (void)stop_fd;
        struct gpu_sample s = { .health = GPU_HEALTH_OK };
        if (world->silent) {
                world->mono_ms += 3000;
                return err_set(e, ERR_BUSY, "The probe did not answer in time");
        }
        for (int i = 0; i < world->n_devices; i++) {
                struct gpu g = world->devices[i].gpu;
                world->told[i] = !world->devices[i].hidden;
                if (world->devices[i].hidden)
                        continue;
                if (world->devices[i].foreign || used(g.uuid)) {
                        g.processes = xcalloc(1, sizeof *g.processes);
                        g.n_processes = 1;
                        g.processes[0].pid = world->devices[i].foreign ? 666 : 4242;
                }
                if (gpu_sample_add(&s, &g, e) < 0)
                        return -1;
        }
        *ret = s;
        return 0;
}

/* ---- mounts and homes: which keys have one ---- */

static bool set_key(char keys[MOUNTS_MAX][40], const char *key, bool on)
{
        int empty = -1;
        for (int i = 0; i < MOUNTS_MAX; i++) {
                if (!strcmp(keys[i], key)) {
                        if (!on)
                                keys[i][0] = '\0';
                        return true;
                }
                if (!keys[i][0])
                        empty = i;
        }
        if (on && empty < 0)
                broken("test", "too many folders");
        if (on)
                snprintf(keys[empty], sizeof keys[0], "%s", key);
        return false;
}

bool keys_has(char keys[MOUNTS_MAX][40], const char *key)
{
        for (int i = 0; i < MOUNTS_MAX; i++)
                if (!strcmp(keys[i], key))
                        return true;
        return false;
}

int __wrap_mounts_check_dir(int dir_fd, struct mount_source *ret_source, struct err *e)
{
        (void)dir_fd;
        (void)ret_source;
        (void)e;
        return 0;
}

int __wrap_mounts_check_workspace(
        int dir_fd, const struct peer *p, struct mount_source *ret_source, struct err *e)
{
        (void)dir_fd;
        (void)p;
        (void)ret_source;
        (void)e;
        return 0;
}

static int fail_sometimes(struct err *e)
{
        fate_here();
        return fate_says(2) ? err_set(e, ERR_FAILED, "Can't mount: no memory") : 0;
}

int __wrap_mounts_attach(const struct mounts *m, int dir_fd, const char *key, const char *what,
        bool read_only, char **ret_path, bool *ret_mapped, struct err *e)
{
        (void)m;
        (void)dir_fd;
        (void)read_only;
        (void)ret_mapped;
        if (fail_sometimes(e) < 0)
                return -1;
        set_key(world->mounts, key, true);
        *ret_path = xasprintf("/run/ds01/ws/%s/%s", key, what);
        return 0;
}

/* "/run/ds01/ws/<key>/<what>": visible while the key has a folder. */
int __wrap_mounts_visible(const char *path, pid_t engine_pid, bool mapped, struct err *e)
{
        char key[40] = "";
        (void)engine_pid;
        (void)mapped;
        fate_here();
        (void)sscanf(path, "/run/ds01/ws/%39[^/]", key);
        return keys_has(world->mounts, key) ? 0 : err_set(e, ERR_FAILED, "%s is not mounted", path);
}

int __wrap_mounts_detach_all(const struct mounts *m, const char *key, struct err *e)
{
        (void)m;
        if (fail_sometimes(e) < 0) {
                world->mounts_left = true;
                return -1;
        }
        set_key(world->mounts, key, false);
        return 0;
}

int __wrap_mounts_each_key(
        const struct mounts *m, void (*fn)(void *arg, const char *key), void *arg, struct err *e)
{
        (void)m;
        (void)e;
        for (int i = 0; i < MOUNTS_MAX; i++)
                if (world->mounts[i][0])
                        fn(arg, world->mounts[i]);
        return 0;
}

int __wrap_home_create(const char *base, const char *key, uid_t uid, gid_t gid,
        const char *prompt_name, int *ret_dirfd, struct err *e)
{
        (void)base;
        (void)uid;
        (void)gid;
        (void)prompt_name;
        if (fail_sometimes(e) < 0)
                return -1;
        if (set_key(world->homes, key, true))
                return err_set(e, ERR_EXISTS, "There is a home %s already", key);
        *ret_dirfd = -1;
        return 0;
}

int __wrap_home_open(const char *base, const char *key, int *ret_dirfd, struct err *e)
{
        (void)base;
        *ret_dirfd = -1;
        return keys_has(world->homes, key) ? 0
                                           : err_set(e, ERR_NOT_FOUND, "There is no home %s", key);
}

int __wrap_home_discard(const char *base, const char *key, struct err *e)
{
        (void)base;
        if (fail_sometimes(e) < 0)
                return -1;
        set_key(world->homes, key, false);
        return 0;
}

/* ---- processes ---- */

int __wrap_cgroup_prepare(
        const char *driver, uid_t uid, const struct cgroup_limits *l, struct err *e)
{
        (void)driver;
        (void)uid;
        (void)l;
        return fail_sometimes(e);
}

int __wrap_cgroup_signal(pid_t container_init_pid, const char *container_id, enum cgroup_who who,
        int sig, struct err *e)
{
        (void)container_init_pid;
        (void)sig;
        (void)e;
        struct thing *t = thing_find(container_id);
        if (t && who != CGROUP_OTHERS && t->state == THING_RUNNING && !t->paused && !t->stubborn)
                thing_exit(t, 143);
        return 0;
}

int __wrap_cgroup_count(pid_t container_init_pid, const char *container_id,
        struct cgroup_counts *ret, struct err *e)
{
        (void)container_init_pid;
        (void)container_id;
        (void)e;
        *ret = (struct cgroup_counts){ .main_catches = true };
        return 0;
}

int __wrap_cgroup_container_use(const char *driver, uid_t uid, const char *container_id,
        struct cgroup_use *ret, struct cgroup_bounds *ret_bounds, struct err *e)
{
        (void)driver;
        (void)uid;
        (void)container_id;
        (void)ret;
        (void)ret_bounds;
        return err_set(e, ERR_FAILED, "Not counted here");
}

/* ---- people ---- */

size_t __wrap_terminals_write(uid_t uid, const char *text)
{
        (void)uid;
        world->tally.launched += strstr(text, "was launched, its turn had come") != NULL;
        fate_here();
        return 1;
}

int __wrap_account_by_uid(uid_t uid, struct account *ret, struct err *e)
{
        if (uid < FIRST_UID || uid >= FIRST_UID + ACCOUNTS)
                return err_set(e, ERR_NOT_FOUND, "No account %u", (unsigned)uid);
        *ret = (struct account){ .uid = uid,
                .gid = uid,
                .user = xasprintf("u%u", (unsigned)(uid - FIRST_UID)),
                .home = xstrdup("/home/u"),
                .shell = xstrdup("/bin/sh") };
        return 0;
}

/* ---- answers ---- */

int __wrap_rpc_reply(struct rpc_call *call, json_t *params)
{
        json_decref(params);
        if (call->answered)
                broken("I7", "a second answer was given");
        call->answered = true;
        return 0;
}

int __wrap_rpc_reply_more(struct rpc_call *call, json_t *params)
{
        if (!params)
                broken("I7", "an answer could not be made");
        json_decref(params);
        if (call->answered)
                broken("I7", "more was said after the answer");
        return 0;
}

/* Whoever waits for another operation to end has hung up, so that nobody waits for themselves. */
int __wrap_rpc_call_stop_fd(const struct rpc_call *call)
{
        static int fd = -1;
        (void)call;
        if (fd < 0)
                fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        return fd;
}
