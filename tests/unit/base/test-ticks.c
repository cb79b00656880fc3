/* SPDX-License-Identifier: MIT */
#include "base/ticks.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_parse(void **state)
{
        (void)state;
        struct ticks t;
        assert_true(ticks_parse("cpu  100 20 30 1000 50 5 6 7 8 9\n"
                                "cpu0 50 10 15 500 25 2 3 3 4 4\n"
                                "cpu1 50 10 15 500 25 3 3 4 4 5\n"
                                "intr 1 2 3\n"
                                "cpufreq 1\n",
                &t));
        /* Guest time is in user time; waiting for the disk is idle. */
        assert_int_equal(t.all, 1218);
        assert_int_equal(t.busy, 168);
        assert_int_equal(t.cpus, 2);
        static const char *const bad[] = { "", "cpu", "cpu a b c d\ncpu0 1 1 1 1\n",
                "cpu 1 2 3 4\nintr 1\n", "intr 1\ncpu 1 2 3 4\ncpu0 1 2 3 4\n" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_false(ticks_parse(bad[i], &t));
}

static void test_milli(void **state)
{
        (void)state;
        static const struct {
                struct ticks before, after;
                int64_t milli;
        } rows[] = {
                { { 100, 1000, 4 }, { 100, 1080, 4 }, 0 },
                { { 100, 1000, 4 }, { 140, 1080, 4 }, 2000 },
                { { 100, 1000, 4 }, { 180, 1080, 4 }, 4000 },
                { { 100, 1000, 4 }, { 181, 1080, 4 }, 4000 },
                { { 100, 1000, 4 }, { 100, 1000, 4 }, -1 },
                { { 100, 1000, 4 }, { 99, 1080, 4 }, -1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(ticks_milli(&rows[i].before, &rows[i].after), rows[i].milli);
}

/* This machine has processors, and they work. */
static void test_read(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct ticks t = { 0 };
        assert_int_equal(ticks_read(&t, &e), 0);
        assert_true(t.cpus > 0 && t.busy > 0 && t.all > t.busy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_milli),
                cmocka_unit_test(test_read),
        };
        return cmocka_run_group_tests_name("ticks", tests, NULL, NULL);
}
