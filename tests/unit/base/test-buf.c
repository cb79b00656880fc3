/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_grows(void **state)
{
        (void)state;
        cleanup_buf struct buf b = BUF_INIT(100000);
        assert_string_equal(buf_str(&b), "");
        for (int i = 0; i < 1000; i++)
                buf_printf(&b, "%d,", i);
        buf_putc(&b, '!');
        buf_str_add(&b, "end");
        assert_false(b.full);
        assert_int_equal(b.data[b.len], '\0');
        assert_int_equal(strlen(b.data), b.len);
        assert_memory_equal(b.data, "0,1,2,", 6);
        assert_string_equal(b.data + b.len - 8, "999,!end");
}

/* A long format goes straight into the buffer, past the small one on the stack. */
static void test_long_format(void **state)
{
        (void)state;
        char text[2000];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        cleanup_buf struct buf b = BUF_INIT(5000);
        buf_printf(&b, "<%s>", text);
        assert_int_equal(b.len, sizeof text + 1);
        assert_int_equal(b.data[0], '<');
        assert_int_equal(b.data[b.len - 1], '>');
}

static void test_maximum(void **state)
{
        (void)state;
        cleanup_buf struct buf b = BUF_INIT(5);
        buf_str_add(&b, "abc");
        buf_str_add(&b, "def");
        assert_true(b.full);
        assert_string_equal(buf_str(&b), "abc");
        buf_putc(&b, 'd');
        assert_string_equal(buf_str(&b), "abc");
        buf_clear(&b);
        assert_false(b.full);
        buf_str_add(&b, "12345");
        assert_false(b.full);
        buf_printf(&b, "%d", 6);
        assert_true(b.full);
        assert_string_equal(buf_str(&b), "12345");
}

static void test_consume_and_take(void **state)
{
        (void)state;
        cleanup_buf struct buf b = BUF_INIT(50);
        buf_consume(&b, 0);
        buf_str_add(&b, "hello world");
        buf_consume(&b, 6);
        assert_string_equal(buf_str(&b), "world");
        assert_int_equal(b.len, 5);
        cleanup_free char *s = buf_take(&b);
        assert_string_equal(s, "world");
        assert_int_equal(b.len, 0);
        assert_int_equal(b.max, 50);
        cleanup_free char *nothing = buf_take(&b);
        assert_string_equal(nothing, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_grows),
                cmocka_unit_test(test_long_format),
                cmocka_unit_test(test_maximum),
                cmocka_unit_test(test_consume_and_take),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
