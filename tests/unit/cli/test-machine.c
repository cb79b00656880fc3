/* SPDX-License-Identifier: MIT */
#include "cli/machine.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_meminfo(void **state)
{
        (void)state;
        struct machine m = { .cpus = 3 };
        assert_true(machine_parse_meminfo("MemTotal:       1000 kB\n"
                                          "MemFree:         100 kB\n"
                                          "MemAvailable:    600 kB\n"
                                          "SwapCached:        9 kB\n"
                                          "SwapTotal:       200 kB\n"
                                          "SwapFree:        150 kB\n",
                &m));
        assert_int_equal(m.memory_total, 1000 * 1024);
        assert_int_equal(m.memory_used, 400 * 1024);
        assert_int_equal(m.swap_total, 200 * 1024);
        assert_int_equal(m.swap_used, 50 * 1024);
        assert_int_equal(m.cpus, 3);
        assert_true(machine_parse_meminfo("MemTotal: 10 kB\nMemAvailable: 10 kB\n", &m));
        assert_int_equal(m.memory_used, 0);
        assert_int_equal(m.swap_total, 0);
        static const char *const bad[] = { "", "MemTotal: 10 kB\n",
                "MemTotal: x\nMemAvailable: 1 kB\n", "MemTotal: 10 kB\nMemAvailable: 11 kB\n" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_false(machine_parse_meminfo(bad[i], &m));
}

static void test_percent(void **state)
{
        (void)state;
        assert_int_equal(machine_percent(0, 10), 0);
        assert_int_equal(machine_percent(9999, 10000), 99);
        assert_int_equal(machine_percent(10, 10), 100);
        assert_int_equal(machine_percent(11, 10), 100);
        assert_int_equal(machine_percent(-1, 10), -1);
        assert_int_equal(machine_percent(1, 0), -1);
        assert_int_equal(machine_percent((int64_t)1 << 61, (int64_t)1 << 62), 50);
}

/* This machine has processors, memory and a disk, and they are not used by more than there is. */
static void test_look(void **state)
{
        (void)state;
        struct machine_look look;
        struct machine m;
        struct err e = ERR_INIT;
        assert_int_equal(machine_begin(&look, &e), 0);
        assert_int_equal(machine_end(&look, &m, &e), 0);
        assert_true(m.cpus > 0 && m.cpu_milli >= -1 && m.cpu_milli <= m.cpus * 1000);
        assert_true(m.memory_total > 0 && m.memory_used > 0 && m.memory_used < m.memory_total);
        assert_true(m.disk_total > 0 && m.disk_used >= 0 && m.disk_used <= m.disk_total);
        assert_true(m.host[0] != '\0');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_meminfo),
                cmocka_unit_test(test_percent),
                cmocka_unit_test(test_look),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
