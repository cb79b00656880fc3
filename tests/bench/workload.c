/* SPDX-License-Identifier: MIT */
#include "workload.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static const struct {
        const char *name;
        size_t users;
        double sessions; /* a weekday */
        double burst;    /* jobs a session, beyond the first */
        double hours;    /* half of the jobs run longer */
        double spread;   /* of a job's length, as a factor's logarithm */
        int slots, gpus; /* at most */
        int64_t runtime_h;
} classes[CLASSES] = {
        [LIGHT] = { "light", 120, 0.45, 0, 1.5, 0.7, 1, 1, 24 },
        [MEDIUM] = { "medium", 60, 0.65, 0, 4, 0.7, 2, 2, 48 },
        [HEAVY] = { "heavy", 20, 0.30, 1, 9, 0.7, 4, 4, 96 },
};

const char *workload_class(enum user_class c)
{
        return classes[c].name;
}

/* ---- chance ---- */

static uint64_t next(uint64_t *seed) /* splitmix64 */
{
        uint64_t z = *seed += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
}

static double uniform(uint64_t *seed) /* 0 < x <= 1 */
{
        return ((double)(next(seed) >> 11) + 1) / 9007199254740992.0;
}

static double normal(uint64_t *seed)
{
        double r = sqrt(-2 * log(uniform(seed)));
        return r * cos(2 * M_PI * uniform(seed));
}

static int poisson(uint64_t *seed, double mean)
{
        int n = 0;
        for (double p = uniform(seed); p > exp(-mean); p *= uniform(seed))
                n++;
        return n;
}

/* ---- users and jobs ---- */

static void make_user(struct user *u, enum user_class c, uint64_t *seed)
{
        *u = (struct user){ .class = c, .pace = exp(0.4 * normal(seed)) };
        for (enum limit_key k = 0; k < LIMIT_COUNT; k++)
                u->limits.v[k] = (struct limit){ LIMIT_UNLIMITED, 0, 1 };
        bool whole = c != LIGHT || next(seed) % 2, endless = c == HEAVY && next(seed) % 4 == 0;
        u->limits.v[LIMIT_GPUS] = (struct limit){ LIMIT_SET, classes[c].gpus, 1 };
        u->limits.v[LIMIT_GPU_SLOTS] = (struct limit){ LIMIT_SET, classes[c].slots, 1 };
        u->limits.v[LIMIT_FULL_GPU] = (struct limit){ LIMIT_SET, whole, 1 };
        u->limits.v[LIMIT_GPU_HOLD] = (struct limit){ LIMIT_SET, 900, 1 };
        u->limits.v[LIMIT_GRACE] = (struct limit){ LIMIT_SET, 10, 1 };
        if (!endless)
                u->limits.v[LIMIT_RUNTIME] =
                        (struct limit){ LIMIT_SET, classes[c].runtime_h * 3600, 1 };
}

static void add_job(struct workload *w, size_t user, int64_t at, uint64_t *seed)
{
        const struct user *u = &w->users[user];
        int most = classes[u->class].slots;
        double hours =
                classes[u->class].hours * u->pace * exp(classes[u->class].spread * normal(seed));
        int64_t runtime = limits_get(&u->limits, LIMIT_RUNTIME),
                seconds = 60 + (int64_t)(hours * 3600);
        w->jobs = xrealloc(w->jobs, w->n + 1, sizeof *w->jobs);
        w->jobs[w->n++] = (struct job){ .user = user,
                /* Small requests are the most frequent. */
                .slots = 1 + (int)(most * uniform(seed) * uniform(seed) * 0.999),
                .at = at,
                .delay = next(seed) % 10 < 7 ? 0 : (int64_t)(480 * uniform(seed)),
                .seconds = runtime >= 0 && seconds > runtime ? runtime : seconds,
                .hold = (int64_t)(900 * uniform(seed)) };
}

static void make_day(struct workload *w, size_t user, int day, uint64_t *seed)
{
        enum user_class c = w->users[user].class;
        double weekend = day % 7 >= 5 ? 0.35 : 1;
        for (int n = poisson(seed, classes[c].sessions * weekend); n > 0; n--) {
                double hour = 14 + 3.5 * normal(seed);
                int64_t at = day * (int64_t)DAY + (int64_t)(fmin(fmax(hour, 0), 23.9) * 3600);
                for (int jobs = 1 + poisson(seed, classes[c].burst); jobs > 0; jobs--)
                        add_job(w, user, at, seed);
        }
}

static int by_time(const void *x, const void *y)
{
        const struct job *a = x, *b = y;
        if (a->at != b->at)
                return a->at < b->at ? -1 : 1;
        if (a->user != b->user)
                return a->user < b->user ? -1 : 1;
        return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

void workload_make(struct workload *w, uint64_t seed, int days)
{
        size_t user = 0;
        *w = (struct workload){ .end = days * (int64_t)DAY };
        for (enum user_class c = 0; c < CLASSES; c++)
                for (size_t i = 0; i < classes[c].users; i++)
                        make_user(&w->users[user++], c, &seed);
        for (int day = 0; day < days; day++)
                for (user = 0; user < USERS; user++)
                        make_day(w, user, day, &seed);
        if (w->n)
                qsort(w->jobs, w->n, sizeof *w->jobs, by_time);
}

void workload_done(struct workload *w)
{
        free(w->jobs);
        *w = (struct workload){ 0 };
}
