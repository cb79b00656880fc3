/* SPDX-License-Identifier: MIT */
#include "daemon/stop.h"

#include "base/clock.h"
#include "daemon/remove.h"
#include "engine/containers.h"
#include "host/cgroup.h"

#include <signal.h>

/* The rounds come quickly first, since most stops take no time; a long grace must not keep us busy
 * with reading what a thousand processes are about. */
enum { POLL_MS = 20, POLL_MAX_MS = 500, STOP_S = 60 };

/* A container on its way to its end. */
struct ending {
        pid_t init;
        const char *engine_id;
        int64_t begun, deadline; /* clock_mono_ms() */
        bool others_told, main_told;
};

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
        bool half = clock_mono_ms() - s->begun >= (s->deadline - s->begun) / 2;
        if (idle && n.main_shell) {
                cgroup_signal(s->init, s->engine_id, CGROUP_ALL, SIGHUP, &ignored);
        } else if (!s->main_told && (idle || (half && n.main_catches))) {
                cgroup_signal(s->init, s->engine_id, CGROUP_MAIN, SIGTERM, &ignored);
                s->main_told = true;
        }
}

int container_stop(struct daemon *d, const struct container *c, int grace_s, struct err *e)
{
        struct engine_container now = { 0 };
        struct engine_wait w = daemon_wait(STOP_S);
        if (!c->engine_id)
                return 0;
        if (engine_container_inspect(d->engine, &w, c->engine_id, &now, e) < 0)
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        bool running = now.running, paused = now.paused;
        pid_t init = now.pid;
        engine_container_done(&now);
        if (!running)
                return 0;
        /* Frozen processes can't act on a signal. */
        if (paused && grace_s > 0 && engine_container_unpause(d->engine, &w, c->engine_id, e) < 0)
                return -1;
        struct ending s = { .init = init, .engine_id = c->engine_id, .begun = clock_mono_ms() };
        s.deadline = s.begun + (int64_t)grace_s * 1000;
        for (int64_t ms = POLL_MS, now_ms; (now_ms = clock_mono_ms()) < s.deadline;
                ms = ms * 5 / 4 > POLL_MAX_MS ? POLL_MAX_MS : ms * 5 / 4) {
                int64_t round_end = now_ms + ms < s.deadline ? now_ms + ms : s.deadline;
                struct engine_wait shortly = { .hangup_fd = -1, .deadline = round_end };
                struct err waiting = ERR_INIT;
                int code;
                stop_round(&s);
                if (engine_container_wait(d->engine, &shortly, c->engine_id, &code, &waiting) ==
                                0 ||
                        waiting.code == ERR_NOT_FOUND)
                        return 0;
                if (waiting.code != ERR_BUSY) {
                        *e = waiting;
                        return -1;
                }
        }
        w = daemon_wait(STOP_S);
        return engine_container_kill(d->engine, &w, c->engine_id, "KILL", e);
}

static int record_end(struct daemon *d, const struct container *c,
        const struct engine_container *now, struct err *e)
{
        if (now->running)
                return err_set(e, ERR_BUSY,
                        "Container %s still runs: a process of it can't be killed yet", c->name);
        cleanup_free char *lines = container_last_lines(d, c->engine_id);
        return containers_stopped(d->store, c->id, c->op,
                now->finished_at ? now->finished_at : clock_unix(), now->exit_code, lines, e);
}

int container_halt(struct daemon *d, const struct container *c, int grace_s, struct err *e)
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
                record_end(d, c, &now, e) < 0)
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
