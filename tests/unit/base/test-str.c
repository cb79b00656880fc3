/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_lists(void **state)
{
        (void)state;
        cleanup_strv struct strv l = { 0 };
        assert_false(strv_has(&l, "a"));
        strv_add(&l, "a");
        strv_take(&l, xstrdup("b"));
        assert_int_equal(l.n, 2);
        assert_true(strv_has(&l, "b"));
        assert_null(l.v[2]);
        strv_done(&l);
        assert_int_equal(l.n, 0);
        assert_null(l.v);
}

static void test_comparing(void **state)
{
        (void)state;
        assert_true(str_eq(NULL, NULL));
        assert_false(str_eq(NULL, ""));
        assert_true(str_eq("a", "a"));
        assert_true(str_starts("ds01.uid", "ds01."));
        assert_false(str_starts("ds", "ds01."));
        assert_true(str_ends("student.members", ".members"));
        assert_false(str_ends("s", ".members"));
        assert_string_equal(str_or_empty(NULL), "");
}

static void test_int(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                bool valid;
                long long value;
        } rows[] = { { "0", true, 0 }, { "12", true, 12 }, { "-5", true, -5 }, { "100", true, 100 },
                { "101", false, 0 }, { "-6", false, 0 }, { "", false, 0 }, { " 1", false, 0 },
                { "1 ", false, 0 }, { "+1", false, 0 }, { "0x1", false, 0 }, { "1.5", false, 0 },
                { "-", false, 0 }, { "99999999999999999999", false, 0 }, { NULL, false, 0 } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                long long v = 77;
                bool valid = str_to_int(rows[i].text, -5, 100, &v);
                if (valid != rows[i].valid || v != (valid ? rows[i].value : 77))
                        fail_msg("'%s' gave %d, %lld", str_or_empty(rows[i].text), valid, v);
        }
}

static void test_utf8(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                bool valid;
        } rows[] = { { "plain", true }, { "Zürich", true }, { "\xe2\x82\xac", true },
                { "\xf0\x9f\x98\x80", true }, { "\xc0\x80", false }, { "\xc1\xbf", false },
                { "\xed\xa0\x80", false }, { "\xf4\x90\x80\x80", false }, { "\xe2\x82", false },
                { "\x80", false }, { "\xff", false } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (str_is_utf8(rows[i].text, strlen(rows[i].text)) != rows[i].valid)
                        fail_msg("row %zu", i);
        assert_false(str_is_utf8("a\0b", 3));
}

static void check_safe(const char *in, const char *expected)
{
        cleanup_free char *out = str_safe(in);
        assert_string_equal(out, expected);
}

static void test_safe(void **state)
{
        (void)state;
        check_safe("my-thesis", "my-thesis");
        check_safe("Zürich \xe6\x97\xa5\xe6\x9c\xac", "Zürich \xe6\x97\xa5\xe6\x9c\xac");
        check_safe("\x1b[31mred\x1b]0;t\a", "\\x1b[31mred\\x1b]0;t\\x07");
        check_safe("a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f");
        check_safe("\xc2\x9b", "\\x9b");
        check_safe("\xe2\x80\xaetxt", "\\u{202e}txt");
        check_safe("\xef\xbb\xbfx", "\\u{feff}x");
        check_safe("\xff", "\\xff");
        cleanup_buf struct buf b = BUF_INIT(100);
        str_safe_add(&b, "a\nb\tc\rd", 7, true);
        assert_string_equal(buf_str(&b), "a\nb\tc\\x0dd");
}

/* What no terminal may be handed, looked for by itself rather than with the code under test. */
static bool is_harmful(uint32_t c)
{
        return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
               (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
               c == 0x2029 || c == 0x200b || c == 0xfeff;
}

static uint32_t next_char(const unsigned char **s)
{
        const unsigned char *p = *s;
        int more = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
        uint32_t c = more ? p[0] & (0x3fu >> more) : p[0];
        for (int i = 1; i <= more; i++)
                c = c << 6 | (p[i] & 0x3f);
        *s = p + more + 1;
        return c;
}

static uint32_t random_state = 20261123;
static uint32_t next_random(void)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 17;
        random_state ^= random_state << 5;
        return random_state;
}

/* Random bytes, half of them in the ranges where UTF-8's special characters begin. */
static void test_safe_max(void **state)
{
        (void)state;
        static const struct {
                const char *in;
                size_t max;
                const char *out;
        } cases[] = {
                { "", 0, "" }, { "abc", 3, "abc" }, { "abc", 2, "ab" }, { "aä", 2, "a" },
                { "aä", 3, "aä" }, { "a\nb", 4, "a" }, { "a\nb", 5, "a\\x0a" },
                { "a\nb", 6, "a\\x0ab" },
                { "äb", 1, "" }, /* nothing behind the first that doesn't fit */
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_free char *out = str_safe_max(cases[i].in, cases[i].max);
                assert_string_equal(out, cases[i].out);
        }
}

static void test_safe_property(void **state)
{
        (void)state;
        static const unsigned char likely[] = { 0xe2, 0x80, 0x81, 0xae, 0xc2, 0x9b, 0xd8, 0x9c,
                0xef, 0xbb, 0xbf, 0xf3, 0xa0, 0x1b, 0x0d };
        for (int round = 0; round < 20000; round++) {
                char in[48];
                size_t n = next_random() % sizeof in;
                for (size_t i = 0; i < n; i++)
                        in[i] = (char)(next_random() % 2 ? likely[next_random() % sizeof likely]
                                                         : next_random() & 0xff);
                cleanup_buf struct buf b = BUF_INIT(1000);
                str_safe_add(&b, in, n, false);
                assert_false(b.full);
                assert_true(str_is_utf8(buf_str(&b), b.len));
                const unsigned char *s = (const unsigned char *)buf_str(&b);
                const unsigned char *end = s + b.len;
                while (s < end)
                        assert_false(is_harmful(next_char(&s)));
        }
}

static void test_width(void **state)
{
        (void)state;
        assert_int_equal(str_width(""), 0);
        assert_int_equal(str_width("abc"), 3);
        assert_int_equal(str_width("Zürich"), 6);
        assert_int_equal(str_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
        assert_int_equal(str_width("e\xcc\x81"), 1);
}

static void test_cut(void **state)
{
        (void)state;
        static const char *const texts[] = { "my-very-long-name", "Zürich-über-alles",
                "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5", "ab" };
        cleanup_free char *whole = str_cut_middle("short", 5);
        assert_string_equal(whole, "short");
        cleanup_free char *cut = str_cut_middle("my-very-long-name", 9);
        assert_string_equal(cut, "my-v~name");
        cleanup_free char *end = str_cut_end("my-very-long-name", 9);
        assert_string_equal(end, "my-very-~");
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                for (size_t width = 3; width < 20; width++) {
                        cleanup_free char *s = str_cut_middle(texts[i], width);
                        assert_true(str_width(s) <= width);
                        assert_true(str_is_utf8(s, strlen(s)));
                        cleanup_free char *t = str_cut_end(texts[i], width);
                        assert_true(str_width(t) <= width);
                        assert_true(str_is_utf8(t, strlen(t)));
                }
}

static void test_nearest(void **state)
{
        (void)state;
        static const char *const names[] = { "launch", "list", "init", "retire", NULL };
        assert_string_equal(str_nearest("lanuch", names), "launch");
        assert_string_equal(str_nearest("lst", names), "list");
        assert_string_equal(str_nearest("retires", names), "retire");
        assert_null(str_nearest("banana", names));
        assert_null(str_nearest("xy", names));
        assert_null(str_nearest("", names));
}

static void test_random_hex(void **state)
{
        (void)state;
        char a[RANDOM_HEX_LEN + 1], b[RANDOM_HEX_LEN + 1];
        random_hex(a);
        random_hex(b);
        assert_int_equal(strlen(a), RANDOM_HEX_LEN);
        assert_int_equal(strspn(a, "0123456789abcdef"), RANDOM_HEX_LEN);
        assert_string_not_equal(a, b);
}

static void test_strip_escapes(void **state)
{
        (void)state;
        static const struct {
                const char *in, *out;
        } cases[] = { { "plain", "plain" }, { "a\r\nb", "a\nb" },
                { "\033[?2004hx$ \033[0;31mred\033[m", "x$ red" },
                { "\033]0;title\aafter", "after" }, { "\033]0;title\033\\after", "after" },
                { "\033]0;unended\nnext", "\nnext" }, { "\033(Bx", "Bx" }, { "end\033", "end" },
                { "end\033[12", "end" }, { "", "" } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_free char *s = xstrdup(cases[i].in);
                s[str_strip_escapes(s, strlen(s))] = '\0';
                assert_string_equal(s, cases[i].out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_comparing),
                cmocka_unit_test(test_int),
                cmocka_unit_test(test_utf8),
                cmocka_unit_test(test_safe),
                cmocka_unit_test(test_safe_max),
                cmocka_unit_test(test_safe_property),
                cmocka_unit_test(test_width),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_nearest),
                cmocka_unit_test(test_random_hex),
                cmocka_unit_test(test_strip_escapes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
