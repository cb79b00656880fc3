/* SPDX-License-Identifier: MIT */
#include "image/variable.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fill(struct variables *l)
{
        variables_set(l, "TAG", 3, "old");
        variables_set(l, "TAG", 3, "12");
        variables_set(l, "IMAGE", 5, "debian");
        variables_set(l, "EMPTY", 5, "");
        variables_set(l, "UNSET", 5, NULL);
}

static void expands(void **state)
{
        (void)state;
        static const struct {
                const char *in, *out; /* out NULL: refused */
        } cases[] = {
                { "", "" },
                { "debian", "debian" },
                { "$IMAGE", "debian" },
                { "$IMAGE:$TAG", "debian:12" },
                { "${IMAGE}:${TAG}", "debian:12" },
                { "$IMAGE-slim", "debian-slim" },
                { "${IMAGE}x", "debianx" },
                { "x$EMPTY", "x" },
                { "${EMPTY:-fallback}", "fallback" },
                { "${UNSET:-fallback}", "fallback" },
                { "${NEVER:-fallback}", "fallback" },
                { "${TAG:-fallback}", "12" },
                { "${NEVER:-$IMAGE}", "debian" },
                { "${NEVER:-${UNSET:-$TAG}}", "12" },
                { "${TAG:-$NEVER}", "12" },
                { "${TAG:+set}", "set" },
                { "${EMPTY:+set}", "" },
                { "${NEVER:+$NEVER}x", "x" },
                { "a${TAG:-zzz}b", "a12b" },
                { "${TAG:-}", "12" },
                { "${NEVER:-}", "" },
                { "'$IMAGE'", "$IMAGE" },
                { "\"$IMAGE:$TAG\"", "debian:12" },
                { "\"a\\$b\\\"c\\\\d\\e\"", "a$b\"c\\d\\e" },
                { "a\\$b", "a$b" },
                { "a\\", "a" },
                { "de'bi'\"an\"", "debian" },
                { "${NEVER:-'}'}", "}" },
                { "$NEVER", NULL },
                { "$UNSET", NULL },
                { "${UNSET}", NULL },
                { "$TAGX", NULL },
                { "${TAG", NULL },
                { "${TAG:-x", NULL },
                { "${TAG:?x}", NULL },
                { "${TAG-x}", NULL },
                { "${TAG#x}", NULL },
                { "${TAG/1/2}", NULL },
                { "${}", NULL },
                { "$", NULL },
                { "a$ b", NULL },
                { "$1", NULL },
                { "${1}", NULL },
                { "$$", NULL },
                { "$(id)", NULL },
                { "'a", NULL },
                { "\"a", NULL },
                { "\"${TAG\"", NULL },
                { "${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-x}}}}}}}}", "x" },
                { "${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-x}}}}}}}}}", NULL },
        };
        cleanup_variables struct variables l = { 0 };
        fill(&l);
        assert_int_equal(l.n, 4);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_free char *out = NULL;
                struct err e = ERR_INIT;
                print_message("# %s\n", cases[i].in);
                assert_int_equal(
                        variables_expand(&l, cases[i].in, &out, &e), cases[i].out ? 0 : -1);
                assert_true(str_eq(out, cases[i].out));
                assert_int_equal(e.code, cases[i].out ? ERR_NONE : ERR_INVALID);
        }
}

static void names_what_is_missing(void **state)
{
        (void)state;
        cleanup_variables struct variables l = { 0 };
        char *out = NULL;
        struct err e = ERR_INIT;
        assert_int_equal(variables_expand(&l, "a$FIRST$SECOND", &out, &e), -1);
        assert_string_equal(e.msg, "the variable FIRST has no value here");
        assert_non_null(strstr(e.fix, "ARG FIRST=VALUE"));
        assert_null(out);
}

static void growth_is_limited(void **state)
{
        (void)state;
        cleanup_variables struct variables l = { 0 };
        variables_set(&l, "A", 1, "0123456789");
        struct err e = ERR_INIT;
        bool refused = false;
        for (int i = 0; i < 100 && !refused; i++) {
                cleanup_free char *out = NULL;
                refused = variables_expand(&l, "$A$A", &out, &e) < 0;
                if (!refused) {
                        assert_true(strlen(out) <= VARIABLE_VALUE_MAX);
                        variables_set(&l, "A", 1, out);
                }
        }
        assert_true(refused);
        assert_non_null(strstr(e.msg, "too long"));
}

static void names(void **state)
{
        (void)state;
        assert_true(variable_name_ok("A", 1));
        assert_true(variable_name_ok("_a9=x", 3));
        assert_false(variable_name_ok("9a", 2));
        assert_false(variable_name_ok("a-b", 3));
        assert_false(variable_name_ok("", 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(expands),
                cmocka_unit_test(names_what_is_missing),
                cmocka_unit_test(growth_is_limited),
                cmocka_unit_test(names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
