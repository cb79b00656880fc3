/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

static void test_rfc3339(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t seconds;
        } rows[] = { { "1970-01-01T00:00:01Z", 1 }, { "2026-11-23T18:30:00Z", 1795458600 },
                { "2026-11-23T18:30:00.123456789Z", 1795458600 },
                { "2026-11-23T20:30:00+02:00", 1795458600 },
                { "2026-11-23T13:00:00-05:30", 1795458600 }, { "2024-02-29T12:00:00Z", 1709208000 },
                { "0001-01-01T00:00:00Z", 0 }, { "", 0 }, { "yesterday", 0 },
                { "2026-11-23T18:30:00", 0 }, { "2026-11-23", 0 } };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                if (clock_from_rfc3339(rows[i].text) != rows[i].seconds)
                        fail_msg("%s: %lld", rows[i].text,
                                (long long)clock_from_rfc3339(rows[i].text));
        assert_int_equal(clock_from_rfc3339(NULL), 0);
        char out[CLOCK_RFC3339_LEN];
        clock_rfc3339(1795458600, out);
        assert_string_equal(out, "2026-11-23T18:30:00Z");
        clock_rfc3339(0, out);
        assert_string_equal(out, "");
}

static void test_duration(void **state)
{
        (void)state;
        static const struct {
                int64_t seconds;
                const char *text;
        } rows[] = { { -5, "0s" }, { 0, "0s" }, { 45, "45s" }, { 60, "1m" }, { 3599, "59m" },
                { 3600, "1h" }, { 11100, "3h 5m" }, { 86400, "1d" }, { 187200, "2d 4h" } };
        char out[CLOCK_DURATION_LEN];
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                clock_duration(rows[i].seconds, out);
                assert_string_equal(out, rows[i].text);
        }
        clock_duration(INT64_MAX, out);
        assert_true(strlen(out) < CLOCK_DURATION_LEN);
}

static void test_read_duration(void **state)
{
        (void)state;
        enum { MAX_S = 30 * 86400 };
        static const struct {
                const char *text;
                int64_t seconds; /* -1: refused */
        } rows[] = { { "90s", 90 }, { "30m", 1800 }, { "2h", 7200 }, { "1d", 86400 },
                { "1h30m", 5400 }, { "1d2h3m4s", 93784 }, { "0s", 0 }, { "30d", MAX_S },
                { "720h", MAX_S }, { "30d1s", -1 }, { "31d", -1 }, { "", -1 }, { "2", -1 },
                { "h", -1 }, { "2h30", -1 }, { "30m2h", -1 }, { "1h1h", -1 }, { "-1h", -1 },
                { "1.5h", -1 }, { "2 h", -1 }, { " 2h", -1 }, { "2H", -1 }, { "2h ", -1 },
                { "99999999999999999999s", -1 }, { "9223372036854775807d", -1 } };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                int64_t seconds = -1;
                bool read = clock_read_duration(rows[i].text, MAX_S, &seconds);
                if (read != (rows[i].seconds >= 0) || seconds != rows[i].seconds)
                        fail_msg("'%s': %lld", rows[i].text, (long long)seconds);
        }
}

static void test_deadlines(void **state)
{
        (void)state;
        int64_t now = clock_mono_ms();
        assert_int_equal(clock_poll_timeout(-1), -1);
        assert_int_equal(clock_poll_timeout(now - 1), 0);
        int left = clock_poll_timeout(now + 1000);
        assert_true(left > 0 && left <= 1000);
        assert_int_equal(clock_poll_timeout(now + INT64_C(1) * 100000000000), 2147483647);
        usleep(3000);
        assert_true(clock_mono_ms() > now);
        assert_true(clock_unix() > 1700000000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rfc3339),
                cmocka_unit_test(test_duration),
                cmocka_unit_test(test_read_duration),
                cmocka_unit_test(test_deadlines),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
