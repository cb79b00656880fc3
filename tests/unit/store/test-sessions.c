/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "store/sessions.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BOOT "c1f7e7a8-0c2d-4f43-9e3f-2f4c8c9f0a11"

static void test_round_trip(void **state)
{
        struct fixture *f = *state;
        struct session in = { .exec_id = HEX64,
                .engine_id = HEX64,
                .uid = 1000,
                .boot_id = BOOT,
                .tty = true,
                .created_at = 7 };
        in.container_id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        ok(sessions_add(f->s, &in, &f->e));
        fails_with(ERR_EXISTS, sessions_add(f->s, &in, &f->e));
        fixture_reopen(f);
        struct session out = { 0 };
        bool found;
        ok(sessions_find(f->s, HEX64, 1000, &out, &found, &f->e));
        assert_true(found);
        assert_string_equal(out.exec_id, in.exec_id);
        assert_int_equal(out.container_id, in.container_id);
        assert_string_equal(out.engine_id, in.engine_id);
        assert_int_equal(out.uid, in.uid);
        assert_string_equal(out.boot_id, in.boot_id);
        assert_true(out.tty);
        assert_int_equal(out.created_at, 7);

        ok(sessions_find(f->s, HEX64, 1001, &out, &found, &f->e));
        assert_false(found);
        ok(sessions_remove(f->s, HEX64, &f->e));
        ok(sessions_remove(f->s, HEX64, &f->e));
        ok(sessions_find(f->s, HEX64, 1000, &out, &found, &f->e));
        assert_false(found);
}

/* Ours comes before libc's, so it is SQLite that is counted. */
static int syncs;
int fdatasync(int fd)
{
        syncs++;
        return (int)syscall(SYS_fdatasync, fd);
}

static void test_waits_for_no_disk(void **state)
{
        struct fixture *f = *state;
        struct session session = { .exec_id = HEX64, .engine_id = HEX64, .uid = 1000 };
        session.container_id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        syncs = 0;
        ok(sessions_add(f->s, &session, &f->e));
        ok(sessions_remove(f->s, HEX64, &f->e));
        assert_int_equal(syncs, 0);
        fixture_container(f, 1000, "b", LEDGER_CREATING);
        assert_true(syncs > 0);
}

static void test_needs_a_container(void **state)
{
        struct fixture *f = *state;
        struct session session = { .exec_id = "x", .container_id = 12345, .uid = 1000 };
        fails_with(ERR_NOT_FOUND, sessions_add(f->s, &session, &f->e));
}

static int add_exec(const struct session *session, void *ctx)
{
        char *all = ctx;
        size_t used = strlen(all);
        snprintf(all + used, 64 - used, "%s ", session->exec_id);
        return strcmp(session->exec_id, "stop") == 0 ? -1 : 0;
}

static void test_each(void **state)
{
        struct fixture *f = *state;
        int64_t a = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        int64_t b = fixture_container(f, 1000, "b", LEDGER_RUNNING);
        struct session sessions[] = {
                { .exec_id = "young", .container_id = a, .created_at = 9 },
                { .exec_id = "old", .container_id = a, .created_at = 1 },
                { .exec_id = "stop", .container_id = b, .created_at = 5 },
        };
        for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
                ok(sessions_add(f->s, &sessions[i], &f->e));
        char of_a[64] = "", all[64] = "";
        ok(sessions_each(f->s, a, add_exec, of_a, &f->e));
        assert_string_equal(of_a, "old young ");
        ok(sessions_each(f->s, 0, add_exec, all, &f->e));
        assert_string_equal(all, "old stop ");
}

static void test_failures(void **state)
{
        struct fixture *f = *state;
        bool found = true;
        char all[64] = "";
        struct session session = { .exec_id = "x", .uid = 7 };
        session.container_id = fixture_container(f, 1000, "a", LEDGER_RUNNING);
        fixture_sql(f, "DROP TABLE sessions");
        fails_with(ERR_FAILED, sessions_add(f->s, &session, &f->e));
        fails_with(ERR_FAILED, sessions_find(f->s, "x", 7, &session, &found, &f->e));
        fails_with(ERR_FAILED, sessions_each(f->s, 0, add_exec, all, &f->e));
        fixture_sql(f, "DROP TABLE containers");
        fails_with(ERR_FAILED, sessions_add(f->s, &session, &f->e));
        assert_true(found);
        assert_string_equal(all, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_round_trip),
                fixture_test(test_waits_for_no_disk),
                fixture_test(test_needs_a_container),
                fixture_test(test_each),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
