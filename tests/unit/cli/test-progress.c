/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include "terminal.h"

#include <string.h>
#include <unistd.h>

/* A caller that is blocked, and says nothing, for a while. */
static int blocked(void *ctx)
{
        (void)ctx;
        struct progress p;
        progress_start(&p, "Waiting\033[31m");
        sleep(2);
        progress_tick(&p, "layer \033[1m");
        usleep(200 * 1000);
        progress_end(&p);
        fprintf(stderr, "done\n");
        return 0;
}

static void test_time_passes_on_a_terminal(void **state)
{
        (void)state;
        struct terminal t = terminal_start(60, blocked, NULL);
        free(terminal_expect(&t, "\033[KWaiting\\x1b[31m... 0s"));
        free(terminal_expect(&t, "\033[KWaiting\\x1b[31m... 1s"));
        free(terminal_expect(&t, "\033[KWaiting\\x1b[31m... 2s  layer \\x1b[1m"));
        assert_int_equal(terminal_end(&t), 0);
        assert_true(strlen(buf_str(&t.seen)) >= strlen("\033[Kdone\n"));
        assert_string_equal(buf_str(&t.seen) + t.seen.len - strlen("\033[Kdone\n"), "\033[Kdone\n");
        buf_done(&t.seen);
}

static int at_once(void *ctx)
{
        struct progress p;
        if (ctx)
                setenv("TERM", "dumb", 1);
        for (int i = 0; i < 100; i++) {
                progress_start(&p, "Work");
                progress_tick(&p, "detail");
                progress_tick(&p, NULL);
                progress_end(&p);
                progress_end(&p);
                if (ctx)
                        break;
        }
        return 0;
}

static void test_short_and_plain(void **state)
{
        (void)state;
        struct terminal t = terminal_start(60, at_once, NULL);
        assert_int_equal(terminal_end(&t), 0);
        assert_null(strchr(buf_str(&t.seen), '\n'));
        buf_done(&t.seen);
        t = terminal_start(60, at_once, &t);
        assert_int_equal(terminal_end(&t), 0);
        assert_string_equal(buf_str(&t.seen), "Work...\n");
        buf_done(&t.seen);
}

static int late(void *ctx)
{
        struct progress p;
        (void)ctx;
        setenv("TERM", "dumb", 1);
        progress_start_late(&p, "Quick");
        progress_end(&p);
        progress_start_late(&p, "Long");
        progress_tick(&p, "detail");
        usleep(400 * 1000);
        progress_end(&p);
        return 0;
}

static void test_what_is_quick_needs_no_word(void **state)
{
        (void)state;
        struct terminal t = terminal_start(60, late, NULL);
        assert_int_equal(terminal_end(&t), 0);
        assert_string_equal(buf_str(&t.seen), "Long...\n");
        buf_done(&t.seen);
}

/* The end of a long detail goes, not what it is about. */
static int narrow(void *ctx)
{
        struct progress p;
        (void)ctx;
        progress_start(&p, "Building");
        progress_tick(&p, "3/7 RUN pip install --no-cache-dir -r requirements.txt");
        usleep(200 * 1000);
        progress_end(&p);
        return 0;
}

static void test_a_long_line_loses_its_end(void **state)
{
        (void)state;
        struct terminal t = terminal_start(40, narrow, NULL);
        free(terminal_expect(&t, "Building... 0s  3/7 RUN pip install --~"));
        assert_int_equal(terminal_end(&t), 0);
        buf_done(&t.seen);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_time_passes_on_a_terminal),
                cmocka_unit_test(test_short_and_plain),
                cmocka_unit_test(test_what_is_quick_needs_no_word),
                cmocka_unit_test(test_a_long_line_loses_its_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
