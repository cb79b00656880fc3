/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/account.h"

static void test_accounts(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                uid_t uid;
                const char *home;
        } table[] = {
                { "alice", 1000, "/home/alice" },
                { "bob", 1001, "/data/bob" },
                { "root", 0, "/root" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct err e = ERR_INIT;
                cleanup_account struct account by_id = { 0 }, by_name = { 0 };
                assert_int_equal(account_by_uid(table[i].uid, &by_id, &e), 0);
                assert_int_equal(account_by_name(table[i].name, &by_name, &e), 0);
                assert_string_equal(by_id.user, table[i].name);
                assert_string_equal(by_id.home, table[i].home);
                assert_int_equal(by_name.uid, table[i].uid);
        }
}

static void test_absent_is_told_apart(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct account a = { .uid = 7 };
        assert_int_equal(account_by_uid(54321, &a, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(a.uid, 7);
        assert_int_equal(account_by_name("nobody-at-all", &a, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        gid_t gid = 7;
        assert_int_equal(host_group_gid("no-such-group", &gid, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(gid, 7);
}

static void test_groups(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        gid_t gid = 0;
        cleanup_free char *name = NULL;
        assert_int_equal(host_group_gid("lab", &gid, &e), 0);
        assert_int_equal(gid, 2000);
        assert_int_equal(host_group_name(150, &name, &e), 0);
        assert_string_equal(name, "docker");
}

/* A group of many members needs more room than the first try has. */
static void test_long_entries(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        gid_t gid = 0;
        FILE *f = fopen(in_sandbox("long"), "we");
        fputs("crowd:x:3000:", f);
        for (int i = 0; i < 20000; i++)
                fprintf(f, "%smember%d", i ? "," : "", i);
        fputs("\n", f);
        fclose(f);
        assert_int_equal(mount(in_sandbox("long"), "/etc/group", NULL, MS_BIND, NULL), 0);
        assert_int_equal(host_group_gid("crowd", &gid, &e), 0);
        assert_int_equal(gid, 3000);
        assert_int_equal(umount("/etc/group"), 0);
}

/* Those that a group lists, and those whose own group it is; each once. */
static void test_members(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_strv struct strv members = { 0 }, none = { 0 };
        cover_file("passwd",
                "root:x:0:0:root:/root:/bin/bash\nowner:x:5001:4000:::\nlisted:x:5002:4000:::\n"
                "odd line\nother:x:4000:5003:::\nlast:x:5004:4000::/:/bin/sh",
                "/etc/passwd");
        cover_file("group", "crew:x:4000:listed,abroad\nempty:x:4001:\n", "/etc/group");
        assert_int_equal(host_group_members("crew", &members, &e), 0);
        assert_int_equal(members.n, 4);
        static const char *const wanted[] = { "listed", "abroad", "owner", "last" };
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                assert_true(strv_has(&members, wanted[i]));
        assert_int_equal(host_group_members("empty", &none, &e), 0);
        assert_int_equal(none.n, 0);
        assert_int_equal(host_group_members("nothing", &none, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(umount("/etc/passwd"), 0);
        assert_int_equal(umount("/etc/group"), 0);
}

static void test_borders(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                unsigned uid_min, gid_min;
        } table[] = {
                { "UID_MIN 1000\nGID_MIN\t\t 1500\n", 1000, 1500 },
                { "#UID_MIN 5\nSYS_UID_MIN 100\nUID_MIN  500\nUID_MIN\n", 500, 1000 },
                { "UID_MIN many\nGID_MIN 0\n", 1000, 1000 },
                { "", 1000, 1000 },
                { "UID_MIN 200", 200, 1000 },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                cover_file("login.defs", table[i].text, "/etc/login.defs");
                assert_int_equal(host_uid_min(), table[i].uid_min);
                assert_int_equal(host_gid_min(), table[i].gid_min);
                assert_int_equal(umount("/etc/login.defs"), 0);
        }
}

int main(void)
{
        sandbox_enter();
        cover_accounts();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accounts),
                cmocka_unit_test(test_absent_is_told_apart),
                cmocka_unit_test(test_groups),
                cmocka_unit_test(test_long_entries),
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_borders),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
