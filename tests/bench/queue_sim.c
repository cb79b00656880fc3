/* SPDX-License-Identifier: MIT */
/*
 * What the queue does to people: the same month (workload.h) played twice on a machine of 16 GPUs, 12
 * whole and 4 cut into 3+2+2 sevenths. Once first come, first served: strictly, whole GPUs first, who
 * waits for their own limit is passed over. Once by policy/queue.c, place.c and eta.c as ds01d asks
 * them: at every arrival and every end.
 *
 *   queue_sim [--seed=N] [--days=N] [--half-life-h=N] [--ageing=X] [--json] [--check]
 *
 * Exit status 1 if an invariant breaks: a GPU given twice or in part, a limit passed, an estimate that
 * is no interval, somebody never served; with --check also if somebody waits for two weeks, or if
 * fewer than seven of ten estimates come true.
 */
#include "tally.h"

#include "base/mem.h"
#include "policy/eta.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 12 + 4 * 3, HISTORY = 50, START = 1700000000, PATIENCE = 90 * DAY };

struct held {                  /* what is the case with a device */
        const struct job *job; /* NULL: free */
        int64_t since, until;
};

struct account {
        double usage; /* GPU-seconds of what has ended, at `at` */
        int64_t at;
        struct frac held;
        int64_t lengths[HISTORY]; /* of former leases: a ring */
        size_t n_lengths;
        int64_t sorted[HISTORY];
};

struct waiting {
        const struct job *job;
        size_t id;
        bool told;
        struct eta eta; /* told when it joined */
};

struct sim {
        const struct workload *w;
        const struct queue_rules *rules; /* NULL: first come, first served */
        struct gpu gpus[DEVICES];
        struct place_device devices[DEVICES];
        struct held held[DEVICES];
        struct account accounts[USERS];
        struct waiting *line; /* by arrival */
        size_t n_line, next_job;
        int64_t now;
        struct tally tally;
};

static void broken(const struct sim *s, const char *what)
{
        fprintf(stderr, "queue_sim: day %lld: %s\n", (long long)((s->now - START) / DAY), what);
        exit(1);
}

static void make_machine(struct sim *s)
{
        static const int cut[] = { 3, 2, 2 };
        for (int i = 0; i < DEVICES; i++) {
                struct gpu *g = &s->gpus[i];
                bool whole = i < 12;
                *g = (struct gpu){ .index = whole ? i : 12 + (i - 12) / 3,
                        .instance = whole ? -1 : (i - 12) % 3,
                        .slices = whole ? 1 : cut[(i - 12) % 3],
                        .of = whole ? 1 : 7,
                        .memory_total = 40LL << 30 };
                snprintf(g->name, sizeof g->name, "A100");
                snprintf(g->uuid, sizeof g->uuid, "SIM-%d", i);
                if (!whole)
                        snprintf(g->profile, sizeof g->profile, "%dg", g->slices);
                s->devices[i] = (struct place_device){ .gpu = g, .state = GPU_FREE };
        }
}

static struct frac weight(const struct sim *s, size_t device)
{
        return frac_make(s->gpus[device].slices, s->gpus[device].of);
}

/* ---- what happens ---- */

static void give(struct sim *s, struct waiting *t, const size_t *at, size_t n)
{
        const struct job *j = t->job;
        struct account *a = &s->accounts[j->user];
        if (n != (size_t)j->slots)
                broken(s, "a request was served in part");
        for (size_t i = 0; i < n; i++) {
                if (s->held[at[i]].job)
                        broken(s, "a GPU was given twice");
                s->held[at[i]] =
                        (struct held){ j, s->now, s->now + j->delay + j->seconds + j->hold };
                s->devices[at[i]].state = GPU_HELD;
                a->held = frac_add(a->held, weight(s, at[i]));
        }
        const struct limit *limit = &s->w->users[j->user].limits.v[LIMIT_GPUS];
        if (frac_compare(a->held, frac_make(limit->value, limit->den)) > 0)
                broken(s, "a limit was passed");
        tally_wait(&s->tally, s->w->users[j->user].class, s->now - (START + j->at));
        if (t->told)
                tally_estimate(&s->tally, &t->eta, s->now);
        t->job = NULL;
}

static void give_back(struct sim *s, size_t device)
{
        struct held *h = &s->held[device];
        struct account *a = &s->accounts[h->job->user];
        if (s->rules) {
                int64_t half = s->rules->half_life;
                a->usage = queue_decay(a->usage, s->now - a->at, half) +
                           queue_usage_of(weight(s, device), h->since, s->now, half);
                a->at = s->now;
        }
        a->held = frac_sub(a->held, weight(s, device));
        a->lengths[a->n_lengths++ % HISTORY] = s->now - h->since;
        *h = (struct held){ 0 };
        s->devices[device].state = GPU_FREE;
}

static void close_gaps(struct sim *s)
{
        size_t kept = 0;
        for (size_t i = 0; i < s->n_line; i++)
                if (s->line[i].job)
                        s->line[kept++] = s->line[i];
        s->n_line = kept;
}

/* ---- first come, first served; returns whether somebody waits for a GPU ---- */

static bool serve_first(struct sim *s)
{
        bool waits = false;
        for (size_t i = 0; i < s->n_line && !waits; i++) {
                const struct job *j = s->line[i].job;
                struct place_request r = { .uid = (uid_t)j->user,
                        .slots = j->slots,
                        .limits = &s->w->users[j->user].limits,
                        .held = s->accounts[j->user].held };
                struct place p;
                place_choose(s->devices, 12, &r, &p); /* the whole ones */
                if (p.verdict != PLACE_OK)
                        place_choose(s->devices, DEVICES, &r, &p);
                if (p.verdict == PLACE_OK)
                        give(s, &s->line[i], p.at, p.n);
                waits = p.verdict == PLACE_BUSY;
        }
        close_gaps(s);
        return waits;
}

/* ---- ours ---- */

static size_t make_leases(const struct sim *s, struct eta_lease *v)
{
        size_t n = 0;
        for (size_t i = 0; i < DEVICES; i++) {
                const struct held *h = &s->held[i];
                if (h->job)
                        v[n++] = (struct eta_lease){ i, (uid_t)h->job->user, h->since,
                                queue_ends_at(&s->w->users[h->job->user].limits,
                                        h->since + s->rules->turn) };
        }
        return n;
}

static void make_tickets(const struct sim *s, struct queue_ticket *v)
{
        double usage[USERS] = { 0 };
        int64_t half = s->rules->half_life;
        for (size_t i = 0; i < DEVICES; i++)
                if (s->held[i].job)
                        usage[s->held[i].job->user] +=
                                queue_usage_of(weight(s, i), s->held[i].since, s->now, half);
        for (size_t i = 0; i < s->n_line; i++) {
                const struct job *j = s->line[i].job;
                const struct account *a = &s->accounts[j->user];
                v[i] = (struct queue_ticket){ .id = (int64_t)s->line[i].id,
                        .uid = (uid_t)j->user,
                        .slots = j->slots,
                        .joined_at = START + j->at,
                        .limits = &s->w->users[j->user].limits,
                        .held = a->held,
                        .usage = usage[j->user] + queue_decay(a->usage, s->now - a->at, half) };
        }
}

static void make_histories(struct sim *s, struct eta_history *v)
{
        for (size_t i = 0; i < USERS; i++) {
                struct account *a = &s->accounts[i];
                size_t n = a->n_lengths < HISTORY ? a->n_lengths : HISTORY;
                memcpy(a->sorted, a->lengths, n * sizeof *a->sorted);
                qsort(a->sorted, n, sizeof *a->sorted, tally_compare);
                v[i] = (struct eta_history){ (uid_t)i, a->sorted, n };
        }
}

/* Those who have just joined and must wait are told when their turn may come. */
static void tell(struct sim *s, const struct queue_ticket *tickets, const struct queue_verdict *v,
        const struct place_device *devices, const struct eta_lease *leases, size_t n_leases)
{
        struct eta_history histories[USERS];
        cleanup_free size_t *line = xcalloc(s->n_line, sizeof *line);
        cleanup_free struct eta *eta = xcalloc(s->n_line, sizeof *eta);
        bool any = false;
        for (size_t i = 0; i < s->n_line; i++) {
                line[i] = v[i].ticket;
                any |= v[i].reason != QUEUE_GRANTED && !s->line[line[i]].told;
        }
        if (!any)
                return;
        make_histories(s, histories);
        eta_estimate(devices, DEVICES, leases, n_leases, histories, USERS, tickets, line, s->n_line,
                s->rules, s->now, eta);
        for (size_t i = 0; i < s->n_line; i++) {
                struct waiting *t = &s->line[line[i]];
                if (v[i].reason == QUEUE_GRANTED || t->told)
                        continue;
                t->told = true;
                t->eta = eta[i];
                if (eta[i].early < s->now || (eta[i].late && eta[i].late < eta[i].early))
                        broken(s, "an estimate is no interval");
        }
}

static bool serve_fairly(struct sim *s)
{
        struct eta_lease leases[DEVICES];
        struct queue_lease ends[DEVICES];
        cleanup_free struct queue_ticket *tickets = xcalloc(s->n_line, sizeof *tickets);
        cleanup_free struct queue_verdict *v = xcalloc(s->n_line, sizeof *v);
        size_t n = make_leases(s, leases);
        bool waits = false;
        for (size_t i = 0; i < n; i++)
                ends[i] = (struct queue_lease){ leases[i].device, leases[i].ends_at };
        make_tickets(s, tickets);
        queue_decide(s->devices, DEVICES, ends, n, tickets, s->n_line, s->rules, s->now, v);
        tell(s, tickets, v, s->devices, leases, n);
        for (size_t i = 0; i < s->n_line; i++) {
                if (v[i].reason == QUEUE_GRANTED)
                        give(s, &s->line[v[i].ticket], v[i].place.at, v[i].place.n);
                else if (v[i].reason == QUEUE_NEVER || v[i].reason == QUEUE_OUT)
                        broken(s, "a request can't be served");
                waits |= v[i].reason == QUEUE_HEAD;
        }
        close_gaps(s);
        return waits;
}

/* ---- time ---- */

/* The next moment at which something happens; INT64_MAX: nothing does any more. */
static int64_t next_event(const struct sim *s)
{
        int64_t at = s->next_job < s->w->n ? START + s->w->jobs[s->next_job].at : INT64_MAX;
        for (size_t i = 0; i < DEVICES; i++)
                if (s->held[i].job && s->held[i].until < at)
                        at = s->held[i].until;
        return at;
}

static void count_idle(struct sim *s, int64_t until)
{
        for (size_t i = 0; i < DEVICES; i++) {
                double amount = frac_double(weight(s, i)) * (double)(until - s->now);
                s->tally.wanted += amount;
                if (!s->held[i].job)
                        s->tally.idle += amount;
        }
}

static void run(struct sim *s, const struct workload *w, const struct queue_rules *rules)
{
        *s = (struct sim){ .w = w, .rules = rules, .now = START };
        make_machine(s);
        s->line = xcalloc(w->n, sizeof *s->line);
        for (size_t i = 0; i < USERS; i++)
                s->accounts[i].held = FRAC_ZERO;
        tally_init(&s->tally, w->n);
        bool waits = false;
        for (int64_t at; (at = next_event(s)) != INT64_MAX;) {
                if (waits && at <= START + w->end)
                        count_idle(s, at);
                s->now = at;
                if (at > START + w->end + PATIENCE)
                        broken(s, "somebody is not served");
                for (size_t i = 0; i < DEVICES; i++)
                        if (s->held[i].job && s->held[i].until <= at)
                                give_back(s, i);
                for (; s->next_job < w->n && START + w->jobs[s->next_job].at <= at; s->next_job++)
                        s->line[s->n_line++] =
                                (struct waiting){ .job = &w->jobs[s->next_job], .id = s->next_job };
                if (s->n_line)
                        waits = rules ? serve_fairly(s) : serve_first(s);
                else
                        waits = false;
        }
        if (s->n_line)
                broken(s, "the machine is empty and somebody waits");
}

static void sim_done(struct sim *s)
{
        free(s->line);
        tally_done(&s->tally);
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "seed", required_argument, NULL, 's' },
                { "days", required_argument, NULL, 'd' },
                { "half-life-h", required_argument, NULL, 'h' },
                { "ageing", required_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
                { "check", no_argument, NULL, 'c' }, { 0 } };
        uint64_t seed = 20250601;
        int days = 30, status = 0;
        bool json = false, checked = false;
        struct queue_rules rules = QUEUE_RULES_DEFAULT;
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                if (c == 's')
                        seed = strtoull(optarg, NULL, 10);
                else if (c == 'd')
                        days = atoi(optarg);
                else if (c == 'h')
                        rules.half_life = atoll(optarg) * 3600;
                else if (c == 'a')
                        rules.ageing = atof(optarg);
                else if (c == 'j')
                        json = true;
                else if (c == 'c')
                        checked = true;
                else
                        return 2;
        }
        if (days < 1 || days > 3650 || rules.half_life <= 0 || !(rules.ageing > 0))
                return 2;
        struct workload w;
        static struct sim first, ours;
        workload_make(&w, seed, days);
        run(&first, &w, NULL);
        run(&ours, &w, &rules);
        tally_sort(&first.tally);
        tally_sort(&ours.tally);
        if (json)
                tally_json(&w, seed, &first.tally, &ours.tally);
        else
                tally_print(&w, &first.tally, &ours.tally);
        if (checked && !tally_sane(&ours.tally))
                status = 1;
        sim_done(&first);
        sim_done(&ours);
        workload_done(&w);
        return status;
}
