/* SPDX-License-Identifier: MIT */
#include "daemon/expire.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/named.h"
#include "daemon/operation.h"
#include "daemon/remove.h"
#include "daemon/rules.h"
#include "daemon/stop.h"
#include "host/terminals.h"
#include "policy/lifetime.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { SWEEP_MS = 5 * 1000, ENDINGS_MAX = 16 };

int64_t expire_runs_until(const struct limits *l, const struct container *c)
{
        bool runs = c->state == LEDGER_RUNNING || c->state == LEDGER_PAUSED;
        /* A lease of GPUs ends when its time is over, however often what holds it is started again. */
        int64_t since =
                c->gpus_since && c->gpus_since < c->started_at ? c->gpus_since : c->started_at;
        return runs ? lifetime_end(l, LIMIT_RUNTIME, since) : 0;
}

int64_t expire_kept_until(const struct limits *l, const struct container *c)
{
        return c->state == LEDGER_STOPPED ? lifetime_end(l, LIMIT_CONTAINER_HOLD, c->stopped_at)
                                          : 0;
}

int64_t expire_gpus_until(const struct limits *l, const struct container *c)
{
        int64_t since = c->state == LEDGER_STOPPED   ? c->stopped_at
                        : c->state == LEDGER_CREATED ? c->state_since
                                                     : 0;
        int64_t end = lifetime_end(l, LIMIT_GPU_HOLD, since);
        return end > 0 && end < c->late_until ? c->late_until : end;
}

/* ---- what ran too long ---- */

/* Has the container stopped, with its grace, and records why. The caller holds its operation. */
static int stop_held(
        struct daemon *d, const struct container *c, const struct limits *l, struct err *e)
{
        char limit[LIMIT_TEXT_SIZE];
        limit_text(LIMIT_RUNTIME, &l->v[LIMIT_RUNTIME], limit);
        cleanup_free char *reason = xasprintf("it had run for %s, its max_runtime_h", limit);
        if (container_halt(d, c, (int)limits_get(l, LIMIT_GRACE), reason, e) < 0)
                return -1;
        log_info("stopped %s of %s: %s", c->name, str_or_empty(c->user), reason);
        cleanup_free char *text =
                xasprintf("ds01: container %s was stopped: %s.\nStart it again: container-start %s",
                        c->name, reason, c->name);
        terminals_write(c->uid, text);
        return 0;
}

static void stop_one(struct daemon *d, int64_t id)
{
        cleanup_container struct container c = { .id = id };
        struct limits l;
        struct err e = ERR_INIT;
        /* Gone, or somebody is at it: the next sweep looks again. */
        if (container_take(d, &c, &e) < 0)
                return;
        bool known = rules_limits_known(d, c.uid, c.user, &l, &e) == 0;
        int64_t until = known ? expire_runs_until(&l, &c) : 0;
        if (until > 0 && until <= clock_unix() && stop_held(d, &c, &l, &e) < 0)
                log_warning("%s of %s has run too long: %s", c.name, str_or_empty(c.user), e.msg);
        operation_end(d, c.id, c.op);
}

static void warn(struct daemon *d, const struct container *c, int64_t until, int percent)
{
        struct err e = ERR_INIT;
        char ran[CLOCK_DURATION_LEN], left[CLOCK_DURATION_LEN];
        int64_t now = clock_unix();
        clock_duration(now - c->started_at, ran);
        clock_duration(until - now, left);
        cleanup_free char *text = xasprintf(
                "ds01: container %s has run for %s and will be stopped in %s (max_runtime_h).\n"
                "Save what you need to /workspace; what is there stays.",
                c->name, ran, left);
        /* First the record: a warning too few is better than one every few seconds. */
        if (containers_set_warned(d->store, c->id, percent, &e) < 0) {
                log_warning("%s of %s: %s", c->name, str_or_empty(c->user), e.msg);
                return;
        }
        size_t n = terminals_write(c->uid, text);
        log_info("warned %s on %zu terminals: %s is at %d %% of its time", str_or_empty(c->user), n,
                c->name, percent);
}

/* ---- what was kept long enough ---- */

static void remove_one(struct daemon *d, int64_t id)
{
        cleanup_container struct container c = { .id = id };
        struct limits l;
        struct err e = ERR_INIT;
        /* Gone, or somebody is at it: the next sweep looks again. */
        if (container_take(d, &c, &e) < 0)
                return;
        bool known = rules_limits_known(d, c.uid, c.user, &l, &e) == 0;
        int64_t until = known ? expire_kept_until(&l, &c) : 0;
        if (until == 0 || until > clock_unix()) {
                operation_end(d, c.id, c.op);
                return;
        }
        if (container_teardown(d, &c, NULL, &e) < 0)
                log_warning(
                        "%s of %s was kept long enough: %s", c.name, str_or_empty(c.user), e.msg);
        else
                log_info(
                        "removed %s of %s: stopped for longer than its container_hold_after_stop_h",
                        c.name, str_or_empty(c.user));
}

/* ---- each in a thread: a stop has its grace, and an engine can take its time over a removal ---- */

static struct {
        pthread_mutex_t lock;
        pthread_cond_t over;
        size_t n;
        int64_t ids[ENDINGS_MAX];
} endings = { .lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER };

struct ending {
        struct daemon *d;
        int64_t id;
        void (*fn)(struct daemon *d, int64_t id);
};

static void *ending_thread(void *arg)
{
        struct ending *s = arg;
        s->fn(s->d, s->id);
        pthread_mutex_lock(&endings.lock);
        for (size_t i = 0; i < endings.n; i++)
                if (endings.ids[i] == s->id) {
                        endings.ids[i] = endings.ids[--endings.n];
                        break;
                }
        pthread_cond_broadcast(&endings.over);
        pthread_mutex_unlock(&endings.lock);
        free(s);
        return NULL;
}

/* Begins one unless it is under way; one too many waits for the next sweep. */
static void begin(
        struct daemon *d, const struct container *c, void (*fn)(struct daemon *d, int64_t id))
{
        pthread_t thread;
        bool begun = false;
        pthread_mutex_lock(&endings.lock);
        for (size_t i = 0; i < endings.n; i++)
                begun |= endings.ids[i] == c->id;
        if (!begun && endings.n < ENDINGS_MAX) {
                struct ending *s = xcalloc(1, sizeof *s);
                *s = (struct ending){ d, c->id, fn };
                if (pthread_create(&thread, NULL, ending_thread, s) == 0) {
                        pthread_detach(thread);
                        endings.ids[endings.n++] = c->id;
                } else {
                        free(s);
                }
        }
        pthread_mutex_unlock(&endings.lock);
}

size_t expire_wait(int64_t deadline)
{
        struct timespec until;
        int ms = clock_poll_timeout(deadline);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += ms / 1000 + 1;
        pthread_mutex_lock(&endings.lock);
        while (endings.n > 0 &&
                pthread_cond_timedwait(&endings.over, &endings.lock, &until) != ETIMEDOUT)
                continue;
        size_t left = endings.n;
        pthread_mutex_unlock(&endings.lock);
        return left;
}

/* ---- all of them ---- */

struct over {
        struct daemon *d;
        int64_t now;
        struct limits limits;
        uid_t uid;
        bool asked, known; /* the limits of that account: asked for, and told */
        bool skipped;      /* there was an account of which nobody can tell */
        bool told;         /* and in the sweep before too: one line is enough */
};

/* Reads the limits of a container's account, unless they are those of the last one. */
static bool limits_are_known(struct over *o, const struct container *c)
{
        struct err e = ERR_INIT;
        if (o->asked && o->uid == c->uid)
                return o->known;
        o->asked = true;
        o->uid = c->uid;
        o->known = rules_limits_known(o->d, c->uid, c->user, &o->limits, &e) == 0;
        if (!o->known && !o->skipped && !o->told)
                log_warning("limits in time: those of %s are not known, and it is left alone: %s",
                        str_or_empty(c->user), e.msg);
        o->skipped |= !o->known;
        return o->known;
}

/* Warns where a mark is passed. One that more time has put ahead again counts anew. */
static void check_mark(struct daemon *d, const struct container *c, int64_t until, int64_t now)
{
        struct err e = ERR_INIT;
        int mark = lifetime_mark(c->started_at, until, now);
        if (mark < c->warned && containers_set_warned(d->store, c->id, mark, &e) < 0)
                log_warning("%s of %s: %s", c->name, str_or_empty(c->user), e.msg);
        if (mark > c->warned && mark < 100)
                warn(d, c, until, mark);
}

static int look(const struct container *c, void *ctx)
{
        struct over *o = ctx;
        if (c->op[0] || !limits_are_known(o, c))
                return 0;
        int64_t kept = expire_kept_until(&o->limits, c), runs = expire_runs_until(&o->limits, c);
        if (kept > 0 && kept <= o->now)
                begin(o->d, c, remove_one);
        if (runs > 0 && runs <= o->now)
                begin(o->d, c, stop_one);
        if (c->state == LEDGER_RUNNING || c->state == LEDGER_PAUSED)
                check_mark(o->d, c, runs, o->now);
        return 0;
}

void expire_sweep(struct daemon *d)
{
        static int64_t next; /* the janitor's alone */
        static bool told;    /* as well */
        struct over o = { .d = d, .now = clock_unix(), .told = told };
        struct err e = ERR_INIT;
        if (clock_mono_ms() < next)
                return;
        next = clock_mono_ms() + SWEEP_MS;
        if (containers_each(d->store, STORE_EVERYONE, true, look, &o, &e) < 0)
                log_warning("limits in time: %s", e.msg);
        told = o.skipped;
}
