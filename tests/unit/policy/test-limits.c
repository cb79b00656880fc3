/* SPDX-License-Identifier: MIT */
#include "policy/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int read_one(enum limit_key key, const char *text, struct limit *ret, struct err *e)
{
        char doc[128];
        cleanup_yaml struct yaml_node *root = NULL;
        snprintf(doc, sizeof doc, "k: %s\n", text);
        assert_int_equal(yaml_tree_parse("f", doc, strlen(doc), &root, e), 0);
        return limit_read(key, root->v[0], ret, e);
}

static void test_values(void **state)
{
        (void)state;
        static const struct {
                enum limit_key key;
                const char *text;
                enum limit_state state; /* LIMIT_INHERIT: refused */
                int64_t value, den;
                const char *shown;
        } rows[] = {
                { LIMIT_GPUS, "1.0", LIMIT_SET, 1, 1, "1" },
                { LIMIT_GPUS, "0.5", LIMIT_SET, 1, 2, "0.5" },
                { LIMIT_GPUS, "2.25", LIMIT_SET, 9, 4, "2.25" },
                { LIMIT_GPUS, "null", LIMIT_UNLIMITED, 0, 1, "none" },
                { LIMIT_GPUS, "-1", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_GPU_SLOTS, "2", LIMIT_SET, 2, 1, "2" },
                { LIMIT_GPU_SLOTS, "1.5", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_FULL_GPU, "true", LIMIT_SET, 1, 1, "yes" },
                { LIMIT_FULL_GPU, "null", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_CPUS, "32", LIMIT_SET, 32000, 1, "32" },
                { LIMIT_CPUS, "0.5", LIMIT_SET, 500, 1, "0.5" },
                { LIMIT_CPUS, "0.0005", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_CPUS, "0", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_CPUS, "~", LIMIT_UNLIMITED, 0, 1, "none" },
                { LIMIT_MEMORY, "32g", LIMIT_SET, 34359738368, 1, "32g" },
                { LIMIT_MEMORY, "1536m", LIMIT_SET, 1610612736, 1, "1536m" },
                { LIMIT_MEMORY, "4m", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_SHM, "16g", LIMIT_SET, 17179869184, 1, "16g" },
                { LIMIT_PIDS, "4096", LIMIT_SET, 4096, 1, "4096" },
                { LIMIT_PIDS, "-1", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_CONTAINERS, "0", LIMIT_SET, 0, 1, "0" },
                { LIMIT_RUNTIME, "24", LIMIT_SET, 86400, 1, "1d" },
                { LIMIT_RUNTIME, "0", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_RUNTIME, "24h", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_GPU_HOLD, "0.25", LIMIT_SET, 900, 1, "15m" },
                { LIMIT_GPU_HOLD, "0", LIMIT_SET, 0, 1, "0s" },
                { LIMIT_GRACE, "60", LIMIT_SET, 60, 1, "1m" },
                { LIMIT_GRACE, "null", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_ROOT, "null", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_VISIBILITY, "counts", LIMIT_SET, LIMIT_SEES_COUNTS, 1, "counts" },
                { LIMIT_VISIBILITY, "all", LIMIT_SET, LIMIT_SEES_ALL, 1, "all" },
                { LIMIT_VISIBILITY, "everything", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_VISIBILITY, "null", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_ALL_CPUS, "9600%", LIMIT_SET, 9600, 1, "9600%" },
                { LIMIT_ALL_CPUS, "\"9600%\"", LIMIT_SET, 9600, 1, "9600%" },
                { LIMIT_ALL_CPUS, "9600", LIMIT_SET, 9600, 1, "9600%" },
                { LIMIT_ALL_CPUS, "infinity", LIMIT_UNLIMITED, 0, 1, "none" },
                { LIMIT_ALL_CPUS, "\"\"", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_ALL_CPUS, "\"%\"", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_ALL_CPUS, "[1]", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_MEMORY, "infinity", LIMIT_INHERIT, 0, 0, "" },
                { LIMIT_ALL_MEMORY, "96G", LIMIT_SET, 103079215104, 1, "96g" },
                { LIMIT_ALL_TASKS, "12288", LIMIT_SET, 12288, 1, "12288" },
                { LIMIT_ALL_GPUS, "2.0", LIMIT_SET, 2, 1, "2" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                struct limit l = { LIMIT_INHERIT, 0, 0 };
                int r = read_one(rows[i].key, rows[i].text, &l, &e);
                if ((r != 0) != (rows[i].state == LIMIT_INHERIT) || l.state != rows[i].state ||
                        l.value != rows[i].value || l.den != rows[i].den)
                        fail_msg("%s: %s: %lld/%lld %s", limit_info(rows[i].key)->name,
                                rows[i].text, (long long)l.value, (long long)l.den, e.msg);
                if (r) {
                        assert_int_equal(strncmp(e.msg, "f:1:4: '", 8), 0);
                        assert_non_null(strstr(e.msg, limit_info(rows[i].key)->name));
                        continue;
                }
                char text[LIMIT_TEXT_SIZE];
                limit_text(rows[i].key, &l, text);
                assert_string_equal(text, rows[i].shown);
        }
}

/* What is built in is itself a value that the file could hold. */
static void test_table(void **state)
{
        (void)state;
        for (enum limit_key k = 0; k < LIMIT_COUNT; k++) {
                const struct limit_info *info = limit_info(k);
                struct limit l = limit_builtin(k);
                char text[LIMIT_TEXT_SIZE];
                limit_text(k, &l, text);
                assert_true(strlen(text) > 0);
                assert_true(strlen(info->meaning) > 0);
                if (l.state == LIMIT_UNLIMITED)
                        assert_true(info->nullable);
                else
                        assert_true(l.value >= info->min && l.value <= info->max);
                for (enum limit_key other = 0; other < k; other++)
                        assert_string_not_equal(info->name, limit_info(other)->name);
        }
        struct limit root = limit_builtin(LIMIT_ROOT);
        assert_true(root.state == LIMIT_SET && root.value == 0);
}

static void test_get(void **state)
{
        (void)state;
        struct limits l = { 0 };
        l.v[LIMIT_GPUS] = (struct limit){ LIMIT_SET, 5, 2 };
        l.v[LIMIT_CPUS] = (struct limit){ LIMIT_UNLIMITED, 0, 1 };
        l.v[LIMIT_PIDS] = (struct limit){ LIMIT_SET, 4096, 1 };
        assert_int_equal(limits_get(&l, LIMIT_GPUS), 2);
        assert_int_equal(limits_get(&l, LIMIT_CPUS), LIMIT_NONE);
        assert_int_equal(limits_get(&l, LIMIT_PIDS), 4096);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_get),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
