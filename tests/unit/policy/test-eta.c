/* SPDX-License-Identifier: MIT */
#include "policy/eta.h"

#include "machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1000000, M = 60, MANY = 1000 };
static const struct queue_rules rules = { .half_life = 7 * 86400, .ageing = 1.0, .turn = 600 };

static void expect(const struct eta *eta, int64_t early, int64_t late)
{
        if (eta->early != early || eta->late != late)
                fail_msg("%lld to %lld, not %lld to %lld", (long long)(eta->early - NOW),
                        (long long)(eta->late - NOW), (long long)(early - NOW),
                        (long long)(late - NOW));
}

/* One GPU, held by account 1; account 2 waits. */
static void test_history(void **state)
{
        (void)state;
        static const struct {
                int64_t minutes[10];
                size_t n;
                int64_t held_for, end, early, late; /* minutes from now; end, late 0: none */
        } rows[] = {
                /* Nothing is known: from now to the end, or without one. */
                { { 0 }, 0, 30, 0, 0, 0 },
                { { 0 }, 0, 30, 45, 0, 45 },
                /* Too little is. */
                { { 10, 20, 30 }, 3, 0, 0, 0, 0 },
                { { 10, 20, 30, 40 }, 4, 0, 0, 10, 40 },
                { { 10, 20, 30, 40, 50, 60, 70, 80 }, 8, 0, 0, 20, 70 },
                /* Of those that lasted as long as this one. */
                { { 10, 20, 30, 40, 50, 60, 70, 80 }, 8, 45, 0, 5, 35 },
                { { 10, 20, 30, 40, 50, 60, 70, 80 }, 8, 50, 0, 0, 30 },
                { { 10, 20, 30, 40, 50, 60, 70, 80 }, 8, 51, 0, 0, 0 },
                /* Cut at the end. */
                { { 10, 20, 30, 40, 50, 60, 70, 80 }, 8, 0, 50, 20, 50 },
                { { 10, 20, 30, 40, 50, 60, 70, 80 }, 8, 0, 15, 15, 15 },
                { { 10, 20, 30, 40, 50, 60, 70, 80 }, 8, 70, 12, 0, 12 },
                /* One that is due: any moment. */
                { { 0 }, 0, 30, -5, 0, -1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct machine m;
                struct eta eta;
                int64_t seconds[10];
                struct limits l = machine_limits(-1, 1, -1, true);
                machine_make(&m, "A-");
                for (size_t k = 0; k < rows[i].n; k++)
                        seconds[k] = rows[i].minutes[k] * M;
                struct eta_history h = { .uid = 1, .seconds = seconds, .n = rows[i].n };
                struct eta_lease lease = { .uid = 1,
                        .since = NOW - rows[i].held_for * M,
                        .ends_at = rows[i].end ? NOW + rows[i].end * M : 0 };
                struct queue_ticket t = {
                        .id = 1, .uid = 2, .slots = 1, .limits = &l, .held = FRAC_ZERO
                };
                eta_estimate(m.v, m.n, &lease, 1, &h, 1, &t, &(size_t){ 0 }, 1, &rules, NOW, &eta);
                int64_t late = rows[i].late > 0   ? NOW + rows[i].late * M
                               : rows[i].late < 0 ? NOW
                                                  : 0;
                expect(&eta, NOW + rows[i].early * M, late);
        }
}

/* Those ahead hold what they get as they used to: 10 to 40 minutes. */
static void test_line(void **state)
{
        (void)state;
        struct machine m;
        struct eta eta[4];
        static const int64_t seconds[] = { 10 * M, 20 * M, 30 * M, 40 * M };
        struct eta_history histories[] = { { 7, NULL, 0 }, { 1, seconds, 4 }, { 2, seconds, 4 } };
        struct limits l = machine_limits(-1, 1, -1, true), whole = l, small = l;
        whole.v[LIMIT_RUNTIME] = (struct limit){ LIMIT_SET, 120 * M, 1 };
        small.v[LIMIT_GPUS] = (struct limit){ LIMIT_SET, 1, 1 };
        struct queue_ticket tickets[] = {
                { .id = 9, .uid = 4, .slots = 5, .limits = &l, .held = FRAC_ZERO },
                { .id = 1, .uid = 2, .slots = 1, .limits = &l, .held = FRAC_ZERO },
                { .id = 2, .uid = 3, .slots = 1, .limits = &whole, .held = FRAC_ZERO },
                { .id = 3, .uid = 4, .slots = 1, .limits = &l, .held = FRAC_ZERO },
        };
        struct eta_lease lease = { .uid = 1, .since = NOW, .ends_at = NOW + 35 * M };
        machine_make(&m, "A-");
        eta_estimate(m.v, m.n, &lease, 1, histories, 3, tickets, (size_t[]){ 0, 1, 2, 3 }, 4,
                &rules, NOW, eta);
        expect(&eta[0], 0, 0); /* never */
        expect(&eta[1], NOW + 10 * M, NOW + 35 * M);
        expect(&eta[2], NOW + 20 * M, NOW + 75 * M);
        /* Account 3 is new: it may leave at once, and must within its runtime and its turn. */
        expect(&eta[3], NOW + 20 * M, NOW + (75 + 10 + 120) * M);

        /* Somebody's own limit ends with their own lease. */
        struct queue_ticket own = {
                .id = 1, .uid = 1, .slots = 1, .limits = &small, .held = { 1, 1 }
        };
        machine_make(&m, "A- A");
        eta_estimate(m.v, m.n, &lease, 1, histories, 3, &own, &(size_t){ 0 }, 1, &rules, NOW, eta);
        expect(&eta[0], NOW + 10 * M, NOW + 35 * M);

        /* What is free is there now; what is out of service never is, as far as can be seen. */
        machine_make(&m, "A Ad");
        eta_estimate(
                m.v, m.n, NULL, 0, histories, 3, tickets, (size_t[]){ 1, 2 }, 2, &rules, NOW, eta);
        expect(&eta[0], NOW, NOW);
        expect(&eta[1], NOW + 10 * M, NOW + 40 * M);
        machine_make(&m, "Ax");
        eta_estimate(
                m.v, m.n, NULL, 0, histories, 3, tickets, (size_t[]){ 1 }, 1, &rules, NOW, eta);
        expect(&eta[0], 0, 0);
        eta_estimate(m.v, m.n, NULL, 0, NULL, 0, tickets, NULL, 0, &rules, NOW, NULL);
}

/* A large request in front doesn't starve: what comes free is kept for it, in both plays. */
static void test_reservation(void **state)
{
        (void)state;
        struct machine m;
        struct eta eta[2];
        struct limits l = machine_limits(-1, 1, -1, true);
        struct queue_ticket tickets[] = {
                { .id = 1, .uid = 1, .slots = 2, .limits = &l, .held = FRAC_ZERO },
                { .id = 2, .uid = 2, .slots = 1, .limits = &l, .held = FRAC_ZERO },
        };
        static const int64_t seconds[] = { 60 * M, 60 * M, 60 * M, 60 * M };
        struct eta_history h[] = { { 1, seconds, 4 }, { 2, seconds, 4 }, { 8, seconds, 4 } };
        struct eta_lease leases[] = { { 0, 8, NOW - 50 * M, 0 }, { 1, 8, NOW - 20 * M, 0 } };
        machine_make(&m, "A- A-");
        eta_estimate(m.v, m.n, leases, 2, h, 3, tickets, (size_t[]){ 0, 1 }, 2, &rules, NOW, eta);
        expect(&eta[0], NOW + 40 * M, NOW + 40 * M);
        expect(&eta[1], NOW + 100 * M, NOW + 100 * M);
}

/* ---- random ones ---- */

enum { ACCOUNTS = 8, TICKETS = 12, HISTORY = 9 };

struct world {
        struct machine m;
        struct limits limits[3];
        int64_t seconds[ACCOUNTS][HISTORY];
        struct eta_history histories[ACCOUNTS];
        struct eta_lease leases[MACHINE_MAX];
        struct queue_lease ends[MACHINE_MAX];
        size_t n_leases;
        struct queue_ticket tickets[TICKETS];
        size_t n, line[TICKETS];
        struct queue_verdict v[TICKETS];
        struct eta eta[TICKETS];
};

static void estimate(struct world *w)
{
        eta_estimate(w->m.v, w->m.n, w->leases, w->n_leases, w->histories, ACCOUNTS, w->tickets,
                w->line, w->n, &rules, NOW, w->eta);
}

static struct frac held_by(const struct world *w, uid_t uid)
{
        struct frac held = FRAC_ZERO;
        for (size_t i = 0; i < w->n_leases; i++) {
                const struct gpu *g = w->m.v[w->leases[i].device].gpu;
                if (w->leases[i].uid == uid)
                        held = frac_add(held, frac_make(g->slices, g->of));
        }
        return held;
}

static void make_leases(struct world *w, uint64_t *seed)
{
        for (size_t i = 0; i < w->m.n; i++) {
                if (w->m.v[i].state != GPU_HELD || machine_dice(seed, 10) == 0)
                        continue;
                struct eta_lease *l = &w->leases[w->n_leases];
                *l = (struct eta_lease){ .device = i,
                        .uid = (uid_t)machine_dice(seed, ACCOUNTS),
                        .since = NOW - (int64_t)machine_dice(seed, 7200),
                        .ends_at = machine_dice(seed, 3)
                                           ? NOW - 300 + (int64_t)machine_dice(seed, 9000)
                                           : 0 };
                w->ends[w->n_leases++] = (struct queue_lease){ i, l->ends_at };
        }
}

static void make_world(struct world *w, uint64_t *seed)
{
        *w = (struct world){ 0 };
        machine_random(&w->m, 1 + machine_dice(seed, 10), seed);
        for (size_t k = 0; k < ARRAY_LEN(w->limits); k++)
                w->limits[k] = machine_limits((int64_t)machine_dice(seed, 5) - 1, 1, -1, k != 2);
        w->limits[0].v[LIMIT_RUNTIME] = (struct limit){ LIMIT_SET, 3600, 1 };
        for (size_t a = 0; a < ACCOUNTS; a++) {
                int64_t s = 0;
                for (size_t k = 0; k < HISTORY; k++)
                        w->seconds[a][k] = s += (int64_t)machine_dice(seed, 2000);
                w->histories[a] = (struct eta_history){ (uid_t)a, w->seconds[a],
                        machine_dice(seed, HISTORY + 1) };
        }
        make_leases(w, seed);
        w->n = 1 + machine_dice(seed, TICKETS);
        for (size_t i = 0; i < w->n; i++) {
                uid_t uid = (uid_t)machine_dice(seed, ACCOUNTS);
                w->tickets[i] = (struct queue_ticket){ .id = (int64_t)i,
                        .uid = uid,
                        .slots = 1 + (int)machine_dice(seed, 2),
                        .joined_at = NOW - (int64_t)machine_dice(seed, 90000),
                        .limits = &w->limits[uid % ARRAY_LEN(w->limits)],
                        .held = held_by(w, uid) };
        }
        queue_decide(w->m.v, w->m.n, w->ends, w->n_leases, w->tickets, w->n, &rules, NOW, w->v);
        for (size_t i = 0; i < w->n; i++)
                w->line[i] = w->v[i].ticket;
        estimate(w);
}

static void check_bounds(const struct world *w)
{
        bool limited = false;
        for (size_t i = 0; i < w->n; i++) {
                const struct eta *e = &w->eta[i];
                const struct queue_verdict *v = &w->v[i];
                if (v->reason == QUEUE_NEVER)
                        assert_true(e->early == 0 && e->late == 0);
                else if (v->reason == QUEUE_GRANTED)
                        assert_true(e->early == NOW && e->late == NOW);
                else if (e->early || e->late)
                        assert_true(e->early >= NOW && (e->late == 0 || e->late >= e->early));
                /* What the head was promised holds, unless somebody before it comes back. */
                limited |= v->reason == QUEUE_LIMIT || v->reason == QUEUE_OUT;
                if (v->reason == QUEUE_HEAD && v->starts_at && !limited)
                        assert_true(e->late && e->late <= v->starts_at);
        }
}

/* Who stands behind somebody else with the same request isn't told an earlier time. */
static void check_order(const struct world *w)
{
        for (size_t i = 0; i < w->n; i++)
                for (size_t k = i + 1; k < w->n; k++) {
                        const struct queue_ticket *a = &w->tickets[w->line[i]],
                                                  *b = &w->tickets[w->line[k]];
                        bool limited = w->v[i].reason == QUEUE_LIMIT ||
                                       a->limits->v[LIMIT_GPUS].state == LIMIT_SET;
                        if (a->limits != b->limits || a->slots != b->slots || limited)
                                continue;
                        assert_true(!w->eta[k].early ||
                                    (w->eta[i].early && w->eta[i].early <= w->eta[k].early));
                        assert_true(w->eta[k].late == 0 ||
                                    (w->eta[i].late && w->eta[i].late <= w->eta[k].late));
                }
}

static void check_shuffled(const struct world *w, uint64_t *seed)
{
        struct world o = *w;
        size_t to[MACHINE_MAX];
        machine_shuffle(&w->m, &o.m, to, seed);
        for (size_t i = 0; i < w->n_leases; i++) {
                o.leases[w->n_leases - 1 - i] = w->leases[i];
                o.leases[w->n_leases - 1 - i].device = to[w->leases[i].device];
        }
        for (size_t a = 0; a < ACCOUNTS; a++)
                o.histories[ACCOUNTS - 1 - a] = w->histories[a];
        estimate(&o);
        for (size_t i = 0; i < w->n; i++)
                assert_true(o.eta[i].early == w->eta[i].early && o.eta[i].late == w->eta[i].late);
}

static void test_random(void **state)
{
        (void)state;
        uint64_t seed = 77;
        size_t intervals = 0, open = 0;
        for (int i = 0; i < 10000; i++) {
                struct world w;
                make_world(&w, &seed);
                check_bounds(&w);
                check_order(&w);
                check_shuffled(&w, &seed);
                for (size_t k = 0; k < w.n; k++) {
                        intervals += w.eta[k].late > w.eta[k].early;
                        open += w.eta[k].early && !w.eta[k].late;
                }
        }
        assert_true(intervals > 2000 && open > 2000);
}

/* A thousand that wait: whoever the play didn't reach isn't promised anything. */
static void test_bounded(void **state)
{
        (void)state;
        struct machine m;
        static struct queue_ticket tickets[MANY];
        static size_t line[MANY];
        static struct eta eta[MANY];
        static const int64_t seconds[] = { 100, 200, 300, 400 };
        static struct eta_history histories[MANY + 1];
        struct eta_lease leases[64];
        struct limits l = machine_limits(-1, 1, -1, true);
        char text[64 * 3 + 1] = "";
        for (size_t i = 0; i < 64; i++) {
                strcat(text, i ? " A-" : "A-");
                leases[i] = (struct eta_lease){ i, MANY, NOW - (int64_t)i, 0 };
        }
        machine_make(&m, text);
        for (size_t i = 0; i < MANY; i++) {
                line[i] = i;
                histories[i] = (struct eta_history){ (uid_t)i, seconds, 4 };
                tickets[i] = (struct queue_ticket){ .id = (int64_t)i,
                        .uid = (uid_t)i,
                        .slots = 1 + (int)(i % 8),
                        .limits = &l,
                        .held = FRAC_ZERO };
        }
        histories[MANY] = (struct eta_history){ MANY, seconds, 4 };
        eta_estimate(
                m.v, m.n, leases, 64, histories, MANY + 1, tickets, line, MANY, &rules, NOW, eta);
        size_t open = 0;
        for (size_t i = 0; i < MANY; i++) {
                assert_true(eta[i].early >= NOW);
                assert_true(eta[i].late == 0 || eta[i].late >= eta[i].early);
                open += eta[i].late == 0;
        }
        assert_true(eta[0].late != 0);
        assert_true(open < MANY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_history),
                cmocka_unit_test(test_line),
                cmocka_unit_test(test_reservation),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
