/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define ENDED_AT(at_) (&(const struct usage){ .uid = 1000, .gpu_seconds = 90.5, .at = (at_) })

/* "G0=c3@100 ", as fixture_leases() says it. */
static const char *lease_text(const char *device, char kind, int64_t id, int64_t since)
{
        static char ring[4][96];
        static size_t next;
        char *text = ring[next++ % ARRAY_LEN(ring)];
        snprintf(text, sizeof ring[0], "%s=%c%d@%d ", device, kind, (int)id, (int)since);
        return text;
}

#define assert_leases(...)                                                                         \
        do {                                                                                       \
                const char *const want_[] = { __VA_ARGS__ };                                       \
                char all_[1024] = "";                                                              \
                for (size_t i_ = 0; i_ < ARRAY_LEN(want_); i_++)                                   \
                        strncat(all_, want_[i_], sizeof all_ - strlen(all_) - 1);                  \
                assert_string_equal(fixture_leases(f), all_);                                      \
        } while (0)

/* Reserves container `name` of 1000 with these devices; *c as the store left it. */
static int reserve(struct fixture *f, const char *name, const struct lease *v, size_t n,
        int64_t ticket_id, struct container *c)
{
        enum reserve_verdict verdict = RESERVE_LIMIT;
        *c = (struct container){ .uid = 1000, .gid = 1000, .name = S(name), .born_op = OP_A };
        int r = leases_reserve(f->s, c, -1, v, n, ticket_id, &verdict, &f->e);
        assert_int_equal(verdict, r ? RESERVE_LIMIT : RESERVED);
        return r;
}

/* As above, of one device, and it works. */
static int64_t reserve_one(struct fixture *f, const char *name, struct lease lease)
{
        struct container c;
        ok(reserve(f, name, &lease, 1, 0, &c));
        return c.id;
}

/* A ticket of 1000 that has its turn with these devices. */
static int64_t turn(struct fixture *f, const char *name, const struct lease *v, size_t n)
{
        int64_t id = fixture_ticket(f, 1000, name);
        ok(tickets_grant(f->s, id, v, n, 1000, &f->e));
        return id;
}

static void test_round_trip(void **state)
{
        struct fixture *f = *state;
        char *gpus[] = { S("GPU-0"), S("MIG-1"), NULL };
        struct lease v[] = { fixture_part("MIG-1", "GPU-1", 200), fixture_gpu("GPU-0", 100) };
        struct container c = {
                .uid = 4294967294u, .name = S("a"), .born_op = OP_A, .gpus = { gpus, 2 }
        };
        enum reserve_verdict verdict;
        /* What doesn't count: whose it is and who holds it are the store's to say. */
        v[0].uid = 5;
        v[0].container_id = v[0].ticket_id = 77;
        ok(leases_reserve(f->s, &c, 1, v, 2, 0, &verdict, &f->e));
        assert_int_equal(verdict, RESERVED);
        assert_int_equal(c.state, LEDGER_CREATING);
        assert_string_equal(c.op, OP_A);
        fixture_reopen(f);

        cleanup_leases struct leases l = { 0 }, none = { 0 };
        ok(leases_of_container(f->s, c.id, &l, &f->e));
        assert_int_equal(l.n, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_string_equal(l.v[i].device, v[1 - i].device);
                assert_string_equal(l.v[i].parent, v[1 - i].parent);
                assert_string_equal(l.v[i].slot, v[1 - i].slot);
                assert_string_equal(l.v[i].label, v[1 - i].label);
                assert_int_equal(l.v[i].slices, v[1 - i].slices);
                assert_int_equal(l.v[i].of, v[1 - i].of);
                assert_int_equal(l.v[i].uid, c.uid);
                assert_int_equal(l.v[i].since, v[1 - i].since);
                assert_int_equal(l.v[i].container_id, c.id);
                assert_int_equal(l.v[i].ticket_id, 0);
        }
        ok(leases_of_container(f->s, c.id + 1, &none, &f->e));
        assert_int_equal(none.n, 0);
        ok(leases_of_ticket(f->s, c.id, &none, &f->e));
        assert_int_equal(none.n, 0);

        cleanup_container struct container row = { 0 };
        bool found;
        ok(containers_get(f->s, c.id, &row, &found, &f->e));
        assert_int_equal(row.gpus.n, 2);
        assert_string_equal(row.gpus.v[0], "GPU-0");
        assert_string_equal(row.gpus.v[1], "MIG-1");
}

/* A container without a place takes no device either. */
static void test_verdicts(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *name;
                int max;
                enum reserve_verdict verdict;
        } table[] = { { "a", -1, RESERVE_EXISTS }, { "b", 1, RESERVE_LIMIT } };
        int64_t ticket = fixture_ticket(f, 1000, "");
        fixture_reserve(f, 1000, "a");
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct lease v = fixture_gpu("G0", 100);
                struct container c = { .uid = 1000, .name = S(table[i].name), .born_op = OP_A };
                enum reserve_verdict verdict;
                ok(leases_reserve(f->s, &c, table[i].max, &v, 1, ticket, &verdict, &f->e));
                assert_int_equal(verdict, table[i].verdict);
                assert_int_equal(c.id, 0);
                assert_leases("");
        }
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tickets"), 1);
}

/* Gives the lease to a container or a ticket of that name. */
static int give(struct fixture *f, char kind, const char *name, struct lease lease)
{
        struct container c;
        return kind == 'c'
                       ? reserve(f, name, &lease, 1, 0, &c)
                       : tickets_grant(f->s, fixture_ticket(f, 1000, name), &lease, 1, 1000, &f->e);
}

static void test_one_holder(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *device, *parent, *then, *then_parent;
                bool fine;
        } table[] = {
                { "G0", "G0", "G0", "G0", false },
                { "G0", "G0", "G1", "G1", true },
                { "M1", "G0", "M1", "G0", false },
                { "M1", "G0", "M2", "G0", true },
                { "M1", "G0", "M3", "G1", true },
                { "M1", "G0", "G1", "G1", true },
                { "G0", "G0", "M1", "G0", false },
                { "M1", "G0", "G0", "G0", false },
        };
        static const char *const holders[] = { "cc", "ct", "tc", "tt" };
        for (size_t i = 0; i < ARRAY_LEN(table) * ARRAY_LEN(holders); i++) {
                size_t t = i / ARRAY_LEN(holders);
                const char *who = holders[i % ARRAY_LEN(holders)];
                ok(give(f, who[0], "a", fixture_part(table[t].device, table[t].parent, 1)));
                int r = give(f, who[1], "b", fixture_part(table[t].then, table[t].then_parent, 1));
                if ((r == 0) != table[t].fine || (r && f->e.code != ERR_EXISTS))
                        fail_msg("case %zu %s: %s", t, who, r ? f->e.msg : "given");
                assert_int_equal(
                        fixture_sql(f, "SELECT count(*) FROM leases"), table[t].fine ? 2 : 1);
                fixture_sql(f, "DELETE FROM leases; DELETE FROM tickets; DELETE FROM containers");
        }
}

/* Within one call it is the same. */
static void test_one_holder_at_once(void **state)
{
        struct fixture *f = *state;
        const struct lease pairs[][2] = {
                { fixture_gpu("G0", 1), fixture_gpu("G0", 1) },
                { fixture_gpu("G0", 1), fixture_part("M1", "G0", 1) },
                { fixture_part("M1", "G0", 1), fixture_gpu("G0", 1) },
        };
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
                struct container c;
                fails_with(ERR_EXISTS, reserve(f, "a", pairs[i], 2, 0, &c));
        }
        assert_leases("");
}

static void add_drain(struct fixture *f, const char *device, const char *reason, int64_t since)
{
        struct drain d = { .slot = "0", .label = "whole", .since = since };
        snprintf(d.device, sizeof d.device, "%s", device);
        snprintf(d.reason, sizeof d.reason, "%s", reason);
        ok(drains_add(f->s, &d, &f->e));
}

static void test_drained_is_not_given(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *drained, *device, *parent;
                bool fine;
        } table[] = {
                { "G0", "G0", "G0", false },
                { "G0", "M1", "G0", false },
                { "G0", "G1", "G1", true },
                { "M1", "M1", "G0", false },
                { "M1", "M2", "G0", true },
        };
        for (size_t i = 0; i < ARRAY_LEN(table) * 2; i++) {
                size_t t = i / 2;
                char who = "ct"[i % 2];
                struct lease lease = fixture_part(table[t].device, table[t].parent, 1);
                add_drain(f, table[t].drained, "r", 1);
                int r = give(f, who, "a", lease);
                if ((r == 0) != table[t].fine || (r && f->e.code != ERR_EXISTS))
                        fail_msg("case %zu %c: %s", t, who, r ? f->e.msg : "given");
                ok(drains_remove(f->s, table[t].drained, &f->e));
                if (r)
                        ok(give(f, 'c', "b", lease));
                fixture_sql(f, "DELETE FROM leases; DELETE FROM tickets; DELETE FROM containers");
        }
}

/* What was taken out while a turn held it doesn't go on to a container, and frees itself as ever. */
static void test_drained_under_a_turn(void **state)
{
        struct fixture *f = *state;
        static const char *const drained[] = { "M1", "G0" };
        const struct lease v = fixture_part("M1", "G0", 50);
        int64_t ticket = turn(f, "a", &v, 1);
        for (size_t i = 0; i < ARRAY_LEN(drained); i++) {
                struct container c;
                add_drain(f, drained[i], "r", 60);
                fails_with(ERR_EXISTS, reserve(f, "a", &v, 1, ticket, &c));
                assert_non_null(strstr(f->e.msg, "GPU 0.1"));
                assert_leases(lease_text("M1", 't', ticket, 50));
                ok(drains_remove(f->s, drained[i], &f->e));
        }
        add_drain(f, "M1", "r", 60);
        ok(tickets_pass(f->s, ticket, ENDED_AT(70), 70, &f->e));
        assert_leases("");
}

static void test_all_or_nothing(void **state)
{
        struct fixture *f = *state;
        int64_t a = reserve_one(f, "a", fixture_gpu("G0", 100));
        const struct lease own[] = { fixture_gpu("G5", 50), fixture_gpu("G6", 50) };
        int64_t ticket = turn(f, "", own, 2);
        const struct lease v[] = { fixture_gpu("G5", 100), fixture_gpu("G1", 100),
                fixture_gpu("G0", 100) };
        struct container c;
        fails_with(ERR_EXISTS, reserve(f, "b", v, 3, ticket, &c));
        assert_non_null(strstr(f->e.msg, "GPU 0.1"));
        assert_int_equal(c.id, 0);
        assert_int_equal(c.state, LEDGER_NONE);
        assert_int_equal(c.created_at, 0);
        assert_string_equal(c.op, "");
        assert_leases(lease_text("G0", 'c', a, 100), lease_text("G5", 't', ticket, 50),
                lease_text("G6", 't', ticket, 50));
        int count;
        ok(containers_count(f->s, 1000, &count, &f->e));
        assert_int_equal(count, 1);
        assert_int_equal(fixture_sql(f, "SELECT turn_until FROM tickets"), 1000);
        /* And the connection goes on. */
        ok(reserve(f, "b", v, 2, ticket, &c));
}

static void test_reserve_with_a_turn(void **state)
{
        struct fixture *f = *state;
        const struct lease own[] = { fixture_gpu("G0", 50), fixture_gpu("G1", 50) };
        const struct lease v[] = { fixture_gpu("G2", 100), fixture_gpu("G0", 100) };
        int64_t ticket = turn(f, "a", own, 2);
        const struct lease others = fixture_gpu("G7", 60);
        int64_t other = turn(f, "b", &others, 1);
        struct container c;
        ok(reserve(f, "a", v, 2, ticket, &c));
        assert_leases(lease_text("G0", 'c', c.id, 50), lease_text("G2", 'c', c.id, 100),
                lease_text("G7", 't', other, 60));
        struct ticket t = { 0 };
        bool found;
        ok(tickets_get(f->s, ticket, &t, &found, &f->e));
        assert_false(found);
        assert_string_equal(fixture_usage(f), "");
        assert_string_equal(fixture_history(f), "");
        reserve_one(f, "c", fixture_gpu("G1", 100));
}

/* A turn of which nothing is used is used up all the same. */
static void test_reserve_without_its_devices(void **state)
{
        struct fixture *f = *state;
        const struct lease own = fixture_gpu("G0", 50);
        int64_t ticket = turn(f, "a", &own, 1);
        struct container c;
        ok(reserve(f, "a", NULL, 0, ticket, &c));
        assert_leases("");
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tickets"), 0);
}

static void test_another_ticket_lends_nothing(void **state)
{
        struct fixture *f = *state;
        const struct lease v = fixture_gpu("G0", 50);
        int64_t holder = turn(f, "a", &v, 1), other = fixture_ticket(f, 1000, "b");
        const int64_t ids[] = { 0, other, 12345 };
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
                struct container c;
                fails_with(ERR_EXISTS, reserve(f, "b", &v, 1, ids[i], &c));
                assert_leases(lease_text("G0", 't', holder, 50));
        }
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tickets"), 2);
}

static void test_take(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_container(f, 1001, "a", LEDGER_STOPPED);
        const struct lease v[] = { fixture_gpu("G0", 100), fixture_gpu("G1", 100) };
        bool taken;
        fails_with(ERR_STALE, leases_take(f->s, id, OP_A, v, 2, 0, &f->e));
        fails_with(ERR_STALE, leases_take(f->s, id, "", v, 2, 0, &f->e));
        ok(containers_begin(f->s, id, OP_B, &taken, NULL, &f->e));
        fails_with(ERR_STALE, leases_take(f->s, id, OP_A, v, 2, 0, &f->e));
        fails_with(ERR_STALE, leases_take(f->s, id + 1, OP_B, v, 2, 0, &f->e));
        assert_leases("");
        int64_t other = reserve_one(f, "b", v[1]);
        fails_with(ERR_EXISTS, leases_take(f->s, id, OP_B, v, 2, 0, &f->e));
        assert_leases(lease_text("G1", 'c', other, 100));
        ok(leases_take(f->s, id, OP_B, v, 1, 0, &f->e));
        cleanup_leases struct leases l = { 0 };
        ok(leases_of_container(f->s, id, &l, &f->e));
        assert_int_equal(l.n, 1);
        assert_int_equal(l.v[0].uid, 1001);
        fails_with(ERR_EXISTS, leases_take(f->s, id, OP_B, v, 1, 0, &f->e));
}

static void test_take_with_a_turn(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_reserve(f, 1000, "a");
        const struct lease own[] = { fixture_gpu("G0", 50), fixture_gpu("G1", 50) };
        const struct lease v[] = { fixture_gpu("G0", 100), fixture_gpu("G2", 100) };
        int64_t ticket = turn(f, "a", own, 2);
        fails_with(ERR_STALE, leases_take(f->s, id, OP_B, v, 2, ticket, &f->e));
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tickets"), 1);
        ok(leases_take(f->s, id, OP_A, v, 2, ticket, &f->e));
        assert_leases(lease_text("G0", 'c', id, 50), lease_text("G2", 'c', id, 100));
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tickets"), 0);
}

static void test_lapse(void **state)
{
        struct fixture *f = *state;
        const struct lease v[] = { fixture_gpu("G0", 100), fixture_gpu("G1", 150) };
        struct container c;
        ok(reserve(f, "a", v, 2, 0, &c));
        int64_t other = reserve_one(f, "b", fixture_gpu("G2", 100));
        const struct lease turns = fixture_gpu("G3", 100);
        int64_t ticket = turn(f, "c", &turns, 1);
        fails_with(ERR_STALE, leases_lapse(f->s, c.id, OP_B, ENDED_AT(200), &f->e));
        assert_string_equal(fixture_usage(f), "");
        ok(leases_lapse(f->s, c.id, OP_A, ENDED_AT(200), &f->e));
        for (int i = 0; i < 2; i++) {
                assert_leases(
                        lease_text("G2", 'c', other, 100), lease_text("G3", 't', ticket, 100));
                assert_string_equal(fixture_usage(f), "1000:90.5@200 ");
                assert_string_equal(fixture_history(f), "1000:50 1000:100 ");
                /* Again it is nothing, whatever it would have booked. */
                const struct usage more = { .uid = 1000, .gpu_seconds = 1e6, .at = 900 };
                ok(leases_lapse(f->s, c.id, OP_A, &more, &f->e));
                fixture_reopen(f);
        }
        /* The next end replaces what was booked: the caller brings the sum. */
        const struct usage next = { .uid = 1000, .gpu_seconds = 20.25, .at = 300 };
        ok(leases_lapse(f->s, other, OP_A, &next, &f->e));
        assert_string_equal(fixture_usage(f), "1000:20.25@300 ");
        assert_string_equal(fixture_history(f), "1000:50 1000:100 1000:200 ");
}

static void test_end_container(void **state)
{
        struct fixture *f = *state;
        int64_t id = reserve_one(f, "a", fixture_gpu("G0", 100));
        const struct drain drains[] = {
                { .device = "G0", .slot = "0", .label = "l", .reason = "process 7", .since = 200 },
                { .device = "G9", .slot = "9", .label = "l", .reason = "process 8", .since = 200 },
        };
        /* Not in REMOVING, under another operation, without what is to be booked: nothing. */
        fails_with(
                ERR_FAILED, leases_end_container(f->s, id, OP_A, ENDED_AT(200), drains, 2, &f->e));
        ok(containers_move(f->s, id, OP_A, LEDGER_REMOVING, &f->e));
        fails_with(
                ERR_STALE, leases_end_container(f->s, id, OP_B, ENDED_AT(200), drains, 2, &f->e));
        fails_with(ERR_EXISTS, leases_end_container(f->s, id, OP_A, NULL, drains, 2, &f->e));
        assert_leases(lease_text("G0", 'c', id, 100));
        assert_string_equal(fixture_usage(f), "");
        assert_string_equal(fixture_history(f), "");
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM drained"), 0);

        ok(leases_end_container(f->s, id, OP_A, ENDED_AT(200), drains, 2, &f->e));
        fixture_reopen(f);
        assert_leases("");
        assert_string_equal(fixture_usage(f), "1000:90.5@200 ");
        assert_string_equal(fixture_history(f), "1000:100 ");
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM drained"), 2);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM containers"), 0);
        fails_with(
                ERR_STALE, leases_end_container(f->s, id, OP_A, ENDED_AT(300), drains, 2, &f->e));
        assert_string_equal(fixture_usage(f), "1000:90.5@200 ");
}

/* A container that held nothing books nothing, and may leave a drained device all the same. */
static void test_end_without_leases(void **state)
{
        struct fixture *f = *state;
        const struct drain drain = { .device = "G0", .slot = "0", .reason = "r", .since = 1 };
        for (int i = 0; i < 2; i++) {
                int64_t id = fixture_reserve(f, 1000, "a");
                ok(containers_move(f->s, id, OP_A, LEDGER_REMOVING, &f->e));
                ok(leases_end_container(
                        f->s, id, OP_A, i ? ENDED_AT(200) : NULL, &drain, 1, &f->e));
        }
        assert_string_equal(fixture_usage(f), "");
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM drained"), 1);
}

/* Leases of 1 s, 2 s, ... by one account, another one's between them. */
static void test_history_is_cut(void **state)
{
        enum { KEPT = 50 };
        struct fixture *f = *state;
        int64_t other = reserve_one(f, "b", fixture_gpu("G1", 100));
        const struct usage others = { .uid = 1001, .at = 107 };
        fixture_sql(f, "UPDATE leases SET uid = 1001");
        ok(leases_lapse(f->s, other, OP_A, &others, &f->e));
        int64_t id = fixture_reserve(f, 1000, "a");
        for (int i = 1; i <= KEPT + 1; i++) {
                const struct lease v = fixture_gpu("G0", 100);
                ok(leases_take(f->s, id, OP_A, &v, 1, 0, &f->e));
                ok(leases_lapse(f->s, id, OP_A, ENDED_AT(100 + i), &f->e));
                cleanup_free int64_t *own = NULL, *theirs = NULL;
                size_t n;
                ok(leases_history(f->s, 1000, &own, &n, &f->e));
                assert_int_equal(n, i < KEPT ? i : KEPT);
                assert_int_equal(own[0], i <= KEPT ? 1 : 2);
                assert_int_equal(own[n - 1], i);
                ok(leases_history(f->s, 1001, &theirs, &n, &f->e));
                assert_int_equal(n, 1);
                assert_int_equal(theirs[0], 7);
        }
}

/* The machine's clock was set back meanwhile: no lease lasted less than nothing. */
static void test_history_and_the_clock(void **state)
{
        struct fixture *f = *state;
        int64_t id = reserve_one(f, "a", fixture_gpu("G0", 100));
        ok(leases_lapse(f->s, id, OP_A, ENDED_AT(40), &f->e));
        assert_string_equal(fixture_history(f), "1000:0 ");
}

static void test_drains(void **state)
{
        struct fixture *f = *state;
        add_drain(f, "G1", "first", 100);
        add_drain(f, "G0", "other", 300);
        add_drain(f, "G1", "second", 200);
        fixture_reopen(f);
        cleanup_free struct drain *d = NULL, *rest = NULL;
        size_t n;
        ok(drains_all(f->s, &d, &n, &f->e));
        assert_int_equal(n, 2);
        assert_string_equal(d[0].device, "G0");
        assert_string_equal(d[1].device, "G1");
        assert_string_equal(d[1].slot, "0");
        assert_string_equal(d[1].label, "whole");
        assert_string_equal(d[1].reason, "second");
        assert_int_equal(d[1].since, 100);
        for (int i = 0; i < 2; i++)
                ok(drains_remove(f->s, "G1", &f->e));
        ok(drains_all(f->s, &rest, &n, &f->e));
        assert_int_equal(n, 1);
        assert_string_equal(rest[0].device, "G0");
}

static void test_nothing_yet(void **state)
{
        struct fixture *f = *state;
        cleanup_leases struct leases l = { 0 };
        cleanup_free struct drain *d = NULL;
        size_t n = 7;
        ok(leases_all(f->s, &l, &f->e));
        assert_int_equal(l.n, 0);
        ok(drains_all(f->s, &d, &n, &f->e));
        assert_int_equal(n, 0);
        assert_string_equal(fixture_usage(f), "");
        assert_string_equal(fixture_history(f), "");
}

/* Every field full; more than a field holds can be in the database, but not come out of it. */
static void test_long_texts(void **state)
{
        struct fixture *f = *state;
        struct lease lease = fixture_gpu("G0", 100);
        memset(lease.device, 'd', sizeof lease.device - 1);
        memset(lease.parent, 'p', sizeof lease.parent - 1);
        memset(lease.slot, 's', sizeof lease.slot - 1);
        memset(lease.label, 'l', sizeof lease.label - 1);
        reserve_one(f, "a", lease);
        cleanup_leases struct leases l = { 0 };
        ok(leases_all(f->s, &l, &f->e));
        assert_string_equal(l.v[0].device, lease.device);
        assert_string_equal(l.v[0].parent, lease.parent);
        assert_string_equal(l.v[0].slot, lease.slot);
        assert_string_equal(l.v[0].label, lease.label);

        fixture_sql(f, "UPDATE leases SET label = label || 'too much'");
        cleanup_leases struct leases cut = { 0 };
        ok(leases_all(f->s, &cut, &f->e));
        assert_string_equal(cut.v[0].label, lease.label);

        /* A character that has no room is left out as a whole. */
        static const char *const characters[] = { "\xc3\xa4", "\xe2\x80\xa6", "\xf0\x9f\x90\xa7" };
        for (size_t i = 0; i < ARRAY_LEN(characters); i++)
                for (size_t left = 0; left <= strlen(characters[i]); left++) {
                        int before = (int)(sizeof lease.label - 1 - left);
                        cleanup_free char *sql = xasprintf(
                                "UPDATE leases SET label = substr(replace(hex(zeroblob(99)), '0',"
                                " 'l'), 1, %d) || '%s' || 'x'",
                                before, characters[i]);
                        fixture_sql(f, sql);
                        cleanup_leases struct leases whole = { 0 };
                        ok(leases_all(f->s, &whole, &f->e));
                        size_t n = strlen(whole.v[0].label);
                        assert_true(str_is_utf8(whole.v[0].label, n));
                        assert_int_equal(
                                n, before + (int)(left == strlen(characters[i]) ? left : 0));
                }
}

static void test_failures(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_reserve(f, 1000, "a");
        const struct lease v = fixture_gpu("G0", 100);
        struct container c;
        struct leases l = { .n = 42 };
        struct drain *d = NULL, drain = { .device = "G0" };
        struct usage *u = NULL;
        int64_t *h = NULL;
        size_t n = 42;
        ok(leases_take(f->s, id, OP_A, &v, 1, 0, &f->e));
        fixture_sql(f, "DROP TABLE usage");
        fails_with(ERR_FAILED, leases_lapse(f->s, id, OP_A, ENDED_AT(200), &f->e));
        assert_leases(lease_text("G0", 'c', id, 100));
        assert_string_equal(fixture_history(f), "");
        fixture_sql(f, "DROP TABLE leases; DROP TABLE drained; DROP TABLE lease_history");
        fails_with(ERR_FAILED, leases_all(f->s, &l, &f->e));
        fails_with(ERR_FAILED, leases_of_container(f->s, id, &l, &f->e));
        fails_with(ERR_FAILED, leases_of_ticket(f->s, id, &l, &f->e));
        fails_with(ERR_FAILED, reserve(f, "b", &v, 1, 0, &c));
        fails_with(ERR_FAILED, reserve(f, "b", &v, 1, 1, &c));
        fails_with(ERR_FAILED, leases_take(f->s, id, OP_A, &v, 1, 0, &f->e));
        fails_with(ERR_FAILED, leases_lapse(f->s, id, OP_A, ENDED_AT(200), &f->e));
        fails_with(ERR_FAILED, leases_end_container(f->s, id, OP_A, NULL, &drain, 1, &f->e));
        fails_with(ERR_FAILED, drains_all(f->s, &d, &n, &f->e));
        fails_with(ERR_FAILED, drains_add(f->s, &drain, &f->e));
        fails_with(ERR_FAILED, drains_remove(f->s, "G0", &f->e));
        fails_with(ERR_FAILED, usage_read(f->s, STORE_EVERYONE, &u, &n, &f->e));
        fails_with(ERR_FAILED, leases_history(f->s, 1000, &h, &n, &f->e));
        assert_int_equal(l.n, 42);
        assert_int_equal(n, 42);
        assert_null(d);
        assert_null(u);
        assert_null(h);
        assert_int_equal(c.id, 0);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM containers"), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_round_trip),
                fixture_test(test_verdicts),
                fixture_test(test_one_holder),
                fixture_test(test_one_holder_at_once),
                fixture_test(test_drained_is_not_given),
                fixture_test(test_drained_under_a_turn),
                fixture_test(test_all_or_nothing),
                fixture_test(test_reserve_with_a_turn),
                fixture_test(test_reserve_without_its_devices),
                fixture_test(test_another_ticket_lends_nothing),
                fixture_test(test_take),
                fixture_test(test_take_with_a_turn),
                fixture_test(test_lapse),
                fixture_test(test_end_container),
                fixture_test(test_end_without_leases),
                fixture_test(test_history_is_cut),
                fixture_test(test_history_and_the_clock),
                fixture_test(test_drains),
                fixture_test(test_nothing_yet),
                fixture_test(test_long_texts),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
