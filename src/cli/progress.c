/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/out.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LATE_MS = 100 };

bool progress_possible(void)
{
        const char *term = getenv("TERM");
        return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void draw(const struct progress *p)
{
        char elapsed[CLOCK_DURATION_LEN];
        clock_duration((clock_mono_ms() - p->started_ms) / 1000, elapsed);
        const char *detail = str_or_empty(p->detail);
        cleanup_free char *line =
                xasprintf("%s... %s%s%s", p->what, elapsed, *detail ? "  " : "", detail);
        cleanup_free char *safe = str_safe(line);
        /* What it is and for how long stand at the beginning. */
        cleanup_free char *cut = str_cut_end(safe, (size_t)out_width(stderr) - 1);
        fprintf(stderr, "\r\033[K%s", cut);
        fflush(stderr);
}

static void add_ms(struct timespec *at, int64_t ms)
{
        int64_t ns = at->tv_nsec + ms % 1000 * 1000000;
        at->tv_sec += ms / 1000 + ns / 1000000000;
        at->tv_nsec = ns % 1000000000;
}

static void *say_late(void *arg)
{
        struct progress *p = arg;
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        add_ms(&at, LATE_MS);
        pthread_mutex_lock(&p->lock);
        while (!p->ended && pthread_cond_timedwait(&p->changed, &p->lock, &at) == 0)
                continue;
        if (!p->ended)
                out_say("%s...", p->what);
        pthread_mutex_unlock(&p->lock);
        return NULL;
}

static void *redraw(void *arg)
{
        struct progress *p = arg;
        pthread_mutex_lock(&p->lock);
        while (!p->ended) {
                struct timespec at;
                draw(p);
                clock_gettime(CLOCK_MONOTONIC, &at);
                add_ms(&at, 1000);
                pthread_cond_timedwait(&p->changed, &p->lock, &at);
        }
        pthread_mutex_unlock(&p->lock);
        return NULL;
}

/* Signals are for the thread that waits in the call. */
static bool start_thread(struct progress *p)
{
        pthread_condattr_t attr;
        sigset_t all, old;
        pthread_mutex_init(&p->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&p->changed, &attr);
        pthread_condattr_destroy(&attr);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        bool started = pthread_create(&p->thread, NULL, p->plain ? say_late : redraw, p) == 0;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return started;
}

void progress_start(struct progress *p, const char *what)
{
        *p = (struct progress){ .what = what, .started_ms = clock_mono_ms() };
        if (progress_possible() && start_thread(p))
                p->live = true;
        else
                out_say("%s...", what);
}

void progress_start_late(struct progress *p, const char *what)
{
        *p = (struct progress){
                .what = what, .started_ms = clock_mono_ms(), .plain = !progress_possible()
        };
        p->live = start_thread(p);
}

void progress_tick(struct progress *p, const char *detail)
{
        if (!p->live)
                return;
        pthread_mutex_lock(&p->lock);
        if (!str_eq(p->detail, detail)) {
                str_replace(&p->detail, detail);
                pthread_cond_signal(&p->changed);
        }
        pthread_mutex_unlock(&p->lock);
}

void progress_end(struct progress *p)
{
        if (!p->live)
                return;
        p->live = false;
        pthread_mutex_lock(&p->lock);
        p->ended = true;
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->lock);
        free(take_ptr(p->detail));
        if (!p->plain)
                fputs("\r\033[K", stderr);
}
