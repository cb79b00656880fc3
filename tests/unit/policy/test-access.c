/* SPDX-License-Identifier: MIT */
#include "policy/access.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct access_rule by_group = { .group = "ds01-users", .uid_min = 1000 };
static const struct access_rule everyone = { .group = NULL, .uid_min = 1000 };

static void test_matrix(void **state)
{
        (void)state;
        enum { OK = 0, DENY = ERR_DENIED, ROOT = ERR_INVALID };
        static const struct {
                const struct access_rule *rule;
                struct access_caller c;
                int anyone, user, user_or_admin;
        } rows[] = {
                { &by_group, { 1000, 1000, "alice", true, false }, OK, OK, OK },
                { &by_group, { 1000, 1000, "alice", false, false }, OK, DENY, DENY },
                { &by_group, { 1000, 1000, "alice", false, true }, OK, OK, OK },
                { &by_group, { 0, 0, "root", false, false }, OK, ROOT, OK },
                { &by_group, { 0, 0, "root", true, true }, OK, ROOT, OK },
                { &by_group, { 65534, 65534, "nobody", true, false }, OK, DENY, DENY },
                { &by_group, { 65534, 65534, "nobody", true, true }, OK, DENY, DENY },
                { &by_group, { (uid_t)-1, 1000, "none", true, true }, OK, DENY, DENY },
                { &by_group, { 999, 999, "service", true, false }, OK, OK, OK },
                { &by_group, { 1000, 0, "odd", true, false }, OK, DENY, DENY },
                { &everyone, { 1000, 1000, "alice", false, false }, OK, OK, OK },
                { &everyone, { 999, 999, "www-data", false, false }, OK, DENY, DENY },
                { &everyone, { 65534, 65534, "nobody", false, false }, OK, DENY, DENY },
                { &everyone, { 0, 0, "root", false, false }, OK, ROOT, OK },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const int want[] = { [ACCESS_ANYONE] = rows[i].anyone,
                        [ACCESS_USER] = rows[i].user,
                        [ACCESS_USER_OR_ADMIN] = rows[i].user_or_admin };
                for (int class = ACCESS_ANYONE; class <= ACCESS_USER_OR_ADMIN; class ++) {
                        struct err e = ERR_INIT;
                        int r = access_check(
                                rows[i].rule, &rows[i].c, (enum access_class) class, &e);
                        if ((r == 0) != (want[class] == OK) || (int)e.code != want[class])
                                fail_msg("row %zu class %d: %s", i, class, e.msg);
                }
        }
}

static void test_sentences(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        access_check_user(
                &by_group, &(struct access_caller){ 1000, 1000, "alice", false, false }, &e);
        assert_string_equal(e.msg, "You may not use ds01 on this machine");
        assert_non_null(strstr(e.fix, "sudo usermod -aG ds01-users alice"));
        access_check_user(&everyone, &(struct access_caller){ 12, 12, "www", false, false }, &e);
        assert_string_equal(e.msg, "You may not use ds01 on this machine");
        assert_null(strstr(e.fix, "usermod"));
        access_check_user(&by_group, &(struct access_caller){ 0, 0, "root", false, false }, &e);
        assert_string_equal(e.msg, "Root is an admin here, not a user");
        assert_non_null(strstr(e.fix, "sudo -u NAME"));
}

static void test_owner(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        const struct access_caller alice = { 1000, 1000, "alice", true, false };
        const struct access_caller admin = { 1001, 1001, "adm", false, true };
        const struct access_caller root = { 0, 0, "root", false, false };
        assert_int_equal(access_check_owner(&alice, 1000, &e), 0);
        assert_int_equal(access_check_owner(&alice, 1002, &e), -1);
        assert_int_equal(e.code, ERR_DENIED);
        assert_int_equal(access_check_owner(&admin, 1002, &e), 0);
        assert_int_equal(access_check_owner(&root, 1002, &e), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_matrix),
                cmocka_unit_test(test_sentences),
                cmocka_unit_test(test_owner),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
