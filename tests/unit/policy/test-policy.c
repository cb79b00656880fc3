/* SPDX-License-Identifier: MIT */
#include "policy/policy.h"

#include "base/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FILE_OF(file_name, file_text)                                                              \
        {                                                                                          \
                .name = file_name, .text = file_text, .n = strlen(file_text)                       \
        }

static int load(const char *limits, const char *overrides, const char *student_members,
        struct policy **ret, struct strv *warnings, struct err *e)
{
        const struct policy_members members[] = { { "student",
                FILE_OF("groups/student.members", student_members ? student_members : "") } };
        struct policy_source source = { .members = members, .n_members = student_members != NULL };
        if (limits)
                source.limits = (struct policy_file)FILE_OF("/etc/ds01/limits.yaml", limits);
        if (overrides)
                source.overrides =
                        (struct policy_file)FILE_OF("/etc/ds01/overrides.yaml", overrides);
        return policy_load(&source, ret, warnings, e);
}

static struct policy *must_load(const char *limits, const char *overrides, const char *members)
{
        struct err e = ERR_INIT;
        struct policy *p = NULL;
        if (load(limits, overrides, members, &p, NULL, &e))
                fail_msg("%s", e.msg);
        return p;
}

static char *read_file(const char *path)
{
        struct err e = ERR_INIT;
        char *text = NULL;
        if (fd_read_file(AT_FDCWD, path, 1 << 20, &text, NULL, &e))
                fail_msg("%s", e.msg);
        return text;
}

static void check(const struct limits *l, enum limit_key key, const char *text, const char *from)
{
        char got[LIMIT_TEXT_SIZE];
        limit_text(key, &l->v[key], got);
        if (strcmp(got, text) != 0 || strcmp(l->from[key].text, from) != 0)
                fail_msg("%s is %s from %s", limit_info(key)->name, got, l->from[key].text);
}

/* The override keeps what the group gives: each key is looked up by itself. */
static void test_resolution(void **state)
{
        (void)state;
        cleanup_policy struct policy *p = must_load("defaults:\n"
                                                    "  memory: 8g\n"
                                                    "  max_cpus: 4\n"
                                                    "groups:\n"
                                                    "  student:\n"
                                                    "    memory: 16g\n"
                                                    "    aggregate: {tasks_max: 100}\n"
                                                    "  staff:\n"
                                                    "    unix_group: staff\n"
                                                    "    max_cpus: null\n",
                "alice@lab.lan:\n"
                "  max_runtime_h: 48\n"
                "  aggregate: {memory_max: 1g}\n",
                "# people\nalice@lab.lan\n  bob  # too\n\n");
        struct limits l;
        policy_limits(p, "alice@lab.lan", NULL, &l);
        assert_string_equal(l.group, "student");
        check(&l, LIMIT_RUNTIME, "2d", "user alice@lab.lan (overrides.yaml:2)");
        check(&l, LIMIT_ALL_MEMORY, "1g", "user alice@lab.lan (overrides.yaml:3)");
        check(&l, LIMIT_ALL_TASKS, "100", "group student (limits.yaml:7)");
        check(&l, LIMIT_MEMORY, "16g", "group student (limits.yaml:6)");
        check(&l, LIMIT_CPUS, "4", "defaults (limits.yaml:3)");
        check(&l, LIMIT_PIDS, "4096", "built-in");
        assert_int_equal(l.from[LIMIT_RUNTIME].source, LIMIT_FROM_USER);
        assert_int_equal(l.from[LIMIT_PIDS].source, LIMIT_FROM_BUILTIN);

        policy_limits(p, "bob", NULL, &l);
        assert_string_equal(l.group, "student");
        check(&l, LIMIT_RUNTIME, "none", "built-in");

        cleanup_strv struct strv groups = { 0 };
        strv_add(&groups, "users");
        policy_limits(p, "carol", &groups, &l);
        assert_string_equal(l.group, "");
        check(&l, LIMIT_MEMORY, "8g", "defaults (limits.yaml:2)");
        strv_add(&groups, "staff");
        policy_limits(p, "carol", &groups, &l);
        assert_string_equal(l.group, "staff");
        check(&l, LIMIT_CPUS, "none", "group staff (limits.yaml:10)");
        assert_true(strv_has(policy_unix_groups(p), "staff"));

        /* In both: the first in the file's order. */
        policy_limits(p, "bob", &groups, &l);
        assert_string_equal(l.group, "student");
}

static void test_builtin(void **state)
{
        (void)state;
        cleanup_policy struct policy *p = must_load(NULL, NULL, NULL);
        cleanup_policy struct policy *q = must_load("# nothing\n", "# nothing\n", NULL);
        struct limits l, m;
        policy_limits(p, "alice", NULL, &l);
        policy_limits(q, "alice", NULL, &m);
        for (enum limit_key k = 0; k < LIMIT_COUNT; k++) {
                assert_int_not_equal(l.v[k].state, LIMIT_INHERIT);
                assert_int_equal(l.v[k].value, m.v[k].value);
                assert_string_equal(l.from[k].text, "built-in");
        }
}

static void test_reference_file(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_strv struct strv warnings = { 0 };
        cleanup_policy struct policy *p = NULL;
        cleanup_free char *text = read_file(GOLDEN "/reference-limits.yaml");
        if (load(text, NULL, NULL, &p, &warnings, &e))
                fail_msg("%s", e.msg);
        for (size_t i = 0; i < warnings.n; i++)
                fail_msg("%s", warnings.v[i]);
        static const char *const ignored[] = { "max_tasks", "gpu_memory", "io_read_bps",
                "storage_workspace", "high_demand_threshold", "container_types", "monitoring",
                "gpu_allocation", "access_control", "idle_timeout_h", "memory_swap" };
        for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
                bool found = false;
                for (size_t j = 0; j < policy_ignored(p)->n; j++)
                        found |= strstr(policy_ignored(p)->v[j], ignored[i]) != NULL;
                if (!found)
                        fail_msg("%s is not reported as without effect", ignored[i]);
        }
        struct limits l;
        policy_limits(p, "anyone", NULL, &l);
        assert_string_equal(l.group, "student");
        assert_int_equal(limits_get(&l, LIMIT_GPUS), 2);
        assert_int_equal(limits_get(&l, LIMIT_GPU_SLOTS), 2);
        assert_int_equal(limits_get(&l, LIMIT_CPUS), 32000);
        assert_true(limits_get(&l, LIMIT_MEMORY) == 32LL << 30);
        assert_true(limits_get(&l, LIMIT_SHM) == 16LL << 30);
        assert_int_equal(limits_get(&l, LIMIT_CONTAINERS), 3);
        assert_int_equal(limits_get(&l, LIMIT_RUNTIME), 86400);
        assert_int_equal(limits_get(&l, LIMIT_IDLE), 1800);
        assert_int_equal(limits_get(&l, LIMIT_GPU_HOLD), 900);
        assert_int_equal(limits_get(&l, LIMIT_CONTAINER_HOLD), 1800);
        assert_int_equal(limits_get(&l, LIMIT_GRACE), 60);
        assert_int_equal(limits_get(&l, LIMIT_ALL_CPUS), 9600);
        assert_true(limits_get(&l, LIMIT_ALL_MEMORY_HIGH) == 86LL << 30);
        assert_int_equal(limits_get(&l, LIMIT_ALL_TASKS), 12288);
}

static void test_old_names(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_strv struct strv warnings = { 0 };
        cleanup_policy struct policy *p = NULL;
        assert_int_equal(load("defaults:\n  max_mig_instances: 3\n  max_mig_per_container: 2\n"
                              "groups:\n"
                              "  a:\n    max_gpu_equivalents: 5\n    max_gpus_per_user: 4\n"
                              "    sigterm_grace_s: 7\n    policies: {sigterm_grace_s: 9}\n"
                              "policies:\n  sigterm_grace_s: 20\n",
                                 NULL, NULL, &p, &warnings, &e),
                0);
        assert_int_equal(warnings.n, 3);
        assert_string_equal(warnings.v[0],
                "/etc/ds01/limits.yaml:2:22: 'max_mig_instances' is an old "
                "name: write 'max_gpu_equivalents'");
        struct limits l;
        policy_limits(p, "x", NULL, &l);
        assert_int_equal(limits_get(&l, LIMIT_GPUS), 3);
        assert_int_equal(limits_get(&l, LIMIT_GPU_SLOTS), 2);
        assert_int_equal(limits_get(&l, LIMIT_GRACE), 20);

        /* The present name goes before the old one, on whichever line it stands. */
        cleanup_policy struct policy *q = must_load("default_group: a\ngroups:\n"
                                                    "  a:\n    max_gpus_per_user: 4\n"
                                                    "    max_gpu_equivalents: 5\n"
                                                    "    sigterm_grace_s: 7\n"
                                                    "    policies: {sigterm_grace_s: 9}\n",
                NULL, NULL);
        policy_limits(q, "x", NULL, &l);
        assert_int_equal(limits_get(&l, LIMIT_GPUS), 5);
        assert_int_equal(limits_get(&l, LIMIT_GRACE), 7);
}

static void test_aggregates(void **state)
{
        (void)state;
        struct limits l;
        cleanup_policy struct policy *p =
                must_load("defaults: {aggregate: {tasks_max: 50}}\n"
                          "groups:\n  student: {aggregate: null}\n"
                          "  other: {aggregate: {memory_max: infinity}}\n",
                        NULL, "alice\n");
        policy_limits(p, "alice", NULL, &l);
        check(&l, LIMIT_ALL_TASKS, "none", "group student (limits.yaml:3)");
        policy_limits(p, "bob", NULL, &l);
        check(&l, LIMIT_ALL_TASKS, "50", "defaults (limits.yaml:1)");

        cleanup_policy struct policy *off = must_load("defaults: {aggregate: {tasks_max: 50}}\n"
                                                      "enforcement: {aggregate_limits: false}\n",
                NULL, NULL);
        policy_limits(off, "bob", NULL, &l);
        check(&l, LIMIT_ALL_TASKS, "none", "enforcement.aggregate_limits (limits.yaml)");
}

static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *limits, *overrides, *members, *message;
        } rows[] = {
                { "defaults:\n  memory: lots\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:2:11: 'memory' needs a size" },
                { "defaults:\n  memory: 1g\n  memory: 2g\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:3:3: 'memory' is set twice, first on line 2" },
                { "groups:\n  a: {}\n  a: {}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:3:3: 'a' is set twice" },
                { "groups: [a]\n", NULL, NULL, "/etc/ds01/limits.yaml:1:9: 'groups' needs a map" },
                { "groups: {a: 3}\n", NULL, NULL, "/etc/ds01/limits.yaml:1:13: group a needs" },
                { "default_group: ghosts\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:16: There is no group 'ghosts'" },
                { "defaults: {root_in_container: null}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:31: 'root_in_container' needs true or false" },
                { "queue: {half_life_h: 0.5}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:22: 'half_life_h' can't be 0.5: it goes from 1" },
                { "queue: {half_life_h: null}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:22: 'half_life_h' needs a number" },
                { "queue: {half_life_h: 87601}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:22: 'half_life_h' needs a number" },
                { "queue: {ageing: 0}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:17: 'ageing' can't be 0" },
                { "queue: {ageing: -1}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:17: 'ageing' needs a number" },
                { "queue: {turn_m: 0}\n", NULL, NULL, "/etc/ds01/limits.yaml:1:17: 'turn_m'" },
                { "queue: {turn_m: 2.5}\n", NULL, NULL, "/etc/ds01/limits.yaml:1:17: 'turn_m'" },
                { "queue: {max_tickets_per_user: many}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:31: 'max_tickets_per_user'" },
                { "queue: {turn_m: 1, turn_m: 2}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:20: 'turn_m' is set twice" },
                { "queue: 3\n", NULL, NULL, "/etc/ds01/limits.yaml:1:8: queue needs" },
                { "- a\n", NULL, NULL, "/etc/ds01/limits.yaml:1:1: the policy needs" },
                { "groups: {a: {members: alice}}\n", NULL, NULL,
                        "/etc/ds01/limits.yaml:1:23: 'members' needs a list" },
                { "", "alice: {memory: -1}\n", NULL,
                        "/etc/ds01/overrides.yaml:1:17: 'memory' needs" },
                { "", "- alice\n", NULL, "/etc/ds01/overrides.yaml:1:1: A map" },
                { "groups: {student: {}}\n", NULL, "alice\nbob carol\n",
                        "groups/student.members:2: One account a line" },
                { "groups: {student: {}}\n", NULL, "\xff\n",
                        "groups/student.members:1: That is no" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                struct policy *p = NULL;
                if (load(rows[i].limits, rows[i].overrides, rows[i].members, &p, NULL, &e) == 0)
                        fail_msg("row %zu was accepted", i);
                assert_null(p);
                assert_int_equal(e.code, ERR_INVALID);
                if (strncmp(e.msg, rows[i].message, strlen(rows[i].message)) != 0)
                        fail_msg("row %zu: %s", i, e.msg);
        }
}

static void test_warnings(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_strv struct strv warnings = { 0 };
        cleanup_policy struct policy *p = NULL;
        assert_int_equal(
                load("defaults:\n  memroy: 1g\n  members: [x]\n"
                     "groups:\n  first: {members: [alice]}\n  student: {members: [alice]}\n",
                        "bob: {unix_group: x}\n", "alice\nalice\n", &p, &warnings, &e),
                0);
        static const char *const expected[] = {
                ("/etc/ds01/limits.yaml:2:3: Unknown key 'memroy' in defaults; "
                 "did you mean 'memory'?"),
                "/etc/ds01/limits.yaml:3:3: Unknown key 'members' in defaults",
                "/etc/ds01/overrides.yaml:1:7: Unknown key 'unix_group' in user bob",
                "/etc/ds01/limits.yaml: alice is in group first already, which counts",
                "groups/student.members:1: alice is in group first already, which counts",
                "groups/student.members:2: alice is in group first already, which counts",
        };
        assert_int_equal(warnings.n, ARRAY_LEN(expected));
        for (size_t i = 0; i < warnings.n; i++)
                assert_string_equal(warnings.v[i], expected[i]);
        cleanup_policy struct policy *q = NULL;
        strv_done(&warnings);
        assert_int_equal(load("", NULL, "alice\n", &q, &warnings, &e), 0);
        assert_string_equal(warnings.v[0], "groups/student.members: there is no group 'student'");
}

static void check_queue(const char *text, int64_t half_life, double ageing, int64_t turn, int max)
{
        cleanup_policy struct policy *p = must_load(text, NULL, NULL);
        const struct queue_settings *q = policy_queue(p);
        assert_int_equal(q->rules.half_life, half_life);
        assert_true(q->rules.ageing == ageing);
        assert_int_equal(q->rules.turn, turn);
        assert_int_equal(q->turn_s, turn);
        assert_int_equal(q->max_tickets, max);
}

static void test_queue(void **state)
{
        (void)state;
        struct queue_settings d = QUEUE_SETTINGS_DEFAULT;
        check_queue(NULL, d.rules.half_life, d.rules.ageing, d.turn_s, d.max_tickets);
        check_queue("queue:\n", d.rules.half_life, d.rules.ageing, d.turn_s, d.max_tickets);
        check_queue("queue: {turn_m: 3}\n", d.rules.half_life, d.rules.ageing, 180, d.max_tickets);
        check_queue(
                "queue: {half_life_h: 1.5, ageing: 0.25, turn_m: 1440, max_tickets_per_user: 1}\n",
                5400, 0.25, 86400, 1);

        /* As everywhere: an unknown key is a warning. */
        struct err e = ERR_INIT;
        cleanup_strv struct strv warnings = { 0 };
        cleanup_policy struct policy *p = NULL;
        assert_int_equal(load("queue: {aging: 2}\n", NULL, NULL, &p, &warnings, &e), 0);
        assert_int_equal(warnings.n, 1);
        assert_string_equal(warnings.v[0],
                "/etc/ds01/limits.yaml:1:9: Unknown key 'aging' in queue; did you mean 'ageing'?");
}

/* The file that is installed shows every key and means what it says. */
static void test_shipped_file(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_strv struct strv warnings = { 0 };
        cleanup_policy struct policy *p = NULL;
        cleanup_free char *text = read_file(DATA "/resource-limits.yaml");
        if (load(text, NULL, NULL, &p, &warnings, &e))
                fail_msg("%s", e.msg);
        assert_int_equal(warnings.n, 0);
        struct limits l;
        policy_limits(p, "alice", NULL, &l);
        assert_string_equal(l.group, "member");
        for (enum limit_key k = 0; k < LIMIT_COUNT; k++)
                if (l.from[k].source != LIMIT_FROM_DEFAULTS)
                        fail_msg("%s is not in the file's defaults", limit_info(k)->name);
        for (size_t i = 0; i < policy_ignored(p)->n; i++)
                if (strstr(policy_ignored(p)->v[i], "is known but not enforced"))
                        fail_msg("%s", policy_ignored(p)->v[i]);
        /* Every key of the queue is there, with what holds without it. */
        static const char *const keys[] = {
                "half_life_h:", "ageing:", "turn_m:", "max_tickets_per_user:"
        };
        struct queue_settings q = QUEUE_SETTINGS_DEFAULT;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                assert_non_null(strstr(text, keys[i]));
        check_queue(text, q.rules.half_life, q.rules.ageing, q.turn_s, q.max_tickets);
        cleanup_strv struct strv groups = { 0 };
        strv_add(&groups, "ds01-admin");
        policy_limits(p, "eve", &groups, &l);
        assert_string_equal(l.group, "admin");
        assert_int_equal(limits_get(&l, LIMIT_ALL_TASKS), LIMIT_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_resolution),
                cmocka_unit_test(test_builtin),
                cmocka_unit_test(test_reference_file),
                cmocka_unit_test(test_old_names),
                cmocka_unit_test(test_aggregates),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_warnings),
                cmocka_unit_test(test_queue),
                cmocka_unit_test(test_shipped_file),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
