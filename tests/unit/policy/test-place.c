/* SPDX-License-Identifier: MIT */
#include "policy/place.h"

#include "machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const verdicts[] = {
        [PLACE_OK] = "ok",
        [PLACE_BUSY] = "busy",
        [PLACE_LIMIT] = "limit",
        [PLACE_NEVER] = "never",
        [PLACE_IMPOSSIBLE] = "impossible",
};

/* "ok 0 1.2 =1 3/7", "busy", "limit max_gpu_equivalents 1 held 0.5" */
static void describe(const struct machine *m, const struct place *p, char *out, size_t size)
{
        char frac[FRAC_TEXT_SIZE], used[FRAC_TEXT_SIZE], slot[GPU_SLOT_SIZE];
        size_t n = (size_t)snprintf(out, size, "%s", verdicts[p->verdict]);
        for (size_t i = 0; i < p->n; i++) {
                machine_slot(m, p->at[i], slot);
                n += (size_t)snprintf(out + n, size - n, " %s", slot);
        }
        if (p->verdict == PLACE_OK) {
                frac_text(p->weight, frac);
                snprintf(out + n, size - n, " =%s", frac);
        }
        if (p->verdict == PLACE_LIMIT || p->verdict == PLACE_NEVER) {
                frac_text(p->limit, frac);
                frac_text(p->used, used);
                snprintf(out + n, size - n, " %s %s held %s", limit_info(p->key)->name, frac, used);
        }
}

struct row {
        const char *machine;
        int slots;
        const char *gpus; /* max_gpu_equivalents, or NULL */
        int per_container;
        bool full;
        const char *held, *want;
};

static struct limits limits_of(const struct row *r)
{
        struct frac f = r->gpus ? machine_frac(r->gpus) : (struct frac){ -1, 1 };
        return machine_limits(f.num, f.den, r->per_container, r->full);
}

static void check_rows(const struct row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct machine m;
                char got[1024];
                struct place p;
                struct limits l = limits_of(&rows[i]);
                struct place_request r = { .uid = 1,
                        .slots = rows[i].slots,
                        .limits = &l,
                        .held = machine_frac(rows[i].held) };
                machine_make(&m, rows[i].machine);
                place_choose(m.v, m.n, &r, &p);
                describe(&m, &p, got, sizeof got);
                if (strcmp(got, rows[i].want) != 0)
                        fail_msg("row %zu, %d of \"%s\": %s, not %s", i, rows[i].slots,
                                rows[i].machine, got, rows[i].want);
        }
}

static void test_choice(void **state)
{
        (void)state;
        static const struct row rows[] = {
                /* By number, as numbers. */
                { "10=A 2=A", 1, NULL, -1, true, "0", "ok 2 =1" },
                { "10=A 9=A 11=A", 2, NULL, -1, true, "0", "ok 9 10 =2" },
                { "A(1,1,1,1,1,1,1)", 1, NULL, -1, true, "0", "ok 0.0 =1/7" },
                { "A- A", 1, NULL, -1, true, "0", "ok 1 =1" },
                /* An instance before a whole GPU, and the smallest. */
                { "A A(3,2,2)", 1, NULL, -1, true, "0", "ok 1.1 =2/7" },
                { "A A(3,2-,2-)", 1, NULL, -1, true, "0", "ok 1.0 =3/7" },
                { "A A(3-,2-,2-)", 1, NULL, -1, true, "0", "ok 0 =1" },
                { "A(3,3) B(2,2)", 1, NULL, -1, true, "0", "ok 1.0 =2/7" },
                /* Of equal ones, in the GPU that is fullest. */
                { "A(2,2,2) A(2-,2,2)", 1, NULL, -1, true, "0", "ok 1.1 =2/7" },
                { "A(2-,2,3) A(2-,2,3-) A(2,2,2)", 1, NULL, -1, true, "0", "ok 1.1 =2/7" },
                /* A drained neighbour doesn't count as room either. */
                { "A(2,2,2) A(2d,2,2)", 1, NULL, -1, true, "0", "ok 1.1 =2/7" },
                /* Several: whole ones first, of one model, the scarcer one that suffices. */
                { "A(2,2,2) A A", 2, NULL, -1, true, "0", "ok 1 2 =2" },
                { "A(2,2,2) A A-", 2, NULL, -1, true, "0", "ok 0.0 0.1 =4/7" },
                { "A A A B B", 2, NULL, -1, true, "0", "ok 3 4 =2" },
                { "A A A B B", 3, NULL, -1, true, "0", "ok 0 1 2 =3" },
                { "A B A B", 2, NULL, -1, true, "0", "ok 0 2 =2" },
                { "A A A B", 1, NULL, -1, true, "0", "ok 3 =1" },
                { "A A- B B-", 2, NULL, -1, true, "0", "busy" },
                { "A(3,2,2) A(3,3)", 3, NULL, -1, true, "0", "ok 0.0 1.0 1.1 =1 2/7" },
                /* Never a mixture. */
                { "A(3,2,2)", 3, NULL, -1, true, "0", "impossible" },
                { "A(2) A(2,2) B(2)", 4, NULL, -1, true, "0", "impossible" },
                { "A(2) A(2,2) B(2)", 3, NULL, -1, true, "0", "ok 0.0 1.0 1.1 =6/7" },
        };
        check_rows(rows, ARRAY_LEN(rows));
}

static void test_verdicts(void **state)
{
        (void)state;
        static const struct row rows[] = {
                { "A-", 1, NULL, -1, true, "0", "busy" },
                { "Au", 1, NULL, -1, true, "0", "busy" },
                { "Ad", 1, NULL, -1, true, "0", "busy" },
                { "Ax", 1, NULL, -1, true, "0", "busy" },
                { "A!", 1, NULL, -1, true, "0", "busy" },
                { "A", 2, NULL, -1, true, "0", "impossible" },
                { "", 1, NULL, -1, true, "0", "impossible" },
                { "A()", 1, NULL, -1, true, "0", "impossible" },
                /* Equality is within a limit; fractions are exact. */
                { "A A", 2, "2", 2, true, "0", "ok 0 1 =2" },
                { "A A", 1, "1.5", 2, true, "0.5", "ok 0 =1" },
                { "A A", 1, "1.49", 2, true, "0.5", "limit max_gpu_equivalents 1.49 held 0.5" },
                { "A(4,3)", 1, "1", 1, true, "4/7", "ok 0.1 =3/7" },
                { "A(4)", 1, "1", 1, true, "4/7", "limit max_gpu_equivalents 1 held 4/7" },
                { "A(4)", 1, "0.571428", 1, true, "0",
                        "never max_gpu_equivalents 142857/250000 held 0" },
                /* Busy, if what the account could have isn't free, although something else is. */
                { "A A(3-)", 1, "1", 1, true, "3/7", "busy" },
                { "A A(3-)", 1, "1", 1, true, "4/7", "busy" },
                { "A A(3-)", 1, "1", 1, true, "5/7", "limit max_gpu_equivalents 1 held 5/7" },
                { "A A(3-)", 1, "0.5", 1, true, "0", "busy" },
                { "A A", 1, "1", 1, true, "1", "limit max_gpu_equivalents 1 held 1" },
                { "A A", 2, "1", -1, true, "1", "never max_gpu_equivalents 1 held 1" },
                { "A", 1, "0", 1, true, "0", "never max_gpu_equivalents 0 held 0" },
                /* Nothing held counts against no limit. */
                { "A", 1, NULL, -1, true, "100", "ok 0 =1" },
                { "A A", 2, NULL, 1, true, "0", "never max_gpu_slots_per_container 1 held 0" },
                { "", 2, NULL, 1, true, "0", "never max_gpu_slots_per_container 1 held 0" },
                { "A", 1, NULL, 0, true, "0", "never max_gpu_slots_per_container 0 held 0" },
                /* Whole GPUs only for those who may. */
                { "A A", 1, NULL, -1, false, "0", "never allow_full_gpu 0 held 0" },
                { "A A(3)", 1, NULL, -1, false, "0", "ok 1.0 =3/7" },
                { "A A(3-)", 1, NULL, -1, false, "0", "busy" },
                { "A A(2) A", 2, NULL, -1, false, "0", "never allow_full_gpu 0 held 0" },
                { "A A(2) A", 3, NULL, -1, false, "0", "impossible" },
                /* Of several limits, that of the lightest way; one that may pass before one that
                 * can't. */
                { "A A(3,2)", 1, "0.1", -1, true, "0", "never max_gpu_equivalents 0.1 held 0" },
                { "A A(3)", 1, "1", -1, false, "1", "limit max_gpu_equivalents 1 held 1" },
                { "A(3) A(2)", 1, "0.4", -1, true, "0.2",
                        "limit max_gpu_equivalents 0.4 held 0.2" },
        };
        check_rows(rows, ARRAY_LEN(rows));
}

static void test_aggregate(void **state)
{
        (void)state;
        struct machine m;
        struct place p;
        char got[256];
        struct limits l = machine_limits(4, 1, 4, true);
        l.v[LIMIT_ALL_GPUS] = (struct limit){ LIMIT_SET, 3, 2 };
        struct place_request r = { .uid = 1, .slots = 1, .limits = &l, .held = { 1, 2 } };
        machine_make(&m, "A A");
        place_choose(m.v, m.n, &r, &p);
        describe(&m, &p, got, sizeof got);
        assert_string_equal(got, "ok 0 =1");
        r.held = (struct frac){ 3, 4 };
        place_choose(m.v, m.n, &r, &p);
        describe(&m, &p, got, sizeof got);
        assert_string_equal(got, "limit aggregate.gpu_limit 1.5 held 0.75");
        r.slots = 2;
        place_choose(m.v, m.n, &r, &p);
        describe(&m, &p, got, sizeof got);
        assert_string_equal(got, "never aggregate.gpu_limit 1.5 held 0.75");
}

/* More than a place has room for. */
static void test_too_many(void **state)
{
        (void)state;
        struct machine m;
        struct place p;
        char text[MACHINE_MAX * 2 + 1] = "";
        struct limits l = machine_limits(-1, 1, -1, true);
        struct place_request r = {
                .uid = 1, .slots = PLACE_SLOTS_MAX, .limits = &l, .held = FRAC_ZERO
        };
        for (size_t i = 0; i < 70; i++)
                strcat(text, i ? " A" : "A");
        machine_make(&m, text);
        place_choose(m.v, m.n, &r, &p);
        assert_int_equal(p.verdict, PLACE_OK);
        assert_int_equal(p.n, PLACE_SLOTS_MAX);
        r.slots++;
        place_choose(m.v, m.n, &r, &p);
        assert_int_equal(p.verdict, PLACE_IMPOSSIBLE);
}

static void test_check(void **state)
{
        (void)state;
        static const struct {
                const char *machine;
                size_t at[3], n; /* indices into the list: a GPU in MIG mode has one too */
                const char *gpus;
                bool full;
                int per_container;
                const char *held, *want;
        } rows[] = {
                { "A A", { 1 }, 1, NULL, true, -1, "0", "ok 1 =1" },
                { "10=A 2=A", { 0, 1 }, 2, NULL, true, -1, "0", "ok 2 10 =2" },
                { "A A-", { 1 }, 1, NULL, true, -1, "0", "busy" },
                { "A Ad", { 0, 1 }, 2, NULL, true, -1, "0", "busy" },
                { "A!", { 0 }, 1, NULL, true, -1, "0", "busy" },
                { "A(3,2)", { 1, 2 }, 2, NULL, true, -1, "0", "ok 0.0 0.1 =5/7" },
                { "A(3,2)", { 0 }, 1, NULL, true, -1, "0", "impossible" },
                { "A", { 0 }, 1, NULL, false, -1, "0", "never allow_full_gpu 0 held 0" },
                { "A(3)", { 1 }, 1, NULL, false, -1, "0", "ok 0.0 =3/7" },
                { "A A", { 0, 1 }, 2, NULL, true, 1, "0",
                        "never max_gpu_slots_per_container 1 held 0" },
                { "A", { 0 }, 1, "1", true, -1, "0.5", "limit max_gpu_equivalents 1 held 0.5" },
                { "A-", { 0 }, 1, "1", true, -1, "0.5", "limit max_gpu_equivalents 1 held 0.5" },
                { "A", { 0 }, 1, "0.5", true, -1, "0", "never max_gpu_equivalents 0.5 held 0" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct machine m;
                struct place p;
                char got[256];
                struct frac f = rows[i].gpus ? machine_frac(rows[i].gpus) : (struct frac){ -1, 1 };
                struct limits l = machine_limits(f.num, f.den, rows[i].per_container, rows[i].full);
                struct place_request r = {
                        .uid = 1, .slots = 1, .limits = &l, .held = machine_frac(rows[i].held)
                };
                machine_make(&m, rows[i].machine);
                place_check(m.v, m.n, rows[i].at, rows[i].n, &r, &p);
                describe(&m, &p, got, sizeof got);
                if (strcmp(got, rows[i].want) != 0)
                        fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
        }
}

static void test_words(void **state)
{
        (void)state;
        for (enum gpu_state a = GPU_FREE; a <= GPU_NOT_ANSWERING; a++)
                for (enum gpu_state b = GPU_FREE; b < a; b++)
                        assert_string_not_equal(gpu_state_word(a), gpu_state_word(b));
}

/* ---- against every way there is ---- */

static bool within(const struct limits *l, enum limit_key key, struct frac f)
{
        return l->v[key].state != LIMIT_SET ||
               frac_compare(f, frac_make(l->v[key].value, l->v[key].den)) <= 0;
}

static bool allowed(const struct limits *l, struct frac total, bool whole)
{
        return within(l, LIMIT_GPUS, total) && within(l, LIMIT_ALL_GPUS, total) &&
               (!whole || l->v[LIMIT_FULL_GPU].value);
}

/* What a choice of devices would be, or IMPOSSIBLE if it isn't one. */
static enum place_verdict judge(const struct machine *m, unsigned set,
        const struct place_request *r, struct frac *ret_weight)
{
        const struct gpu *first = NULL;
        struct frac weight = FRAC_ZERO;
        bool free = true;
        for (size_t i = 0; i < m->n; i++) {
                const struct gpu *g = &m->gpus[i];
                if (!(set & 1U << i))
                        continue;
                if (g->mig || (first && (strcmp(g->name, first->name) != 0 ||
                                                strcmp(g->profile, first->profile) != 0)))
                        return PLACE_IMPOSSIBLE;
                first = g;
                weight = frac_add(weight, frac_make(g->slices, g->of));
                free &= m->v[i].state == GPU_FREE && !g->lost;
        }
        *ret_weight = weight;
        if (!allowed(r->limits, weight, first->instance < 0))
                return PLACE_NEVER;
        if (!allowed(r->limits, frac_add(weight, r->held), first->instance < 0))
                return PLACE_LIMIT;
        return free ? PLACE_OK : PLACE_BUSY;
}

/* The best verdict of all choices; and of one slot the least weight that is to be had. */
static enum place_verdict best(
        const struct machine *m, const struct place_request *r, struct frac *ret_least)
{
        enum place_verdict verdict = PLACE_IMPOSSIBLE;
        *ret_least = frac_make(1000, 1);
        for (unsigned set = 1; set < 1U << m->n; set++) {
                struct frac weight;
                if (__builtin_popcount(set) != r->slots)
                        continue;
                enum place_verdict v = judge(m, set, r, &weight);
                if (v < verdict)
                        verdict = v;
                if (v == PLACE_OK && frac_compare(weight, *ret_least) < 0)
                        *ret_least = weight;
        }
        if (!within(r->limits, LIMIT_GPU_SLOTS, frac_make(r->slots, 1)))
                return PLACE_NEVER;
        return verdict;
}

static struct limits random_limits(uint64_t *seed)
{
        struct limits l = machine_limits((int64_t)machine_dice(seed, 12) - 1,
                (int64_t)machine_dice(seed, 4) + 1, (int)machine_dice(seed, 6) - 1,
                machine_dice(seed, 4) > 0);
        if (machine_dice(seed, 3) == 0)
                l.v[LIMIT_ALL_GPUS] =
                        (struct limit){ LIMIT_SET, (int64_t)machine_dice(seed, 30), 7 };
        return l;
}

static void check_case(const struct machine *m, const struct place_request *r, uint64_t *seed)
{
        struct place p, q;
        struct frac least, weight = FRAC_ZERO;
        unsigned set = 0;
        place_choose(m->v, m->n, r, &p);
        assert_int_equal(p.verdict, best(m, r, &least));
        assert_int_equal(p.n, p.verdict == PLACE_OK ? (size_t)r->slots : 0);
        for (size_t i = 0; i < p.n; i++) {
                assert_false(set & 1U << p.at[i]);
                set |= 1U << p.at[i];
                assert_true(i == 0 || gpu_compare(m->v[p.at[i - 1]].gpu, m->v[p.at[i]].gpu) < 0);
        }
        if (p.verdict == PLACE_OK) {
                assert_int_equal(judge(m, set, r, &weight), PLACE_OK);
                assert_int_equal(frac_compare(weight, p.weight), 0);
                if (r->slots == 1)
                        assert_int_equal(frac_compare(weight, least), 0);
                place_check(m->v, m->n, p.at, p.n, r, &q);
                assert_int_equal(q.verdict, PLACE_OK);
        }
        struct machine other;
        size_t to[MACHINE_MAX];
        machine_shuffle(m, &other, to, seed);
        place_choose(other.v, other.n, r, &q);
        assert_int_equal(q.verdict, p.verdict);
        for (size_t i = 0; i < p.n; i++)
                assert_int_equal(q.at[i], to[p.at[i]]);
        if (p.verdict == PLACE_LIMIT || p.verdict == PLACE_NEVER)
                assert_true(p.key == q.key && frac_compare(p.limit, q.limit) == 0 &&
                            frac_compare(q.used, r->held) == 0);
}

static void test_every_way(void **state)
{
        (void)state;
        uint64_t seed = 4;
        size_t seen[PLACE_IMPOSSIBLE + 1] = { 0 };
        for (int i = 0; i < 10000; i++) {
                struct machine m;
                machine_random(&m, 1 + machine_dice(&seed, 8), &seed);
                struct limits l = random_limits(&seed);
                struct place_request r = { .uid = 1,
                        .slots = 1 + (int)machine_dice(&seed, 3),
                        .limits = &l,
                        .held = frac_make((int64_t)machine_dice(&seed, 10), 7) };
                check_case(&m, &r, &seed);
                struct place p;
                place_choose(m.v, m.n, &r, &p);
                seen[p.verdict]++;
        }
        for (size_t v = 0; v < ARRAY_LEN(seen); v++)
                if (seen[v] < 100)
                        fail_msg("%s came only %zu times", verdicts[v], seen[v]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choice),
                cmocka_unit_test(test_verdicts),
                cmocka_unit_test(test_aggregate),
                cmocka_unit_test(test_too_many),
                cmocka_unit_test(test_check),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_every_way),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
