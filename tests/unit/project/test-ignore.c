/* SPDX-License-Identifier: MIT */
#include "project/ignore.h"

#include "base/buf.h"

#include "scratch.h"

/* What Docker's documentation of .dockerignore says, case by case. */
static void rules(void **state)
{
        (void)state;
        static const struct {
                const char *text, *path;
                bool ignored;
        } cases[] = {
                /* comments and blank lines */
                { "# note\n\n", "# note", false },
                { "# note\ntemp\n", "temp", true },
                { " # note\n", "# note", true },
                { "\\#x\n", "#x", true },
                /* plain names: the path itself and all below it, at the top only */
                { "data\n", "data", true },
                { "data\n", "data/a/b.csv", true },
                { "data\n", "src/data", false },
                { "data\n", "database", false },
                { "data/a\n", "data/a", true },
                { "data/a\n", "data/b", false },
                /* slashes, dots and spaces around */
                { "/data\n", "data", true },
                { "data/\n", "data/x", true },
                { "./data\n", "data", true },
                { "a/./b/../c\n", "a/c", true },
                { "a//b\n", "a/b", true },
                { "../data\n", "data", false },
                { "/../data\n", "data", true },
                { "  data  \r\n", "data", true },
                { ".\n/\n", "data", false },
                { "\xef\xbb\xbf"
                  "data\n",
                        "data", true },
                { "no newline at the end", "no newline at the end", true },
                /* one level */
                { "*/temp*\n", "somedir/temporary.txt", true },
                { "*/temp*\n", "somedir/temp", true },
                { "*/temp*\n", "temp", false },
                { "*/temp*\n", "a/b/temp", false },
                { "*/*/temp*\n", "a/b/temporary.txt", true },
                { "temp?\n", "tempa", true },
                { "temp?\n", "temp", false },
                { "temp?\n", "temp/", false },
                { "*.md\n", "README.md", true },
                { "*.md\n", "docs/README.md", false },
                { "*\n", "anything/at/all", true },
                /* any depth */
                { "**/*.go\n", "main.go", true },
                { "**/*.go\n", "a/b/c/main.go", true },
                { "**/__pycache__\n", "src/__pycache__/x.pyc", true },
                { "**/foo/bar\n", "foo/bar", true },
                { "**/foo/bar\n", "a/b/foo/bar", true },
                { "**/foo/bar\n", "foobar", false },
                { "**/.foo\n", "bar.foo", false },
                { "a/**/b\n", "a/b", true },
                { "a/**/b\n", "a/x/y/b", true },
                { "a/**/b\n", "ab", false },
                { "abc/**\n", "abc", false },
                { "abc/**\n", "abc/d/e", true },
                { "**\n", "x/y", true },
                { "**/\n", "x", true },
                { "**.log\n", "a/b/c.log", true },
                /* classes and escapes */
                { "a[b-d]e\n", "ace", true },
                { "a[b-d]e\n", "aae", false },
                { "a[^b-d]e\n", "aze", true },
                { "a[^b-d]e\n", "abe", false },
                { "[a-\xce\xb6]\n", "\xce\xb1", true },
                { "[\\]]x\n", "]x", true },
                { "a\\*b\n", "a*b", true },
                { "a\\*b\n", "axb", false },
                { "a?b\n",
                        "a\xe2\x98\xba"
                        "b",
                        true },
                { "a.b+(c)|{d}$^\n", "a.b+(c)|{d}$^", true },
                { "a.b\n", "axb", false },
                /* exceptions: the last match decides */
                { "*.md\n!README.md\n", "README.md", false },
                { "*.md\n!README.md\n", "other.md", true },
                { "*.md\n!README*.md\nREADME-secret.md\n", "README-secret.md", true },
                { "*.md\nREADME-secret.md\n!README*.md\n", "README-secret.md", false },
                { "!README.md\n*.md\n", "README.md", true },
                { "! spaced \n", "spaced", false },
                { "*\n!src\n", "src/a/b.py", false },
                { "*\n!src\n", "lib/a.py", true },
                { "data\n!data/small\n", "data/small/x", false },
                { "data\n!data/small\ndata/small/x\n", "data/small/x", true },
                { "**\n!**/keep.txt\n", "a/b/keep.txt", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_ignore struct ignore ig = { 0 };
                struct err e = ERR_INIT;
                if (ignore_parse(cases[i].text, &ig, &e))
                        fail_msg("%s: %s", cases[i].text, e.msg);
                if (ignore_path(&ig, cases[i].path) != cases[i].ignored)
                        fail_msg("%s on '%s' should say %d", cases[i].text, cases[i].path,
                                cases[i].ignored);
        }
}

static void descending(void **state)
{
        (void)state;
        static const struct {
                const char *text, *dir;
                bool descend;
        } cases[] = {
                { "data\n", "data", false },
                { "data\n!data/keep\n", "data", true },
                { "data\n!data/a/keep\n", "data/a", true },
                { "data\n!data/a/keep\n", "data/b", false },
                { "data\n!other/x\n", "data", false },
                { "data\n!*.md\n", "data", false },
                { "data\n!*/keep\n", "data", true },
                { "data\n!*/keep\n", "data/deeper", false },
                { "data\n!**/keep\n", "data/a/b", true },
                { "data\n!data/**\n", "data/a/b", true },
                { "data\n!database\n", "data", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_ignore struct ignore ig = { 0 };
                struct err e = ERR_INIT;
                assert_int_equal(ignore_parse(cases[i].text, &ig, &e), 0);
                if (ignore_may_descend(&ig, cases[i].dir) != cases[i].descend)
                        fail_msg("%s on '%s' should say %d", cases[i].text, cases[i].dir,
                                cases[i].descend);
        }
}

static void malformed(void **state)
{
        (void)state;
        static const struct {
                const char *text, *where;
        } cases[] = { { "ok\n[\n", ".dockerignore:2: " }, { "[]a]\n", ":1: " },
                { "[a-]\n", ":1: " }, { "[^]\n", ":1: " }, { "\n\na\\\n", ":3: " },
                { "!\n", ":1: " }, { "!  \n", ":1: " }, { "x[abc\n", ":1: " } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct ignore ig = { 0 };
                struct err e = ERR_INIT;
                assert_int_equal(ignore_parse(cases[i].text, &ig, &e), -1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_non_null(strstr(e.msg, cases[i].where));
                assert_null(ig.v);
        }
}

/* A pattern that a backtracking matcher would need longer than the universe for. */
static void no_explosion(void **state)
{
        (void)state;
        struct buf pattern = BUF_INIT(2000), path = BUF_INIT(4000);
        for (int i = 0; i < 40; i++)
                buf_str_add(&pattern, "**/*a*");
        buf_str_add(&pattern, "b\n");
        for (int i = 0; i < 1000; i++)
                buf_str_add(&path, "aa/");
        buf_str_add(&path, "c");
        cleanup_ignore struct ignore ig = { 0 };
        struct err e = ERR_INIT;
        assert_int_equal(ignore_parse(buf_str(&pattern), &ig, &e), 0);
        bool hits[1] = { false };
        assert_false(ignore_match(&ig, buf_str(&path), hits));
        buf_done(&pattern);
        buf_done(&path);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(rules), cmocka_unit_test(descending),
                cmocka_unit_test(malformed), cmocka_unit_test(no_explosion) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
