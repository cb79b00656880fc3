/* SPDX-License-Identifier: MIT */
/* What the examination makes of states of ds01 and its machine that no test machine is in. */
#include "expect.h"

#include <errno.h>
#include <stdio.h>

/* ---- the finding itself ---- */

static void test_finding(void **state)
{
        (void)state;
        cleanup_finding struct finding f = { 0 };
        finding_say(&f, "fine");
        assert_string_equal(f.text, "fine");
        finding_add(&f, FINDING_WARNING, "one\ntwo", "a %s", "warning");
        assert_string_equal(f.text, "a warning");
        assert_int_equal(f.details.n, 0);
        finding_add(&f, FINDING_UNCHECKED, NULL, "less");
        finding_add(&f, FINDING_PROBLEM, "two\n\nthree\n", "a problem");
        finding_say(&f, "fine");
        assert_int_equal(f.state, FINDING_PROBLEM);
        assert_string_equal(f.text, "a problem");
        assert_int_equal(f.details.n, 2);
        assert_string_equal(f.details.v[0], "less");
        assert_string_equal(f.details.v[1], "a warning");
        assert_int_equal(f.fixes.n, 3);
        assert_string_equal(f.fixes.v[2], "three");
        for (int i = 0; i < 100; i++)
                finding_add(&f, FINDING_WARNING, NULL, "%d", i);
        assert_int_equal(f.details.n, FINDING_DETAILS_MAX);
}

/* ---- ds01 itself ---- */

static void test_daemon(void **state)
{
        (void)state;
        struct finding f = { 0 };
        judge_daemon(NULL, "0.2", 1000000000, 1000003600, &f);
        expect(&f, "not told", FINDING_OK, "ds01d 0.2 has run since ", "");
        judge_daemon("0.2", "0.2", 1000000000, 1000003600, &f);
        expect(&f, "equal", FINDING_OK, "(1h", "");
        judge_daemon("0.3\033", "0.2", 1000000000, 1000003600, &f);
        expect(&f, "newer", FINDING_WARNING, "ds01 is version 0.3\\x1b", "restart ds01d");
}

static void test_settings(void **state)
{
        (void)state;
        struct finding f = { 0 };
        struct err e = failure(ERR_INVALID, "x.yaml:3:1: unknown key", "");
        judge_settings("x.yaml", NULL, &f);
        expect(&f, "fine", FINDING_OK, "x.yaml can be read", "");
        judge_settings("x.yaml", &e, &f);
        assert_null(strstr(f.public, "x.yaml"));
        assert_true(*f.public);
        expect(&f, "broken", FINDING_PROBLEM, "x.yaml:3:1", "");
}

static void test_policy(void **state)
{
        (void)state;
        struct finding f = { 0 };
        cleanup_strv struct strv none = { 0 }, two = { 0 }, one = { 0 };
        struct err e = failure(ERR_INVALID, "p.yaml:1:1: bad", "");
        strv_add(&one, "p.yaml is missing: the built-in limits hold");
        strv_add(&two, "first");
        strv_add(&two, "second");
        judge_policy("p.yaml", false, &none, NULL, &f);
        expect(&f, "fine", FINDING_OK, "p.yaml", "");
        judge_policy("p.yaml", true, &one, NULL, &f);
        assert_string_equal(f.public, "1 warning in the policy's files");
        expect(&f, "missing", FINDING_WARNING, "is missing", "Write p.yaml");
        judge_policy("p.yaml", false, &two, NULL, &f);
        assert_int_equal(f.details.n, 2);
        expect(&f, "warnings", FINDING_WARNING, "2 warnings", "ds01 policy check p.yaml");
        judge_policy("p.yaml", false, &none, &e, &f);
        expect(&f, "broken", FINDING_PROBLEM, "p.yaml:1:1", "ds01 policy check p.yaml");
}

static void test_access(void **state)
{
        (void)state;
        struct finding f = { 0 };
        struct group_facts g = { .name = "ds01-users" };
        judge_access(NULL, &f);
        expect(&f, "all", FINDING_OK, "Every account", "");
        judge_access(&g, &f);
        expect(&f, "no group", FINDING_PROBLEM, "no group ds01-users",
                "groupadd --system ds01-users");
        g.exists = true;
        judge_access(&g, &f);
        expect(&f, "empty", FINDING_WARNING, "lists nobody", "usermod -aG ds01-users NAME");
        strv_add(&g.members, "alice");
        judge_access(&g, &f);
        expect(&f, "one", FINDING_OK, "it lists 1", "");
        g.failed = failure(ERR_FAILED, "The directory is gone", "");
        judge_access(&g, &f);
        expect(&f, "unknown", FINDING_WARNING, "directory is gone", "");
        strv_done(&g.members);
}

static void test_paths(void **state)
{
        (void)state;
        struct finding f = { 0 };
        struct path_facts v[] = { { .what = "State", .path = "/s" }, { .what = "Policy" },
                { .what = "Homes", .path = "/h" } };
        judge_paths(v, 3, &f);
        expect(&f, "fine", FINDING_OK, "root's hands", "");
        judge_paths(v + 1, 1, &f);
        expect(&f, "nothing", FINDING_UNCHECKED, "nothing to look at", "");
        v[2].failed =
                failure(ERR_FAILED, "/h can be changed by others than root", "sudo chmod go-w /h");
        judge_paths(v, 3, &f);
        assert_null(strstr(f.public, "/h"));
        assert_non_null(strstr(f.public, "1 of"));
        expect(&f, "open", FINDING_PROBLEM, "Homes: /h can be changed", "chmod go-w /h");
}

static void test_clock(void **state)
{
        (void)state;
        struct finding f = { 0 };
        const int64_t now = 1800000000;
        judge_clock(now, 0, &f);
        expect(&f, "empty", FINDING_OK, "It is 2027", "");
        judge_clock(now, now - 5, &f);
        expect(&f, "fine", FINDING_OK, "later than", "");
        judge_clock(now, now + 60, &f);
        expect(&f, "slack", FINDING_OK, "later than", "");
        judge_clock(now, now + 7200, &f);
        expect(&f, "behind", FINDING_PROBLEM, "by 2h", "set-ntp");
        judge_clock(86400, 0, &f);
        expect(&f, "1970", FINDING_PROBLEM, "The clock is wrong", "timedatectl");
}

/* ---- the machine ---- */

static void test_disks(void **state)
{
        (void)state;
        static const struct {
                const char *label;
                int64_t total, avail;
                int error;
                enum finding_state state;
                const char *text;
        } cases[] = {
                { "fine", 100LL << 30, 50LL << 30, 0, FINDING_OK, "50.0 GiB" },
                { "small", 8LL << 30, 1LL << 30, 0, FINDING_OK, "1.0 GiB" },
                { "under 1 GiB", 8LL << 30, (1LL << 30) - 1, 0, FINDING_WARNING, "nearly full" },
                { "under 5%", 100LL << 30, 4LL << 30, 0, FINDING_WARNING, "4% are free" },
                { "full", 100LL << 30, 0, 0, FINDING_PROBLEM, "is full" },
                { "stale", 0, 0, ESTALE, FINDING_WARNING, "Can't look at" },
                { "missing", 0, 0, ENOENT, FINDING_UNCHECKED, "is not there" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct finding f = { 0 };
                const struct disk_facts d = { .what = "the state",
                        .path = "/s",
                        .total = cases[i].total,
                        .avail = cases[i].avail,
                        .error = cases[i].error };
                judge_disks(&d, 1, &f);
                expect(&f, cases[i].label, cases[i].state, cases[i].text, NULL);
        }
        struct finding f = { 0 };
        const struct disk_facts both[] = {
                { .what = "a", .path = "/a", .device = 7, .total = 1 << 30 },
                { .what = "b", .path = "/b", .device = 7, .total = 1 << 30 }
        };
        judge_disks(both, 2, &f);
        assert_int_equal(f.details.n, 0);
        expect(&f, "one disk is told once", FINDING_PROBLEM, "(/a) is full", "df -h");
}

static void test_kernel(void **state)
{
        (void)state;
        static const struct {
                const char *release;
                int64_t namespaces;
                enum finding_state state;
                const char *text;
        } cases[] = {
                { "6.1.0-13-amd64", 10000, FINDING_OK, "Linux 6.1.0-13-amd64" },
                { "5.12.0", -1, FINDING_OK, "maps ids" },
                { "5.11.22", 10000, FINDING_PROBLEM, "can't map ids" },
                { "4.19.0", 10000, FINDING_PROBLEM, "can't map ids" },
                { "6.1.0", 0, FINDING_PROBLEM, "User namespaces are switched off" },
                { "unknown", 10000, FINDING_WARNING, "no release" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct finding f = { 0 };
                judge_kernel(cases[i].release, cases[i].namespaces, &f);
                expect(&f, cases[i].release, cases[i].state, cases[i].text, NULL);
        }
}

static void test_idmaps(void **state)
{
        (void)state;
        struct finding f = { 0 };
        struct idmap_facts v[] = { { .what = "the state", .path = "/s", .mapped = true },
                { .what = "people's homes", .path = "/home", .mapped = true } };
        judge_idmaps(v, 2, &f);
        expect(&f, "fine", FINDING_OK, "2 folders", "");
        v[1].mapped = false;
        judge_idmaps(v, 2, &f);
        expect(&f, "nfs", FINDING_WARNING, "(/home) takes no id map", "ext4");
        v[1].failed = failure(ERR_FAILED, "No such folder", "");
        judge_idmaps(v, 2, &f);
        expect(&f, "not there", FINDING_UNCHECKED, "No such folder", "");
        judge_idmaps(v, 0, &f);
        expect(&f, "none", FINDING_UNCHECKED, "no folder", "");
}

static void test_cgroups(void **state)
{
        (void)state;
        static const struct {
                const char *label;
                struct cgroup_facts c;
                enum finding_state state;
                const char *text, *fix;
        } cases[] = {
                { "v2", { 2, true, true, true }, FINDING_OK, "Version 2", "" },
                { "v1", { 1, true, true, true }, FINDING_OK, "Version 1", "" },
                { "none", { 0, false, false, false }, FINDING_PROBLEM, "No control groups",
                        "mount" },
                { "no memory", { 2, false, true, true }, FINDING_PROBLEM, "for memory",
                        "cgroup_enable=memory" },
                { "no pids", { 1, true, true, false }, FINDING_PROBLEM, "for processes", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct finding f = { 0 };
                judge_cgroups(&cases[i].c, &f);
                expect(&f, cases[i].label, cases[i].state, cases[i].text, cases[i].fix);
        }
}

static void test_docker_group(void **state)
{
        (void)state;
        struct finding f = { 0 };
        struct group_facts g = { .name = "docker" };
        judge_docker_group(&g, &f);
        expect(&f, "no group", FINDING_OK, "Nobody", "");
        g.exists = true;
        judge_docker_group(&g, &f);
        expect(&f, "empty", FINDING_OK, "Nobody", "");
        strv_add(&g.members, "alice");
        strv_add(&g.members, "bob");
        judge_docker_group(&g, &f);
        assert_string_equal(f.public, "2 members of docker are root in effect");
        assert_int_equal(f.fixes.n, 2);
        expect(&f, "two", FINDING_PROBLEM, "in effect: alice, bob", "sudo gpasswd -d bob docker");
        for (int i = 0; i < 50; i++)
                strv_add(&g.members, "a-quite-long-name-of-some-account-or-other");
        judge_docker_group(&g, &f);
        assert_int_equal(f.fixes.n, 3);
        expect(&f, "many", FINDING_PROBLEM, "52 members", NULL);
        strv_done(&g.members);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_finding),
                cmocka_unit_test(test_daemon),
                cmocka_unit_test(test_settings),
                cmocka_unit_test(test_policy),
                cmocka_unit_test(test_access),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_clock),
                cmocka_unit_test(test_disks),
                cmocka_unit_test(test_kernel),
                cmocka_unit_test(test_idmaps),
                cmocka_unit_test(test_cgroups),
                cmocka_unit_test(test_docker_group),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
