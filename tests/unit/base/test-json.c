/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_refused(void **state)
{
        (void)state;
        static const char *const texts[] = { "", "{", "{}x", "{\"a\":1,\"a\":2}", "[1,]", "{'a':1}",
                "[\"\\u0000\"]", "[\"\xff\"]", "nul", "[[[[1]]]]", "{\"a\":{\"b\":{\"c\":{}}}}" };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct err e = ERR_INIT;
                json_t *j = NULL;
                if (json_parse(texts[i], strlen(texts[i]), 3, &j, &e) == 0)
                        fail_msg("accepted: %s", texts[i]);
                assert_null(j);
                assert_int_equal(e.code, ERR_INVALID);
                assert_true(strlen(e.msg) > 0);
        }
}

/* Brackets inside strings don't count as levels. */
static void test_depth(void **state)
{
        (void)state;
        static const char text[] = "{\"a\":[\"[[[[ \\\" [[[[\"]}";
        struct err e = ERR_INIT;
        cleanup_json json_t *j = NULL;
        assert_int_equal(json_parse(text, strlen(text), 2, &j, &e), 0);
        cleanup_json json_t *k = NULL;
        assert_int_equal(json_parse(text, strlen(text), 1, &k, &e), -1);
        assert_null(k);
}

static void test_getters(void **state)
{
        (void)state;
        static const char text[] =
                "{\"State\":{\"Running\":true,\"Pid\":9007199254740993},\"Id\":\"x\"}";
        struct err e = ERR_INIT;
        cleanup_json json_t *j = NULL;
        assert_int_equal(json_parse(text, strlen(text), 5, &j, &e), 0);
        assert_true(json_bool(j, "State/Running", false));
        assert_true(json_int(j, "State/Pid", 0) == 9007199254740993);
        assert_string_equal(json_str(j, "Id"), "x");
        assert_null(json_str(j, "State"));
        assert_null(json_str(j, "Id/x"));
        assert_null(json_at(j, "No/Such"));
        assert_int_equal(json_int(j, "Id", -7), -7);
        assert_true(json_bool(j, "Id", true));
        assert_int_equal(json_int(NULL, "Id", 3), 3);
        cleanup_free char *out = json_text(j);
        assert_string_equal(out, text);
}

/* Line separators, C1 controls and bidirectional marks, which JSON itself lets through. */
static void test_ascii(void **state)
{
        (void)state;
        cleanup_json json_t *j = json_string("a\"\n\x1b\u2028\xc2\x85\xc2\x9b\u202e\U0001f600");
        cleanup_free char *out = json_text_ascii(j);
        assert_string_equal(out, "\"a\\\"\\n\\u001B\\u2028\\u0085\\u009B\\u202E\\uD83D\\uDE00\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_getters),
                cmocka_unit_test(test_ascii),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
