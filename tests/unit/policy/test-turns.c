/* SPDX-License-Identifier: MIT */
#include "policy/queue.h"

#include "machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What must be so in every line on every machine, with random ones. The rules one by one: test-queue.c. */

enum { NOW = 1000000, TICKETS_MAX = 16 };
static const struct queue_rules rules = { .half_life = 7 * 86400, .ageing = 1.0, .turn = 600 };

enum { ACCOUNTS = 6 };

struct world {
        struct machine m;
        struct limits limits[ACCOUNTS];
        struct queue_lease leases[MACHINE_MAX];
        size_t n_leases;
        struct queue_ticket tickets[TICKETS_MAX];
        size_t n;
        struct queue_verdict v[TICKETS_MAX];
};

static struct limits some_limits(uint64_t *seed)
{
        struct limits l = machine_limits((int64_t)machine_dice(seed, 9) - 1,
                1 + (int64_t)machine_dice(seed, 2), (int)machine_dice(seed, 5) - 1,
                machine_dice(seed, 4) > 0);
        if (machine_dice(seed, 2))
                l.v[LIMIT_RUNTIME] =
                        (struct limit){ LIMIT_SET, 60 * (1 + (int64_t)machine_dice(seed, 200)), 1 };
        return l;
}

static void make_world(struct world *w, uint64_t *seed)
{
        struct frac held[ACCOUNTS];
        double usage[ACCOUNTS];
        *w = (struct world){ 0 };
        machine_random(&w->m, 1 + machine_dice(seed, 12), seed);
        for (size_t a = 0; a < ACCOUNTS; a++) {
                w->limits[a] = some_limits(seed);
                held[a] = frac_make((int64_t)machine_dice(seed, 8), 7);
                usage[a] = (double)machine_dice(seed, 50000);
        }
        for (size_t i = 0; i < w->m.n; i++)
                if (w->m.v[i].state == GPU_HELD && machine_dice(seed, 5))
                        w->leases[w->n_leases++] = (struct queue_lease){ i,
                                machine_dice(seed, 4)
                                        ? NOW - 300 + (int64_t)machine_dice(seed, 9000)
                                        : 0 };
        w->n = 1 + machine_dice(seed, TICKETS_MAX);
        for (size_t i = 0; i < w->n; i++) {
                size_t a = machine_dice(seed, ACCOUNTS);
                w->tickets[i] = (struct queue_ticket){ .id = (int64_t)i + 1,
                        .uid = (uid_t)a,
                        .slots = 1 + (int)machine_dice(seed, 3),
                        .joined_at = NOW - (int64_t)machine_dice(seed, 40000),
                        .limits = &w->limits[a],
                        .held = held[a],
                        .usage = usage[a] };
        }
        queue_decide(w->m.v, w->m.n, w->leases, w->n_leases, w->tickets, w->n, &rules, NOW, w->v);
}

static bool fits(const struct limits *l, enum limit_key key, struct frac f)
{
        return l->v[key].state != LIMIT_SET ||
               frac_compare(f, frac_make(l->v[key].value, l->v[key].den)) <= 0;
}

/* Each ticket has one place in the line; no device is given twice; no limit is passed. */
static void check_grants(const struct world *w)
{
        bool placed[TICKETS_MAX] = { false }, given[MACHINE_MAX] = { false };
        struct frac held[TICKETS_MAX];
        for (size_t i = 0; i < w->n; i++)
                held[w->tickets[i].uid] = w->tickets[i].held;
        for (size_t i = 0; i < w->n; i++) {
                const struct queue_verdict *v = &w->v[i];
                const struct queue_ticket *t = &w->tickets[v->ticket];
                assert_false(placed[v->ticket]);
                placed[v->ticket] = true;
                assert_int_equal(v->place.n, v->reason == QUEUE_GRANTED ? (size_t)t->slots : 0);
                for (size_t k = 0; k < v->place.n; k++) {
                        size_t d = v->place.at[k];
                        const struct gpu *g = w->m.v[d].gpu;
                        assert_false(given[d]);
                        given[d] = true;
                        assert_true(w->m.v[d].state == GPU_FREE && gpu_is_placeable(g));
                        assert_true(g->instance >= 0 || t->limits->v[LIMIT_FULL_GPU].value);
                        held[t->uid] = frac_add(held[t->uid], frac_make(g->slices, g->of));
                }
                if (v->place.n) {
                        assert_true(fits(t->limits, LIMIT_GPUS, held[t->uid]));
                        assert_true(fits(t->limits, LIMIT_GPU_SLOTS, frac_make(t->slots, 1)));
                }
        }
}

/* Tickets of one account keep their order, and nobody passes one who asks for the same. */
static void check_line(const struct world *w)
{
        for (size_t i = 0; i < w->n; i++)
                for (size_t k = i + 1; k < w->n; k++) {
                        const struct queue_ticket *a = &w->tickets[w->v[i].ticket],
                                                  *b = &w->tickets[w->v[k].ticket];
                        if (a->uid != b->uid)
                                continue;
                        assert_true(a->joined_at < b->joined_at ||
                                    (a->joined_at == b->joined_at && a->id < b->id));
                        if (a->slots == b->slots)
                                assert_false(w->v[i].reason != QUEUE_GRANTED &&
                                             w->v[k].reason == QUEUE_GRANTED);
                }
}

/* Whether the machine with these states serves the ticket. */
static bool served(const struct machine *m, const struct queue_ticket *t, struct frac held)
{
        struct place p;
        struct place_request r = {
                .uid = t->uid, .slots = t->slots, .limits = t->limits, .held = held
        };
        place_choose(m->v, m->n, &r, &p);
        return p.verdict == PLACE_OK;
}

/* Plays on until the head's promised start: whatever was given away, it starts then. */
static void check_promise(const struct world *w, size_t head, struct frac held)
{
        struct machine m = w->m;
        uid_t uid = w->tickets[w->v[head].ticket].uid;
        int64_t at = w->v[head].starts_at, until[MACHINE_MAX];
        if (!at)
                return;
        for (size_t i = 0; i < m.n; i++) {
                m.v[i].gpu = &m.gpus[i];
                until[i] = m.v[i].state == GPU_HELD ? INT64_MAX : 0;
        }
        for (size_t i = 0; i < w->n_leases; i++)
                if (w->leases[i].ends_at)
                        until[w->leases[i].device] = w->leases[i].ends_at;
        for (size_t i = 0; i < w->n; i++)
                for (size_t k = 0; k < w->v[i].place.n; k++) {
                        int64_t end =
                                queue_ends_at(w->tickets[w->v[i].ticket].limits, NOW + rules.turn);
                        const struct gpu *g = w->m.v[w->v[i].place.at[k]].gpu;
                        if (i > head && w->tickets[w->v[i].ticket].uid == uid)
                                held = frac_add(held, frac_make(g->slices, g->of));
                        m.v[w->v[i].place.at[k]].state = GPU_HELD;
                        until[w->v[i].place.at[k]] = end ? end : INT64_MAX;
                }
        for (size_t i = 0; i < m.n; i++)
                if (m.v[i].state == GPU_HELD && until[i] <= at)
                        m.v[i].state = GPU_FREE;
        assert_true(served(&m, &w->tickets[w->v[head].ticket], held));
}

/* A device that the head could use, and that somebody behind it got, comes back in time. */
static void check_backfill(const struct world *w, size_t head, size_t behind, struct frac held)
{
        const struct queue_verdict *v = &w->v[behind];
        int64_t end = queue_ends_at(w->tickets[v->ticket].limits, NOW + rules.turn);
        struct machine m = { 0 };
        assert_true(v->backfilled);
        for (size_t i = 0; i < w->m.n; i++) {
                const struct gpu *g = &w->m.gpus[i], *given = w->m.v[v->place.at[0]].gpu;
                bool comes = w->m.v[i].state == GPU_FREE || w->m.v[i].state == GPU_HELD;
                if (g->mig || g->lost || !comes || strcmp(g->name, given->name) != 0 ||
                        strcmp(g->profile, given->profile) != 0)
                        continue;
                m.gpus[m.n] = *g;
                m.v[m.n] = (struct place_device){ .gpu = &m.gpus[m.n], .state = GPU_FREE };
                m.n++;
        }
        if (served(&m, &w->tickets[w->v[head].ticket], held))
                assert_true(w->v[head].starts_at && end && end <= w->v[head].starts_at);
}

static void check_head(const struct world *w)
{
        size_t head = w->n;
        struct frac held[TICKETS_MAX];
        for (size_t i = 0; i < w->n; i++)
                held[w->tickets[i].uid] = w->tickets[i].held;
        for (size_t i = 0; i < w->n; i++) {
                const struct queue_verdict *v = &w->v[i];
                const struct queue_ticket *t = &w->tickets[v->ticket];
                if (v->reason == QUEUE_HEAD) {
                        assert_int_equal(head, w->n);
                        head = i;
                        check_promise(w, head, held[t->uid]);
                }
                if (v->reason == QUEUE_BEHIND || v->reason == QUEUE_NO_ROOM)
                        assert_true(head < i);
                if (head == w->n)
                        held[t->uid] = frac_add(held[t->uid],
                                v->reason == QUEUE_GRANTED ? v->place.weight : FRAC_ZERO);
                if (v->reason != QUEUE_GRANTED)
                        continue;
                if (head < i)
                        check_backfill(w, head, i, held[w->tickets[w->v[head].ticket].uid]);
                else
                        assert_false(v->backfilled);
        }
}

/* Everything in another order: the same is decided. */
static void check_shuffled(const struct world *w, uint64_t *seed)
{
        struct world o = { .n = w->n, .n_leases = w->n_leases };
        size_t to[MACHINE_MAX], deal[TICKETS_MAX], lease[MACHINE_MAX];
        machine_shuffle(&w->m, &o.m, to, seed);
        machine_deal(deal, w->n, seed);
        machine_deal(lease, w->n_leases, seed);
        for (size_t i = 0; i < w->n; i++)
                o.tickets[deal[i]] = w->tickets[i];
        for (size_t i = 0; i < w->n_leases; i++)
                o.leases[lease[i]] =
                        (struct queue_lease){ to[w->leases[i].device], w->leases[i].ends_at };
        queue_decide(o.m.v, o.m.n, o.leases, o.n_leases, o.tickets, o.n, &rules, NOW, o.v);
        for (size_t i = 0; i < w->n; i++) {
                const struct queue_verdict *a = &w->v[i], *b = &o.v[i];
                assert_int_equal(deal[a->ticket], b->ticket);
                assert_true(a->reason == b->reason && a->starts_at == b->starts_at &&
                            a->place.n == b->place.n && a->backfilled == b->backfilled);
                if (a->reason == QUEUE_BEHIND)
                        assert_int_equal(deal[a->before], b->before);
                for (size_t k = 0; k < a->place.n; k++)
                        assert_int_equal(to[a->place.at[k]], b->place.at[k]);
        }
}

static void test_random(void **state)
{
        (void)state;
        uint64_t seed = 2024;
        size_t seen[QUEUE_OUT + 1] = { 0 }, backfills = 0, promises = 0;
        for (int i = 0; i < 10000; i++) {
                struct world w;
                make_world(&w, &seed);
                check_grants(&w);
                check_line(&w);
                check_head(&w);
                check_shuffled(&w, &seed);
                for (size_t k = 0; k < w.n; k++) {
                        seen[w.v[k].reason]++;
                        backfills += w.v[k].backfilled;
                        promises += w.v[k].reason == QUEUE_HEAD && w.v[k].starts_at;
                }
        }
        for (size_t r = 0; r < ARRAY_LEN(seen); r++)
                assert_true(seen[r] > 500);
        assert_true(backfills > 500 && promises > 500);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
