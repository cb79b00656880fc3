/* SPDX-License-Identifier: MIT */
#include "daemon/usage.h"

#include "base/clock.h"
#include "base/log.h"
#include "host/cgroup.h"
#include "store/containers.h"

#include <stdlib.h>

enum {
        SWEEP_MS = 15 * 1000,   /* while nobody asks; else in each of the janitor's rounds */
        WATCHED_MS = 30 * 1000, /* how long a question counts */
};

struct sample {
        uid_t uid;
        int64_t at_ms, cpu_ns, percent;
};

static struct {
        pthread_mutex_t lock;
        struct sample *v; /* of the last sweep */
        size_t n;
        int64_t swept_ms, watched_until_ms;
} last = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int compare(const void *x, const void *y)
{
        const struct sample *a = x, *b = y;
        return (a->uid > b->uid) - (a->uid < b->uid);
}

/* They are ascending, as the store gives the accounts. */
static const struct sample *find(const struct sample *v, size_t n, uid_t uid)
{
        const struct sample key = { .uid = uid };
        return n ? bsearch(&key, v, n, sizeof *v, compare) : NULL;
}

static bool is_time(int64_t now_ms)
{
        pthread_mutex_lock(&last.lock);
        bool due = last.swept_ms == 0 || now_ms < last.watched_until_ms ||
                   now_ms - last.swept_ms >= SWEEP_MS;
        if (due)
                last.swept_ms = now_ms;
        pthread_mutex_unlock(&last.lock);
        return due;
}

/* The counters of everyone who has something running; NULL and none if that can't be told. */
static struct sample *look(struct daemon *d, const char *driver, size_t *ret_n)
{
        cleanup_free uid_t *uids = NULL;
        size_t n_uids = 0, n = 0;
        struct err e = ERR_INIT;
        *ret_n = 0;
        if (containers_accounts(d->store, &uids, &n_uids, &e) < 0) {
                log_debug("use: %s", e.msg);
                return NULL;
        }
        cleanup_free struct cgroup_use *uses = xcalloc(n_uids + 1, sizeof *uses);
        if (n_uids == 0 || cgroup_use_of(driver, uids, n_uids, uses, &e) < 0)
                return NULL;
        struct sample *v = xcalloc(n_uids, sizeof *v);
        for (size_t i = 0; i < n_uids; i++)
                if (uses[i].cpu_ns >= 0)
                        v[n++] = (struct sample){ uids[i], clock_mono_ms(), uses[i].cpu_ns, -1 };
        *ret_n = n;
        return v;
}

void usage_sweep(struct daemon *d)
{
        struct engine_version engine = { 0 };
        struct err e = ERR_INIT;
        size_t n;
        if (!is_time(clock_mono_ms()) || daemon_engine(d, &engine, &e) < 0)
                return;
        struct sample *v = look(d, engine.cgroup_driver, &n);
        pthread_mutex_lock(&last.lock);
        for (size_t i = 0; i < n; i++) {
                const struct sample *before = find(last.v, last.n, v[i].uid);
                /* A group that was made anew counts from zero again. */
                if (before && v[i].at_ms > before->at_ms && v[i].cpu_ns >= before->cpu_ns)
                        v[i].percent = (v[i].cpu_ns - before->cpu_ns) /
                                       ((v[i].at_ms - before->at_ms) * 10000);
        }
        free(last.v);
        last.v = v;
        last.n = n;
        pthread_mutex_unlock(&last.lock);
}

int64_t usage_cpu_percent(uid_t uid)
{
        pthread_mutex_lock(&last.lock);
        last.watched_until_ms = clock_mono_ms() + WATCHED_MS;
        const struct sample *s = find(last.v, last.n, uid);
        int64_t percent = s ? s->percent : -1;
        pthread_mutex_unlock(&last.lock);
        return percent;
}
