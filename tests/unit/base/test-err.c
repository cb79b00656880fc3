/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

static void test_life(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        assert_int_equal(err_set(&e, ERR_NOT_FOUND, "No container '%s' of yours", "x"), -1);
        assert_int_equal(err_fix(&e, "container-list --%s", "all"), -1);
        assert_int_equal(err_detail(&e, "line %d", 1), -1);
        assert_int_equal(err_wrap(&e, "Retiring %s", "x"), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_string_equal(e.msg, "Retiring x: No container 'x' of yours");
        assert_string_equal(e.fix, "container-list --all");
        assert_string_equal(e.detail, "line 1");
        err_set(&e, ERR_FAILED, "Again: %s", e.msg);
        assert_string_equal(e.msg, "Again: Retiring x: No container 'x' of yours");
        assert_string_equal(e.fix, "");
        assert_string_equal(e.detail, "");
        err_sys(&e, ENOENT, "Can't open %s", "/x");
        assert_string_equal(e.msg, "Can't open /x: No such file or directory");
        assert_int_equal(e.code, ERR_FAILED);
}

static void test_long_texts(void **state)
{
        (void)state;
        char text[5000];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        struct err e = ERR_INIT;
        err_set(&e, ERR_FAILED, "%s", text);
        err_wrap(&e, "%s", text);
        err_fix(&e, "%s", text);
        err_detail(&e, "%s", text);
        assert_true(strlen(e.msg) < sizeof e.msg && strlen(e.fix) < sizeof e.fix);
        assert_true(strlen(e.detail) < sizeof e.detail);
}

static void test_table(void **state)
{
        (void)state;
        for (int i = ERR_NONE + 1; i < ERR_CODE_COUNT; i++) {
                enum err_code code = (enum err_code)i;
                assert_int_equal(err_from_wire(err_wire_name(code)), code);
                assert_true(err_exit_status(code) > 0);
        }
        assert_int_equal(err_from_wire("org.example.Odd"), ERR_FAILED);
        assert_int_equal(err_exit_status(ERR_NONE), 0);
        assert_int_equal(err_exit_status(ERR_INVALID), 2);
        assert_int_equal(err_exit_status(ERR_LIMIT), 3);
        assert_int_equal(err_exit_status(ERR_NO_IMAGE), 4);
        assert_int_equal(err_exit_status(ERR_DENIED), 5);
        assert_int_equal(err_exit_status(ERR_ENGINE), 6);
        assert_int_equal(err_exit_status(ERR_BUSY), 75);
        assert_int_equal(err_exit_status((enum err_code)999), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_life),
                cmocka_unit_test(test_long_texts),
                cmocka_unit_test(test_table),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
