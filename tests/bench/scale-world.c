/* SPDX-License-Identifier: MIT */
#include "scale-world.h"

#include "base/log.h"
#include "daemon/gpus-last.h"
#include "daemon/rules.h"
#include "daemon/scheduler.h"
#include "store/facts.h"
#include "wrapped.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static struct {
        struct scale_cost cost;
        struct scale_size size;
        struct daemon *d;
        int64_t now_s, now_ms;
        uint64_t ids;
        bool running; /* the container that is launched */
        char id[ENGINE_ID_LEN + 1];
} it = { .now_s = 1800000000, .now_ms = 1000000 };

void scale_fail(const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        fprintf(stderr, "scale: ");
        vfprintf(stderr, fmt, ap);
        fprintf(stderr, "\n");
        va_end(ap);
        exit(2);
}

void scale_pass(int seconds)
{
        it.now_s += seconds;
        it.now_ms += seconds * 1000;
}

struct scale_cost scale_count(void)
{
        struct scale_cost cost = it.cost;
        it.cost = (struct scale_cost){ 0 };
        return cost;
}

/* ---- what SQLite does ---- */

static int on_profile(unsigned type, void *ctx, void *statement, void *ns)
{
        (void)type;
        (void)ctx;
        (void)ns;
        it.cost.queries++;
        it.cost.steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
        it.cost.scanned += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
        return 0;
}

/* For every connection that is opened from here on. */
static int watch_connection(
        sqlite3 *db, const char **ret_error, const struct sqlite3_api_routines *api)
{
        (void)ret_error;
        (void)api;
        return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_profile, NULL);
}

/* ---- what stands in for others ---- */

int64_t __wrap_clock_unix(void)
{
        return it.now_s;
}

int64_t __wrap_clock_mono_ms(void)
{
        return it.now_ms;
}

int __wrap_usleep(useconds_t us)
{
        (void)us;
        return 0;
}

void __wrap_random_hex(char out[RANDOM_HEX_LEN + 1])
{
        snprintf(out, RANDOM_HEX_LEN + 1, "%032llx", (unsigned long long)++it.ids);
}

int __wrap_pthread_create(
        pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
        (void)attr;
        (void)fn;
        (void)arg;
        *ret = pthread_self();
        return 0;
}

int __wrap_pthread_detach(pthread_t thread)
{
        (void)thread;
        return 0;
}

/* Whoever waits for figures of the GPUs: the sampler takes them now. */
int __wrap_pthread_cond_timedwait(
        pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
        (void)cond;
        (void)until;
        pthread_mutex_unlock(mutex);
        gpus_sample(it.d, NULL);
        pthread_mutex_lock(mutex);
        return 0;
}

static void make_gpu(size_t i, struct gpu *g)
{
        gpu_init(g);
        snprintf(g->uuid, sizeof g->uuid, "GPU-%05zu", i);
        snprintf(g->parent, sizeof g->parent, "GPU-%05zu", i);
        snprintf(g->name, sizeof g->name, "NVIDIA A100-SXM4-40GB");
        g->index = (int)i;
        g->processes_known = true;
}

int __wrap_probe_sample(
        struct probe *p, int64_t deadline, int stop_fd, struct gpu_sample *ret, struct err *e)
{
        (void)p;
        (void)deadline;
        (void)stop_fd;
        *ret = (struct gpu_sample){ .health = GPU_HEALTH_OK };
        for (size_t i = 0; i < it.size.gpus; i++) {
                struct gpu g;
                make_gpu(i, &g);
                if (gpu_sample_add(ret, &g, e) < 0)
                        return -1;
        }
        return 0;
}

int __wrap_engine_container_create(struct engine *en, const struct engine_wait *w, const char *name,
        const json_t *body, char ret_id[ENGINE_ID_LEN + 1], struct err *e)
{
        (void)en;
        (void)w;
        (void)name;
        (void)body;
        (void)e;
        it.cost.requests++;
        snprintf(it.id, sizeof it.id, "%064llx", 0xfff0000000000000ULL + ++it.ids);
        memcpy(ret_id, it.id, sizeof it.id);
        return 0;
}

int __wrap_engine_container_start(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        (void)en;
        (void)w;
        (void)id;
        (void)e;
        it.cost.requests++;
        it.running = true;
        return 0;
}

int __wrap_engine_container_remove(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        (void)en;
        (void)w;
        (void)id;
        (void)e;
        it.cost.requests++;
        it.running = false;
        return 0;
}

int __wrap_engine_container_inspect(struct engine *en, const struct engine_wait *w, const char *id,
        struct engine_container *ret, struct err *e)
{
        (void)en;
        (void)w;
        it.cost.requests++;
        if (strcmp(id, it.id) != 0)
                return err_set(e, ERR_NOT_FOUND, "No container %s", id);
        *ret = (struct engine_container){ .running = it.running, .pid = 4242 };
        memcpy(ret->id, it.id, sizeof it.id);
        ret->name = xstrdup("");
        snprintf(ret->state, sizeof ret->state, "running");
        ret->labels = json_object();
        return 0;
}

int __wrap_engine_image_inspect(struct engine *en, const struct engine_wait *w, const char *ref,
        struct engine_image *ret, struct err *e)
{
        (void)en;
        (void)w;
        (void)ref;
        (void)e;
        it.cost.requests++;
        *ret = (struct engine_image){ .user = xstrdup(""),
                .workdir = xstrdup(""),
                .os = xstrdup("linux"),
                .arch = xstrdup("amd64") };
        snprintf(ret->id, sizeof ret->id, "%s", IMAGE_ID);
        ret->cmd = json_pack("[s]", "bash");
        return 0;
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
        (void)p;
        return __wrap_mounts_check_dir(dir_fd, ret_source, e);
}

int __wrap_mounts_attach(const struct mounts *m, int dir_fd, const char *key, const char *what,
        bool read_only, char **ret_path, bool *ret_mapped, struct err *e)
{
        (void)m;
        (void)dir_fd;
        (void)read_only;
        (void)ret_mapped;
        (void)e;
        *ret_path = xasprintf("/run/ds01/ws/%s/%s", key, what);
        return 0;
}

int __wrap_mounts_visible(const char *path, pid_t engine_pid, bool mapped, struct err *e)
{
        (void)path;
        (void)engine_pid;
        (void)mapped;
        (void)e;
        return 0;
}

int __wrap_mounts_detach_all(const struct mounts *m, const char *key, struct err *e)
{
        (void)m;
        (void)key;
        (void)e;
        return 0;
}

int __wrap_home_create(const char *base, const char *key, uid_t uid, gid_t gid,
        const char *prompt_name, int *ret_dirfd, struct err *e)
{
        (void)base;
        (void)key;
        (void)uid;
        (void)gid;
        (void)prompt_name;
        (void)e;
        *ret_dirfd = -1;
        return 0;
}

int __wrap_home_discard(const char *base, const char *key, struct err *e)
{
        (void)base;
        (void)key;
        (void)e;
        return 0;
}

int __wrap_cgroup_prepare(
        const char *driver, uid_t uid, const struct cgroup_limits *l, struct err *e)
{
        (void)driver;
        (void)uid;
        (void)l;
        (void)e;
        return 0;
}

/* Control groups are read, not counted: that it costs something for each account is known. */
__typeof__(cgroup_use) __wrap_cgroup_use;
int __wrap_cgroup_use(const char *driver, uid_t uid, struct cgroup_use *ret, struct err *e)
{
        (void)driver;
        (void)uid;
        (void)e;
        *ret = (struct cgroup_use){ 1 << 20, 1000000, 1 };
        return 0;
}

__typeof__(cgroup_use_of) __wrap_cgroup_use_of;
int __wrap_cgroup_use_of(
        const char *driver, const uid_t *uids, size_t n, struct cgroup_use *ret, struct err *e)
{
        for (size_t i = 0; i < n; i++)
                (void)__wrap_cgroup_use(driver, uids[i], &ret[i], e);
        return 0;
}

size_t __wrap_terminals_write(uid_t uid, const char *text)
{
        (void)uid;
        (void)text;
        return 0;
}

int __wrap_account_by_uid(uid_t uid, struct account *ret, struct err *e)
{
        (void)e;
        *ret = (struct account){ .uid = uid,
                .gid = uid,
                .user = xasprintf("u%u", (unsigned)uid),
                .home = xstrdup("/home/u"),
                .shell = xstrdup("/bin/sh") };
        return 0;
}

/* As the server does it, but for the socket: an answer is made into text. */
int __wrap_rpc_reply_more(struct rpc_call *call, json_t *params)
{
        (void)call;
        cleanup_json json_t *owned = params;
        cleanup_free char *text = json_dumps(owned, JSON_COMPACT);
        it.cost.replies++;
        it.cost.bytes += text ? (int64_t)strlen(text) + 1 : 0;
        return 0;
}

int __wrap_rpc_reply(struct rpc_call *call, json_t *params)
{
        call->answered = true;
        return __wrap_rpc_reply_more(call, params ? params : json_object());
}

int __wrap_rpc_call_stop_fd(const struct rpc_call *call)
{
        static int fd = -1;
        (void)call;
        if (fd < 0)
                fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return fd;
}

/* ---- a machine of that size ---- */

static const char limits_yaml[] = "defaults:\n"
                                  "  max_gpu_equivalents: 2\n"
                                  "  max_gpu_slots_per_container: 2\n"
                                  "  max_containers_per_user: 20\n"
                                  "  max_runtime_h: 48\n"
                                  "  gpu_hold_after_stop_h: 0.25\n"
                                  "queue: { turn_m: 10, max_tickets_per_user: 20 }\n";
static const char catalogue_text[] = "Pytorch, 2.8.0, [CUDA_AMPERE], aimehub/pytorch:2.8.0\n";

static void load_rules(struct daemon *d)
{
        struct policy_source source = { .limits = {
                                                "limits", limits_yaml, sizeof limits_yaml - 1 } };
        struct rules *r = xcalloc(1, sizeof *r);
        cleanup_strv struct strv warnings = { 0 };
        struct err e = ERR_INIT;
        atomic_init(&r->holders, 1);
        catalogue_add(
                &r->catalogue, catalogue_text, sizeof catalogue_text - 1, "catalogue", &warnings);
        if (policy_load(&source, &r->policy, &warnings, &e) < 0)
                scale_fail("%s", e.msg);
        d->rules = r;
}

static void fill_one(struct daemon *d, uid_t uid, size_t i, bool runs, const char *gpu)
{
        char name[32], engine_id[ENGINE_ID_LEN + 1];
        cleanup_container struct container c = { .uid = uid,
                .gid = uid,
                .project = xstrdup("thesis"),
                .image_ref = xstrdup("ds01-u/thesis:latest"),
                .image_id = xstrdup(IMAGE_ID),
                .framework = xstrdup("PyTorch 2.8.0"),
                .interface = xstrdup("orchestration"),
                .workspace = xstrdup("/home/u/workspace/thesis"),
                .state = runs ? LEDGER_RUNNING : LEDGER_STOPPED,
                .created_at = it.now_s - 7200,
                .started_at = it.now_s - 3600,
                .stopped_at = runs ? 0 : it.now_s - 60,
                .state_since = it.now_s - 60,
                .exit_code = runs ? -1 : 0,
                .boot_id = xstrdup("boot") };
        struct err e = ERR_INIT;
        enum reserve_verdict verdict = RESERVED;
        snprintf(name, sizeof name, "c%zu", i);
        snprintf(engine_id, sizeof engine_id, "%064llx", (unsigned long long)uid << 32 | i);
        c.name = xstrdup(name);
        c.user = xasprintf("u%u", (unsigned)uid);
        c.engine_id = xstrdup(engine_id);
        random_hex(c.born_op);
        if (!gpu) {
                if (containers_adopt(d->store, &c, &e) < 0)
                        scale_fail("%s", e.msg);
                return;
        }
        struct lease lease = { .slices = 1, .of = 1, .uid = uid, .since = it.now_s - 3600 };
        snprintf(lease.device, sizeof lease.device, "%s", gpu);
        snprintf(lease.parent, sizeof lease.parent, "%s", gpu);
        snprintf(lease.slot, sizeof lease.slot, "%s", gpu + 4);
        strv_add(&c.gpus, gpu);
        c.state = LEDGER_CREATING;
        memcpy(c.op, c.born_op, sizeof c.op);
        if (leases_reserve(d->store, &c, 1000, &lease, 1, 0, &verdict, &e) < 0 ||
                verdict != RESERVED ||
                containers_created(d->store, c.id, c.op, engine_id, &e) < 0 ||
                containers_move(d->store, c.id, c.op, LEDGER_STARTING, &e) < 0 ||
                containers_started(d->store, c.id, c.op, it.now_s - 3600, "boot", &e) < 0 ||
                containers_end(d->store, c.id, c.op, &e) < 0)
                scale_fail("%s", e.msg);
}

static void fill_containers(struct daemon *d)
{
        size_t gpus = it.size.gpus ? it.size.gpus - 1 : 0;
        for (size_t i = 0; i < SCALE_OWN; i++)
                fill_one(d, SCALE_UID, i, i % 2 == 0, NULL);
        for (size_t i = 0; i < it.size.containers; i++) {
                char gpu[32];
                snprintf(gpu, sizeof gpu, "GPU-%05zu", i / 2);
                bool runs = i % 2 == 0;
                fill_one(d, SCALE_UID + 1 + (uid_t)(i / SCALE_EACH), i % SCALE_EACH, runs,
                        runs && i / 2 < gpus ? gpu : NULL);
        }
}

/* Each asks for two GPUs, and one is free at the most. */
static void fill_tickets(struct daemon *d)
{
        struct err e = ERR_INIT;
        for (size_t i = 0; i < it.size.tickets; i++) {
                uid_t uid = SCALE_UID + 1 + (uid_t)(i / SCALE_EACH);
                char user[16], name[16];
                enum ticket_verdict verdict;
                int64_t id;
                snprintf(user, sizeof user, "u%u", (unsigned)uid);
                snprintf(name, sizeof name, "t%zu", i % SCALE_EACH);
                struct ticket t = { .uid = uid,
                        .user = user,
                        .name = name,
                        .slots = 2,
                        .kind = TICKET_HOLD,
                        .joined_at = it.now_s - 600,
                        .boot_id = d->boot };
                if (tickets_add(d->store, &t, 1000, &verdict, &id, &e) < 0 ||
                        verdict != TICKET_ADDED)
                        scale_fail("%s", e.msg);
        }
}

/* What accounts had: by way of SQL, as it has no other way in. */
static void fill_history(const char *dir)
{
        sqlite3 *db;
        cleanup_free char *path = xasprintf("%s/ds01.db", dir);
        cleanup_free char *sql = xasprintf(
                "BEGIN;"
                "WITH RECURSIVE u(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM u WHERE n < %zu)"
                " INSERT INTO usage SELECT %d + n, 3600000 + n, %lld FROM u WHERE n < %zu;"
                "WITH RECURSIVE u(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM u WHERE n < %zu)"
                " INSERT INTO lease_history (uid, device, slices, slices_of, since, ended_at)"
                " SELECT %d + n / %d, 'GPU-00000', 1, 1, 1700000000, 1700000000 + 60 + n %% 9973"
                " FROM u WHERE n < %zu;"
                "COMMIT",
                it.size.accounts, SCALE_UID, (long long)it.now_s - 60, it.size.accounts,
                it.size.accounts * SCALE_HISTORY, SCALE_UID, SCALE_HISTORY,
                it.size.accounts * SCALE_HISTORY);
        if (sqlite3_open(path, &db) != SQLITE_OK ||
                sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                scale_fail("%s", sqlite3_errmsg(db));
        sqlite3_close(db);
}

/* Nobody else has the database open, and what it holds is thrown away: no locks, no syncs. */
static int no_sync(int fd)
{
        (void)fd;
        return 0;
}

static void spare_calls(void)
{
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
        (void)vfs->xSetSystemCall(vfs, "fdatasync", (sqlite3_syscall_ptr)no_sync);
        (void)vfs->xSetSystemCall(vfs, "fsync", (sqlite3_syscall_ptr)no_sync);
}

struct daemon *scale_open(const char *dir, const struct scale_size *size)
{
        struct daemon *d = xcalloc(1, sizeof *d);
        struct image_facts facts = { .has_shell = true };
        struct err e = ERR_INIT;
        spare_calls();
        sqlite3_auto_extension((void (*)(void))watch_connection);
        it.size = *size;
        it.d = d;
        *d = (struct daemon){ .stop_fd = -1, .mounts = MOUNTS_INIT, .gpu_arch = "" };
        d->config.homes_path = xstrdup("/homes");
        d->config.network_name = xstrdup("ds01");
        d->mounts.path = xstrdup("/run/ds01/ws");
        snprintf(d->boot, sizeof d->boot, "boot");
        pthread_mutex_init(&d->lock, NULL);
        pthread_cond_init(&d->engine_asked, NULL);
        d->engine_tried = d->engine_ready = true;
        snprintf(d->engine_version.cgroup_driver, sizeof d->engine_version.cgroup_driver,
                "cgroupfs");
        log_set_level((enum log_level)0);
        load_rules(d);
        if (store_open(dir, &d->store, &e) < 0 || facts_put(d->store, IMAGE_ID, &facts, &e) < 0 ||
                gpus_start(d, &e) < 0 || scheduler_start(d, &e) < 0)
                scale_fail("%s", e.msg);
        fill_containers(d);
        fill_tickets(d);
        fill_history(dir);
        (void)scale_count();
        return d;
}

void scale_close(struct daemon *d)
{
        store_close(d->store);
        scheduler_free(d);
        gpus_free(d);
        rules_put(d->rules);
        free(d->config.homes_path);
        free(d->config.network_name);
        free(d->mounts.path);
        free(d);
}
