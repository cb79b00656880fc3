/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/mountinfo.h"

static void test_rows(void **state)
{
        (void)state;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        mountinfo_parse(
                "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
                "37 35 0:5 / /a\\040b\\134c\\011\\012 ro,nosuid - tmpfs none rw\n"
                "38 35 0:6 / /mnt2 rw,nodev shared:1 master:2 propagate_from:3 - nfs4 h:/x "
                "rw,vers=4\n",
                &mi);
        assert_int_equal(mi.n, 3);
        const struct mountinfo_row *r = mountinfo_by_id(&mi, 36);
        assert_non_null(r);
        assert_string_equal(r->dev, "98:0");
        assert_string_equal(r->root, "/mnt1");
        assert_string_equal(r->path, "/mnt2");
        assert_string_equal(r->options, "rw,noatime");
        assert_string_equal(r->fstype, "ext3");
        assert_string_equal(r->super, "rw,errors=continue");
        assert_string_equal(mountinfo_by_id(&mi, 37)->path, "/a b\\c\t\n");
        assert_string_equal(mountinfo_by_id(&mi, 38)->fstype, "nfs4");
        assert_null(mountinfo_by_id(&mi, 35));
        /* The upper one of two. */
        assert_int_equal(mountinfo_by_path(&mi, "/mnt2")->id, 38);
        assert_null(mountinfo_by_path(&mi, "/mnt"));
}

static void test_other_lines_are_left_out(void **state)
{
        (void)state;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        mountinfo_parse("\nnonsense\n - \n1 2 3 - x y z\nx 35 0:5 / /a rw - tmpfs none rw\n"
                        "1 2 0:5 / /a rw - tmpfs\n9 1 0:5 / /ok rw - tmpfs none rw",
                &mi);
        assert_int_equal(mi.n, 1);
        assert_string_equal(mi.rows[0].path, "/ok");
}

static void test_options(void **state)
{
        (void)state;
        static const struct {
                const char *options, *word;
                bool has;
        } table[] = {
                { "rw,nosuid,nodev", "nosuid", true },
                { "rw,nosuid,nodev", "nodev", true },
                { "rw,nosuid,nodev", "rw", true },
                { "rw,nosuid,nodev", "nosui", false },
                { "rw,nosuid,nodev", "suid", false },
                { "rw,cpu,cpuacct", "cpu", true },
                { "rw,cpuacct", "cpu", false },
                { "", "rw", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                assert_int_equal(
                        mountinfo_has_option(table[i].options, table[i].word), table[i].has);
}

static void test_our_own(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        assert_int_equal(mountinfo_read(0, &mi, &e), 0);
        const struct mountinfo_row *r = mountinfo_by_path(&mi, sandbox);
        assert_non_null(r);
        assert_string_equal(r->fstype, "tmpfs");
        /* The namespace that the sandbox was made in does not have it. */
        cleanup_mountinfo struct mountinfo parents = { 0 };
        assert_int_equal(mountinfo_read(getppid(), &parents, &e), 0);
        assert_null(mountinfo_by_path(&parents, sandbox));
}

static void test_gone(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct mountinfo mi = { .n = 77 };
        assert_int_equal(mountinfo_read(0x3fffffff, &mi, &e), -1);
        assert_int_equal(mi.n, 77);
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_other_lines_are_left_out),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_our_own),
                cmocka_unit_test(test_gone),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
