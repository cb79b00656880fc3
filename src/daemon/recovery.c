/* SPDX-License-Identifier: MIT */
#include "daemon/recovery.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/lease.h"
#include "daemon/operation.h"
#include "daemon/remove.h"
#include "daemon/stop.h"
#include "daemon/strays.h"
#include "engine/containers.h"
#include "gpu/gpu.h"
#include "host/home.h"
#include "host/terminals.h"
#include "policy/spec.h"

#include <string.h>

enum { LOOK_S = 30, UNCLAIMED_MS = 10 * 1000 };

/* ---- one row ---- */

static int engine_looks(struct daemon *d, const struct container *c, struct engine_container *ret,
        bool *ret_there, struct err *e)
{
        struct engine_wait w = daemon_wait(LOOK_S);
        *ret_there = false;
        if (!c->engine_id)
                return 0;
        if (engine_container_inspect(d->engine, &w, c->engine_id, ret, e) < 0)
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        *ret_there = true;
        return 0;
}

/* Takes the operation for recovery: the one that a former process left in the row, or a new one. */
static int take(struct daemon *d, struct container *c, bool *ret_taken, struct err *e)
{
        char op[RANDOM_HEX_LEN + 1];
        if (c->op[0])
                memcpy(op, c->op, sizeof op);
        else
                random_hex(op);
        return containers_begin(d->store, c->id, op, ret_taken, c, e);
}

/* The engine no longer has it: somebody removed it by hand. Its row and what is ours of it go too. */
static int forget(struct daemon *d, struct container *c, struct err *e)
{
        log_warning("container %s of %s is gone from the engine: its record is removed", c->name,
                c->user);
        return container_teardown(d, c, NULL, e);
}

static int to_stopped(
        struct daemon *d, struct container *c, const struct engine_container *now, struct err *e)
{
        cleanup_free char *lines = container_last_lines(d, c->engine_id);
        if (containers_stopped(d->store, c->id, c->op,
                    now->finished_at ? now->finished_at : clock_unix(), now->exit_code, lines,
                    e) < 0)
                return -1;
        container_unmount(d, c);
        return 0;
}

/* ---- GPUs ---- */

/* True if the container may run as far as GPUs go: it has none, or holds those that it has. */
static int check_holds(struct daemon *d, const struct container *c, bool *ret, struct err *e)
{
        cleanup_leases struct leases held = { 0 };
        if (c->gpus.n > 0 && leases_of_container(d->store, c->id, &held, e) < 0)
                return -1;
        *ret = held.n == c->gpus.n;
        return 0;
}

/*
 * Started behind our back, or so late that its GPUs had lapsed: they may be somebody else's by now.
 * The operation is held.
 */
static int stop_without_lease(struct daemon *d, struct container *c, struct err *e)
{
        log_error("container %s of %s runs on GPUs that it no longer holds: it is stopped", c->name,
                str_or_empty(c->user));
        if (c->state != LEDGER_STARTING && c->state != LEDGER_RUNNING &&
                c->state != LEDGER_PAUSED &&
                containers_move(d->store, c->id, c->op, LEDGER_STARTING, e) < 0)
                return -1;
        if (container_halt(d, c, 0, "it ran on GPUs that it no longer held", e) < 0)
                return -1;
        lease_tell(d, c->uid, c->name, "stopped",
                "It was started on GPUs that it no longer held, and was stopped at once");
        cleanup_free char *text =
                xasprintf("ds01: container %s was stopped: its GPUs had been given back.\n"
                          "Start it: container-start %s",
                        c->name, c->name);
        terminals_write(c->uid, text);
        return 0;
}

/* Simulated ones are not the engine's business. */
static bool has_its_devices(const struct container *c, const struct strv *devices)
{
        size_t n = 0;
        for (size_t i = 0; i < c->gpus.n; i++) {
                if (gpu_is_simulated(c->gpus.v[i]))
                        continue;
                if (!strv_has(devices, c->gpus.v[i]))
                        return false;
                n++;
        }
        return n == devices->n;
}

/* A start that landed late, or an admin's own, or a pause: the row says what is. */
static int to_running(
        struct daemon *d, struct container *c, const struct engine_container *now, struct err *e)
{
        enum ledger_state seen = now->paused ? LEDGER_PAUSED : LEDGER_RUNNING;
        bool holds;
        if (check_holds(d, c, &holds, e) < 0)
                return -1;
        if (!holds)
                return stop_without_lease(d, c, e);
        if (c->state == LEDGER_RUNNING || c->state == LEDGER_PAUSED)
                return c->state == seen ? 0 : containers_move(d->store, c->id, c->op, seen, e);
        if (c->state != LEDGER_STARTING &&
                containers_move(d->store, c->id, c->op, LEDGER_STARTING, e) < 0)
                return -1;
        return containers_started(d->store, c->id, c->op,
                now->started_at ? now->started_at : clock_unix(), d->boot, e);
}

static int settle_as(
        struct daemon *d, struct container *c, const struct engine_container *now, struct err *e)
{
        if (now->running)
                return to_running(d, c, now, e);
        /* One that was only created may have run meanwhile, and ended. */
        bool ended = c->state == LEDGER_CREATED ? now->started_at != 0 : c->state != LEDGER_STOPPED;
        return ended ? to_stopped(d, c, now, e) : 0;
}

static int settle(struct daemon *d, struct container *c, struct err *e)
{
        struct engine_container now = { 0 };
        bool there;
        if (engine_looks(d, c, &now, &there, e) < 0)
                return -1;
        int r = there ? settle_as(d, c, &now, e) : forget(d, c, e);
        engine_container_done(&now);
        return r;
}

/* A running container must be the one that the row describes, with the rights that the row gives. */
static int verify(struct daemon *d, struct container *c, struct err *e)
{
        struct engine_container now = { 0 };
        bool there;
        if (engine_looks(d, c, &now, &there, e) < 0)
                return -1;
        cleanup_free char *uid = xasprintf("%u", (unsigned)c->uid);
        bool ours = there && str_eq(json_str(now.labels, "ds01.op"), c->born_op) &&
                    str_eq(json_str(now.labels, "ds01.uid"), uid) &&
                    spec_user_is_root(now.user) == c->root && has_its_devices(c, &now.devices);
        int r;
        if (there && !ours) {
                log_error("container %s of %s is not what its record says: it is removed", c->name,
                        c->user);
                r = container_teardown(d, c, NULL, e);
        } else {
                r = there ? settle_as(d, c, &now, e) : forget(d, c, e);
        }
        engine_container_done(&now);
        return r;
}

/* Whoever waited in the queue for it, and has no terminal in front of them, is to know as well. */
static int remove_unfinished(struct daemon *d, struct container *c, struct err *e)
{
        if (container_teardown(d, c, NULL, e) < 0)
                return -1;
        lease_tell(d, c->uid, c->name, "interrupted",
                "ds01d was restarted while it was being created; it was removed");
        cleanup_free char *text =
                xasprintf("ds01: ds01d was restarted while %s was being created; it was removed.\n"
                          "Launch it again: project launch %s",
                        c->name, c->name);
        terminals_write(c->uid, text);
        return 0;
}

static int recover_row(struct daemon *d, struct container *c, struct err *e)
{
        bool born = strcmp(c->op, c->born_op) == 0;
        switch (ledger_recovery(c->state, born)) {
        case RECOVERY_REMOVE:
                log_info("removing %s of %s: its creation was interrupted", c->name, c->user);
                return remove_unfinished(d, c, e);
        case RECOVERY_FINISH:
                return container_teardown(d, c, NULL, e);
        case RECOVERY_SETTLE:
                return settle(d, c, e);
        case RECOVERY_VERIFY:
                return verify(d, c, e);
        case RECOVERY_KEEP:
                return settle(d, c, e);
        }
        return 0;
}

/* ---- all of them ---- */

struct ids {
        int64_t *v;
        size_t n;
};

static int collect(const struct container *c, void *ctx)
{
        struct ids *ids = ctx;
        ids->v = xrealloc(ids->v, ids->n + 1, sizeof *ids->v);
        ids->v[ids->n++] = c->id;
        return 0;
}

/*
 * Goes through the rows. `former`: rows that an operation holds are settled as well, because whoever
 * held them is no more; otherwise they are left to their operation.
 */
static int each_row(struct daemon *d, bool former, bool unfinished_only, struct err *e)
{
        struct ids ids = { 0 };
        int result = unfinished_only
                             ? containers_unfinished(d->store, &ids.v, &ids.n, e)
                             : containers_each(d->store, STORE_EVERYONE, true, collect, &ids, e);
        for (size_t i = 0; i < ids.n && result == 0; i++) {
                cleanup_container struct container c = { 0 };
                bool found = false, taken = false;
                struct err one = ERR_INIT;
                if (atomic_load(&d->stopping)) {
                        result = err_set(e, ERR_ENGINE, "ds01d is ending");
                        break;
                }
                if (containers_get(d->store, ids.v[i], &c, &found, e) < 0) {
                        result = -1;
                        break;
                }
                if (!found || (!former && c.op[0]))
                        continue;
                if (take(d, &c, &taken, &one) < 0 || !taken)
                        continue;
                int r = recover_row(d, &c, &one);
                operation_end(d, c.id, c.op);
                /* An engine that doesn't answer about one won't about the next: no use in waiting for each. */
                if (r < 0 && (one.code == ERR_ENGINE || one.code == ERR_BUSY)) {
                        *e = one;
                        result = -1;
                } else if (r < 0) {
                        log_warning("%s of %s: %s", c.name, c.user, one.msg);
                }
        }
        free(ids.v);
        return result;
}

int recovery_run(struct daemon *d, bool first, struct err *e)
{
        if (strays_check_engine(d, e) < 0 || each_row(d, first, false, e) < 0 ||
                strays_containers(d, first, false, e) < 0)
                return -1;
        if (first) {
                if (containers_clear_ops(d->store, e) < 0)
                        return -1;
                strays_mounts(d);
        }
        return 0;
}

/*
 * What happened to containers while an operation held their rows: an end in the moment between a
 * launch's last look and its reply would be known to nobody. They are looked at again by the sweep.
 */
static struct {
        pthread_mutex_t lock;
        struct strv ids;
} missed = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void look_again_later(const char *engine_id)
{
        pthread_mutex_lock(&missed.lock);
        if (!strv_has(&missed.ids, engine_id))
                strv_add(&missed.ids, engine_id);
        pthread_mutex_unlock(&missed.lock);
}

static void look_at_missed(struct daemon *d)
{
        pthread_mutex_lock(&missed.lock);
        cleanup_strv struct strv ids = missed.ids;
        missed.ids = (struct strv){ 0 };
        pthread_mutex_unlock(&missed.lock);
        for (size_t i = 0; i < ids.n; i++) {
                struct err e = ERR_INIT;
                if (recovery_observe(d, ids.v[i], &e) < 0)
                        log_warning("container %.12s: %s", ids.v[i], e.msg);
        }
}

int recovery_observe(struct daemon *d, const char *engine_id, struct err *e)
{
        cleanup_container struct container c = { 0 };
        struct engine_container now = { 0 };
        bool found = false, there = false, changed = false, holds = true;
        if (containers_find_engine_id(d->store, engine_id, &c, &found, e) < 0)
                return -1;
        if (!found)
                return 0;
        if (c.op[0]) {
                look_again_later(engine_id);
                return 0;
        }
        if (engine_looks(d, &c, &now, &there, e) < 0) {
                look_again_later(engine_id);
                return -1;
        }
        int r = 0;
        if (!there) {
                bool taken = false;
                if (take(d, &c, &taken, e) == 0 && taken)
                        r = forget(d, &c, e);
        } else if (now.running && (r = check_holds(d, &c, &holds, e)) == 0 && !holds) {
                bool taken = false;
                if ((r = take(d, &c, &taken, e)) == 0 && taken) {
                        r = stop_without_lease(d, &c, e);
                        operation_end(d, c.id, c.op);
                }
        } else if (r < 0) {
                look_again_later(engine_id);
        } else if (now.running) {
                r = containers_observe(d->store, c.id, now.paused ? LEDGER_PAUSED : LEDGER_RUNNING,
                        -1, now.started_at, NULL, &changed, e);
        } else {
                cleanup_free char *lines = container_last_lines(d, engine_id);
                r = containers_observe(d->store, c.id, LEDGER_STOPPED, now.exit_code,
                        now.finished_at, lines, &changed, e);
                if (r == 0 && changed)
                        container_unmount(d, &c);
        }
        engine_container_done(&now);
        return r;
}

/* An admin may have removed them; or they had no record only for the moment, while they were made. */
static void look_at_unclaimed(struct daemon *d)
{
        static int64_t next; /* the janitor's alone */
        struct err e = ERR_INIT;
        if (!gpus_any_unclaimed(d) || clock_mono_ms() < next)
                return;
        next = clock_mono_ms() + UNCLAIMED_MS;
        if (strays_containers(d, false, true, &e) < 0)
                log_debug("containers without a record: %s", e.msg);
}

void recovery_sweep(struct daemon *d)
{
        struct err e = ERR_INIT;
        operation_end_owed(d);
        look_at_missed(d);
        look_at_unclaimed(d);
        if (each_row(d, false, true, &e) < 0)
                log_debug("unfinished operations: %s", e.msg);
        if (home_sweep(d->config.homes_path, &e) < 0)
                log_debug("discarded homes: %s", e.msg);
}
