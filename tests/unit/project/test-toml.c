/* SPDX-License-Identifier: MIT */
#include "project/toml.h"

#include "base/buf.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void values_and_places(void **state)
{
        (void)state;
        static const char text[] = "title = 'a'\n"
                                   "[tool.ds01]\n"
                                   "gpus = 2\n"
                                   "  cpu-only = true # yes\n"
                                   "data = [\"/x\", \"/y\"]\n"
                                   "created = 2026-11-23\n"
                                   "odd.\"a/b~c\" = 1.5\n";
        static const struct {
                const char *pointer;
                unsigned line, column;
        } places[] = { { "/title", 1, 1 }, { "/tool/ds01/gpus", 3, 1 },
                { "/tool/ds01/cpu-only", 4, 3 }, { "/tool/ds01/data/1", 5, 15 },
                { "/tool/ds01/odd/a~1b~0c", 7, 5 }, { "/none", 0, 0 } };
        json_t *tree, *where;
        struct toml_failure f;
        assert_int_equal(toml_parse(text, strlen(text), &tree, &where, &f), 0);
        assert_string_equal(json_str(tree, "title"), "a");
        assert_int_equal(json_int(tree, "tool/ds01/gpus", -1), 2);
        assert_true(json_bool(tree, "tool/ds01/cpu-only", false));
        assert_string_equal(json_str(tree, "tool/ds01/created"), "2026-11-23");
        assert_int_equal(json_array_size(json_at(tree, "tool/ds01/data")), 2);
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                unsigned line, column;
                toml_place(where, places[i].pointer, &line, &column);
                assert_int_equal(line, places[i].line);
                assert_int_equal(column, places[i].column);
        }
        json_decref(tree);
        json_decref(where);
}

static void refused(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                unsigned line;
        } cases[] = { { "a = \n", 1 }, { "a = 1\nb = [1,\n", 2 }, { "a = 1\na = 2\n", 2 },
                { "\n\nx y = 1\n", 3 }, { "a = \"\xff\"\n", 1 }, { "a = \"x\ny\"\n", 1 },
                { "\"a\\u0000b\" = 1\n", 1 }, { "[t]\n[t]\n", 2 } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_t *tree = NULL, *where = NULL;
                struct toml_failure f;
                assert_int_equal(
                        toml_parse(cases[i].text, strlen(cases[i].text), &tree, &where, &f), -1);
                assert_null(tree);
                assert_null(where);
                assert_int_equal(f.line, cases[i].line);
                assert_true(f.column > 0);
                assert_true(f.reason[0] != '\0');
        }
}

/* Texts against which toml++ only asserts are refused like any other, with their line. */
static void asserted(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                unsigned line;
        } cases[] = { { "[[[", 1 }, { "[[[\n", 1 }, { "a = 1\n\n[[[a]]]\nb = 2\n", 3 } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_t *tree = NULL, *where = NULL;
                struct toml_failure f;
                assert_int_equal(
                        toml_parse(cases[i].text, strlen(cases[i].text), &tree, &where, &f), -1);
                assert_int_equal(f.line, cases[i].line);
                assert_true(f.reason[0] != '\0');
        }
}

/* Whatever stands in the file, the program goes on: random texts of what TOML is made of. */
static void random_texts(void **state)
{
        (void)state;
        static const char *const parts[] = { "[", "]", "[[", "]]", "a", "b.c", ".", "=", "\"", "'",
                "'''", "\"\"\"", "\n", "\r\n", " ", "\t", "1", "-", "+", "_", "0x", "1.5", "e",
                "inf", "nan", "true", "1979-05-27", "T07:32:00", "Z", "{", "}", ",", "#", "\\",
                "\\u", "\xc3\xa4", "\xff", "\x01", ":" };
        srand(20261123);
        for (int round = 0; round < 20000; round++) {
                char text[256] = "";
                size_t n = 0;
                for (int k = rand() % 16; k >= 0; k--) {
                        const char *part = parts[(size_t)rand() % ARRAY_LEN(parts)];
                        memcpy(text + n, part, strlen(part));
                        n += strlen(part);
                }
                json_t *tree = NULL, *where = NULL;
                struct toml_failure f;
                if (toml_parse(text, n, &tree, &where, &f) == 0) {
                        json_decref(tree);
                        json_decref(where);
                } else {
                        assert_true(f.reason[0] != '\0');
                }
        }
}

/* Deep nesting, in each of its spellings, must neither crash nor take long. */
static void nesting(void **state)
{
        (void)state;
        enum { N = 100000 };
        static const struct {
                const char *before, *unit, *after;
                size_t times;
        } cases[] = { { "", "a.", "a = 1", N }, { "[", "a.", "a]", N }, { "a = ", "[", "", N },
                { "a = ", "{a=", "", N / 2 }, { "", "a . ", "a = 1", N / 2 },
                { "", "a.", "a = 1", 40 }, { "", "'x'.", "a = 1", 40 },
                { "t = \"\\\"\"\n", "a.", "a = 1", 40 }, { "a = ", "[", "", 40 } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct buf b = BUF_INIT(TOML_TEXT_MAX);
                buf_str_add(&b, cases[i].before);
                for (size_t k = 0; k < cases[i].times; k++)
                        buf_str_add(&b, cases[i].unit);
                buf_str_add(&b, cases[i].after);
                json_t *tree, *where;
                struct toml_failure f;
                assert_false(b.full);
                assert_int_equal(toml_parse(b.data, b.len, &tree, &where, &f), -1);
                buf_done(&b);
        }
}

/* The deepest document that is let through to the parser: values at its limit, keys at ours. */
static void nesting_over_lines(void **state)
{
        (void)state;
        struct buf b = BUF_INIT(TOML_TEXT_MAX);
        enum { LEVELS = 120 };
        buf_str_add(&b, "x = ");
        for (int level = 0; level < LEVELS; level++) {
                buf_str_add(&b, "[\n{");
                for (int k = 0; k < TOML_DEPTH_MAX - 1; k++)
                        buf_str_add(&b, "a . ");
                buf_str_add(&b, "a = ");
        }
        buf_str_add(&b, "1");
        for (int level = 0; level < LEVELS; level++)
                buf_str_add(&b, "}]");
        json_t *tree, *where;
        struct toml_failure f;
        assert_false(b.full);
        assert_int_equal(toml_parse(b.data, b.len, &tree, &where, &f), -1);
        assert_non_null(strstr(f.reason, "nested"));
        buf_done(&b);
}

/* Dots that belong to no key: comments, strings of all four kinds, numbers. */
static void dots_elsewhere(void **state)
{
        (void)state;
        static const char *const frames[][3] = { { "# ", "a.", "\n" },
                { "t = \"", "A b. ", "\"\n" }, { "t = '", "\\.", "'\n" },
                { "t = \"\"\"", "a.\"\n.\\\"", "\"\"\"\n" }, { "t = '''", "a.\n'.", "'''\n" },
                { "t = [", "1.5, ", "]\n" }, { "", "# .\n", "t = \"\\\".\"\n" } };
        for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
                struct buf b = BUF_INIT(TOML_TEXT_MAX);
                buf_str_add(&b, frames[i][0]);
                for (int k = 0; k < 500; k++)
                        buf_str_add(&b, frames[i][1]);
                buf_str_add(&b, frames[i][2]);
                json_t *tree, *where;
                struct toml_failure f;
                if (toml_parse(b.data, b.len, &tree, &where, &f))
                        fail_msg("%zu: %u:%u %s", i, f.line, f.column, f.reason);
                json_decref(tree);
                json_decref(where);
                buf_done(&b);
        }
}

static void size_limit(void **state)
{
        (void)state;
        char *text = xcalloc(1, TOML_TEXT_MAX + 2);
        memset(text, '\n', TOML_TEXT_MAX + 1);
        json_t *tree, *where;
        struct toml_failure f;
        assert_int_equal(toml_parse(text, TOML_TEXT_MAX + 1, &tree, &where, &f), -1);
        assert_int_equal(toml_parse(text, TOML_TEXT_MAX, &tree, &where, &f), 0);
        json_decref(tree);
        json_decref(where);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(values_and_places),
                cmocka_unit_test(refused), cmocka_unit_test(asserted),
                cmocka_unit_test(random_texts), cmocka_unit_test(nesting),
                cmocka_unit_test(nesting_over_lines), cmocka_unit_test(dots_elsewhere),
                cmocka_unit_test(size_limit) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
