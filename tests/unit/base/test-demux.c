/* SPDX-License-Identifier: MIT */
/* Two outputs in one stream, cut anywhere. */
#include "base/buf.h"
#include "base/demux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct sink {
        struct buf out, err;
        size_t calls, stop_at;
};

static int take(const char *data, size_t n, bool is_stderr, void *ctx)
{
        struct sink *s = ctx;
        buf_add(is_stderr ? &s->err : &s->out, data, n);
        return ++s->calls == s->stop_at ? 5 : 0;
}

static const char good[] = "\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\3bad\1\0\0\0\0\0\0\0"
                           "\0\0\0\0\0\0\0\1!\3\0\0\0\0\0\0\1?";

static void test_cut_anywhere(void **state)
{
        (void)state;
        for (size_t piece = 1; piece < sizeof good; piece++) {
                struct demux d = { 0 };
                struct sink s = { .out = BUF_INIT(64), .err = BUF_INIT(64) };
                for (size_t at = 0, n = sizeof good - 1; at < n; at += piece)
                        assert_int_equal(demux_feed(&d, good + at, piece < n - at ? piece : n - at,
                                                 take, &s),
                                0);
                assert_string_equal(buf_str(&s.out), "hello!");
                assert_string_equal(buf_str(&s.err), "bad?");
                assert_true(demux_at_rest(&d));
                buf_done(&s.out);
                buf_done(&s.err);
        }
}

static void test_large_frame(void **state)
{
        (void)state;
        struct demux d = { 0 };
        struct sink s = { .out = BUF_INIT(1 << 20), .err = BUF_INIT(64) };
        char zeros[1000] = "";
        assert_int_equal(demux_feed(&d, "\1\0\0\0\xff\xff\xff\xff", 8, take, &s), 0);
        assert_false(demux_at_rest(&d));
        for (int i = 0; i < 10; i++)
                assert_int_equal(demux_feed(&d, zeros, sizeof zeros, take, &s), 0);
        assert_int_equal(s.out.len, 10000);
        assert_int_equal(d.left, 0xffffffffu - 10000);
        buf_done(&s.out);
}

static void test_bad_headers(void **state)
{
        (void)state;
        static const char *const heads[] = { "\4\0\0\0\0\0\0\1", "\1\1\0\0\0\0\0\1",
                "\1\0\1\0\0\0\0\1", "\1\0\0\1\0\0\0\1", "HTTP/1.1" };
        for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
                struct demux d = { 0 };
                struct sink s = { .out = BUF_INIT(64), .err = BUF_INIT(64) };
                assert_int_equal(demux_feed(&d, heads[i], 8, take, &s), -1);
                assert_int_equal(demux_feed(&d, good, sizeof good - 1, take, &s), -1);
                assert_int_equal(s.calls, 0);
                assert_false(demux_at_rest(&d));
        }
}

static void test_stop(void **state)
{
        (void)state;
        struct demux d = { 0 };
        struct sink s = { .out = BUF_INIT(64), .err = BUF_INIT(64), .stop_at = 2 };
        assert_int_equal(demux_feed(&d, good, sizeof good - 1, take, &s), 5);
        assert_int_equal(s.calls, 2);
        buf_done(&s.out);
        buf_done(&s.err);
}

static void test_cut_short(void **state)
{
        (void)state;
        struct sink s = { .out = BUF_INIT(64), .err = BUF_INIT(64) };
        struct demux in_head = { 0 }, in_frame = { 0 };
        demux_feed(&in_head, good, 3, take, &s);
        demux_feed(&in_frame, good, 10, take, &s);
        assert_false(demux_at_rest(&in_head));
        assert_false(demux_at_rest(&in_frame));
        buf_done(&s.out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cut_anywhere),
                cmocka_unit_test(test_large_frame),
                cmocka_unit_test(test_bad_headers),
                cmocka_unit_test(test_stop),
                cmocka_unit_test(test_cut_short),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
