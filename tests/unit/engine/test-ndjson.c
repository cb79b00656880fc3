/* SPDX-License-Identifier: MIT */
/* Lines of JSON, however they arrive. */
#include "engine/ndjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int collect(void *ctx, const json_t *object, struct err *e)
{
        (void)e;
        cleanup_free char *text = json_text(object);
        buf_str_add(ctx, text);
        return 0;
}

static int refuse(void *ctx, const json_t *object, struct err *e)
{
        (void)object;
        ++*(int *)ctx;
        return err_set(e, ERR_LIMIT, "No more");
}

static const struct {
        const char *label, *input, *output; /* output NULL: ERR_ENGINE */
} streams[] = {
        { "nothing", "", "" },
        { "one", "{\"a\":1}\n", "{\"a\":1}" },
        { "two, one with CRLF", "{\"a\":1}\r\n{\"b\":2}\n", "{\"a\":1}{\"b\":2}" },
        { "blank lines", "\n\r\n  \n{\"a\":1}\n\n", "{\"a\":1}" },
        { "no end of line at the end", "{\"a\":1}\n{\"b\":2}", "{\"a\":1}{\"b\":2}" },
        { "a NUL in a string", "{\"a\":\"x\\u0000\"}\n", "{\"a\":\"x\\u0000\"}" },
        { "an escaped newline", "{\"a\":\"x\\n\"}\n", "{\"a\":\"x\\n\"}" },
        { "half a line", "{\"a\":1}\n{\"b\"", NULL },
        { "no object", "[1]\n", NULL },
        { "no JSON", "hello\n", NULL },
        { "two on a line", "{}{}\n", NULL },
        { "a key twice", "{\"a\":1,\"a\":2}\n", NULL },
        { "bad UTF-8", "{\"a\":\"\xff\"}\n", NULL },
};

static void test_streams(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(streams); i++)
                for (size_t piece = 1; piece <= 20; piece++) {
                        const char *in = streams[i].input;
                        cleanup_buf struct buf out = BUF_INIT(1024);
                        cleanup_ndjson struct ndjson nd = NDJSON_INIT(collect, &out);
                        struct err e = ERR_INIT;
                        int r = 0;
                        for (size_t at = 0, n = strlen(in); at < n && r == 0; at += piece)
                                r = ndjson_feed(&nd, in + at, piece < n - at ? piece : n - at, &e);
                        if (r == 0)
                                r = ndjson_end(&nd, &e);
                        bool good = streams[i].output ? r == 0 && strcmp(buf_str(&out),
                                                                          streams[i].output) == 0
                                                      : r == -1 && e.code == ERR_ENGINE;
                        if (!good)
                                fail_msg("%s in pieces of %zu: %s %s", streams[i].label, piece,
                                        buf_str(&out), e.msg);
                }
}

static void test_long_line(void **state)
{
        (void)state;
        cleanup_buf struct buf out = BUF_INIT(1024);
        cleanup_ndjson struct ndjson nd = NDJSON_INIT(collect, &out);
        struct err e = ERR_INIT;
        char spaces[4096];
        memset(spaces, ' ', sizeof spaces);
        int r = 0;
        size_t fed = 0;
        for (; fed < 2 * NDJSON_LINE_MAX && r == 0; fed += sizeof spaces)
                r = ndjson_feed(&nd, spaces, sizeof spaces, &e);
        assert_int_equal(r, -1);
        assert_int_equal(e.code, ERR_ENGINE);
        assert_in_range(fed, NDJSON_LINE_MAX, NDJSON_LINE_MAX + 2 * sizeof spaces);
}

static void test_error_ends_the_feeding(void **state)
{
        (void)state;
        int calls = 0;
        cleanup_ndjson struct ndjson nd = NDJSON_INIT(refuse, &calls);
        struct err e = ERR_INIT;
        assert_int_equal(ndjson_feed(&nd, "{}\n{}\n{}\n", 9, &e), -1);
        assert_int_equal(e.code, ERR_LIMIT);
        assert_int_equal(calls, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_streams),
                cmocka_unit_test(test_long_line),
                cmocka_unit_test(test_error_ends_the_feeding),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
