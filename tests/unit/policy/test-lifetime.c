/* SPDX-License-Identifier: MIT */
#include "policy/lifetime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_end(void **state)
{
        (void)state;
        struct limits l = { 0 };
        l.v[LIMIT_RUNTIME] = (struct limit){ LIMIT_SET, 3600, 1 };
        l.v[LIMIT_CONTAINER_HOLD] = (struct limit){ LIMIT_UNLIMITED, 0, 1 };
        assert_int_equal(lifetime_end(&l, LIMIT_RUNTIME, 1000), 4600);
        assert_int_equal(lifetime_end(&l, LIMIT_RUNTIME, 0), 0);
        assert_int_equal(lifetime_end(&l, LIMIT_CONTAINER_HOLD, 1000), 0);
        /* No time at all is a limit, not none. */
        l.v[LIMIT_CONTAINER_HOLD] = (struct limit){ LIMIT_SET, 0, 1 };
        assert_int_equal(lifetime_end(&l, LIMIT_CONTAINER_HOLD, 1000), 1000);
}

static void test_warnings(void **state)
{
        (void)state;
        static const struct {
                int64_t start, end, now;
                int mark;
        } table[] = {
                { 1000, 2000, 1000, 0 },
                { 1000, 2000, 1749, 0 },
                { 1000, 2000, 1750, 75 },
                { 1000, 2000, 1899, 75 },
                { 1000, 2000, 1900, 90 },
                { 1000, 2000, 1999, 90 },
                { 1000, 2000, 2000, 100 },
                { 1000, 2000, 5000, 100 },
                /* The clock went back, or there is no end. */
                { 1000, 2000, 10, 0 },
                { 1000, 0, 5000, 0 },
                { 1000, 1000, 1000, 100 },
                { 0, INT64_C(4000000000), INT64_C(3000000000), 75 },
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
                if (lifetime_mark(table[i].start, table[i].end, table[i].now) != table[i].mark)
                        fail_msg("row %zu", i);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_end),
                cmocka_unit_test(test_warnings),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
