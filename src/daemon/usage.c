/* SPDX-License-Identifier: MIT */
#include "daemon/usage.h"

#include "base/clock.h"
#include "base/log.h"
#include "host/cgroup.h"
#include "store/containers.h"

struct sample {
        uid_t uid;
        int64_t at_ms, cpu_ns, percent;
};

static struct {
        pthread_mutex_t lock;
        struct sample *v; /* of the last sweep */
        size_t n;
} last = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct sweep {
        const char *driver;
        struct sample *v;
        size_t n;
};

static const struct sample *find(const struct sample *v, size_t n, uid_t uid)
{
        for (size_t i = 0; i < n; i++)
                if (v[i].uid == uid)
                        return &v[i];
        return NULL;
}

static int note(const struct container *c, void *ctx)
{
        struct sweep *s = ctx;
        struct cgroup_use use;
        struct err ignored = ERR_INIT;
        if (find(s->v, s->n, c->uid) || cgroup_use(s->driver, c->uid, &use, &ignored) < 0 ||
                use.cpu_ns < 0)
                return 0;
        s->v = xrealloc(s->v, s->n + 1, sizeof *s->v);
        s->v[s->n++] = (struct sample){ c->uid, clock_mono_ms(), use.cpu_ns, -1 };
        return 0;
}

void usage_sweep(struct daemon *d)
{
        struct engine_version engine = { 0 };
        struct sweep s = { 0 };
        struct err e = ERR_INIT;
        if (daemon_engine(d, &engine, &e) < 0)
                return;
        s.driver = engine.cgroup_driver;
        if (containers_each(d->store, STORE_EVERYONE, false, note, &s, &e) < 0)
                log_debug("use: %s", e.msg);
        pthread_mutex_lock(&last.lock);
        for (size_t i = 0; i < s.n; i++) {
                const struct sample *before = find(last.v, last.n, s.v[i].uid);
                /* A group that was made anew counts from zero again. */
                if (before && s.v[i].at_ms > before->at_ms && s.v[i].cpu_ns >= before->cpu_ns)
                        s.v[i].percent = (s.v[i].cpu_ns - before->cpu_ns) /
                                         ((s.v[i].at_ms - before->at_ms) * 10000);
        }
        free(last.v);
        last.v = s.v;
        last.n = s.n;
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
