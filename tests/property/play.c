/* SPDX-License-Identifier: MIT */
/* ds01d as the property test has it: no threads, no sockets, and the rules of this file. */
#include "play.h"

#include "checks.h"
#include "daemon/recovery.h"
#include "daemon/rules.h"
#include "daemon/scheduler.h"
#include "store/facts.h"
#include "wrapped.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Account 3 is the only one whose containers go by themselves: engine.c knows that. */
static const char limits_yaml[] = "defaults:\n"
                                  "  max_gpu_equivalents: 2\n"
                                  "  max_gpu_slots_per_container: 2\n"
                                  "  max_containers_per_user: 3\n"
                                  "  max_runtime_h: 2\n"
                                  "  gpu_hold_after_stop_h: 0.25\n"
                                  "queue: { turn_m: 10, max_tickets_per_user: 3 }\n";
static const char users_yaml[] =
        "u1: { max_gpu_equivalents: 0.5, allow_full_gpu: false }\n"
        "u2: { max_gpu_equivalents: 4, max_gpu_slots_per_container: 4, max_runtime_h: null }\n"
        "u3: { max_gpu_equivalents: 1, gpu_hold_after_stop_h: 0, max_runtime_h: 0.5,"
        " container_hold_after_stop_h: 1 }\n"
        "u4: { max_gpu_equivalents: null, max_runtime_h: 4, gpu_hold_after_stop_h: 0, aggregate: { gpu_limit: 1.5 } }\n"
        "u5: { max_gpu_equivalents: 1, max_containers_per_user: 2, gpu_hold_after_stop_h: 24 }\n";
static const char catalogue[] = "Pytorch, 2.8.0, [CUDA_AMPERE], aimehub/pytorch:2.8.0\n";

static struct daemon it;
static bool recovered;

static void load_rules(struct daemon *d)
{
        struct policy_source source = { .limits = { "limits", limits_yaml, sizeof limits_yaml - 1 },
                .overrides = { "users", users_yaml, sizeof users_yaml - 1 } };
        struct rules *r = xcalloc(1, sizeof *r);
        cleanup_strv struct strv warnings = { 0 };
        struct err e = ERR_INIT;
        atomic_init(&r->holders, 1);
        catalogue_add(&r->catalogue, catalogue, sizeof catalogue - 1, "catalogue", &warnings);
        if (policy_load(&source, &r->policy, &warnings, &e) < 0)
                broken("test", "%s", e.msg);
        if (warnings.n > 0)
                broken("test", "%s", warnings.v[0]);
        d->rules = r;
}

static void put_facts(struct daemon *d)
{
        struct image_facts facts = { .has_shell = true };
        struct err e = ERR_INIT;
        if (facts_put(d->store, IMAGE_ID, &facts, &e) < 0)
                broken("test", "%s", e.msg);
}

/* Nobody else has the database open, and its disk is memory: locks and syncs would only cost time. */
static int no_lock(int fd, int cmd, ...)
{
        va_list ap;
        (void)fd;
        va_start(ap, cmd);
        if (cmd == F_GETLK)
                va_arg(ap, struct flock *)->l_type = F_UNLCK;
        va_end(ap);
        return 0;
}

static int no_sync(int fd)
{
        (void)fd;
        return 0;
}

static void spare_calls(void)
{
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
        (void)vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr)no_lock);
        (void)vfs->xSetSystemCall(vfs, "fdatasync", (sqlite3_syscall_ptr)no_sync);
        (void)vfs->xSetSystemCall(vfs, "fsync", (sqlite3_syscall_ptr)no_sync);
}

static void open_all(struct daemon *d)
{
        struct err e = ERR_INIT;
        spare_calls();
        *d = (struct daemon){ .stop_fd = -1, .mounts = MOUNTS_INIT, .gpu_arch = "" };
        d->config.homes_path = xstrdup("/homes");
        d->config.network_name = xstrdup("ds01");
        d->mounts.path = xstrdup("/run/ds01/ws");
        snprintf(d->boot, sizeof d->boot, "boot-%d", world->boot);
        pthread_mutex_init(&d->lock, NULL);
        pthread_cond_init(&d->engine_asked, NULL);
        err_set(&d->engine_error, ERR_ENGINE, "The container engine has not answered yet");
        d->engine_tried = true;
        snprintf(d->engine_version.cgroup_driver, sizeof d->engine_version.cgroup_driver,
                "cgroupfs");
        load_rules(d);
        if (store_open(world->dir, &d->store, &e) < 0)
                broken("test", "%s", e.msg);
        put_facts(d);
        daemon_now = d;
        threads_forever(true);
        if (gpus_start(d, &e) < 0 || scheduler_start(d, &e) < 0)
                broken("test", "%s", e.msg);
        threads_forever(false);
}

bool play_recover(struct err *e)
{
        bool whole = !world->armed;
        /* The subscription stands from here on: what was told before is told no more. */
        world->n_events = 0;
        it.engine_ready = false;
        if (recovery_run(&it, !recovered, e) < 0)
                return false;
        bool first = !recovered;
        recovered = it.engine_ready = true;
        if (first && whole) {
                world->mounts_left = false;
                check_settled();
        }
        return true;
}

void play_begin(void)
{
        struct err e = ERR_INIT;
        world->armed = false;
        open_all(&it);
        fate_begin(world->restart_fate);
        (void)play_recover(&e);
        world->crashes_in_a_row = 0;
        world->armed = false;
        check_always();
}

void play_reconnect(void)
{
        struct err e = ERR_INIT;
        world->armed = false;
        if (!it.engine_ready && !play_recover(&e))
                broken("I4", "recovery fails although nothing is in its way: %s", e.msg);
}
