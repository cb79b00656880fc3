/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "store/users.h"

#include <pthread.h>

static void test_prefixes(void **state)
{
        struct fixture *f = *state;
        /* In this order: what comes first keeps the plain text. */
        static const struct {
                uid_t uid;
                const char *username, *prefix;
        } table[] = {
                { 1000, "alice", "ds01-alice" },
                { 1001, "Alice", "ds01-alice-1001" },
                { 1002, "alice.smith@EXAMPLE.org", "ds01-alice-smith-example-org" },
                { 1003, "--bob__the..builder--", "ds01-bob-the-builder" },
                { 1004, "\xc3\x84rger", "ds01-rger" },
                { 1005, "\xe5\xbc\xa0", "ds01-u1005" },
                { 1006, "", "ds01-u1006" },
                { 1007, "$$$", "ds01-u1007" },
                { 1000, "alicia", "ds01-alice" }, /* renamed */
                { 1008, "alicia", "ds01-alicia" },
                { 1009, "alice", "ds01-alice-1009" }, /* the name given to somebody new */
                { 1010, "carol-1011", "ds01-carol-1011" },
                { 1012, "carol", "ds01-carol" },
                { 1011, "Carol", "ds01-carol-1011-1011" },
                { 4294967294u, "u1005", "ds01-u1005-4294967294" },
                { 1013, "7", "ds01-7" },
        };
        for (int pass = 0; pass < 2; pass++) {
                for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                        cleanup_free char *prefix = NULL;
                        ok(users_image_prefix(
                                f->s, table[i].uid, table[i].username, &prefix, &f->e));
                        assert_string_equal(prefix, table[i].prefix);
                }
                fixture_reopen(f);
        }
}

static void *ask(void *ctx)
{
        struct store *s = ctx;
        struct err e;
        char *prefix = NULL;
        if (users_image_prefix(s, 1000, "alice", &prefix, &e))
                return NULL;
        return prefix;
}

static void test_race(void **state)
{
        struct fixture *f = *state;
        pthread_t threads[12];
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, ask, f->s), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
                void *prefix;
                pthread_join(threads[i], &prefix);
                assert_non_null(prefix);
                assert_string_equal(prefix, "ds01-alice");
                free(prefix);
        }
}

static void test_failures(void **state)
{
        struct fixture *f = *state;
        char *prefix = NULL;
        fixture_sql(f, "CREATE TRIGGER full BEFORE INSERT ON users"
                       " BEGIN SELECT RAISE(ABORT, 'not today'); END");
        fails_with(ERR_EXISTS, users_image_prefix(f->s, 1000, "alice", &prefix, &f->e));
        assert_null(prefix);
        fixture_sql(f, "DROP TABLE users");
        fails_with(ERR_FAILED, users_image_prefix(f->s, 1000, "alice", &prefix, &f->e));
        assert_null(prefix);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_prefixes),
                fixture_test(test_race),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
