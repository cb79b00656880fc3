/* SPDX-License-Identifier: MIT */
#include "daemon/gpus-last.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/ticks.h"
#include "gpu/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
        SAMPLE_MS = 15 * 1000,        /* between figures that nobody asked for */
        SAMPLE_NONE_MS = 60 * 1000,   /* the same on a machine without GPUs */
        SAMPLE_WATCHED_MS = 2 * 1000, /* while somebody looks on */
        WATCHED_MS = 10 * 1000,       /* how long a look counts */
        TICKS_MS = 1000,              /* processors are counted over that time at least */
        PROBE_MS = 10 * 1000,         /* the first call after a boot may have to wake every GPU */
};

struct gpus {
        pthread_t thread;
        bool started;
        int wake_fd;              /* eventfd: figures are wanted now */
        pthread_mutex_t deciding; /* gpus_lock() */

        pthread_mutex_t lock; /* of what follows */
        pthread_cond_t sampled;
        struct gpu_sample last;
        bool any_answer; /* there was a first one, whatever it said */
        bool answering;
        int64_t asked_ms,
                answered_ms; /* clock_mono_ms() of the last sample that succeeded: begin, end */
        int64_t tried;       /* attempts that are over */
        int64_t sampled_at;  /* Unix seconds */
        int64_t watched_until_ms;
        struct ticks ticks, earlier; /* looks at the processors; all: 0 before there is one */
        int64_t ticks_ms;            /* clock_mono_ms() of the last one */
        struct strv unclaimed;
};

/* ---- the sampler ---- */

static void copy_device(struct gpu_sample *to, const struct gpu *from)
{
        struct err ignored = ERR_INIT;
        struct gpu g = *from;
        g.processes = NULL;
        if (from->n_processes) {
                g.processes = xcalloc(from->n_processes, sizeof *g.processes);
                memcpy(g.processes, from->processes, from->n_processes * sizeof *g.processes);
        }
        if (gpu_sample_add(to, &g, &ignored) < 0)
                free(g.processes);
}

static void copy_sample(const struct gpu_sample *from, struct gpu_sample *to)
{
        *to = *from;
        to->v = NULL;
        to->n = 0;
        for (size_t i = 0; i < from->n; i++)
                copy_device(to, &from->v[i]);
}

static void note_health(const struct gpu_sample *before, const struct gpu_sample *now, bool first)
{
        if (!first && before->health == now->health && before->n == now->n)
                return;
        if (now->health == GPU_HEALTH_OK)
                log_info("GPUs: %zu devices%s%s%s", now->n, now->simulated ? ", simulated" : "",
                        *now->driver ? ", driver " : "", now->driver);
        else
                log_info("GPUs: %s", *now->why ? now->why : "none");
}

void gpus_sample(struct daemon *d, struct probe *probe)
{
        struct gpus *g = d->gpus;
        struct gpu_sample now = { 0 };
        struct err e = ERR_INIT;
        int64_t begun = clock_mono_ms();
        int r = probe_sample(probe, begun + PROBE_MS, d->stop_fd, &now, &e);
        pthread_mutex_lock(&g->lock);
        bool news = g->answering != (r == 0) || !g->any_answer;
        if (r == 0) {
                note_health(&g->last, &now, !g->any_answer);
                gpu_sample_done(&g->last);
                g->last = now;
                g->asked_ms = begun;
                g->answered_ms = clock_mono_ms();
                g->sampled_at = clock_unix();
        }
        g->answering = r == 0;
        g->any_answer = true;
        g->tried++;
        pthread_cond_broadcast(&g->sampled);
        pthread_mutex_unlock(&g->lock);
        if (news && r < 0)
                log_warning("GPUs do not answer: %s", e.msg);
}

static int64_t pause_ms(struct gpus *g)
{
        pthread_mutex_lock(&g->lock);
        int64_t ms = clock_mono_ms() < g->watched_until_ms ? SAMPLE_WATCHED_MS : SAMPLE_MS;
        pthread_mutex_unlock(&g->lock);
        return ms;
}

/* Where there are no GPUs, the probe is asked less often than the processors are looked at. */
static bool is_due(struct gpus *g)
{
        int64_t now = clock_mono_ms();
        pthread_mutex_lock(&g->lock);
        bool none = g->answering && g->last.health == GPU_HEALTH_NONE;
        bool due = !none || now < g->watched_until_ms || now - g->asked_ms >= SAMPLE_NONE_MS;
        pthread_mutex_unlock(&g->lock);
        return due;
}

/* How busy the processors are is what has happened since the last time: who shows it need not wait. */
static void look_at_processors(struct gpus *g)
{
        struct ticks now;
        struct err ignored = ERR_INIT;
        /* Nobody else writes them. */
        if (clock_mono_ms() - g->ticks_ms < TICKS_MS || ticks_read(&now, &ignored) < 0)
                return;
        pthread_mutex_lock(&g->lock);
        g->earlier = g->ticks;
        g->ticks = now;
        g->ticks_ms = clock_mono_ms();
        pthread_mutex_unlock(&g->lock);
}

/* Until somebody wants figures, or they are due, or we end (true). */
static bool rest(struct daemon *d, struct gpus *g)
{
        uint64_t count;
        int64_t deadline = clock_mono_ms() + pause_ms(g);
        struct pollfd fds[] = { { .fd = d->stop_fd, .events = POLLIN },
                { .fd = g->wake_fd, .events = POLLIN } };
        while (poll(fds, ARRAY_LEN(fds), clock_poll_timeout(deadline)) < 0 && errno == EINTR)
                continue;
        if (fds[1].revents)
                (void)!read(g->wake_fd, &count, sizeof count);
        return fds[0].revents != 0;
}

static void *sampler(void *arg)
{
        struct daemon *d = arg;
        struct gpus *g = d->gpus;
        const char *simulate = d->config.probe_simulate;
        struct probe *probe = probe_new(d->config.probe_command, simulate, d->config.probe_world);
        do {
                if (is_due(g))
                        gpus_sample(d, probe);
                look_at_processors(g);
        } while (!rest(d, g));
        probe_free(probe);
        /* Nobody need wait for figures that don't come any more. */
        pthread_mutex_lock(&g->lock);
        pthread_cond_broadcast(&g->sampled);
        pthread_mutex_unlock(&g->lock);
        return NULL;
}

int gpus_start(struct daemon *d, struct err *e)
{
        struct gpus *g = xcalloc(1, sizeof *g);
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&g->sampled, &attr);
        pthread_condattr_destroy(&attr);
        pthread_mutex_init(&g->lock, NULL);
        pthread_mutex_init(&g->deciding, NULL);
        g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        d->gpus = g;
        if (g->wake_fd < 0)
                return err_sys(e, errno, "Can't make an eventfd");
        int r = pthread_create(&g->thread, NULL, sampler, d);
        if (r)
                return err_sys(e, r, "Can't start a thread");
        g->started = true;
        return 0;
}

void gpus_join(struct daemon *d)
{
        if (d->gpus && d->gpus->started)
                pthread_join(d->gpus->thread, NULL);
}

void gpus_free(struct daemon *d)
{
        struct gpus *g = take_ptr(d->gpus);
        if (!g)
                return;
        gpu_sample_done(&g->last);
        strv_done(&g->unclaimed);
        mem_closep(&g->wake_fd);
        free(g);
}

/* ---- asking for figures ---- */

static void wake(struct gpus *g)
{
        uint64_t one = 1;
        (void)!write(g->wake_fd, &one, sizeof one);
}

static struct timespec monotonic_in(int64_t ms)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += ms / 1000;
        t.tv_nsec += ms % 1000 * 1000000;
        if (t.tv_nsec >= 1000000000) {
                t.tv_sec++;
                t.tv_nsec -= 1000000000;
        }
        return t;
}

/* The lock is held. Figures that were begun before this moment do not show what has happened since. */
static bool is_fresh(const struct gpus *g, int64_t since_ms)
{
        if (!g->any_answer)
                return false;
        /* Nobody plugs a GPU in between two launches. */
        if (g->answering && g->last.health == GPU_HEALTH_NONE)
                return true;
        return g->answering && g->asked_ms >= since_ms;
}

bool gpus_refresh(struct daemon *d, int64_t max_age_ms, int64_t wait_ms)
{
        struct gpus *g = d->gpus;
        struct timespec until = monotonic_in(wait_ms);
        int64_t since = clock_mono_ms() - max_age_ms;
        pthread_mutex_lock(&g->lock);
        /* An attempt that is under way may have begun too early: then the next one is waited for. */
        int64_t enough = g->tried + 2;
        bool fresh;
        while (!(fresh = is_fresh(g, since)) && g->tried < enough && !atomic_load(&d->stopping)) {
                wake(g);
                if (pthread_cond_timedwait(&g->sampled, &g->lock, &until) == ETIMEDOUT)
                        break;
        }
        fresh = is_fresh(g, since);
        /* Whoever needs to know now gets to know that there is no answer, not what was so before. */
        if (!fresh && g->any_answer)
                g->answering = false;
        pthread_mutex_unlock(&g->lock);
        return fresh;
}

void gpus_watched(struct daemon *d)
{
        struct gpus *g = d->gpus;
        pthread_mutex_lock(&g->lock);
        bool began = clock_mono_ms() >= g->watched_until_ms;
        g->watched_until_ms = clock_mono_ms() + WATCHED_MS;
        pthread_mutex_unlock(&g->lock);
        if (began)
                wake(g);
}

bool gpus_any(struct daemon *d)
{
        struct gpus *g = d->gpus;
        struct timespec until = monotonic_in(PROBE_MS);
        bool any;
        pthread_mutex_lock(&g->lock);
        while (!g->any_answer && !atomic_load(&d->stopping) &&
                pthread_cond_timedwait(&g->sampled, &g->lock, &until) != ETIMEDOUT)
                continue;
        /* One whose driver is silent or broken has some, and must not be taken for one that has none. */
        any = !g->any_answer || g->sampled_at == 0 || g->last.health == GPU_HEALTH_MISMATCH ||
              g->last.health == GPU_HEALTH_FAILED || g->last.n > 0;
        pthread_mutex_unlock(&g->lock);
        return any;
}

bool gpus_answering(struct daemon *d)
{
        pthread_mutex_lock(&d->gpus->lock);
        bool answering = d->gpus->answering;
        pthread_mutex_unlock(&d->gpus->lock);
        return answering;
}

void gpus_lock(struct daemon *d)
{
        pthread_mutex_lock(&d->gpus->deciding);
}

void gpus_unlock(struct daemon *d)
{
        pthread_mutex_unlock(&d->gpus->deciding);
}

void gpus_set_unclaimed(struct daemon *d, const struct strv *uuids)
{
        struct gpus *g = d->gpus;
        pthread_mutex_lock(&g->lock);
        strv_done(&g->unclaimed);
        for (size_t i = 0; i < uuids->n; i++)
                strv_add(&g->unclaimed, uuids->v[i]);
        pthread_mutex_unlock(&g->lock);
}

bool gpus_any_unclaimed(struct daemon *d)
{
        pthread_mutex_lock(&d->gpus->lock);
        bool any = d->gpus->unclaimed.n > 0;
        pthread_mutex_unlock(&d->gpus->lock);
        return any;
}

struct ticks gpus_ticks(struct daemon *d)
{
        struct gpus *g = d->gpus;
        pthread_mutex_lock(&g->lock);
        struct ticks t = clock_mono_ms() - g->ticks_ms >= TICKS_MS ? g->ticks : g->earlier;
        pthread_mutex_unlock(&g->lock);
        return t;
}

void gpus_read_last(struct daemon *d, struct gpu_sample *ret, bool *ret_answering, int64_t *ret_at,
        struct strv *ret_unclaimed)
{
        struct gpus *g = d->gpus;
        pthread_mutex_lock(&g->lock);
        copy_sample(&g->last, ret);
        *ret_answering = g->answering;
        *ret_at = g->sampled_at;
        for (size_t i = 0; i < g->unclaimed.n; i++)
                strv_add(ret_unclaimed, g->unclaimed.v[i]);
        pthread_mutex_unlock(&g->lock);
}
