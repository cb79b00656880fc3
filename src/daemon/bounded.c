/* SPDX-License-Identifier: MIT */
#include "daemon/bounded.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct task {
        struct bounded *kind;
        void (*work)(void *arg);
        void (*done)(void *arg);
        void *arg;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool ended, left; /* lock */
};

static void task_free(struct task *t)
{
        pthread_cond_destroy(&t->changed);
        pthread_mutex_destroy(&t->lock);
        free(t);
}

static void *run(void *arg)
{
        struct task *t = arg;
        struct bounded *kind = t->kind;
        t->work(t->arg);
        pthread_mutex_lock(&t->lock);
        bool left = t->left;
        t->ended = true;
        pthread_cond_signal(&t->changed);
        pthread_mutex_unlock(&t->lock);
        /* One that somebody waits for is freed by whoever waits. */
        if (left) {
                t->done(t->arg);
                task_free(t);
                atomic_fetch_sub(&kind->left, 1);
        }
        return NULL;
}

static struct task *task_new(
        struct bounded *kind, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
        struct task *t = xcalloc(1, sizeof *t);
        pthread_condattr_t attr;
        t->kind = kind;
        t->work = work;
        t->done = done;
        t->arg = arg;
        pthread_mutex_init(&t->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&t->changed, &attr);
        pthread_condattr_destroy(&attr);
        return t;
}

static bool start(struct task *t)
{
        pthread_t thread;
        pthread_attr_t attr;
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        int r = atomic_load(&t->kind->left) < BOUNDED_LEFT_MAX
                        ? pthread_create(&thread, &attr, run, t)
                        : EAGAIN;
        pthread_attr_destroy(&attr);
        return r == 0;
}

bool bounded_run(struct bounded *kind, void (*work)(void *arg), void (*done)(void *arg), void *arg,
        int64_t ms)
{
        struct task *t = task_new(kind, work, done, arg);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        if (!start(t)) {
                done(arg);
                task_free(t);
                return false;
        }
        pthread_mutex_lock(&t->lock);
        while (!t->ended && pthread_cond_timedwait(&t->changed, &t->lock, &until) != ETIMEDOUT)
                ;
        bool ended = t->ended;
        t->left = !ended;
        if (!ended)
                atomic_fetch_add(&kind->left, 1);
        pthread_mutex_unlock(&t->lock);
        if (ended)
                task_free(t);
        return ended;
}
