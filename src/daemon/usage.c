/* SPDX-License-Identifier: MIT */
#include "daemon/usage.h"

#include "base/clock.h"
#include "base/log.h"
#include "host/cgroup.h"
#include "store/containers.h"

#include <stdlib.h>

struct sample {
        uid_t uid;
        int64_t at_ms, cpu_ns, percent;
};

static struct {
        pthread_mutex_t lock;
        struct sample *v; /* of the last sweep */
        size_t n;
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

void usage_sweep(struct daemon *d)
{
        struct engine_version engine = { 0 };
        cleanup_free uid_t *uids = NULL;
        size_t n_uids = 0, n = 0;
        struct err e = ERR_INIT;
        if (daemon_engine(d, &engine, &e) < 0)
                return;
        if (containers_accounts(d->store, &uids, &n_uids, &e) < 0)
                log_debug("use: %s", e.msg);
        struct sample *v = xcalloc(n_uids ? n_uids : 1, sizeof *v);
        for (size_t i = 0; i < n_uids; i++) {
                struct cgroup_use use;
                if (cgroup_use(engine.cgroup_driver, uids[i], &use, &e) == 0 && use.cpu_ns >= 0)
                        v[n++] = (struct sample){ uids[i], clock_mono_ms(), use.cpu_ns, -1 };
        }
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
        const struct sample *s = find(last.v, last.n, uid);
        int64_t percent = s ? s->percent : -1;
        pthread_mutex_unlock(&last.lock);
        return percent;
}
