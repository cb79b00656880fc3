/* SPDX-License-Identifier: MIT */
#include "cli/dashboard.h"

#include "cli/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

static void test_share(void **state)
{
        (void)state;
        static const struct {
                size_t wants[3], room, gets[3];
        } rows[] = {
                { { 4, 2, 0 }, 11, { 4, 2, 0 } },
                { { 8, 1, 1 }, 11, { 8, 1, 1 } },
                { { 60, 9, 9 }, 11, { 7, 2, 2 } }, /* two are sure, the first takes the rest */
                { { 1, 9, 9 }, 11, { 1, 8, 2 } },
                { { 9, 9, 9 }, 3, { 2, 1, 0 } },
                { { 9, 9, 9 }, 0, { 0, 0, 0 } },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                size_t gets[3];
                board_share(rows[i].wants, 3, rows[i].room, gets);
                assert_memory_equal(gets, rows[i].gets, sizeof gets);
        }
}

static void test_bytes(void **state)
{
        (void)state;
        static const struct {
                int64_t used, total;
                const char *text;
        } rows[] = {
                { 0, 40ll << 30, "0.0 of 40.0 GiB" },
                { 5ll << 29, 40ll << 30, "2.5 of 40.0 GiB" },
                { -1, 40ll << 30, "- of 40.0 GiB" },
                { -1, -1, "-" },
                { 7, 0, "-" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[BOARD_BYTES_LEN];
                board_bytes(rows[i].used, rows[i].total, " of ", text);
                assert_string_equal(text, rows[i].text);
        }
}

static void test_moments(void **state)
{
        (void)state;
        enum { NOON = 1795608000 }; /* 2026-11-25 12:00 UTC */
        char clock[MOMENT_LEN], end[MOMENT_END_LEN];
        setenv("TZ", "UTC", 1);
        tzset();
        moment_clock(0, NOON, clock);
        assert_string_equal(clock, "-");
        moment_clock(NOON + 16200, NOON, clock);
        assert_string_equal(clock, "16:30");
        moment_clock(NOON + 43200, NOON, clock);
        assert_string_equal(clock, "26 Nov 00:00");
        moment_clock(NOON + 7 * 86400, NOON, clock);
        assert_string_equal(clock, "2 Dec 12:00");
        moment_end(NOON + 3600, NOON, end);
        assert_string_equal(end, "13:00 (1h left)");
        moment_end(0, NOON, end);
        assert_string_equal(end, "no end");
        moment_end(NOON, NOON, end);
        assert_string_equal(end, "now");
}

/* What a board of JSON shows; owned. */
static char *section(const char *gpus, const char *driver, size_t columns, bool page)
{
        struct err e = ERR_INIT;
        struct board b = { .parts = BOARD_GPU, .now = 10000 };
        char *text = NULL;
        size_t n = 0;
        FILE *f = tmpfile();
        struct sheet s = { .f = f, .columns = columns, .lines = 23 };
        assert_non_null(f);
        assert_int_equal(json_parse(gpus, strlen(gpus), 8, &b.gpus, &e), 0);
        assert_int_equal(json_parse(driver, strlen(driver), 8, &b.driver, &e), 0);
        if (page)
                board_page(&b, &s);
        else
                board_sections(&b, &s);
        board_done(&b);
        rewind(f);
        assert_true(getdelim(&text, &n, '\0', f) > 0);
        fclose(f);
        return text;
}

#define OK "{\"health\":\"ok\",\"answering\":true,\"driver\":\"535\"}"

static void test_gpus(void **state)
{
        (void)state;
        static const char gpus[] =
                "[{\"slot\":\"0\",\"label\":\"A100 40 GB\",\"profile\":\"\",\"state\":\"held\","
                "\"utilisation\":42,\"memory_used\":1073741824,\"memory_total\":42949672960,"
                "\"temperature\":61,\"power\":250000,\"user\":\"ali\\u202ece\","
                "\"container\":\"a-container-with-a-very-long-name\",\"since\":1000,\"until\":0,"
                "\"mine\":false},"
                "{\"slot\":\"1\",\"label\":\"H100 80 GB\",\"profile\":\"\",\"state\":\"split\"},"
                "{\"slot\":\"1.0\",\"label\":\"H100 3g.40gb\",\"profile\":\"3g.40gb\","
                "\"state\":\"drained\",\"reason\":\"process 7 still uses it\"}]";
        cleanup_free char *wide = section(gpus, OK, 0, false);
        assert_string_equal(wide,
                "2 GPUs and 1 part of GPUs, 0 free - driver 535\n"
                "GPU 0   A100 40 GB  held by ali\\u{202e}ce for a-container-with-a-very-long-name - 2h 30m - no "
                "end\n"
                "        ########------------  42%    1.0 of 40.0 GiB     61C   250 W\n"
                "GPU 1   H100 80 GB  split\n"
                "                                -                  -       -       -\n"
                "  1.0   3g.40gb  drained (process 7 still uses it)\n"
                "                                -                  -       -       -\n");
        /* Names are cut before anything is left out. */
        cleanup_free char *narrow = section(gpus, OK, 80, false);
        assert_true(str_starts(narrow, "2 GPUs") && strstr(narrow, "~"));
        assert_non_null(strstr(narrow, "\nGPU 0   A100 40 GB  held by ali"));
        assert_non_null(strstr(narrow, " - 2h 30m - no end\n"));
}

static void test_no_gpus(void **state)
{
        (void)state;
        static const struct {
                const char *driver, *text;
        } rows[] = {
                { "{\"health\":\"none\",\"why\":\"No driver is loaded\",\"answering\":true}",
                        "This machine has no GPUs: No driver is loaded\n" },
                { "{\"health\":\"none\",\"why\":\"\",\"answering\":true}",
                        "This machine has no GPUs\n" },
                { "{\"health\":\"failed\",\"why\":\"It says no\",\"answering\":true}",
                        "The GPUs can't be read: It says no\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *text = section("[]", rows[i].driver, 80, false);
                assert_string_equal(text, rows[i].text);
        }
}

/* With a history each GPU shows its last percents; what goes first is not what one watches for. */
static void test_history(void **state)
{
        (void)state;
        static const char gpus[] =
                "[{\"slot\":\"0\",\"label\":\"A100 40 GB\",\"profile\":\"\",\"state\":\"held\",\"user\":\"alice-the-student\",\"container\":\"my-thesis-project\","
                "\"since\":1000,\"until\":0,\"mine\":false,"
                "\"utilisation\":37,\"memory_used\":1073741824,\"memory_total\":42949672960,"
                "\"temperature\":61,\"history\":[-1,0,37,250]}]";
        static const struct {
                size_t columns;
                const char *text;
        } rows[] = {
                { 40, "\nGPU  HELD BY              HISTORY\n"
                      "0    alice-t~tudent  37%             _-#\n" },
                { 80, "\nGPU  HELD BY         FOR       IN USE       HISTORY         MEMORY  TEMP  UNTIL\n"
                      "0    alice-t~tudent  my-t~ect  ##----  37%       _-#  1.0/40.0 GiB   61C  no end\n" },
                { 100, "\nGPU  MODEL       HELD BY         FOR       IN USE         HISTORY         MEMORY  TEMP  UNTIL   LEFT\n"
                       "0    A100 40 GB  alice-t~tudent  my-t~ect  ##------  37%       _-#  1.0/40.0 GiB   61C  no end  -\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *text = section(gpus, OK, rows[i].columns, true);
                if (!strstr(text, rows[i].text))
                        fail_msg("%s", text);
        }
}

/* However many there are, a page is a page. */
static void test_page(void **state)
{
        (void)state;
        cleanup_buf struct buf gpus = BUF_INIT(65536);
        for (int i = 0; i < 64; i++)
                buf_printf(&gpus, "%s{\"slot\":\"%d\",\"profile\":\"\",\"state\":\"free\"}",
                        i ? "," : "[", i);
        buf_putc(&gpus, ']');
        for (size_t columns = 20; columns < 160; columns += 7) {
                cleanup_free char *text = section(buf_str(&gpus),
                        "{\"health\":\"ok\",\"answering\":false,\"sampled_at\":0}", columns, true);
                size_t lines = 0;
                for (const char *p = text; *p; p += strcspn(p, "\n") + 1, lines++) {
                        cleanup_free char *line = xstrndup(p, strcspn(p, "\n"));
                        assert_true(str_width(line) <= columns);
                }
                assert_true(lines <= 23);
                assert_non_null(
                        strstr(text, columns < 27 ? "more: dash" : "more: dashboard gpu\n"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_share),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_moments),
                cmocka_unit_test(test_gpus),
                cmocka_unit_test(test_no_gpus),
                cmocka_unit_test(test_history),
                cmocka_unit_test(test_page),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
