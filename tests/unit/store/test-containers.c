/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "store/sessions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ENGINE_ID "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct container get(struct fixture *f, int64_t id)
{
        struct container c = { 0 };
        bool found;
        ok(containers_get(f->s, id, &c, &found, &f->e));
        assert_true(found);
        return c;
}

static enum ledger_state state_of(struct fixture *f, int64_t id)
{
        cleanup_container struct container c = get(f, id);
        return c.state;
}

static void test_row_round_trip(void **state)
{
        struct fixture *f = *state;
        char *ro[] = { S("/data/a"), S("/data/b \"quoted\" \\ \xc3\xa4"), NULL };
        char *gpus[] = { S("GPU-1"), S("MIG-0"), NULL };
        struct container in = { .uid = 4294967294u,
                .gid = 1000,
                .name = S("my-thesis"),
                .user = S("alice"),
                .project = S("my-thesis"),
                .image_ref = S("ds01-alice/my-thesis:latest"),
                .image_id = S("sha256:1"),
                .framework = S("pytorch"),
                .interface = S("orchestration"),
                .workspace = S("/home/alice/workspace/my-thesis"),
                .data_ro = { ro, 2 },
                .born_op = OP_A,
                .gpus = { gpus, 2 } };
        enum reserve_verdict verdict;
        ok(containers_reserve(f->s, &in, 1, &verdict, &f->e));
        assert_int_equal(verdict, RESERVED);
        assert_true(in.id > 0 && in.created_at > 0 && in.state_since == in.created_at);
        ok(containers_created(f->s, in.id, OP_A, ENGINE_ID, &f->e));
        fixture_reopen(f);

        cleanup_container struct container c = get(f, in.id);
        assert_int_equal(c.id, in.id);
        assert_int_equal(c.uid, in.uid);
        assert_int_equal(c.gid, in.gid);
        assert_string_equal(c.name, in.name);
        assert_string_equal(c.user, in.user);
        assert_string_equal(c.project, in.project);
        assert_string_equal(c.image_ref, in.image_ref);
        assert_string_equal(c.image_id, in.image_id);
        assert_string_equal(c.framework, in.framework);
        assert_string_equal(c.interface, in.interface);
        assert_string_equal(c.engine_id, ENGINE_ID);
        assert_string_equal(c.workspace, in.workspace);
        assert_int_equal(c.data_ro.n, 2);
        assert_string_equal(c.data_ro.v[0], ro[0]);
        assert_string_equal(c.data_ro.v[1], ro[1]);
        assert_int_equal(c.data_rw.n, 0);
        assert_int_equal(c.gpus.n, 2);
        assert_string_equal(c.gpus.v[0], "GPU-1");
        assert_string_equal(c.gpus.v[1], "MIG-0");
        assert_int_equal(c.state, LEDGER_CREATED);
        assert_string_equal(c.born_op, OP_A);
        assert_string_equal(c.op, OP_A);
        assert_int_equal(c.created_at, in.created_at);
        assert_int_equal(c.started_at, 0);
        assert_int_equal(c.stopped_at, 0);
        assert_int_equal(c.exit_code, -1);
        assert_null(c.last_lines);
        assert_null(c.boot_id);
}

static void test_reserve(void **state)
{
        struct fixture *f = *state;
        static const struct {
                uid_t uid;
                const char *name;
                int max;
                enum reserve_verdict verdict;
        } table[] = {
                { 1000, "a", 2, RESERVED },
                { 1000, "a", 2, RESERVE_EXISTS },
                { 1001, "a", 2, RESERVED }, /* names are each user's own */
                { 1000, "b", 1, RESERVE_LIMIT },
                { 1000, "b", 2, RESERVED },
                { 1000, "c", 2, RESERVE_LIMIT },
                { 1000, "a", 2, RESERVE_EXISTS }, /* the name is the better answer */
                { 1000, "c", -1, RESERVED },
                { 1002, "a", 0, RESERVE_LIMIT },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct container c = {
                        .uid = table[i].uid, .name = S(table[i].name), .born_op = OP_A
                };
                enum reserve_verdict verdict;
                ok(containers_reserve(f->s, &c, table[i].max, &verdict, &f->e));
                if (verdict != table[i].verdict || (c.id != 0) != (verdict == RESERVED))
                        fail_msg("case %zu: %d", i, (int)verdict);
        }
        int count;
        ok(containers_count(f->s, 1000, &count, &f->e));
        assert_int_equal(count, 3);
}

static void test_reserve_refuses(void **state)
{
        struct fixture *f = *state;
        char *bad[] = { S("/data/\xff"), NULL };
        struct container no_op = { .uid = 1, .name = S("a") };
        struct container no_text = {
                .uid = 1, .name = S("a"), .data_rw = { bad, 1 }, .born_op = OP_A
        };
        struct container no_gpu = { .uid = 1, .name = S("a"), .gpus = { bad, 1 }, .born_op = OP_A };
        enum reserve_verdict verdict = RESERVE_EXISTS;
        fails_with(ERR_INVALID, containers_reserve(f->s, &no_op, -1, &verdict, &f->e));
        fails_with(ERR_INVALID, containers_reserve(f->s, &no_text, -1, &verdict, &f->e));
        fails_with(ERR_INVALID, containers_reserve(f->s, &no_gpu, -1, &verdict, &f->e));
        assert_int_equal(verdict, RESERVE_EXISTS);
        assert_int_equal(no_text.id, 0);
        int count;
        ok(containers_count(f->s, 1, &count, &f->e));
        assert_int_equal(count, 0);
}

struct race {
        struct store *s;
        int max;
        bool one_name;
        atomic_int next, reserved, failed;
};

static void *race_thread(void *ctx)
{
        struct race *r = ctx;
        for (int i = 0; i < 10; i++) {
                char name[32];
                struct err e;
                enum reserve_verdict verdict;
                snprintf(name, sizeof name, "c%d", r->one_name ? 0 : atomic_fetch_add(&r->next, 1));
                struct container c = { .uid = 1000, .name = name };
                random_hex(c.born_op);
                if (containers_reserve(r->s, &c, r->max, &verdict, &e))
                        atomic_fetch_add(&r->failed, 1);
                else if (verdict == RESERVED)
                        atomic_fetch_add(&r->reserved, 1);
        }
        return NULL;
}

static void run_race(struct race *r)
{
        pthread_t threads[16];
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, race_thread, r), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(r->failed, 0);
}

static void test_race_for_a_name(void **state)
{
        struct fixture *f = *state;
        struct race r = { .s = f->s, .max = -1, .one_name = true };
        run_race(&r);
        assert_int_equal(r.reserved, 1);
}

static void test_race_for_the_limit(void **state)
{
        struct fixture *f = *state;
        struct race r = { .s = f->s, .max = 7 };
        run_race(&r);
        assert_int_equal(r.reserved, 7);
        int count;
        ok(containers_count(f->s, 1000, &count, &f->e));
        assert_int_equal(count, 7);
}

struct begin_race {
        struct store *s;
        int64_t id;
        atomic_int taken, inside, broken;
};

static void *begin_thread(void *ctx)
{
        struct begin_race *r = ctx;
        char op[RANDOM_HEX_LEN + 1];
        struct err e;
        for (int i = 0; i < 20; i++) {
                bool taken;
                random_hex(op);
                if (containers_begin(r->s, r->id, op, &taken, NULL, &e))
                        atomic_fetch_add(&r->broken, 1);
                else if (taken) {
                        if (atomic_fetch_add(&r->inside, 1) != 0)
                                atomic_fetch_add(&r->broken, 1);
                        atomic_fetch_add(&r->taken, 1);
                        atomic_fetch_sub(&r->inside, 1);
                        if (containers_end(r->s, r->id, op, &e))
                                atomic_fetch_add(&r->broken, 1);
                }
        }
        return NULL;
}

static void test_race_for_the_operation(void **state)
{
        struct fixture *f = *state;
        struct begin_race r = { .s = f->s };
        r.id = fixture_container(f, 1000, "a", LEDGER_CREATED);
        pthread_t threads[8];
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, begin_thread, &r), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(r.broken, 0);
        assert_true(r.taken > 0);
}

static void test_begin(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        cleanup_container struct container c = { 0 };
        bool taken;
        ok(containers_begin(f->s, id, OP_A, &taken, &c, &f->e));
        assert_true(taken);
        assert_string_equal(c.op, OP_A);
        assert_string_equal(c.name, "a");
        /* Once more under the same name is the same; under another it is not. */
        ok(containers_begin(f->s, id, OP_A, &taken, NULL, &f->e));
        assert_true(taken);
        ok(containers_begin(f->s, id, OP_B, &taken, &c, &f->e));
        assert_false(taken);
        assert_string_equal(c.op, OP_A);
        fails_with(ERR_STALE, containers_end(f->s, id, OP_B, &f->e));
        ok(containers_end(f->s, id, OP_A, &f->e));
        ok(containers_begin(f->s, id, OP_B, &taken, &c, &f->e));
        assert_true(taken);
        fails_with(ERR_NOT_FOUND, containers_begin(f->s, id + 1, OP_B, &taken, NULL, &f->e));
        fails_with(ERR_INVALID, containers_begin(f->s, id, "", &taken, NULL, &f->e));
        fails_with(ERR_INVALID, containers_begin(f->s, id, "abc", &taken, NULL, &f->e));
        ok(containers_end(f->s, id + 1, OP_B, &f->e));
}

/* Puts a row into a state without asking the ledger, held by OP_A. */
static int64_t put(struct fixture *f, enum ledger_state at, const char *op)
{
        static int n;
        char name[16];
        snprintf(name, sizeof name, "p%d", n++);
        struct container c = { .uid = 1, .name = name, .state = at, .born_op = OP_B };
        memcpy(c.op, op, strlen(op) + 1);
        ok(containers_adopt(f->s, &c, &f->e));
        return c.id;
}

static void test_moves_obey_the_ledger(void **state)
{
        struct fixture *f = *state;
        for (int from = LEDGER_CREATING; from < LEDGER_STATE_COUNT; from++)
                for (int to = LEDGER_CREATING; to < LEDGER_STATE_COUNT; to++) {
                        int64_t id = put(f, (enum ledger_state)from, OP_A);
                        bool may = ledger_may_enter((enum ledger_state)from, (enum ledger_state)to);
                        int r = containers_move(f->s, id, OP_A, (enum ledger_state)to, &f->e);
                        assert_int_equal(r, may ? 0 : -1);
                        assert_int_equal(state_of(f, id), may ? to : from);
                        if (!may)
                                assert_int_equal(f->e.code, ERR_FAILED);
                }
}

static void test_observations_obey_the_ledger(void **state)
{
        struct fixture *f = *state;
        for (int from = LEDGER_CREATING; from < LEDGER_STATE_COUNT; from++)
                for (int to = LEDGER_CREATING; to < LEDGER_STATE_COUNT; to++) {
                        bool may =
                                ledger_may_observe((enum ledger_state)from, (enum ledger_state)to);
                        bool changed;
                        int64_t id = put(f, (enum ledger_state)from, "");
                        ok(containers_observe(
                                f->s, id, (enum ledger_state)to, 0, 0, NULL, &changed, &f->e));
                        assert_int_equal(changed, may);
                        assert_int_equal(state_of(f, id), may ? to : from);
                        /* Never against an operation. */
                        id = put(f, (enum ledger_state)from, OP_A);
                        ok(containers_observe(
                                f->s, id, (enum ledger_state)to, 0, 0, NULL, &changed, &f->e));
                        assert_false(changed);
                        assert_int_equal(state_of(f, id), from);
                }
        bool changed;
        ok(containers_observe(f->s, 99999, LEDGER_STOPPED, 0, 0, NULL, &changed, &f->e));
        assert_false(changed);
}

static void test_stale_operations_do_nothing(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        static const char *const stale[] = { OP_B, "" };
        for (int held = 0; held < 2; held++) {
                bool taken;
                if (held)
                        ok(containers_begin(f->s, id, OP_A, &taken, NULL, &f->e));
                for (size_t i = 0; i < ARRAY_LEN(stale); i++) {
                        const char *op = stale[i];
                        fails_with(ERR_STALE, containers_move(f->s, id, op, LEDGER_STOPPED, &f->e));
                        fails_with(ERR_STALE,
                                containers_set_engine_id(f->s, id, op, ENGINE_ID, &f->e));
                        fails_with(ERR_STALE, containers_set_started(f->s, id, op, 5, "b", &f->e));
                        fails_with(
                                ERR_STALE, containers_set_stopped(f->s, id, op, 5, 1, "x", &f->e));
                        fails_with(ERR_STALE, containers_delete(f->s, id, op, &f->e));
                }
        }
        fails_with(ERR_STALE, containers_move(f->s, id + 1, OP_A, LEDGER_STOPPED, &f->e));
        cleanup_container struct container c = get(f, id);
        assert_int_equal(c.state, LEDGER_RUNNING);
        assert_null(c.engine_id);
        assert_int_equal(c.started_at, 0);
        assert_int_equal(c.exit_code, -1);
}

/* What a run leaves in the row: start, end by itself, start again. */
static void test_a_run_is_recorded(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_container(f, 1000, "a", LEDGER_CREATED);
        bool changed, taken;
        ok(containers_begin(f->s, id, OP_B, &taken, NULL, &f->e));
        ok(containers_move(f->s, id, OP_B, LEDGER_STARTING, &f->e));
        ok(containers_started(f->s, id, OP_B, 1000, "boot-1", &f->e));
        ok(containers_set_stop_reason(f->s, id, OP_B, "over time", &f->e));
        fails_with(ERR_STALE, containers_set_stop_reason(f->s, id, OP_A, "no", &f->e));
        ok(containers_end(f->s, id, OP_B, &f->e));
        ok(containers_set_warned(f->s, id, 75, &f->e));
        ok(containers_observe(f->s, id, LEDGER_STOPPED, 137, 2000, "Killed\n", &changed, &f->e));
        assert_true(changed);
        {
                cleanup_container struct container c = get(f, id);
                assert_int_equal(c.state, LEDGER_STOPPED);
                assert_int_equal(c.started_at, 1000);
                assert_int_equal(c.stopped_at, 2000);
                assert_int_equal(c.state_since, 2000);
                assert_int_equal(c.exit_code, 137);
                assert_string_equal(c.last_lines, "Killed\n");
                assert_string_equal(c.boot_id, "boot-1");
                assert_string_equal(c.stop_reason, "over time");
                assert_int_equal(c.warned, 75);
        }
        ok(containers_begin(f->s, id, OP_B, &taken, NULL, &f->e));
        ok(containers_move(f->s, id, OP_B, LEDGER_STARTING, &f->e));
        ok(containers_set_started(f->s, id, OP_B, 3000, "boot-2", &f->e));
        ok(containers_move(f->s, id, OP_B, LEDGER_RUNNING, &f->e));
        cleanup_container struct container c = get(f, id);
        assert_int_equal(c.state, LEDGER_RUNNING);
        assert_int_equal(c.started_at, 3000);
        assert_int_equal(c.stopped_at, 0);
        assert_int_equal(c.exit_code, -1);
        assert_null(c.last_lines);
        assert_string_equal(c.boot_id, "boot-2");
        assert_null(c.stop_reason);
        assert_int_equal(c.warned, 0);
}

static void test_stop_times(void **state)
{
        struct fixture *f = *state;
        bool taken, changed;
        int64_t id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        ok(containers_begin(f->s, id, OP_B, &taken, NULL, &f->e));
        ok(containers_set_stopped(f->s, id, OP_B, 77, 3, NULL, &f->e));
        ok(containers_move(f->s, id, OP_B, LEDGER_STOPPED, &f->e));
        cleanup_container struct container told = get(f, id);
        assert_int_equal(told.stopped_at, 77);
        assert_int_equal(told.exit_code, 3);

        id = fixture_container(f, 1000, "b", LEDGER_RUNNING);
        ok(containers_begin(f->s, id, OP_B, &taken, NULL, &f->e));
        ok(containers_move(f->s, id, OP_B, LEDGER_STOPPED, &f->e));
        cleanup_container struct container untold = get(f, id);
        assert_true(untold.stopped_at > 0);
        assert_int_equal(untold.exit_code, -1);
        ok(containers_end(f->s, id, OP_B, &f->e));

        /* Seen to run: the end of the run before it is forgotten; a pause changes nothing of a run.
         */
        ok(containers_observe(f->s, id, LEDGER_RUNNING, 0, 500, NULL, &changed, &f->e));
        ok(containers_observe(f->s, id, LEDGER_PAUSED, 0, 600, NULL, &changed, &f->e));
        ok(containers_observe(f->s, id, LEDGER_RUNNING, 0, 700, NULL, &changed, &f->e));
        cleanup_container struct container seen = get(f, id);
        assert_int_equal(seen.started_at, 500);
        assert_int_equal(seen.state_since, 700);
        assert_int_equal(seen.stopped_at, 0);
}

/* To say again that it is being removed is a retry, and does not make it younger. */
static void test_removing_again(void **state)
{
        struct fixture *f = *state;
        struct container c = { .uid = 1,
                .name = S("a"),
                .state = LEDGER_REMOVING,
                .born_op = OP_A,
                .op = OP_A,
                .state_since = 12 };
        ok(containers_adopt(f->s, &c, &f->e));
        ok(containers_move(f->s, c.id, OP_A, LEDGER_REMOVING, &f->e));
        cleanup_container struct container after = get(f, c.id);
        assert_int_equal(after.state_since, 12);
}

static void test_delete(void **state)
{
        struct fixture *f = *state;
        bool taken, found;
        int64_t id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        struct session session = { .exec_id = "x", .container_id = id, .uid = 1000 };
        ok(sessions_add(f->s, &session, &f->e));
        ok(containers_begin(f->s, id, OP_B, &taken, NULL, &f->e));
        fails_with(ERR_FAILED, containers_delete(f->s, id, OP_B, &f->e));
        ok(containers_move(f->s, id, OP_B, LEDGER_REMOVING, &f->e));
        ok(containers_delete(f->s, id, OP_B, &f->e));
        ok(sessions_find(f->s, "x", 1000, &session, &found, &f->e));
        assert_false(found);
        cleanup_container struct container c = { 0 };
        ok(containers_get(f->s, id, &c, &found, &f->e));
        assert_false(found);
        fails_with(ERR_STALE, containers_delete(f->s, id, OP_B, &f->e));
        ok(containers_end(f->s, id, OP_B, &f->e));
        /* The name is free; the id is not used again. */
        assert_true(fixture_reserve(f, 1000, "a") > id);
}

/* Nothing of a row goes while it holds a GPU, its sessions least of all. */
static void test_delete_of_a_holder(void **state)
{
        struct fixture *f = *state;
        bool taken, found;
        int64_t id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        struct session session = { .exec_id = "x", .container_id = id, .uid = 1000 };
        const struct lease lease = fixture_gpu("G0", 100);
        const struct usage use = { .uid = 1000, .gpu_seconds = 1, .at = 200 };
        ok(sessions_add(f->s, &session, &f->e));
        ok(containers_begin(f->s, id, OP_B, &taken, NULL, &f->e));
        ok(leases_take(f->s, id, OP_B, &lease, 1, 0, &f->e));
        ok(containers_move(f->s, id, OP_B, LEDGER_REMOVING, &f->e));
        fails_with(ERR_EXISTS, containers_delete(f->s, id, OP_B, &f->e));
        assert_int_equal(state_of(f, id), LEDGER_REMOVING);
        ok(sessions_find(f->s, "x", 1000, &session, &found, &f->e));
        assert_true(found);
        assert_int_equal(fixture_sql(f, "SELECT count(*) FROM leases"), 1);
        ok(leases_lapse(f->s, id, OP_B, &use, &f->e));
        ok(containers_delete(f->s, id, OP_B, &f->e));
}

static void test_find(void **state)
{
        struct fixture *f = *state;
        bool found;
        cleanup_container struct container c = { 0 };
        int64_t id = fixture_reserve(f, 1000, "a");
        ok(containers_set_engine_id(f->s, id, OP_A, ENGINE_ID, &f->e));
        ok(containers_find(f->s, 1000, "a", &c, &found, &f->e));
        assert_true(found && c.id == id);
        ok(containers_find_engine_id(f->s, ENGINE_ID, &c, &found, &f->e));
        assert_true(found && c.id == id);
        /* Not found leaves the output as it is. */
        ok(containers_find(f->s, 1001, "a", &c, &found, &f->e));
        assert_false(found);
        ok(containers_find(f->s, 1000, "A", &c, &found, &f->e));
        assert_false(found);
        ok(containers_find_engine_id(f->s, "0", &c, &found, &f->e));
        assert_false(found);
        assert_int_equal(c.id, id);
        /* An engine container has one row. */
        int64_t other = fixture_reserve(f, 1000, "b");
        fails_with(ERR_EXISTS, containers_set_engine_id(f->s, other, OP_A, ENGINE_ID, &f->e));
}

struct names {
        char text[256];
        int stop_after;
};

static int add_name(const struct container *c, void *ctx)
{
        struct names *n = ctx;
        size_t used = strlen(n->text);
        snprintf(n->text + used, sizeof n->text - used, "%s ", c->name);
        return --n->stop_after == 0 ? -1 : 0;
}

static void test_each(void **state)
{
        struct fixture *f = *state;
        fixture_container(f, 1000, "zebra", LEDGER_RUNNING);
        fixture_container(f, 1000, "ant", LEDGER_STOPPED);
        fixture_container(f, 1000, "bee", LEDGER_PAUSED);
        fixture_container(f, 1000, "cat", LEDGER_CREATED);
        fixture_container(f, 1000, "dog", LEDGER_STARTING);
        fixture_container(f, 1001, "cow", LEDGER_RUNNING);
        static const struct {
                uid_t uid;
                bool all;
                int stop_after;
                const char *names;
        } table[] = {
                { 1000, false, 0, "bee dog zebra " },
                { 1000, true, 0, "bee dog zebra ant cat " },
                { 1000, true, 2, "bee dog " },
                { 1001, true, 0, "cow " },
                { 1002, true, 0, "" },
                { STORE_EVERYONE, false, 0, "bee cow dog zebra " },
                { STORE_EVERYONE, true, 0, "bee cow dog zebra ant cat " },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct names n = { .stop_after = table[i].stop_after };
                ok(containers_each(f->s, table[i].uid, table[i].all, add_name, &n, &f->e));
                assert_string_equal(n.text, table[i].names);
        }
}

/* What the janitor asks every two seconds. */
static void test_unfinished_and_accounts(void **state)
{
        struct fixture *f = *state;
        static const enum ledger_state states[] = { LEDGER_RUNNING, LEDGER_STOPPED, LEDGER_CREATED,
                LEDGER_STARTING, LEDGER_PAUSED, LEDGER_REMOVING };
        int64_t ids[ARRAY_LEN(states)];
        char name[] = "a";
        for (size_t i = 0; i < ARRAY_LEN(states); i++, name[0]++)
                ids[i] = fixture_container(f, 1005 - (uid_t)i, name, states[i]);
        fixture_container(f, 1005, "second", LEDGER_RUNNING);
        fixture_reserve(f, 1009, "under-way");
        cleanup_free int64_t *unfinished = NULL;
        cleanup_free uid_t *uids = NULL;
        size_t n = 0;
        ok(containers_unfinished(f->s, &unfinished, &n, &f->e));
        assert_int_equal(n, 2);
        assert_int_equal(unfinished[0], ids[3]);
        assert_int_equal(unfinished[1], ids[5]);
        ok(containers_accounts(f->s, &uids, &n, &f->e));
        assert_int_equal(n, 3);
        assert_int_equal(uids[0], 1001);
        assert_int_equal(uids[1], 1002);
        assert_int_equal(uids[2], 1005);
}

static void test_recovery_carries_on(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_reserve(f, 1000, "a");
        int64_t other = fixture_reserve(f, 1000, "b");
        fixture_reopen(f);
        /* The operation is still there, and can be finished in its own name. */
        cleanup_container struct container c = get(f, id);
        assert_string_equal(c.op, c.born_op);
        assert_int_equal(ledger_recovery(c.state, str_eq(c.op, c.born_op)), RECOVERY_REMOVE);
        ok(containers_move(f->s, id, c.op, LEDGER_REMOVING, &f->e));
        ok(containers_delete(f->s, id, c.op, &f->e));
        ok(containers_clear_ops(f->s, &f->e));
        bool taken;
        ok(containers_begin(f->s, other, OP_B, &taken, &c, &f->e));
        assert_true(taken);
        assert_int_equal(c.state, LEDGER_CREATING);
}

/* With the table gone every call says so, and gives no output. */
static void test_failures(void **state)
{
        struct fixture *f = *state;
        int64_t id = fixture_reserve(f, 1000, "a");
        fixture_sql(f, "DROP TABLE containers");
        enum reserve_verdict verdict = RESERVE_LIMIT;
        bool flag = true;
        int count = 42;
        struct names names = { 0 };
        cleanup_container struct container c = {
                .uid = 1, .name = xstrdup("b"), .born_op = OP_A, .op = OP_A, .state = LEDGER_CREATED
        };
        fails_with(ERR_FAILED, containers_reserve(f->s, &c, -1, &verdict, &f->e));
        fails_with(ERR_FAILED, containers_adopt(f->s, &c, &f->e));
        fails_with(ERR_FAILED, containers_begin(f->s, id, OP_A, &flag, &c, &f->e));
        fails_with(ERR_FAILED, containers_end(f->s, id, OP_A, &f->e));
        fails_with(ERR_FAILED, containers_move(f->s, id, OP_A, LEDGER_CREATED, &f->e));
        fails_with(
                ERR_FAILED, containers_observe(f->s, id, LEDGER_STOPPED, 0, 0, NULL, &flag, &f->e));
        fails_with(ERR_FAILED, containers_delete(f->s, id, OP_A, &f->e));
        fails_with(ERR_FAILED, containers_clear_ops(f->s, &f->e));
        fails_with(ERR_FAILED, containers_find(f->s, 1000, "a", &c, &flag, &f->e));
        fails_with(ERR_FAILED, containers_count(f->s, 1000, &count, &f->e));
        fails_with(ERR_FAILED, containers_each(f->s, 1000, true, add_name, &names, &f->e));
        assert_int_equal(verdict, RESERVE_LIMIT);
        assert_true(flag);
        assert_int_equal(count, 42);
        assert_string_equal(names.text, "");
        assert_string_equal(c.name, "b");
        assert_int_equal(c.id, 0);
        assert_int_equal(c.state, LEDGER_CREATED);
        assert_non_null(strstr(f->e.msg, f->path));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_row_round_trip),
                fixture_test(test_reserve),
                fixture_test(test_reserve_refuses),
                fixture_test(test_race_for_a_name),
                fixture_test(test_race_for_the_limit),
                fixture_test(test_race_for_the_operation),
                fixture_test(test_begin),
                fixture_test(test_moves_obey_the_ledger),
                fixture_test(test_observations_obey_the_ledger),
                fixture_test(test_stale_operations_do_nothing),
                fixture_test(test_a_run_is_recorded),
                fixture_test(test_stop_times),
                fixture_test(test_removing_again),
                fixture_test(test_delete),
                fixture_test(test_delete_of_a_holder),
                fixture_test(test_find),
                fixture_test(test_each),
                fixture_test(test_unfinished_and_accounts),
                fixture_test(test_recovery_carries_on),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
