/* SPDX-License-Identifier: MIT */
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct yaml_node *parse(const char *text, struct err *e)
{
        struct yaml_node *root = NULL;
        yaml_tree_parse("f.yaml", text, strlen(text), &root, e);
        return root;
}

static void test_shape(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_yaml struct yaml_node *root =
                parse("# head\na: 1\nb:\n  - x\n  - \"null\"\nc: {d: ~}\n", &e);
        assert_non_null(root);
        assert_int_equal(root->kind, YAML_KIND_MAP);
        assert_int_equal(root->n, 3);
        const struct yaml_node *b = yaml_get(root, "b");
        assert_int_equal(b->kind, YAML_KIND_LIST);
        assert_int_equal(b->n, 2);
        assert_string_equal(b->v[0]->text, "x");
        assert_int_equal(b->v[1]->line, 5);
        assert_int_equal(b->v[1]->column, 5);
        assert_false(yaml_is_null(b->v[1]));
        assert_true(yaml_is_null(yaml_get(yaml_get(root, "c"), "d")));
        assert_null(yaml_get(root, "z"));
        assert_string_equal(root->file, "f.yaml");
}

static void test_empty(void **state)
{
        (void)state;
        static const char *const texts[] = { "", "\n\n", "# only\n# comments\n", "---\n", "~\n" };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct err e = ERR_INIT;
                cleanup_yaml struct yaml_node *root = parse(texts[i], &e);
                assert_non_null(root);
                assert_int_equal(root->kind, YAML_KIND_MAP);
                assert_int_equal(root->n, 0);
        }
}

static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *text, *message;
        } rows[] = {
                { "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: 'a' is set twice, first on line 1" },
                { "x:\n  k: 1\n  k: 2\n", "f.yaml:3:3: 'k' is set twice, first on line 2" },
                { "a: &x 1\n", "f.yaml:1:4: Anchors" },
                { "a: &x [1]\n", "f.yaml:1:4: Anchors" },
                { "a: *x\n", "f.yaml:1:4: Aliases" },
                { "a: !!str 1\n", "f.yaml:1:4: Tags" },
                { "a: !t {}\n", "f.yaml:1:4: Tags" },
                { "[a]: 1\n", "f.yaml:1:1: A key must be" },
                { "a: 1\n---\nb: 2\n", "f.yaml:2:1: A second document" },
                { "a: \"x\\0y\"\n", "f.yaml:1:4: A text contains a NUL" },
                { "a: 1\n b: 2\n", "f.yaml:2:" },
                { "a: [1, 2\n", "f.yaml:" },
                { "a:\t\x01\n", "f.yaml:" },
                { "a: \xff\n", "f.yaml:" },
                { "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "f.yaml:1:17: Nested deeper" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                cleanup_yaml struct yaml_node *root = parse(rows[i].text, &e);
                assert_null(root);
                assert_int_equal(e.code, ERR_INVALID);
                if (strncmp(e.msg, rows[i].message, strlen(rows[i].message)) != 0)
                        fail_msg("row %zu: %s", i, e.msg);
        }
}

static void test_bounds(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct yaml_node *root = NULL;
        cleanup_buf struct buf b = BUF_INIT(YAML_TEXT_MAX + 1);
        while (b.len < YAML_TEXT_MAX + 1)
                buf_putc(&b, ' ');
        assert_int_equal(yaml_tree_parse("f", b.data, YAML_TEXT_MAX + 1, &root, &e), -1);
        buf_clear(&b);
        for (int i = 0; i < YAML_NODES_MAX; i++)
                buf_str_add(&b, "- 1\n");
        assert_int_equal(yaml_tree_parse("f", b.data, b.len, &root, &e), -1);
        assert_non_null(strstr(e.msg, "More than"));
        assert_null(root);
        buf_clear(&b);
        for (int i = 0; i < 30000; i++)
                buf_printf(&b, "k%d: 1\n", i);
        assert_int_equal(yaml_tree_parse("f", b.data, b.len, &root, &e), 0);
        assert_int_equal(root->n, 30000);
        yaml_tree_free(root);
}

/* ---- values ---- */

/* The first value of "k: TEXT". */
static const struct yaml_node *value_of(const char *text, struct yaml_node **ret_root)
{
        char doc[256];
        struct err e = ERR_INIT;
        snprintf(doc, sizeof doc, "k: %s\n", text);
        *ret_root = parse(doc, &e);
        if (!*ret_root)
                fail_msg("%s", e.msg);
        return (*ret_root)->v[0];
}

static void test_sizes(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t bytes; /* -1: refused */
        } rows[] = { { "0", 0 }, { "512", 512 }, { "64k", 65536 }, { "32g", 34359738368 },
                { "96G", 103079215104 }, { "1.5g", 1610612736 }, { "2GiB", 2147483648 },
                { "2gb", 2147483648 }, { "1t", 1099511627776 }, { "7b", 7 }, { "-1", -1 },
                { "g", -1 }, { "1x", -1 }, { "1gx", -1 }, { "1 g", -1 }, { "1.g", -1 },
                { "null", -1 }, { "[1]", -1 }, { "99999999999999999999", -1 }, { "9999999t", -1 },
                { "50%", -1 }, { "7bb", -1 } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_yaml struct yaml_node *root = NULL;
                struct err e = ERR_INIT;
                int64_t v = -1;
                int r = yaml_read_size(value_of(rows[i].text, &root), "k", 0, 1LL << 50, &v, &e);
                if (v != rows[i].bytes || (r == 0) != (v >= 0))
                        fail_msg("%s: %lld", rows[i].text, (long long)v);
                if (r)
                        assert_int_equal(strncmp(e.msg, "f.yaml:1:4: 'k' needs a size", 28), 0);
        }
}

static void test_decimals(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t num, den; /* den 0: refused */
        } rows[] = { { "0", 0, 1 }, { "1.0", 1, 1 }, { "0.5", 1, 2 }, { "2.25", 9, 4 },
                { "0.125", 1, 8 }, { "0.3", 3, 10 }, { "100", 100, 1 }, { "100.1", 0, 0 },
                { "101", 0, 0 }, { "1.0000001", 0, 0 }, { ".5", 0, 0 }, { "1.", 0, 0 },
                { "-1", 0, 0 }, { "1e3", 0, 0 }, { "nan", 0, 0 }, { "null", 0, 0 } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_yaml struct yaml_node *root = NULL;
                struct err e = ERR_INIT;
                struct yaml_decimal d = { 0, 0 };
                yaml_read_decimal(value_of(rows[i].text, &root), "k", 100, &d, &e);
                if (d.num != rows[i].num || d.den != rows[i].den)
                        fail_msg("%s: %lld/%lld", rows[i].text, (long long)d.num, (long long)d.den);
        }
}

static void test_bools_and_texts(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        static const struct {
                const char *text;
                int value; /* -1: refused */
        } rows[] = { { "true", 1 }, { "False", 0 }, { "yes", 1 }, { "off", 0 }, { "1", -1 },
                { "null", -1 }, { "[]", -1 } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_yaml struct yaml_node *root = NULL;
                bool v = false;
                int r = yaml_read_bool(value_of(rows[i].text, &root), "k", &v, &e);
                assert_int_equal(r ? -1 : v, rows[i].value);
        }
        cleanup_yaml struct yaml_node *root = NULL;
        cleanup_free char *text = xstrdup("before");
        assert_int_equal(yaml_read_text(value_of("null", &root), "k", &text, &e), -1);
        assert_string_equal(text, "before");
        cleanup_yaml struct yaml_node *quoted = NULL;
        assert_int_equal(yaml_read_text(value_of("'null'", &quoted), "k", &text, &e), 0);
        assert_string_equal(text, "null");
}

/* ---- the walk ---- */

struct sample {
        char *name;
        bool on;
        int64_t count, size;
        struct strv list;
        struct {
                int64_t deep;
        } inner;
};

static const struct yaml_key inner_keys[] = {
        { .name = "deep",
                .take = yaml_take_int_or_none,
                .offset = offsetof(struct sample, inner.deep),
                .min = 0,
                .max = 9 },
        { 0 },
};

static const struct yaml_key sample_keys[] = {
        { .name = "name", .take = yaml_take_text, .offset = offsetof(struct sample, name) },
        { .name = "on", .take = yaml_take_bool, .offset = offsetof(struct sample, on) },
        { .name = "count",
                .take = yaml_take_int,
                .offset = offsetof(struct sample, count),
                .min = 1,
                .max = 5 },
        { .name = "size",
                .take = yaml_take_size_or_none,
                .offset = offsetof(struct sample, size),
                .max = 1 << 20 },
        { .name = "list", .take = yaml_take_list, .offset = offsetof(struct sample, list) },
        { .name = "inner", .take = yaml_take_map, .sub = inner_keys },
        { .name = "storage_*" },
        { 0 },
};

static int walk(const char *text, struct sample *s, struct strv *warnings, struct strv *ignored,
        struct err *e)
{
        cleanup_yaml struct yaml_node *root = parse(text, e);
        assert_non_null(root);
        return yaml_walk(root, "the sample", sample_keys, s, warnings, ignored, e);
}

static void sample_done(struct sample *s)
{
        free(s->name);
        strv_done(&s->list);
}

static void test_walk(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        CLEANUP(sample_done) struct sample s = { 0 };
        cleanup_strv struct strv warnings = { 0 }, ignored = { 0 };
        assert_int_equal(walk("name: x\non: yes\ncount: 3\nsize: null\nlist: [a, b]\n"
                              "inner:\n  deep: 4\nstorage_data: 5\nsise: 3\nfoo: 1\n",
                                 &s, &warnings, &ignored, &e),
                0);
        assert_string_equal(s.name, "x");
        assert_true(s.on);
        assert_int_equal(s.count, 3);
        assert_int_equal(s.size, -1);
        assert_int_equal(s.list.n, 2);
        assert_int_equal(s.inner.deep, 4);
        assert_int_equal(warnings.n, 2);
        assert_string_equal(warnings.v[0],
                "f.yaml:9:1: Unknown key 'sise' in the sample; did you mean 'size'?");
        assert_string_equal(warnings.v[1], "f.yaml:10:1: Unknown key 'foo' in the sample");
        assert_int_equal(ignored.n, 1);
        assert_string_equal(ignored.v[0], "f.yaml:8:1: 'storage_data' is known but not enforced");
}

static void test_walk_errors(void **state)
{
        (void)state;
        static const struct {
                const char *text, *message, *fix;
        } rows[] = {
                { "coutn: 3\n", "f.yaml:1:1: Unknown key 'coutn' in the sample",
                        "Did you mean 'count'?" },
                { "inner:\n  depe: 3\n", "f.yaml:2:3: Unknown key 'depe' in inner",
                        "Did you mean 'deep'?" },
                { "count: 9\n", "f.yaml:1:8: 'count' needs a whole number from 1 to 5, not 9", "" },
                { "count:\n", "f.yaml:1:7: 'count' needs a whole number from 1 to 5, not null",
                        "" },
                { "inner: 3\n", "f.yaml:1:8: inner needs \"key: value\" lines, not 3", "" },
                { "list: a\n", "f.yaml:1:7: 'list' needs a list, not a", "" },
                { "name: \"\\e[1m\"\non: \"\\e[1m\"\n",
                        "f.yaml:2:5: 'on' needs true or false, not \\x1b[1m", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                CLEANUP(sample_done) struct sample s = { 0 };
                assert_int_equal(walk(rows[i].text, &s, NULL, NULL, &e), -1);
                assert_string_equal(e.msg, rows[i].message);
                assert_string_equal(e.fix, rows[i].fix);
        }
}

/* Mutations of a whole document never crash the parser nor leave a half-built tree. */
static void test_mutations(void **state)
{
        (void)state;
        static const char seed[] = "a: &b [1, {c: \"d\"}]\n---\n- *b\n? !x y\n: |\n  text\n%TAG\n";
        uint32_t r = 1795458600;
        for (int round = 0; round < 20000; round++) {
                char text[sizeof seed];
                memcpy(text, seed, sizeof seed);
                for (int i = 0; i < 4; i++) {
                        r = r * 1664525 + 1013904223;
                        text[(r >> 8) % (sizeof seed - 1)] = (char)(r >> 24);
                }
                struct err e = ERR_INIT;
                struct yaml_node *root = NULL;
                if (yaml_tree_parse("f", text, sizeof seed - 1, &root, &e) == 0)
                        yaml_tree_free(root);
                else
                        assert_null(root);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shape),
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_decimals),
                cmocka_unit_test(test_bools_and_texts),
                cmocka_unit_test(test_walk),
                cmocka_unit_test(test_walk_errors),
                cmocka_unit_test(test_mutations),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
