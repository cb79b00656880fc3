/* SPDX-License-Identifier: MIT */
#include "policy/name.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_check(void **state)
{
        (void)state;
        static const struct {
                const char *in, *out; /* out NULL: refused */
                bool folded;
        } rows[] = {
                { "my-thesis", "my-thesis", false },
                { "a", "a", false },
                { "7", "7", false },
                { "My.Thesis_2", "my.thesis_2", true },
                { "0123456789012345678901234567890123456789",
                        "0123456789012345678901234567890123456789", false },
                { "01234567890123456789012345678901234567890", NULL, false },
                { "", NULL, false },
                { "-a", NULL, false },
                { "a-", NULL, false },
                { "a..b", NULL, false },
                { "a._.1000", NULL, false },
                { "a b", NULL, false },
                { "a/b", NULL, false },
                { "..", NULL, false },
                { ".", NULL, false },
                { "zürich", NULL, false },
                { "a\n", NULL, false },
                { "a:b", NULL, false },
                { "$(id)", NULL, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                char out[NAME_SIZE] = "untouched";
                bool folded = false;
                int r = name_check(rows[i].in, out, &folded, &e);
                if ((r == 0) != (rows[i].out != NULL))
                        fail_msg("'%s' gave %d", rows[i].in, r);
                assert_string_equal(out, rows[i].out ? rows[i].out : "untouched");
                assert_int_equal(folded, rows[i].folded);
                if (r)
                        assert_int_equal(e.code, ERR_INVALID);
        }
}

static void test_message(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char out[NAME_SIZE];
        assert_int_equal(name_check("a\x1b[2Jb", out, NULL, &e), -1);
        assert_string_equal(e.msg,
                "Invalid name 'a\\x1b[2Jb': use 1–40 lower-case letters and digits, "
                "with single . _ - between them");
        char longer[5000];
        memset(longer, 'x', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        assert_int_equal(name_check(longer, out, NULL, &e), -1);
        assert_true(strlen(e.msg) < 160);
        assert_non_null(strstr(e.msg, "between them"));
}

static void test_forms(void **state)
{
        (void)state;
        char host[NAME_SIZE], engine[NAME_ENGINE_SIZE];
        name_hostname("my.thesis_2-x", host);
        assert_string_equal(host, "my-thesis-2-x");
        name_engine("my-thesis", 1000, engine);
        assert_string_equal(engine, "my-thesis._.1000");
        name_engine("0123456789012345678901234567890123456789", 4294967294u, engine);
        assert_string_equal(engine, "0123456789012345678901234567890123456789._.4294967294");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_check),
                cmocka_unit_test(test_message),
                cmocka_unit_test(test_forms),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
