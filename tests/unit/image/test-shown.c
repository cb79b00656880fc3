/* SPDX-License-Identifier: MIT */
#include "image/shown.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void cuts(void **state)
{
        (void)state;
        static const struct {
                const char *in;
                size_t max;
                const char *out;
        } cases[] = {
                { "", 4, "" },
                { "abcd", 4, "abcd" },
                { "abcde", 4, "abcd…" },
                { "abcü", 4, "abc…" },
                { "abcü", 5, "abcü" },
                { "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 7, "\xf0\x9f\x98\x80…" },
                { "a\x1b[", 9, "a\\x1b[" },
                { "\x80\x80\x80\x80\x80\x80", 4, "\\x80…" },
                { "abc\xff", 4, "abc\\xff" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_free char *out = shown_text(cases[i].in, cases[i].max);
                assert_string_equal(out, cases[i].out);
        }
        /* Marks that take no columns are counted all the same. */
        cleanup_buf struct buf b = BUF_INIT(4096);
        for (int i = 0; i < 1000; i++)
                buf_str_add(&b, "\xcc\x81");
        cleanup_free char *marks = shown_text(buf_str(&b), 40);
        assert_int_equal(strlen(marks), 40 + strlen("…"));
        assert_true(str_is_utf8(marks, strlen(marks)));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(cuts) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
