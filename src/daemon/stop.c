/* SPDX-License-Identifier: MIT */
#include "daemon/stop.h"

#include "base/clock.h"
#include "daemon/named.h"
#include "daemon/remove.h"
#include "engine/containers.h"
#include "host/cgroup.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The rounds come quickly first, since most stops take no time; a long grace must not keep us busy
 * with reading what a thousand processes are about. */
enum { POLL_MS = 20, POLL_MAX_MS = 500, STOP_S = 60, LOOK_MS = 20 };

/* A container on its way to its end. */
struct ending {
        pid_t init;
        const char *engine_id, *op;
        int64_t begun, deadline; /* clock_mono_ms(); the deadline is guarded by `under_way` */
        int hurry_fd;            /* readable once the deadline came nearer */
        bool others_told, main_told;
        struct ending *next;
};

/* ---- the stops under way, so that somebody in a hurry can shorten them ---- */

static struct {
        pthread_mutex_t lock;
        struct ending *first;
} under_way = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void begin(struct ending *s, int grace_s)
{
        s->begun = clock_mono_ms();
        s->deadline = s->begun + (int64_t)grace_s * 1000;
        /* Without one the nearer deadline is seen a round later. */
        s->hurry_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_lock(&under_way.lock);
        s->next = under_way.first;
        under_way.first = s;
        pthread_mutex_unlock(&under_way.lock);
}

static void end(struct ending *s)
{
        pthread_mutex_lock(&under_way.lock);
        struct ending **at = &under_way.first;
        while (*at != s)
                at = &(*at)->next;
        *at = s->next;
        pthread_mutex_unlock(&under_way.lock);
        if (s->hurry_fd >= 0)
                close(s->hurry_fd);
}

static int64_t deadline_of(const struct ending *s)
{
        pthread_mutex_lock(&under_way.lock);
        int64_t deadline = s->deadline;
        pthread_mutex_unlock(&under_way.lock);
        return deadline;
}

/* Is the operation a stop that waits for processes? Then, if grace_s >= 0, it waits no longer than that. */
static bool hurry(const char *op, int grace_s)
{
        bool found = false;
        uint64_t one = 1;
        int64_t deadline = clock_mono_ms() + (int64_t)grace_s * 1000;
        pthread_mutex_lock(&under_way.lock);
        for (struct ending *s = under_way.first; s; s = s->next) {
                if (strcmp(s->op, op) != 0)
                        continue;
                found = true;
                if (grace_s < 0 || s->deadline <= deadline)
                        continue;
                s->deadline = deadline;
                (void)!write(s->hurry_fd, &one, sizeof one);
        }
        pthread_mutex_unlock(&under_way.lock);
        return found;
}

int container_take_from_stop(struct daemon *d, struct container *c, int grace_s,
        const struct rpc_call *call, bool *ret_waited, struct err *e)
{
        char op[RANDOM_HEX_LEN + 1] = "";
        *ret_waited = false;
        while (container_take(d, c, e) < 0) {
                if (e->code != ERR_BUSY)
                        return -1;
                /* One whose stop is over gives its operation back soon. */
                if (strcmp(op, c->op) != 0) {
                        if (!hurry(c->op, grace_s))
                                return -1;
                        if (grace_s < 0) {
                                err_set(e, ERR_BUSY, "Container %s is being stopped", c->name);
                                return err_fix(e, "container-stop %s --force", c->name);
                        }
                        memcpy(op, c->op, sizeof op);
                }
                *ret_waited = true;
                struct pollfd p[] = { { .fd = call->conn_fd, .events = POLLRDHUP },
                        { .fd = rpc_call_stop_fd(call), .events = POLLIN } };
                if (poll(p, ARRAY_LEN(p), LOOK_MS) > 0)
                        return err_set(e, ERR_INTERRUPTED, "Nobody waits any more");
        }
        return 0;
}

/* ---- stopping ---- */

/*
 * Sends what still helps. The main process is the last to hear: everything else ends with it, a
 * training too that is still saving its work. One that has work of its own to save, because it catches
 * SIGTERM, has half of the time for that whatever the others do.
 *
 * SIGHUP goes out when only shells at their prompt are left. They ignore SIGTERM; earlier it would have
 * made them send SIGHUP to jobs that were still saving their work.
 */
static void stop_round(struct ending *s)
{
        struct err ignored = ERR_INIT;
        struct cgroup_counts n = { 0 };
        if (!s->others_told)
                cgroup_signal(s->init, s->engine_id, CGROUP_OTHERS, SIGTERM, &ignored);
        s->others_told = true;
        if (cgroup_count(s->init, s->engine_id, &n, &ignored) < 0)
                return;
        bool idle = n.others == n.shells;
        bool half = clock_mono_ms() - s->begun >= (deadline_of(s) - s->begun) / 2;
        if (idle && n.main_shell) {
                cgroup_signal(s->init, s->engine_id, CGROUP_ALL, SIGHUP, &ignored);
        } else if (!s->main_told && (idle || (half && n.main_catches))) {
                cgroup_signal(s->init, s->engine_id, CGROUP_MAIN, SIGTERM, &ignored);
                s->main_told = true;
        }
}

/* Waits for the end of a container, at most until the deadline; *ret tells whether it came. */
static int wait_for_end(struct daemon *d, struct ending *s, bool *ret, struct err *e)
{
        *ret = true;
        for (int64_t ms = POLL_MS, now_ms, deadline;
                (now_ms = clock_mono_ms()) < (deadline = deadline_of(s));
                ms = ms * 5 / 4 > POLL_MAX_MS ? POLL_MAX_MS : ms * 5 / 4) {
                int64_t round_end = now_ms + ms < deadline ? now_ms + ms : deadline;
                struct engine_wait shortly = { .hangup_fd = s->hurry_fd, .deadline = round_end };
                struct err waiting = ERR_INIT;
                uint64_t told;
                int code;
                stop_round(s);
                if (engine_container_wait(d->engine, &shortly, s->engine_id, &code, &waiting) ==
                                0 ||
                        waiting.code == ERR_NOT_FOUND)
                        return 0;
                if (waiting.code != ERR_BUSY && waiting.code != ERR_INTERRUPTED) {
                        *e = waiting;
                        return -1;
                }
                (void)!read(s->hurry_fd, &told, sizeof told);
        }
        *ret = false;
        return 0;
}

int container_stop(struct daemon *d, const struct container *c, int grace_s, struct err *e)
{
        struct engine_container now = { 0 };
        struct engine_wait w = daemon_wait(STOP_S);
        if (!c->engine_id)
                return 0;
        if (engine_container_inspect(d->engine, &w, c->engine_id, &now, e) < 0)
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        bool running = now.running, paused = now.paused, ended;
        struct ending s = { .init = now.pid, .engine_id = c->engine_id, .op = c->op };
        engine_container_done(&now);
        if (!running)
                return 0;
        /* Frozen processes can't act on a signal. */
        if (paused && grace_s > 0 && engine_container_unpause(d->engine, &w, c->engine_id, e) < 0)
                return -1;
        begin(&s, grace_s);
        int r = wait_for_end(d, &s, &ended, e);
        end(&s);
        if (r < 0 || ended)
                return r;
        w = daemon_wait(STOP_S);
        return engine_container_kill(d->engine, &w, c->engine_id, "KILL", e);
}

static int record_end(struct daemon *d, const struct container *c,
        const struct engine_container *now, const char *reason, struct err *e)
{
        if (now->running)
                return err_set(e, ERR_BUSY,
                        "Container %s still runs: a process of it can't be killed yet", c->name);
        /* First the reason: whoever sees it stopped sees why. */
        if (containers_set_stop_reason(d->store, c->id, c->op, reason, e) < 0)
                return -1;
        cleanup_free char *lines = container_last_lines(d, c->engine_id);
        return containers_stopped(d->store, c->id, c->op,
                now->finished_at ? now->finished_at : clock_unix(), now->exit_code, lines, e);
}

int container_halt(
        struct daemon *d, const struct container *c, int grace_s, const char *reason, struct err *e)
{
        cleanup_engine_container struct engine_container now = { 0 };
        struct engine_wait w;
        int code;
        if (container_stop(d, c, grace_s, e) < 0)
                return -1;
        /* A killed container takes a moment to be gone. */
        w = daemon_wait(STOP_S);
        if (engine_container_wait(d->engine, &w, c->engine_id, &code, e) < 0 && e->code != ERR_BUSY)
                return -1;
        w = daemon_wait(STOP_S);
        if (engine_container_inspect(d->engine, &w, c->engine_id, &now, e) < 0 ||
                record_end(d, c, &now, reason, e) < 0)
                return -1;
        container_unmount(d, c);
        return 0;
}

int container_freeze(struct daemon *d, const struct container *c, bool frozen, struct err *e)
{
        struct engine_wait w = daemon_wait(STOP_S);
        if ((frozen ? engine_container_pause : engine_container_unpause)(
                    d->engine, &w, c->engine_id, e) < 0)
                return e->code == ERR_NOT_RUNNING
                               ? err_set(e, ERR_NOT_RUNNING, "Container %s is not running", c->name)
                               : -1;
        return containers_move(d->store, c->id, c->op, frozen ? LEDGER_PAUSED : LEDGER_RUNNING, e);
}
