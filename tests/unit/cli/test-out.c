/* SPDX-License-Identifier: MIT */
#include "cli/out.h"

#include "terminal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* stderr goes to a file between begin() and end(). */
static int saved = -1, captured = -1;

static void begin(void)
{
        fflush(stderr);
        captured = memfd_create("stderr", MFD_CLOEXEC);
        saved = dup(STDERR_FILENO);
        assert_true(captured >= 0 && saved >= 0);
        dup2(captured, STDERR_FILENO);
}

static char *end(void)
{
        fflush(stderr);
        dup2(saved, STDERR_FILENO);
        close(saved);
        off_t n = lseek(captured, 0, SEEK_END);
        char *text = xcalloc((size_t)n + 1, 1);
        assert_int_equal(pread(captured, text, (size_t)n, 0), n);
        close(captured);
        return text;
}

static void test_say_escapes(void **state)
{
        (void)state;
        begin();
        out_say("%s and\nanother\tline", "\033]0;x\a\xff\xe2\x80\xae");
        cleanup_free char *text = end();
        assert_string_equal(text, "\\x1b]0;x\\x07\\xff\\u{202e} and\nanother\tline\n");
}

/* The end of a long log is where the reason is. */
static void test_say_everything(void **state)
{
        (void)state;
        enum { BIG = 3 << 20 };
        cleanup_free char *big = xcalloc(BIG + 1, 1);
        memset(big, '\a', BIG);
        begin();
        out_say("%s the end", big);
        cleanup_free char *text = end();
        assert_int_equal(strlen(text), 4 * BIG + strlen(" the end\n"));
        assert_true(str_ends(text, "\\x07 the end\n"));
}

static void test_error_form(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        err_set(&e, ERR_NO_IMAGE, "Image %s not found", "a\033b");
        begin();
        out_error(&e);
        cleanup_free char *bare = end();
        assert_string_equal(bare, "Error: Image a\\x1bb not found\n");
        err_detail(&e, "one\ntwo\033\n");
        err_fix(&e, "project launch x\nimage-create x");
        begin();
        out_error(&e);
        cleanup_free char *text = end();
        assert_string_equal(text, "Error: Image a\\x1bb not found\n"
                                  "  one\n"
                                  "  two\\x1b\n"
                                  "\n"
                                  "To fix:\n"
                                  "  project launch x\n"
                                  "  image-create x\n");
}

static const char *const heads[] = { "NAME", "STATUS", "IMAGE" };
static const char *const cells[] = {
        "my-thesis",
        "running 3h 5m",
        "ds01-alice/my-thesis:latest",
        "x",
        "",
        "ds01-alice/a-very-long-name-of-a-project:latest",
        "\033[31m",
        "stopped (exit code 137) 2d 4h ago",
        NULL,
};

static int print_table(void *ctx)
{
        cleanup_table struct table t;
        table_init(&t, heads, 3, *(int *)ctx);
        for (size_t i = 0; i < ARRAY_LEN(cells); i++)
                table_cell(&t, cells[i]);
        table_print(&t, stdout);
        return 0;
}

static void test_table_to_a_file(void **state)
{
        (void)state;
        char *text = NULL;
        size_t n = 0;
        FILE *f = tmpfile();
        assert_non_null(f);
        cleanup_table struct table t;
        table_init(&t, heads, 3, 2);
        for (size_t i = 0; i < ARRAY_LEN(cells); i++)
                table_cell(&t, cells[i]);
        table_print(&t, f);
        rewind(f);
        ssize_t got = getdelim(&text, &n, '\0', f);
        assert_true(got > 0);
        assert_string_equal(text,
                "NAME       STATUS                             IMAGE\n"
                "my-thesis  running 3h 5m                      ds01-alice/my-thesis:latest\n"
                "x          -                                  "
                "ds01-alice/a-very-long-name-of-a-project:latest\n"
                "\\x1b[31m   stopped (exit code 137) 2d 4h ago  -\n");
        free(text);
        fclose(f);
}

/* Columns of the widest line that was shown. */
static size_t widest(const char *text)
{
        size_t most = 0;
        while (*text) {
                cleanup_free char *line = xstrndup(text, strcspn(text, "\n"));
                size_t w = str_width(line);
                most = w > most ? w : most;
                text += strlen(line);
                text += *text == '\n';
        }
        return most;
}

static void test_table_on_a_terminal(void **state)
{
        (void)state;
        int shrink = 2;
        struct terminal t = terminal_start(80, print_table, &shrink);
        assert_int_equal(terminal_end(&t), 0);
        assert_int_equal(widest(buf_str(&t.seen)), 80);
        /* Only the image is cut, in its middle. */
        assert_non_null(strstr(buf_str(&t.seen),
                "\nmy-thesis  running 3h 5m                      ds01-alice/my-thesis:latest\n"));
        assert_non_null(strstr(buf_str(&t.seen), "\nx          -                                  "
                                                 "ds01-alice/a-very~a-project:latest\n"));
        assert_non_null(
                strstr(buf_str(&t.seen), "\\x1b[31m   stopped (exit code 137) 2d 4h ago  -\n"));
        buf_done(&t.seen);
}

/* However narrow, no line wraps; however wide, nothing is cut. */
static void test_table_never_wraps(void **state)
{
        (void)state;
        static const int columns[] = { 20, 21, 30, 40, 47, 60, 79, 120 };
        for (size_t i = 0; i < ARRAY_LEN(columns); i++)
                for (int shrink = -1; shrink < 3; shrink++) {
                        struct terminal t = terminal_start(columns[i], print_table, &shrink);
                        assert_int_equal(terminal_end(&t), 0);
                        size_t w = widest(buf_str(&t.seen));
                        if (w > (size_t)columns[i])
                                fail_msg("%zu columns on a terminal of %d:\n%s", w, columns[i],
                                        buf_str(&t.seen));
                        if (columns[i] == 120)
                                assert_null(strchr(buf_str(&t.seen), '~'));
                        buf_done(&t.seen);
                }
}

static int show_styles(void *ctx)
{
        (void)ctx;
        out_init();
        printf("[%s]", out_style(stdout, OUT_BOLD));
        setenv("NO_COLOR", "1", 1);
        out_init();
        printf("[%s]", out_style(stdout, OUT_BOLD));
        setenv("NO_COLOR", "", 1); /* set but empty does not count */
        out_init();
        printf("[%s]", out_style(stderr, OUT_BOLD));
        setenv("TERM", "dumb", 1);
        out_init();
        printf("[%s]", out_style(stdout, OUT_BOLD));
        printf("[%s]", out_set_color("always") == 0 ? out_style(stdout, OUT_PLAIN) : "?");
        printf("[%s]\n", out_set_color("never") == 0 ? out_style(stdout, OUT_PLAIN) : "?");
        return 0;
}

static void test_color(void **state)
{
        (void)state;
        struct terminal t = terminal_start(80, show_styles, NULL);
        assert_int_equal(terminal_end(&t), 0);
        assert_string_equal(buf_str(&t.seen), "[\033[1m][][\033[1m][][\033[0m][]\n");
        buf_done(&t.seen);
        assert_int_equal(out_set_color("sometimes"), -1);
        assert_int_equal(out_set_color(""), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_say_escapes),
                cmocka_unit_test(test_say_everything),
                cmocka_unit_test(test_error_form),
                cmocka_unit_test(test_table_to_a_file),
                cmocka_unit_test(test_table_on_a_terminal),
                cmocka_unit_test(test_table_never_wraps),
                cmocka_unit_test(test_color),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
