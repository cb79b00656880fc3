/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNTIL = 1000 };

static struct ticket get(struct fixture *f, int64_t id)
{
        struct ticket t = { 0 };
        bool found;
        ok(tickets_get(f->s, id, &t, &found, &f->e));
        assert_true(found);
        return t;
}

static bool exists(struct fixture *f, int64_t id)
{
        cleanup_ticket struct ticket t = { 0 };
        bool found;
        ok(tickets_get(f->s, id, &t, &found, &f->e));
        return found;
}

static void grant(struct fixture *f, int64_t id, const char *device, int64_t since)
{
        const struct lease v = fixture_gpu(device, since);
        ok(tickets_grant(f->s, id, &v, 1, UNTIL, &f->e));
}

#define AT(at_) (&(const struct usage){ .uid = 1000, .gpu_seconds = 7.5, .at = (at_) })

static void test_round_trip(void **state)
{
        struct fixture *f = *state;
        struct ticket in = { .id = 77,
                .uid = 4294967294u,
                .user = S("alice"),
                .name = S("my-thesis"),
                .slots = 8,
                .kind = TICKET_LAUNCH,
                .joined_at = 100,
                .turn_until = 5,
                .missed = 3,
                .op = OP_A,
                .request = S("{\"a\": \"\xc3\xa4\"}"),
                .footing = S("f"),
                .boot_id = S("boot") };
        struct ticket least = {
                .uid = 1, .user = S("bob"), .name = S(""), .slots = 1, .kind = TICKET_WAIT
        };
        enum ticket_verdict verdict;
        int64_t id, least_id;
        ok(tickets_add(f->s, &in, 1, &verdict, &id, &f->e));
        assert_int_equal(verdict, TICKET_ADDED);
        ok(tickets_add(f->s, &least, 1, &verdict, &least_id, &f->e));
        ok(tickets_set_note(f->s, id, "no room \xe2\x80\xa6", &f->e));
        fixture_reopen(f);

        cleanup_ticket struct ticket t = get(f, id), other = get(f, least_id);
        assert_int_equal(t.id, id);
        assert_int_equal(t.uid, in.uid);
        assert_string_equal(t.user, "alice");
        assert_string_equal(t.name, "my-thesis");
        assert_int_equal(t.slots, 8);
        assert_int_equal(t.kind, TICKET_LAUNCH);
        assert_int_equal(t.joined_at, 100);
        assert_int_equal(t.turn_until, 0); /* turns are the store's to set */
        assert_int_equal(t.missed, 0);
        assert_string_equal(t.op, OP_A);
        assert_string_equal(t.request, in.request);
        assert_string_equal(t.footing, "f");
        assert_string_equal(t.boot_id, "boot");
        assert_string_equal(t.note, "no room \xe2\x80\xa6");
        assert_int_equal(other.kind, TICKET_WAIT);
        assert_string_equal(other.op, "");
        assert_string_equal(other.request, "");
        assert_string_equal(other.footing, "");
        assert_string_equal(other.boot_id, "");
        assert_string_equal(other.note, "");

        ok(tickets_set_kind(f->s, id, TICKET_HOLD, &f->e));
        cleanup_ticket struct ticket held = get(f, id);
        assert_int_equal(held.kind, TICKET_HOLD);
        ok(tickets_set_kind(f->s, 12345, TICKET_HOLD, &f->e));
        ok(tickets_set_note(f->s, 12345, "x", &f->e));
}

static void test_add(void **state)
{
        struct fixture *f = *state;
        static const struct {
                uid_t uid;
                const char *name;
                int max;
                enum ticket_verdict verdict;
                int same_as; /* whose id comes back; itself where it was added, -1: none */
        } table[] = {
                { 1000, "a", 1, TICKET_ADDED, 0 },
                { 1000, "a", 1, TICKET_EXISTS, 0 }, /* the better answer */
                { 1000, "b", 1, TICKET_TOO_MANY, -1 },
                { 1001, "a", 1, TICKET_ADDED, 3 },
                { 1000, "", 2, TICKET_ADDED, 4 },
                { 1000, "", 9, TICKET_EXISTS, 4 },
                { 1002, "a", 0, TICKET_TOO_MANY, -1 },
        };
        int64_t ids[ARRAY_LEN(table)];
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct ticket t = {
                        .uid = table[i].uid, .user = S("u"), .name = S(table[i].name), .slots = 1
                };
                enum ticket_verdict verdict;
                ok(tickets_add(f->s, &t, table[i].max, &verdict, &ids[i], &f->e));
                int64_t want = table[i].same_as < 0 ? 0 : ids[table[i].same_as];
                if (verdict != table[i].verdict || ids[i] != want ||
                        (ids[i] == 0) != (verdict == TICKET_TOO_MANY))
                        fail_msg("case %zu: %d", i, (int)verdict);
        }
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tickets"), 3);
}

static void test_find_and_all(void **state)
{
        struct fixture *f = *state;
        int64_t b = fixture_ticket(f, 1000, "b"), none = fixture_ticket(f, 1000, "");
        int64_t a = fixture_ticket(f, 1001, "a");
        cleanup_ticket struct ticket t = { 0 };
        bool found;
        ok(tickets_find(f->s, 1000, "b", &t, &found, &f->e));
        assert_true(found);
        assert_int_equal(t.id, b);
        ok(tickets_find(f->s, 1000, "", &t, &found, &f->e));
        assert_true(found);
        assert_int_equal(t.id, none);
        ok(tickets_find(f->s, 1000, "a", &t, &found, &f->e));
        assert_false(found);
        assert_int_equal(t.id, none); /* untouched */
        cleanup_tickets struct tickets l = { 0 };
        ok(tickets_all(f->s, &l, &f->e));
        assert_int_equal(l.n, 3);
        assert_int_equal(l.v[0].id, b);
        assert_int_equal(l.v[1].id, none);
        assert_int_equal(l.v[2].id, a);
}

/* An id is never given twice: a late pass or grant can't meet another's ticket. */
static void test_ids_are_not_reused(void **state)
{
        struct fixture *f = *state;
        int64_t a = fixture_ticket(f, 1000, "a");
        ok(tickets_end(f->s, a, NULL, &f->e));
        fixture_reopen(f);
        assert_true(fixture_ticket(f, 1000, "a") > a);
}

static void test_grant(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_ticket(f, 1001, "a");
        const struct lease v[] = { fixture_gpu("G0", 100), fixture_part("M1", "G1", 100) };
        fails_with(ERR_STALE, tickets_grant(f->s, id + 1, v, 2, UNTIL, &f->e));
        ok(tickets_grant(f->s, id, v, 2, UNTIL, &f->e));
        fixture_reopen(f);
        cleanup_ticket struct ticket t = get(f, id);
        assert_int_equal(t.turn_until, UNTIL);
        assert_int_equal(t.joined_at, 10);
        cleanup_leases struct leases l = { 0 }, none = { 0 };
        ok(leases_of_ticket(f->s, id, &l, &f->e));
        assert_int_equal(l.n, 2);
        assert_int_equal(l.v[0].uid, 1001);
        assert_int_equal(l.v[0].ticket_id, id);
        assert_int_equal(l.v[0].container_id, 0);
        assert_string_equal(l.v[1].device, "M1");
        ok(leases_of_container(f->s, id, &none, &f->e));
        assert_int_equal(none.n, 0);

        /* Twice is once. */
        const struct lease more = fixture_gpu("G5", 200);
        fails_with(ERR_STALE, tickets_grant(f->s, id, &more, 1, 2 * UNTIL, &f->e));
        cleanup_ticket struct ticket same = get(f, id);
        assert_int_equal(same.turn_until, UNTIL);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM leases"), 2);
}

static void test_grant_is_all_or_nothing(void **state)
{
        struct fixture *f = *state;
        int64_t a = fixture_ticket(f, 1000, "a"), b = fixture_ticket(f, 1000, "b");
        const struct lease v[] = { fixture_gpu("G1", 100), fixture_gpu("G0", 100) };
        grant(f, a, "G0", 50);
        fails_with(ERR_EXISTS, tickets_grant(f->s, b, v, 2, UNTIL, &f->e));
        cleanup_ticket struct ticket t = get(f, b);
        assert_int_equal(t.turn_until, 0);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM leases"), 1);
        ok(tickets_grant(f->s, b, v, 1, UNTIL, &f->e));
}

static void test_pass(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_ticket(f, 1000, "a"), other = fixture_ticket(f, 1000, "b");
        grant(f, id, "G0", 100);
        grant(f, other, "G1", 100);
        for (int i = 1; i <= 2; i++) {
                ok(tickets_pass(f->s, id, AT(100 + 50 * i), 200 * i, &f->e));
                fixture_reopen(f);
                cleanup_ticket struct ticket t = get(f, id);
                assert_int_equal(t.turn_until, 0);
                assert_int_equal(t.missed, i);
                assert_int_equal(t.joined_at, 200 * i);
                assert_string_equal(fixture_usage(f), i == 1 ? "1000:7.5@150 " : "1000:7.5@200 ");
                assert_string_equal(fixture_history(f), ""); /* nothing ran */
                assert_int_equal(fixture_sql(f, "SELECT count(*) FROM leases"), 1);
                grant(f, id, "G0", 100);
        }
        ok(tickets_pass(f->s, 12345, AT(900), 900, &f->e));
        assert_string_equal(fixture_usage(f), "1000:7.5@200 ");
        cleanup_ticket struct ticket t = get(f, other);
        assert_int_equal(t.missed, 0);
        assert_int_equal(t.turn_until, UNTIL);
}

/* The same turn passes once, and one that never came can't pass. */
static void test_pass_without_a_turn(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_ticket(f, 1000, "a");
        ok(tickets_pass(f->s, id, AT(150), 200, &f->e));
        cleanup_ticket struct ticket t = get(f, id);
        assert_int_equal(t.missed, 0);
        assert_int_equal(t.joined_at, 10);
        grant(f, id, "G0", 100);
        for (int i = 0; i < 2; i++)
                ok(tickets_pass(f->s, id, AT(150), 200 + i, &f->e));
        cleanup_ticket struct ticket passed = get(f, id);
        assert_int_equal(passed.missed, 1);
        assert_int_equal(passed.joined_at, 200);
}

static void test_end(void **state)
{
        struct fixture *f = *state;
        int64_t waits = fixture_ticket(f, 1000, "a"), holds = fixture_ticket(f, 1000, "b");
        grant(f, holds, "G0", 100);
        ok(tickets_end(f->s, waits, NULL, &f->e));
        assert_false(exists(f, waits));
        assert_string_equal(fixture_usage(f), "");
        /* What it holds is to be booked: without that, nothing happens. */
        fails_with(ERR_EXISTS, tickets_end(f->s, holds, NULL, &f->e));
        assert_true(exists(f, holds));
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM leases"), 1);
        ok(tickets_end(f->s, holds, AT(130), &f->e));
        fixture_reopen(f);
        assert_false(exists(f, holds));
        assert_string_equal(fixture_usage(f), "1000:7.5@130 ");
        assert_string_equal(fixture_history(f), "");
        assert_string_equal(fixture_leases(f), "");
        ok(tickets_end(f->s, holds, AT(900), &f->e));
        ok(tickets_end(f->s, holds, NULL, &f->e));
        assert_string_equal(fixture_usage(f), "1000:7.5@130 ");
}

/* ---- estimates ---- */

static void give(struct fixture *f, int64_t id, int64_t now, int64_t early, int64_t late)
{
        const struct ticket t = { .id = id, .uid = 1000, .slots = 2 };
        ok(etas_given(f->s, &t, now, early, late, &f->e));
}

static int64_t given(struct fixture *f)
{
        return fixture_sql(f, "SELECT count(*) FROM etas");
}

static void test_same_estimate(void **state)
{
        struct fixture *f = *state;
        static const struct {
                int64_t id, early, late;
                bool is_new;
        } table[] = {
                { 1, 1000, 2000, true },
                { 1, 1000, 2000, false },
                { 1, 1060, 1940, false },
                { 1, 940, 2060, false },
                { 1, 1061, 2000, true },
                { 1, 1061, 1939, true },
                { 1, 1000, 1939, true }, /* a minute is counted from what was told, here 1061 */
                { 1, 1000, 0, true },    /* no end is known any more */
                { 1, 1000, 0, false },
                { 1, 1000, 30, true }, /* near to 0, but a time */
                { 2, 1000, 30, true }, /* another ticket's */
                { 1, 1000, 30, false },
                { 3, 0, 0, true },
                { 3, 0, 0, false },
                { 3, 1, 0, true },
        };
        int64_t want = 0;
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                give(f, table[i].id, 5, table[i].early, table[i].late);
                want += table[i].is_new;
                if (given(f) != want)
                        fail_msg("case %zu", i);
        }
        fixture_reopen(f);
        assert_int_equal(
                fixture_sql(f,
                        "SELECT count(*) FROM etas WHERE uid = 1000 AND slots = 2 AND given_at = 5"
                        " AND came_at = 0"),
                want);
}

static void test_what_came_of_estimates(void **state)
{
        struct fixture *f = *state;
        int64_t comes = fixture_ticket(f, 1000, "a"), leaves = fixture_ticket(f, 1000, "b");
        int64_t waits = fixture_ticket(f, 1000, "c");
        give(f, comes, 5, 500, 1000);
        give(f, comes, 6, 700, 1000);
        give(f, leaves, 5, 500, 1000);
        give(f, waits, 5, 500, 1000);
        grant(f, comes, "G0", 100);
        ok(tickets_end(f->s, leaves, NULL, &f->e));
        ok(tickets_end(f->s, comes, AT(200), &f->e)); /* what came stays so */
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM etas WHERE came_at = 100"), 2);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM etas WHERE came_at = -1"), 1);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM etas WHERE came_at = 0"), 1);
}

/* After a turn that passed it waits anew: the same time is another estimate. */
static void test_estimates_after_a_turn(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_ticket(f, 1000, "a");
        give(f, id, 5, 500, 1000);
        grant(f, id, "G0", 100);
        ok(tickets_pass(f->s, id, AT(200), 200, &f->e));
        give(f, id, 205, 500, 1000);
        give(f, id, 206, 500, 1000);
        assert_int_equal(given(f), 2);
        grant(f, id, "G0", 300);
        assert_int_equal(fixture_sql(f, "SELECT came_at FROM etas WHERE given_at = 5"), 100);
        assert_int_equal(fixture_sql(f, "SELECT came_at FROM etas WHERE given_at = 205"), 300);
}

/* A container that gets its GPUs before its ticket had a turn has not waited in vain. */
static void test_estimates_of_a_ticket_used_up(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_ticket(f, 1000, "a"), other = fixture_ticket(f, 1000, "b");
        struct container c = { .uid = 1000, .name = S("a"), .born_op = OP_A };
        enum reserve_verdict verdict;
        const struct lease v = fixture_gpu("G0", 100);
        give(f, id, 5, 500, 1000);
        give(f, other, 5, 500, 1000);
        ok(leases_reserve(f->s, &c, -1, &v, 1, id, &verdict, &f->e));
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM etas WHERE came_at = 100"), 1);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM etas WHERE came_at = 0"), 1);
}

static void test_the_last_estimates_are_kept(void **state)
{
        enum { KEPT = 10000 };
        struct fixture *f = *state;
        fixture_sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                       " WHERE i < 9999) INSERT INTO etas (ticket_id, uid, slots, given_at, early,"
                       " late, came_at) SELECT i, 1, 1, i, 1, 1, 0 FROM n");
        for (int i = 0; i < 3; i++) {
                give(f, 20000 + i, 7, 1, 1);
                assert_int_equal(given(f), KEPT);
                assert_int_equal(
                        fixture_sql(f, "SELECT min(given_at) FROM etas WHERE uid = 1"), i + 1);
        }
}

/* Ours comes before libc's, so it is SQLite that is counted. */
static int syncs;
int fdatasync(int fd)
{
        syncs++;
        return (int)syscall(SYS_fdatasync, fd);
}

static void test_waits_for_the_disk(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_ticket(f, 1000, "a");
        syncs = 0;
        give(f, id, 5, 500, 1000);
        assert_int_equal(syncs, 0);
        grant(f, id, "G0", 100);
        assert_true(syncs > 0);
        syncs = 0;
        ok(tickets_pass(f->s, id, AT(200), 200, &f->e));
        assert_true(syncs > 0);
}

static void test_failures(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_ticket(f, 1000, "a"), new_id = 42;
        struct ticket t = { .uid = 1, .user = S("u"), .name = S("a"), .slots = 1 };
        struct ticket no_slots = t, half_op = t, out = { .id = 42 };
        struct tickets l = { .n = 42 };
        enum ticket_verdict verdict = TICKET_TOO_MANY;
        const struct lease v = fixture_gpu("G0", 100);
        bool found = true;
        no_slots.slots = 0;
        snprintf(half_op.op, sizeof half_op.op, "abc");
        fails_with(ERR_EXISTS, tickets_add(f->s, &no_slots, 9, &verdict, &new_id, &f->e));
        fails_with(ERR_EXISTS, tickets_add(f->s, &half_op, 9, &verdict, &new_id, &f->e));
        fixture_sql(f, "DROP TABLE etas; DROP TABLE usage");
        fails_with(ERR_FAILED, tickets_grant(f->s, id, &v, 1, UNTIL, &f->e));
        fails_with(ERR_FAILED, tickets_end(f->s, id, NULL, &f->e));
        fails_with(ERR_FAILED, etas_given(f->s, &t, 1, 2, 3, &f->e));
        assert_string_equal(fixture_leases(f), "");
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tickets WHERE turn_until = 0"), 1);
        fixture_sql(f, "DROP TABLE leases; DROP TABLE tickets");
        fails_with(ERR_FAILED, tickets_add(f->s, &t, 9, &verdict, &new_id, &f->e));
        fails_with(ERR_FAILED, tickets_all(f->s, &l, &f->e));
        fails_with(ERR_FAILED, tickets_get(f->s, id, &out, &found, &f->e));
        fails_with(ERR_FAILED, tickets_find(f->s, 1000, "a", &out, &found, &f->e));
        fails_with(ERR_FAILED, tickets_grant(f->s, id, &v, 1, UNTIL, &f->e));
        fails_with(ERR_FAILED, tickets_pass(f->s, id, AT(200), 200, &f->e));
        fails_with(ERR_FAILED, tickets_end(f->s, id, AT(200), &f->e));
        fails_with(ERR_FAILED, tickets_set_note(f->s, id, "x", &f->e));
        fails_with(ERR_FAILED, tickets_set_kind(f->s, id, TICKET_HOLD, &f->e));
        assert_int_equal(verdict, TICKET_TOO_MANY);
        assert_int_equal(new_id, 42);
        assert_int_equal(out.id, 42);
        assert_int_equal(l.n, 42);
        assert_true(found);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_round_trip),
                fixture_test(test_add),
                fixture_test(test_find_and_all),
                fixture_test(test_ids_are_not_reused),
                fixture_test(test_grant),
                fixture_test(test_grant_is_all_or_nothing),
                fixture_test(test_pass),
                fixture_test(test_pass_without_a_turn),
                fixture_test(test_end),
                fixture_test(test_same_estimate),
                fixture_test(test_what_came_of_estimates),
                fixture_test(test_estimates_after_a_turn),
                fixture_test(test_estimates_of_a_ticket_used_up),
                fixture_test(test_the_last_estimates_are_kept),
                fixture_test(test_waits_for_the_disk),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
