/* SPDX-License-Identifier: MIT */
#include "cli/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const struct grid_column columns[] = {
        { .head = "GPU" },
        { .head = "WHO", .least = 4 },
        { .head = "USE", .least = 3, .bar = 6 },
        { .head = "TEMP", .rank = 1, .right = true },
        { .head = "MODEL", .rank = 2 },
};

static struct grid make(void)
{
        struct grid g = grid_begin(columns, ARRAY_LEN(columns));
        grid_add(&g, OUT_PLAIN, "0");
        grid_add(&g, OUT_CYAN, "somebody-else");
        grid_bar(&g, 50);
        grid_addf(&g, OUT_PLAIN, "%dC", 61);
        grid_add(&g, OUT_PLAIN, "A100");
        grid_add(&g, OUT_PLAIN, "1.0");
        grid_add(&g, OUT_PLAIN, "");
        grid_bar(&g, -1);
        grid_add(&g, OUT_PLAIN, NULL);
        grid_add(&g, OUT_PLAIN, "\033");
        return g;
}

/* A column without a head is as wide as its cells; 0 would leave it out. */
static void test_no_head(void **state)
{
        (void)state;
        static const struct grid_column bare[] = { { .head = "A" }, { .head = "" } };
        cleanup_grid struct grid g = grid_begin(bare, ARRAY_LEN(bare));
        size_t widths[GRID_COLUMNS_MAX];
        grid_add(&g, OUT_PLAIN, "x");
        grid_add(&g, OUT_PLAIN, "37%");
        grid_fit(&g, 0, widths);
        assert_int_equal(widths[1], 3);
}

static void test_fit(void **state)
{
        (void)state;
        static const struct {
                size_t max, widths[5];
        } rows[] = {
                { 0, { 3, 13, 6, 4, 5 } }, { 39, { 3, 13, 6, 4, 5 } },
                { 38, { 3, 12, 6, 4, 5 } }, /* the widest gives first */
                { 30, { 3, 5, 5, 4, 5 } }, { 28, { 3, 4, 4, 4, 5 } },
                { 26, { 3, 7, 6, 4, 0 } }, /* then a column goes, and the others have room again */
                { 20, { 3, 4, 3, 4, 0 } }, { 18, { 3, 5, 6, 0, 0 } },
                { 10, { 3, 4, 3, 0, 0 } }, /* no more can be done: the line is cut */
        };
        cleanup_grid struct grid g = make();
        assert_int_equal(grid_rows(&g), 2);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                size_t widths[GRID_COLUMNS_MAX];
                grid_fit(&g, rows[i].max, widths);
                for (size_t k = 0; k < 5; k++)
                        if (widths[k] != rows[i].widths[k])
                                fail_msg("%zu columns: column %zu is %zu wide, not %zu",
                                        rows[i].max, k, widths[k], rows[i].widths[k]);
        }
}

static char *print(const struct grid *g, size_t indent, size_t max, size_t n)
{
        FILE *f = tmpfile();
        char *text = NULL;
        size_t size = 0;
        assert_non_null(f);
        grid_show(g, &(struct sheet){ .f = f, .columns = max, .indent = indent }, n);
        rewind(f);
        assert_true(getdelim(&text, &size, '\0', f) > 0);
        fclose(f);
        return text;
}

static void test_print(void **state)
{
        (void)state;
        cleanup_grid struct grid g = make();
        cleanup_free char *whole = print(&g, 0, 0, 9);
        assert_string_equal(whole, "GPU  WHO            USE     TEMP  MODEL\n"
                                   "0    somebody-else  ###---   61C  A100\n"
                                   "1.0  -                         -  \\x1b\n");
        cleanup_free char *narrow = print(&g, 2, 28, 1);
        assert_string_equal(narrow, "  GPU  WHO      USE     TEMP\n"
                                    "  0    som~lse  ###---   61C\n");
}

static void test_never_wider(void **state)
{
        (void)state;
        cleanup_grid struct grid g = make();
        for (size_t max = 1; max < 50; max++) {
                cleanup_free char *text = print(&g, 0, max, 2);
                for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
                        assert_true(strcspn(p, "\n") <= max);
        }
}

/* Who grows gets what is left over, up to its end; it gives way as the others do. */
static void test_grows(void **state)
{
        (void)state;
        static const struct grid_column live[] = {
                { .head = "GPU" },
                { .head = "HISTORY", .least = 4, .bar = 10, .grows = 30 },
                { .head = "WHO" },
        };
        static const struct {
                size_t max, width;
        } rows[] = { { 0, 10 }, { 12, 4 }, { 16, 6 }, { 20, 10 }, { 21, 11 }, { 40, 30 },
                { 99, 30 } };
        static const signed char busy[] = { 0, 50, 100 };
        cleanup_grid struct grid g = grid_begin(live, ARRAY_LEN(live));
        grid_add(&g, OUT_PLAIN, "0");
        grid_spark(&g, busy, sizeof busy);
        grid_add(&g, OUT_PLAIN, "me");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                size_t widths[GRID_COLUMNS_MAX];
                grid_fit(&g, rows[i].max, widths);
                assert_int_equal(widths[1], rows[i].width);
        }
        cleanup_free char *text = print(&g, 0, 16, 1);
        assert_string_equal(text, "GPU  HIS~RY  WHO\n"
                                  "0       _~#  me\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fit),
                cmocka_unit_test(test_no_head),
                cmocka_unit_test(test_print),
                cmocka_unit_test(test_grows),
                cmocka_unit_test(test_never_wider),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
