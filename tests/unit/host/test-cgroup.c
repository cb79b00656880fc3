/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "base/str.h"
#include "host/cgroup.h"

#include <errno.h>

static void test_parents(void **state)
{
        (void)state;
        static const struct {
                const char *driver;
                uid_t uid;
                const char *parent, *build;
        } table[] = {
                { "cgroupfs", 1000, "/ds01/1000", "/ds01/1000/build" },
                { "systemd", 1000, "ds01-1000.slice", "ds01-1000-build.slice" },
                { "cgroupfs", 4294967294u, "/ds01/4294967294", "/ds01/4294967294/build" },
                { NULL, 5, "/ds01/5", "/ds01/5/build" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                char out[CGROUP_PARENT_LEN];
                cgroup_parent(table[i].driver, table[i].uid, out);
                assert_string_equal(out, table[i].parent);
                cgroup_build_parent(table[i].driver, table[i].uid, out);
                assert_string_equal(out, table[i].build);
        }
}

/* Folders and files that stand for hierarchies: what would be written where. */
static void make_file(const char *path)
{
        write_text(path, "");
}

static const char *text_of(const char *path)
{
        static char text[8][256];
        static unsigned next;
        char *t = text[next++ % 8];
        FILE *f = fopen(path, "re");
        if (!f)
                return NULL;
        t[fread(t, 1, sizeof text[0] - 1, f)] = '\0';
        fclose(f);
        return t;
}

static void make_fake_v2(void)
{
        static const char *const dirs[] = { "v2", "v2/ds01", "v2/ds01/1000" };
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                char path[300];
                make_dir(in_sandbox(dirs[i]), 0, 0, 0755);
                snprintf(path, sizeof path, "%s/cgroup.subtree_control", in_sandbox(dirs[i]));
                make_file(path);
        }
        make_file(in_sandbox("v2/ds01/1000/memory.max"));
        make_file(in_sandbox("v2/ds01/1000/cpu.max"));
        make_file(in_sandbox("v2/ds01/1000/pids.max"));
        make_file(in_sandbox("v2/ds01/1000/memory.high"));
}

static void make_fake_v1(void)
{
        static const char *const dirs[] = { "mem", "mem/ds01", "mem/ds01/1000", "set", "set/ds01",
                "set/ds01/1000", "cpu", "cpu/ds01", "cpu/ds01/1000" };
        static const char *const files[] = { "mem/ds01/1000/memory.limit_in_bytes",
                "mem/ds01/1000/memory.memsw.limit_in_bytes", "mem/ds01/1000/memory.use_hierarchy",
                "set/ds01/cpuset.cpus", "set/ds01/1000/cpuset.cpus",
                "cpu/ds01/1000/cpu.cfs_period_us", "cpu/ds01/1000/cpu.cfs_quota_us",
                "cpu/ds01/1000/pids.max" };
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                make_dir(in_sandbox(dirs[i]), 0, 0, 0755);
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                make_file(in_sandbox(files[i]));
        write_text(in_sandbox("set/cpuset.cpus"), "0-7\n");
}

static void fake_mountinfo(const char *const rows[], size_t n, struct mountinfo *ret)
{
        char text[4096] = "";
        size_t at = 0;
        for (size_t i = 0; i < n; i += 2)
                at += (size_t)snprintf(text + at, sizeof text - at,
                        "9 1 0:5 / %s rw - %s none %s\n", in_sandbox(rows[i]),
                        strcmp(rows[i + 1], "v2") ? "cgroup" : "cgroup2",
                        strcmp(rows[i + 1], "v2") ? rows[i + 1] : "rw");
        mountinfo_parse(text, ret);
}

static void test_v2_settings(void **state)
{
        (void)state;
        static const struct {
                struct cgroup_limits l;
                const char *memory, *cpu, *pids, *high;
        } table[] = {
                { { 1 << 30, 250, 512, 1 << 29 }, "1073741824", "250000 100000", "512",
                        "536870912" },
                { { -1, -1, -1, -1 }, "max", "max", "max", "max" },
                { { 0, 1, 0, 0 }, "0", "1000 100000", "0", "max" },
                { { -5, 100, 7, -5 }, "max", "100000 100000", "7", "max" },
        };
        static const char *const rows[] = { "v2", "v2" };
        cleanup_mountinfo struct mountinfo mi = { 0 };
        make_fake_v2();
        fake_mountinfo(rows, ARRAY_LEN(rows), &mi);
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct err e = ERR_INIT;
                assert_int_equal(cgroup_prepare_at(&mi, "/ds01/1000", &table[i].l, &e), 0);
                assert_string_equal(
                        text_of(in_sandbox("v2/ds01/1000/memory.max")), table[i].memory);
                assert_string_equal(text_of(in_sandbox("v2/ds01/1000/cpu.max")), table[i].cpu);
                assert_string_equal(text_of(in_sandbox("v2/ds01/1000/pids.max")), table[i].pids);
                assert_string_equal(text_of(in_sandbox("v2/ds01/1000/memory.high")), table[i].high);
        }
        /* Controllers are handed down by those above, one at a time (a plain file keeps the last).
         */
        assert_non_null(strchr(text_of(in_sandbox("v2/cgroup.subtree_control")), '+'));
        assert_non_null(strchr(text_of(in_sandbox("v2/ds01/cgroup.subtree_control")), '+'));
        assert_string_equal(text_of(in_sandbox("v2/ds01/1000/cgroup.subtree_control")), "");
}

static void test_v1_settings(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        static const char *const rows[] = { "mem", "rw,memory", "cpu", "rw,cpu,cpuacct,pids", "set",
                "rw,cpuset" };
        cleanup_mountinfo struct mountinfo mi = { 0 };
        make_fake_v1();
        fake_mountinfo(rows, ARRAY_LEN(rows), &mi);
        const struct cgroup_limits l = { 4096, 50, 9, 2048 };
        assert_int_equal(cgroup_prepare_at(&mi, "/ds01/1000", &l, &e), 0);
        assert_string_equal(text_of(in_sandbox("mem/ds01/1000/memory.limit_in_bytes")), "4096");
        assert_string_equal(
                text_of(in_sandbox("mem/ds01/1000/memory.memsw.limit_in_bytes")), "4096");
        assert_string_equal(text_of(in_sandbox("mem/ds01/1000/memory.use_hierarchy")), "1");
        assert_string_equal(text_of(in_sandbox("cpu/ds01/1000/cpu.cfs_period_us")), "100000");
        assert_string_equal(text_of(in_sandbox("cpu/ds01/1000/cpu.cfs_quota_us")), "50000");
        assert_string_equal(text_of(in_sandbox("cpu/ds01/1000/pids.max")), "9");
        assert_string_equal(text_of(in_sandbox("set/ds01/1000/cpuset.cpus")), "0-7\n");
        assert_int_equal(cgroup_prepare_at(&mi, "/ds01/1000", &CGROUP_UNLIMITED, &e), 0);
        assert_string_equal(text_of(in_sandbox("cpu/ds01/1000/cpu.cfs_quota_us")), "-1");
        assert_string_equal(text_of(in_sandbox("cpu/ds01/1000/pids.max")), "max");
        assert_string_equal(text_of(in_sandbox("mem/ds01/1000/memory.limit_in_bytes")), "-1");
}

/* A limit that nothing enforces must not look as if it were. */
static void test_missing_controllers(void **state)
{
        (void)state;
        static const char *const rows[] = { "mem", "rw,memory" };
        cleanup_mountinfo struct mountinfo mi = { 0 };
        fake_mountinfo(rows, ARRAY_LEN(rows), &mi);
        static const struct {
                struct cgroup_limits l;
                const char *names;
        } table[] = { { { 1, -1, -1, -1 }, NULL }, { { -1, 1, -1, -1 }, "cpu" },
                { { -1, -1, 1, -1 }, "pids" } };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct err e = ERR_INIT;
                int r = cgroup_prepare_at(&mi, "/ds01/1000", &table[i].l, &e);
                assert_int_equal(r, table[i].names ? -1 : 0);
                if (r)
                        assert_non_null(strstr(e.msg, table[i].names));
        }
}

/* What is read out of the counters; what no hierarchy counts is not known, and no group uses
 * nothing. */
static void test_use(void **state)
{
        (void)state;
        static const char *const v1[] = { "mem", "rw,memory", "cpu", "rw,cpu,cpuacct,pids", "v2",
                "v2" };
        static const char *const v2[] = { "v2", "v2" };
        struct cgroup_use u;
        write_text(in_sandbox("mem/ds01/1000/memory.usage_in_bytes"), "1000\n");
        write_text(in_sandbox("mem/ds01/1000/memory.stat"),
                "inactive_file 1\ntotal_inactive_file 300\n");
        write_text(in_sandbox("cpu/ds01/1000/cpuacct.usage"), "77\n");
        write_text(in_sandbox("v2/ds01/1000/cpu.stat"), "usage_usec 5\nuser_usec 2\n");
        {
                cleanup_mountinfo struct mountinfo mi = { 0 };
                fake_mountinfo(v1, ARRAY_LEN(v1), &mi);
                cgroup_use_at(&mi, "/ds01/1000", &u);
                assert_int_equal(u.memory_bytes, 700);
                assert_int_equal(u.cpu_ns, 77);
                assert_int_equal(u.pids, -1);
                cgroup_use_at(&mi, "/ds01/77", &u);
                assert_int_equal(u.memory_bytes, 0);
                assert_int_equal(u.pids, 0);
        }
        write_text(in_sandbox("v2/ds01/1000/memory.current"), "1000\n");
        write_text(in_sandbox("v2/ds01/1000/memory.stat"), "anon 9\ninactive_file 2000\n");
        write_text(in_sandbox("v2/ds01/1000/pids.current"), "12\n");
        cleanup_mountinfo struct mountinfo mi = { 0 };
        fake_mountinfo(v2, ARRAY_LEN(v2), &mi);
        cgroup_use_at(&mi, "/ds01/1000", &u);
        assert_int_equal(u.memory_bytes, 0);
        assert_int_equal(u.cpu_ns, 5000);
        assert_int_equal(u.pids, 12);
}

/* The limits that a group has itself, in each version's way of writing them. */
static void test_bounds(void **state)
{
        (void)state;
        static const char *const v1[] = { "mem", "rw,memory", "cpu", "rw,cpu,cpuacct,pids" };
        static const char *const v2[] = { "v2", "v2" };
        static const struct {
                const char *memory, *quota, *pids, *cpu_max;
                int64_t memory_bytes, cpu_milli, n_pids;
        } table[] = {
                { "1073741824\n", "150000\n", "512\n", "150000 100000\n", 1073741824, 1500, 512 },
                { "9223372036854771712\n", "-1\n", "max\n", "max 100000\n", -1, -1, -1 },
                { "4096\n", "1000\n", "0\n", "1000 100000\n", 4096, 10, 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct cgroup_bounds b;
                bool none = table[i].memory_bytes < 0;
                cleanup_mountinfo struct mountinfo one = { 0 }, two = { 0 };
                write_text(in_sandbox("mem/ds01/1000/memory.limit_in_bytes"), table[i].memory);
                write_text(in_sandbox("cpu/ds01/1000/cpu.cfs_quota_us"), table[i].quota);
                write_text(in_sandbox("cpu/ds01/1000/cpu.cfs_period_us"), "100000\n");
                write_text(in_sandbox("cpu/ds01/1000/pids.max"), table[i].pids);
                write_text(in_sandbox("v2/ds01/1000/memory.max"), none ? "max\n" : table[i].memory);
                write_text(in_sandbox("v2/ds01/1000/cpu.max"), table[i].cpu_max);
                write_text(in_sandbox("v2/ds01/1000/pids.max"), table[i].pids);
                fake_mountinfo(v1, ARRAY_LEN(v1), &one);
                fake_mountinfo(v2, ARRAY_LEN(v2), &two);
                for (int k = 0; k < 2; k++) {
                        cgroup_bounds_at(k ? &two : &one, "/ds01/1000", &b);
                        assert_int_equal(b.memory_bytes, table[i].memory_bytes);
                        assert_int_equal(b.cpu_milli, table[i].cpu_milli);
                        assert_int_equal(b.pids, table[i].n_pids);
                }
                cgroup_bounds_at(&two, "/ds01/8", &b);
                assert_true(b.memory_bytes == -1 && b.cpu_milli == -1 && b.pids == -1);
        }
}

/* The machine's own, under a user id that no account has and no other run at once. */
#define TEST_UID (4200000000u + (uid_t)getpid())

static bool exists_in_real(const struct mountinfo *mi, const char *parent, size_t *ret_n)
{
        bool all = true;
        *ret_n = 0;
        for (size_t i = 0; i < mi->n; i++) {
                if (strcmp(mi->rows[i].fstype, "cgroup") != 0 &&
                        strcmp(mi->rows[i].fstype, "cgroup2") != 0)
                        continue;
                cleanup_free char *path = xasprintf("%s%s", mi->rows[i].path, parent);
                bool there = access(path, F_OK) == 0;
                *ret_n += there;
                all = all && there;
        }
        return all;
}

static const char *real_setting(const struct mountinfo *mi, const char *parent, const char *file)
{
        for (size_t i = 0; i < mi->n; i++) {
                if (strcmp(mi->rows[i].fstype, "cgroup") != 0 &&
                        strcmp(mi->rows[i].fstype, "cgroup2") != 0)
                        continue;
                cleanup_free char *path = xasprintf("%s%s/%s", mi->rows[i].path, parent, file);
                const char *text = text_of(path);
                if (text)
                        return text;
        }
        return NULL;
}

static void test_real_hierarchies(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        size_t n;
        char parent[CGROUP_PARENT_LEN], build[CGROUP_PARENT_LEN];
        cgroup_parent("cgroupfs", TEST_UID, parent);
        cgroup_build_parent("cgroupfs", TEST_UID, build);
        cleanup_mountinfo struct mountinfo mi = { 0 };
        assert_int_equal(mountinfo_read(0, &mi, &e), 0);
        const struct cgroup_limits l = { 64 << 20, 150, 33, 32 << 20 };
        const struct cgroup_limits for_build = { -1, -1, 11, -1 };
        for (int again = 0; again < 2; again++) {
                if (cgroup_prepare("cgroupfs", TEST_UID, &l, &e))
                        fail_msg("%s", e.msg);
                assert_int_equal(cgroup_prepare_build("cgroupfs", TEST_UID, &for_build, &e), 0);
        }
        assert_true(exists_in_real(&mi, parent, &n) && n > 0);
        assert_string_equal(real_setting(&mi, parent, "pids.max"), "33\n");
        assert_string_equal(real_setting(&mi, build, "pids.max"), "11\n");
        const char *memory = real_setting(&mi, parent, "memory.limit_in_bytes");
        assert_string_equal(
                memory ? memory : real_setting(&mi, parent, "memory.max"), "67108864\n");
        /* Up and down again: memory and memory plus swap keep out of each other's way. */
        static const int64_t sizes[] = { 256 << 20, 32 << 20, -1, 16 << 20 };
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                struct cgroup_limits next = { sizes[i], -1, -1, -1 };
                assert_int_equal(cgroup_prepare("cgroupfs", TEST_UID, &next, &e), 0);
        }
        cgroup_remove("cgroupfs", TEST_UID);
        exists_in_real(&mi, parent, &n);
        assert_int_equal(n, 0);
        cgroup_remove("cgroupfs", TEST_UID);
}

/* A group with a process in it stays; so does everything with the other driver. */
static void test_remove_keeps_what_is_used(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        size_t n;
        char parent[CGROUP_PARENT_LEN];
        cgroup_parent("cgroupfs", TEST_UID, parent);
        cleanup_mountinfo struct mountinfo mi = { 0 };
        assert_int_equal(mountinfo_read(0, &mi, &e), 0);
        assert_int_equal(cgroup_prepare("cgroupfs", TEST_UID, &CGROUP_UNLIMITED, &e), 0);
        cgroup_remove("systemd", TEST_UID);
        assert_true(exists_in_real(&mi, parent, &n));
        const struct mountinfo_row *row = NULL;
        for (size_t i = 0; i < mi.n && !row; i++)
                if (strcmp(mi.rows[i].fstype, "cgroup") == 0 ||
                        strcmp(mi.rows[i].fstype, "cgroup2") == 0)
                        row = &mi.rows[i];
        cleanup_free char *procs = xasprintf("%s%s/cgroup.procs", row->path, parent);
        cleanup_free char *out = xasprintf("%s/cgroup.procs", row->path);
        write_text(procs, "0");
        cgroup_remove("cgroupfs", TEST_UID);
        assert_int_equal(access(procs, F_OK), 0);
        write_text(out, "0");
        cgroup_remove("cgroupfs", TEST_UID);
        assert_int_equal(access(procs, F_OK), -1);
}

/* The folder above all users stays for the next one; the tests leave nothing. */
static int remove_top(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (mountinfo_read(0, &mi, &e))
                return -1;
        for (size_t i = 0; i < mi.n; i++) {
                cleanup_free char *top = xasprintf("%s/ds01", mi.rows[i].path);
                if (str_starts(mi.rows[i].fstype, "cgroup"))
                        rmdir(top);
        }
        return 0;
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parents),
                cmocka_unit_test(test_v2_settings),
                cmocka_unit_test(test_v1_settings),
                cmocka_unit_test(test_missing_controllers),
                cmocka_unit_test(test_use),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_real_hierarchies),
                cmocka_unit_test(test_remove_keeps_what_is_used),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, remove_top));
}
