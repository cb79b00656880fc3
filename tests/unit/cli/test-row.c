/* SPDX-License-Identifier: MIT */
#include "cli/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <string.h>

/* What stands in a file; owned. */
static char *text_of(FILE *f)
{
        char *text = NULL;
        size_t n = 0;
        rewind(f);
        if (getdelim(&text, &n, '\0', f) < 0) {
                free(text);
                text = xstrdup("");
        }
        fclose(f);
        return text;
}

static void test_bar_full(void **state)
{
        (void)state;
        static const struct {
                int percent;
                size_t cells, full;
        } rows[] = {
                { -1, 20, 0 },
                { 0, 20, 0 },
                { 1, 20, 1 }, /* something is not nothing */
                { 5, 20, 1 },
                { 10, 20, 2 },
                { 37, 20, 7 },
                { 50, 5, 2 },
                { 99, 20, 19 }, /* nearly all is not all */
                { 100, 20, 20 },
                { 250, 20, 20 },
                { 50, 0, 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(row_bar_full(rows[i].percent, rows[i].cells), rows[i].full);
        assert_int_equal(row_bar_style(49), OUT_GREEN);
        assert_int_equal(row_bar_style(50), OUT_YELLOW);
        assert_int_equal(row_bar_style(90), OUT_RED);
}

static void test_pieces(void **state)
{
        (void)state;
        FILE *f = tmpfile();
        assert_non_null(f);
        cleanup_row struct row r = row_begin(&(struct sheet){ .f = f, .columns = 20 });
        row_field(&r, OUT_PLAIN, "ab", 4, false);
        row_field(&r, OUT_BOLD, "7", 3, true);
        row_pad(&r, 9);
        row_printf(&r, OUT_PLAIN, "%d%s", 5, "\033x");
        row_end(&r);
        row_field(&r, OUT_PLAIN, "a-long-name", 7, false);
        row_pad(&r, 15);
        row_end(&r);
        cleanup_free char *text = text_of(f);
        assert_string_equal(text, "ab    7  5\\x1bx\na-l~ame\n");
}

/* However much is added, in whatever way, the line ends where it must. */
static void test_never_wider(void **state)
{
        (void)state;
        for (size_t max = 1; max < 40; max++) {
                FILE *f = tmpfile();
                assert_non_null(f);
                cleanup_row struct row r = row_begin(&(struct sheet){ .f = f, .columns = max });
                row_pad(&r, 2);
                row_add(&r, OUT_RED, "日本語");
                row_field(&r, OUT_PLAIN, "name-of-something", 8, true);
                row_bar(&r, 50, 10);
                row_add(&r, OUT_PLAIN, "the end of the line");
                row_end(&r);
                cleanup_free char *text = text_of(f);
                text[strcspn(text, "\n")] = '\0';
                assert_true(str_width(text) <= max);
                assert_true(str_is_utf8(text, strlen(text)));
        }
}

static void test_bars(void **state)
{
        (void)state;
        static const struct {
                const char *locale, *text;
        } rows[] = {
                { "C", "#----|     |\n" },
                { "C.UTF-8", "█░░░░|     |\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                FILE *f = tmpfile();
                assert_non_null(f);
                assert_non_null(setlocale(LC_CTYPE, rows[i].locale));
                cleanup_row struct row r = row_begin(&(struct sheet){ .f = f });
                row_bar(&r, 37, 5);
                row_add(&r, OUT_PLAIN, "|");
                row_bar(&r, -1, 5);
                row_add(&r, OUT_PLAIN, "|");
                row_end(&r);
                cleanup_free char *text = text_of(f);
                assert_string_equal(text, rows[i].text);
        }
        setlocale(LC_CTYPE, "C");
}

/* The last of a history, to the right; what is not known is a hole in it. */
static void test_sparks(void **state)
{
        (void)state;
        static const signed char percents[] = { 100, 0, 12, 13, -1, 50, 99, 100 };
        static const struct {
                const char *locale, *whole, *last;
        } rows[] = {
                { "C", "  #__. ~##|\n", "~##|\n" },
                { "C.UTF-8", "  █▁▁▂ ▄██|\n", "▄██|\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                FILE *f = tmpfile();
                assert_non_null(f);
                assert_non_null(setlocale(LC_CTYPE, rows[i].locale));
                struct sheet s = { .f = f };
                cleanup_row struct row r = row_begin(&s);
                row_spark(&r, percents, sizeof percents, 10);
                row_add(&r, OUT_PLAIN, "|");
                row_end(&r);
                row_spark(&r, percents, sizeof percents, 3);
                row_add(&r, OUT_PLAIN, "|");
                row_end(&r);
                cleanup_free char *text = text_of(f);
                cleanup_free char *both = xasprintf("%s%s", rows[i].whole, rows[i].last);
                assert_string_equal(text, both);
        }
        setlocale(LC_CTYPE, "C");
}

/* Kept instead of printed: the text, and where in it each style is. */
static void test_lines(void **state)
{
        (void)state;
        cleanup_lines struct lines l = { 0 };
        struct sheet s = { .to = &l, .columns = 20 };
        cleanup_row struct row r = row_begin(&s);
        row_add(&r, OUT_PLAIN, "ab ");
        row_add(&r, OUT_RED, "größe");
        row_add(&r, OUT_RED, "!");
        row_field(&r, OUT_BOLD, "日本", 8, false);
        row_add(&r, OUT_DIM, "  ");
        row_end(&r);
        row_end(&r);
        assert_int_equal(l.n, 2);
        assert_string_equal(l.v[0].text, "ab größe!日本");
        assert_int_equal(l.v[0].n, 2);
        assert_int_equal(l.v[0].v[0].style, OUT_RED);
        assert_int_equal(l.v[0].v[0].at, 3);
        assert_int_equal(l.v[0].v[0].len, strlen("größe!"));
        assert_int_equal(l.v[0].v[1].style, OUT_BOLD);
        assert_int_equal(l.v[0].v[1].at, strlen("ab größe!"));
        assert_int_equal(l.v[0].v[1].len, strlen("日本"));
        assert_string_equal(l.v[1].text, "");
        lines_to_ascii(&l);
        assert_string_equal(l.v[0].text, "ab gr??e!????");
        assert_int_equal(l.v[0].v[0].len, strlen("gr??e!"));
        assert_int_equal(l.v[0].v[1].at, strlen("ab gr??e!"));
        assert_int_equal(l.v[0].v[1].len, 4);
        lines_cut(&l, 1);
        assert_int_equal(l.n, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bar_full),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_never_wider),
                cmocka_unit_test(test_bars),
                cmocka_unit_test(test_sparks),
                cmocka_unit_test(test_lines),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
