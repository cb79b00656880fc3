/* SPDX-License-Identifier: MIT */
#include "policy/queue.h"

#include "machine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1000000, TICKETS_MAX = 16 };
static const struct queue_rules rules = { .half_life = 7 * 86400, .ageing = 1.0, .turn = 600 };

/* ---- lines of a table ---- */

/*
 * Tickets: "a:2,w60,u3" is account a's, for two slots, has waited for 60 minutes, its account has used
 * 3 hours of one GPU. r: max_runtime_h, in minutes; g: max_gpu_equivalents; m: no whole GPUs; h: what
 * is held. Ids count from 1.
 */
struct line {
        struct queue_ticket v[TICKETS_MAX];
        struct limits limits[TICKETS_MAX];
        size_t n;
};

static void read_option(struct line *l, const char *s)
{
        struct queue_ticket *t = &l->v[l->n];
        struct limits *limits = &l->limits[l->n];
        struct frac f = machine_frac(s + 1);
        switch (*s) {
        case 'w':
                t->joined_at = NOW - f.num * 60;
                return;
        case 'u':
                t->usage = frac_double(f) * 3600;
                return;
        case 'r':
                limits->v[LIMIT_RUNTIME] = (struct limit){ LIMIT_SET, f.num * 60, 1 };
                return;
        case 'g':
                limits->v[LIMIT_GPUS] = (struct limit){ LIMIT_SET, f.num, f.den };
                return;
        case 'm':
                limits->v[LIMIT_FULL_GPU].value = 0;
                return;
        case 'h':
                t->held = f;
                return;
        default:
                fail_msg("no such option: %s", s);
        }
}

static void read_line(struct line *l, const char *text)
{
        char copy[512], *end = NULL, *more = NULL;
        *l = (struct line){ 0 };
        snprintf(copy, sizeof copy, "%s", text);
        for (char *s = strtok_r(copy, " ", &end); s; s = strtok_r(NULL, " ", &end)) {
                strtok_r(s, ",", &more);
                l->limits[l->n] = machine_limits(-1, 1, -1, true);
                l->v[l->n] = (struct queue_ticket){ .id = (int64_t)l->n + 1,
                        .uid = (uid_t)*s,
                        .slots = atoi(s + 2),
                        .joined_at = NOW,
                        .limits = &l->limits[l->n],
                        .held = FRAC_ZERO };
                for (char *o = strtok_r(NULL, ",", &more); o; o = strtok_r(NULL, ",", &more))
                        read_option(l, o);
                l->n++;
        }
}

/* Leases: "0+60 1.2": of the device in slot 0, which ends in an hour; 1.2 without an end. */
static size_t read_leases(const struct machine *m, const char *text, struct queue_lease *v)
{
        char copy[256], slot[GPU_SLOT_SIZE], *end = NULL;
        size_t n = 0;
        snprintf(copy, sizeof copy, "%s", text);
        for (char *s = strtok_r(copy, " ", &end); s; s = strtok_r(NULL, " ", &end)) {
                char *plus = strchr(s, '+');
                v[n].ends_at = plus ? NOW + atoi(plus + 1) * 60 : 0;
                if (plus)
                        *plus = '\0';
                for (v[n].device = 0;; v[n].device++) {
                        assert_true(v[n].device < m->n);
                        machine_slot(m, v[n].device, slot);
                        if (strcmp(slot, s) == 0 && !m->v[v[n].device].gpu->mig)
                                break;
                }
                n++;
        }
        return n;
}

static void describe(const struct machine *m, const struct line *l, const struct queue_verdict *v,
        char *out, size_t size)
{
        static const char *const words[] = { [QUEUE_GRANTED] = "",
                [QUEUE_HEAD] = "head",
                [QUEUE_BEHIND] = "behind",
                [QUEUE_NO_ROOM] = "full",
                [QUEUE_LIMIT] = "limit",
                [QUEUE_NEVER] = "never",
                [QUEUE_OUT] = "out" };
        size_t n = 0;
        out[0] = '\0';
        for (size_t i = 0; i < l->n; i++) {
                char slot[GPU_SLOT_SIZE];
                const struct queue_ticket *t = &l->v[v[i].ticket];
                n += (size_t)snprintf(out + n, size - n, "%s%c%d=%s", i ? " " : "", (int)t->uid,
                        (int)t->id, words[v[i].reason]);
                for (size_t k = 0; k < v[i].place.n; k++) {
                        machine_slot(m, v[i].place.at[k], slot);
                        n += (size_t)snprintf(out + n, size - n, "%s%s", k ? "," : "", slot);
                }
                if (v[i].reason == QUEUE_BEHIND)
                        n += (size_t)snprintf(out + n, size - n, ":%c%d",
                                (int)l->v[v[i].before].uid, (int)l->v[v[i].before].id);
                if (v[i].starts_at)
                        n += (size_t)snprintf(
                                out + n, size - n, "+%d", (int)(v[i].starts_at - NOW) / 60);
                if (v[i].backfilled)
                        n += (size_t)snprintf(out + n, size - n, "*");
        }
}

struct row {
        const char *machine, *leases, *tickets;
        const char *want; /* in the order of the line; * is a backfill, +n minutes its start */
};

static void check_rows(const struct row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct machine m;
                struct line l;
                struct queue_lease leases[MACHINE_MAX];
                struct queue_verdict v[TICKETS_MAX];
                char got[1024];
                machine_make(&m, rows[i].machine);
                read_line(&l, rows[i].tickets);
                size_t n_leases = read_leases(&m, rows[i].leases, leases);
                queue_decide(m.v, m.n, leases, n_leases, l.v, l.n, &rules, NOW, v);
                describe(&m, &l, v, got, sizeof got);
                if (strcmp(got, rows[i].want) != 0)
                        fail_msg("row %zu (%s | %s | %s):\n    %s, not\n    %s", i, rows[i].machine,
                                rows[i].leases, rows[i].tickets, got, rows[i].want);
        }
}

static void test_order(void **state)
{
        (void)state;
        static const struct row rows[] = {
                { "A", "", "", "" },
                /* The earlier one, all else equal. */
                { "A-", "", "a:1 b:1", "a1=head b2=full" },
                /* Less use goes first; an hour of waiting makes up for an hour of use. */
                { "A-", "", "a:1,u2 b:1,u1", "b2=head a1=full" },
                { "A-", "", "a:1,u2,w61 b:1,u1", "a1=head b2=full" },
                { "A-", "", "a:1,u2,w59 b:1,u1", "b2=head a1=full" },
                { "A-", "", "a:1,u2,w60 b:1,u1", "a1=head b2=full" },
                /* Nobody starves: no use outweighs waiting in the end. */
                { "A-", "", "b:1 a:1,u1000,w60060", "a2=head b1=full" },
                /* The second ticket of one account, as if the first were served. */
                { "A-", "", "a:1 a:1 b:1", "a1=head b3=full a2=full" },
                { "A-", "", "a:2 a:1 b:1,u1.5", "a1=never b3=head a2=full" },
                { "A-", "", "a:1,w30 a:1,w60 b:1,w10", "a2=head b3=full a1=full" },
                { "A- A-", "", "a:2,w60 a:1,w180 b:1,w30", "a2=head b3=full a1=full" },
                /* A clock that went back makes nobody wait for less than no time. */
                { "A-", "", "a:1,w-600 b:1", "a1=head b2=full" },
        };
        check_rows(rows, ARRAY_LEN(rows));
}

static void test_grants(void **state)
{
        (void)state;
        static const struct row rows[] = {
                { "A A", "", "a:1 b:1 c:1", "a1=0 b2=1 c3=head" },
                { "A A A", "", "a:2 b:1", "a1=0,1 b2=2" },
                /* What a grant gives counts at once. */
                { "A A", "", "a:1,g1 a:1,g1 b:1", "a1=0 b3=1 a2=limit" },
                { "A A A", "", "a:1,g2 a:1,g2", "a1=0 a2=1" },
                { "A(4,3)", "", "a:1,g1 a:1,g1", "a1=0.1 a2=0.0" },
                { "A(4,3) A(3)", "", "a:1,g1 a:1,g1 a:1,g1", "a1=1.0 a2=0.1 a3=limit" },
                /* Who waits for their own limit is passed over and keeps nothing. */
                { "A", "", "a:1,g1,h1,w60 b:1", "a1=limit b2=0" },
                /* Who can't be served doesn't block the line. */
                { "A", "", "a:2,w60 b:1", "a1=never b2=0" },
                { "A", "", "a:1,m,w60 b:1", "a1=never b2=0" },
                { "A", "", "a:1,g0,w60 b:1", "a1=never b2=0" },
                /* Nor does who needs what an admin must put back. */
                { "A Ad", "", "a:2,w60 b:1", "a1=out b2=0" },
                { "A Ax", "", "a:2,w60 b:1", "a1=out b2=0" },
                { "A A!", "", "a:2,w60 b:1", "a1=out b2=0" },
                { "A Au", "", "a:2,w60 b:1", "a1=out b2=0" },
                { "Ad", "", "a:1 b:1", "a1=out b2=out" },
                { "Ad A-", "", "a:1 b:1", "a1=head b2=full" },
                { "", "", "a:1", "a1=never" },
                /* One that joins now is judged like the others. */
                { "A", "", "a:1,u5,w60 b:1", "b2=0 a1=head" },
        };
        check_rows(rows, ARRAY_LEN(rows));
}

static void test_head(void **state)
{
        (void)state;
        static const struct row rows[] = {
                /* What the head could use is kept for it: no ends are known. */
                { "A A-", "1", "a:2 b:1", "a1=head b2=behind:a1" },
                { "A A-", "1", "a:2 b:1,r1", "a1=head b2=behind:a1" },
                { "A A-", "", "a:2 b:1,r1", "a1=head b2=behind:a1" },
                /* An end is known: a lease that ends before, with the ten minutes of its turn. */
                { "A A-", "1+60", "a:2 b:1", "a1=head+60 b2=behind:a1" },
                { "A A-", "1+60", "a:2 b:1,r50", "a1=head+60 b2=0*" },
                { "A A-", "1+60", "a:2 b:1,r51", "a1=head+60 b2=behind:a1" },
                /* The second end counts if two are needed. */
                { "A A- A-", "1+60 2+90", "a:3 b:1,r80", "a1=head+90 b2=0*" },
                { "A A- A-", "1+60 2+90", "a:2 b:1,r60", "a1=head+60 b2=behind:a1" },
                { "A A- A-", "1+60 2", "a:3 b:1,r10", "a1=head b2=behind:a1" },
                { "A A- A-", "1+60 2", "a:2 b:1,r10", "a1=head+60 b2=0*" },
                /* An end that is past is due any moment. */
                { "A A-", "1+-5", "a:2 b:1,r1", "a1=head+0 b2=behind:a1" },
                /* What was granted in the same breath ends too. */
                { "A A", "", "z:1,w9,r20 a:2,w8 b:1,r10 c:1,r30", "z1=0 a2=head+30 b3=1* c4=full" },
                { "A A", "", "z:1,w9,r20 a:2,w8 c:1,r30 b:1,r10",
                        "z1=0 a2=head+30 c3=behind:a2 b4=1*" },
                /* Several fill the gap; each counts. */
                { "A A A-", "2+60", "a:3 b:1,r10 b:1,r20,u1 c:2,r10,u9",
                        "a1=head+60 b2=0* b3=1* c4=full" },
                /* The head has no use for it: MIG for those who want whole ones, and the reverse. */
                { "A- A- A(3,3)", "", "a:2,w9,g2 b:1", "a1=2.0,2.1 b2=head" },
                { "A- A- A(3,3-)", "", "a:2,w9 b:1", "a1=head b2=behind:a1" },
                { "A- A- A- A(3,3-)", "", "a:3,w9 b:1", "a1=head b2=3.0*" },
                { "A A(3-)", "", "a:1,m b:1", "a1=head b2=0*" },
                { "A A(3-)", "", "a:1,m b:1,m", "a1=head b2=full" },
                { "A A(3-)", "", "a:1,g0.5 b:1", "a1=head b2=0*" },
                { "A A- B", "", "a:2 b:1", "a1=head b2=2*" },
                /* Of two models that serve the head, both are kept. */
                { "A A- B B-", "1+60 3+30", "a:2 b:1,r20 c:1,r21",
                        "a1=head+30 b2=0* c3=behind:a1" },
                /* A head whose reservation is out of reach keeps nothing of that model. */
                { "A Ad B- B-", "", "a:2 b:1", "a1=head b2=0*" },
                /* Not even its own account takes from the head what its limits leave it. */
                { "A- A-", "", "a:2,g2,w9 a:1,g2", "a1=head a2=behind:a1" },
                { "A- A- A(3,3-)", "", "a:2,m,g1,w9 a:1,m,g1", "a1=head a2=behind:a1" },
                { "A- A- A(3)", "0+60 1+60", "a:2,g2,w9,r1 a:1,g2,r1 b:1",
                        "a1=head+60 b3=2.0* a2=behind:a1" },
                { "A- A- A(3)", "", "a:2,g2.5,w9 a:1,g2.5", "a1=head a2=2.0*" },
                { "A- A- A(3)", "", "a:2,g2.5,w9,h1 a:1,g2.5,h1", "a1=limit a2=2.0" },
                { "A- A- A(3)", "", "a:2,g2,w9,h0 a:1,g2 a:2,g2",
                        "a1=head a2=behind:a1 a3=behind:a1" },
                /* Instances serve the head as well. */
                { "A- A- A- A(2,2,2-)", "", "a:3,w9 b:2,m c:1,m",
                        "a1=head b2=behind:a1 c3=behind:a1" },
        };
        check_rows(rows, ARRAY_LEN(rows));
}

/* Behind somebody who waits for whole GPUs, several instances are kept for the first who wants them. */
static void test_second_claim(void **state)
{
        (void)state;
        static const struct row rows[] = {
                { "A- A- A- A- A(2,2-,2-)", "4.1+60 4.2+90", "a:4,w9 b:2,w8,m c:1,m",
                        "a1=head b2=full+60 c3=behind:b2" },
                { "A- A- A- A- A(2,2-,2-)", "4.1+60 4.2+90", "a:4,w9 b:2,w8,m c:1,m,r50",
                        "a1=head b2=full+60 c3=4.0*" },
                { "A- A- A- A- A(2,2-,2-)", "", "a:4,w9 b:2,w8,m c:1,m,r50",
                        "a1=head b2=full c3=behind:b2" },
        };
        check_rows(rows, ARRAY_LEN(rows));
}

static void test_usage(void **state)
{
        (void)state;
        assert_true(fabs(queue_decay(100, 3600, 3600) - 50) < 1e-9);
        assert_true(fabs(queue_decay(100, 7200, 3600) - 25) < 1e-9);
        assert_true(queue_decay(100, 0, 3600) == 100 && queue_decay(100, -5, 3600) == 100);
        assert_true(queue_usage_of(frac_make(1, 1), 1000, 1000, 3600) == 0);
        assert_true(queue_usage_of(frac_make(1, 1), 1000, 500, 3600) == 0);
        /* Short against the half-life: what was held, nearly. Long: the half-life over ln 2. */
        assert_true(fabs(queue_usage_of(frac_make(3, 7), 0, 60, 604800) - 60 * 3 / 7.) < 0.01);
        assert_true(
                fabs(queue_usage_of(frac_make(2, 1), 0, 100000000, 3600) - 7200 / M_LN2) < 1e-6);
        /* Booked in two parts or in one, it is the same. */
        double one = queue_usage_of(frac_make(1, 1), 0, 5000, 3600),
               two = queue_decay(queue_usage_of(frac_make(1, 1), 0, 2000, 3600), 3000, 3600) +
                     queue_usage_of(frac_make(1, 1), 2000, 5000, 3600);
        assert_true(fabs(one - two) < 1e-6);
}

static void test_end(void **state)
{
        (void)state;
        struct limits l = machine_limits(-1, 1, -1, true);
        assert_int_equal(queue_ends_at(&l, 1000), 0);
        l.v[LIMIT_RUNTIME] = (struct limit){ LIMIT_SET, 3600, 1 };
        assert_int_equal(queue_ends_at(&l, 1000), 4600);
        l.v[LIMIT_GPU_HOLD] = (struct limit){ LIMIT_SET, 900, 1 };
        l.v[LIMIT_GRACE] = (struct limit){ LIMIT_SET, 10, 1 };
        assert_int_equal(queue_ends_at(&l, 1000), 5510);
        l.v[LIMIT_GPU_HOLD] = (struct limit){ LIMIT_UNLIMITED, 0, 1 };
        assert_int_equal(queue_ends_at(&l, 1000), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_grants),
                cmocka_unit_test(test_head),
                cmocka_unit_test(test_second_claim),
                cmocka_unit_test(test_usage),
                cmocka_unit_test(test_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
