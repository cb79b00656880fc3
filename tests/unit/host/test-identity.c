/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "host/identity.h"

#include <stdio.h>
#include <string.h>

#define ALICE "alice:x:1000:1000:alice:/home/alice:/bin/bash\n"

static void test_names(void **state)
{
        (void)state;
        static const struct {
                const char *name, *clean;
        } table[] = {
                { "alice", "alice" },
                { "Alice.Smith", "Alice.Smith" },
                { "alice@example.org", "alice@example.org" },
                { "DOMAIN\\alice", "DOMAIN_alice" },
                { "a:0:0", "a_0_0" },
                { "a b\tc\nd", "a_b_c_d" },
                { "j\xc3\xb6rg", "j__rg" },
                { "..", "_." },
                { ".", "_" },
                { "../../etc", "_._.._etc" },
                { "-rf", "_rf" },
                { "+alice", "_alice" },
                { "", "_" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                cleanup_free char *clean = identity_name(table[i].name);
                assert_string_equal(clean, table[i].clean);
                cleanup_free char *home = identity_home(table[i].name);
                assert_string_equal(strrchr(home, '/') + 1, table[i].clean);
        }
        char longest[300];
        memset(longest, 'a', sizeof longest - 1);
        longest[sizeof longest - 1] = '\0';
        cleanup_free char *clean = identity_name(longest);
        assert_int_equal(strlen(clean), 64);
}

static void test_passwd(void **state)
{
        (void)state;
        static const struct {
                const char *what, *image, *expect;
        } table[] = {
                { "no file", NULL, ALICE },
                { "empty", "", ALICE },
                { "Debian",
                        "root:x:0:0:root:/root:/bin/bash\n"
                        "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n"
                        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                        ALICE "root:x:0:0:root:/root:/bin/bash\n"
                              "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n"
                              "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n" },
                { "busybox, no newline at the end",
                        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false",
                        ALICE "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/"
                              "false\n" },
                { "own uid taken",
                        "ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\nx:x:5:5::/:/bin/sh\n",
                        ALICE "x:x:5:5::/:/bin/sh\n" },
                { "own uid written differently", "ubuntu:x:01000:1000::/:/bin/sh\n", ALICE },
                { "own name taken", "alice:x:0:0:root:/root:/bin/sh\n", ALICE },
                { "fields too few, too many, empty name, NIS",
                        "a:x:5:5::/\na:x:5:5::/:/bin/sh:more\n:x:5:5::/:/bin/"
                        "sh\n+::::::\n+@net:x:5:5::/:/bin/sh\n",
                        ALICE },
                { "ids that are none",
                        "a:x::5::/:/bin/sh\na:x:-1:5::/:/bin/sh\na:x:4294967295:5::/:/bin/"
                        "sh\na:x:5 :5::/:/bin/sh\n"
                        "a:x:0x5:5::/:/bin/sh\na:x:5:99999999999::/:/bin/sh\n",
                        ALICE },
                { "control bytes",
                        "a:x:5:5:\x1b[2J:/:/bin/sh\nb:x:6:6::/:/bin/sh\r\nc:x:7:7:\x7f:/:/bin/sh\n",
                        ALICE },
                { "odd names",
                        "a "
                        "b:x:5:5::/:/bin/sh\na/b:x:5:5::/:/bin/sh\nok:x:6:6:caf\xc3\xa9:/:/bin/"
                        "sh\n",
                        ALICE "ok:x:6:6:caf\xc3\xa9:/:/bin/sh\n" },
                { "blank lines", "\n\n\nok:x:6:6::/:/bin/sh\n\n", ALICE "ok:x:6:6::/:/bin/sh\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                cleanup_free char *text =
                        identity_passwd(table[i].image, 1000, 1000, "alice", "/bin/bash");
                if (strcmp(text, table[i].expect) != 0)
                        print_error("%s\n", table[i].what);
                assert_string_equal(text, table[i].expect);
        }
}

static void test_the_callers_line(void **state)
{
        (void)state;
        static const struct {
                const char *user, *shell, *expect;
        } table[] = {
                { "bob", "/usr/bin/zsh", "bob:x:7:8:bob:/home/bob:/usr/bin/zsh\n" },
                { "bob", NULL, "bob:x:7:8:bob:/home/bob:/bin/sh\n" },
                { "bob", "zsh", "bob:x:7:8:bob:/home/bob:/bin/sh\n" },
                { "bob", "/bin/sh\nroot2:x:0:0::/:/bin/sh", "bob:x:7:8:bob:/home/bob:/bin/sh\n" },
                { "bob", "/bin/a:b", "bob:x:7:8:bob:/home/bob:/bin/sh\n" },
                { "EX\\bob\nr:x:0:0", "/bin/sh",
                        "EX_bob_r_x_0_0:x:7:8:EX_bob_r_x_0_0:/home/EX_bob_r_x_0_0:/bin/sh\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                cleanup_free char *text =
                        identity_passwd(NULL, 7, 8, table[i].user, table[i].shell);
                assert_string_equal(text, table[i].expect);
        }
}

static void test_group(void **state)
{
        (void)state;
        static const struct identity_group own[] = { { 1000, "alice" }, { 2000, "lab" },
                { 3000, NULL } };
        static const char first[] = "alice:x:1000:\nlab:x:2000:alice\ng3000:x:3000:alice\n";
        static const struct {
                const char *image, *expect;
        } table[] = {
                { NULL, "" },
                { "root:x:0:\nsudo:x:27:alice,root\n", "root:x:0:\nsudo:x:27:\n" },
                { "lab:x:0:alice\nother:x:2000:\nubuntu:x:1000:\n", "" },
                { "g3000:x:99:\nok:x:98:\n", "ok:x:98:\n" },
                { "a:x:5\na:x:5:b:c\na:x:q:\n+:::\nroot:*:0:alice\n", "root:*:0:\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                cleanup_free char *text =
                        identity_group(table[i].image, "alice", own, ARRAY_LEN(own));
                assert_memory_equal(text, first, sizeof first - 1);
                assert_string_equal(text + sizeof first - 1, table[i].expect);
        }
}

static void test_own_groups_that_clash(void **state)
{
        (void)state;
        static const struct identity_group own[] = {
                { 1000, "EX\\lab" },
                { 2000, "EX/lab" },
                { 1000, "again" },
                { 2001, "a:b" },
        };
        cleanup_free char *text = identity_group(NULL, "al ice", own, ARRAY_LEN(own));
        assert_string_equal(text, "EX_lab:x:1000:\ng2000:x:2000:al_ice\na_b:x:2001:al_ice\n");
}

static void test_large_files_are_cut_between_lines(void **state)
{
        (void)state;
        FILE *f = tmpfile();
        for (int i = 0; i < 10000; i++)
                fprintf(f, "user%d:x:%d:5:somebody:/home/user:/bin/sh\n", i, 2000 + i);
        long n = ftell(f);
        cleanup_free char *image = xcalloc((size_t)n + 1, 1);
        rewind(f);
        assert_int_equal(fread(image, 1, (size_t)n, f), n);
        fclose(f);
        cleanup_free char *text = identity_passwd(image, 1000, 1000, "alice", "/bin/bash");
        size_t len = strlen(text);
        assert_true(len <= IDENTITY_MAX && len > IDENTITY_MAX - 100);
        assert_memory_equal(text, ALICE, sizeof ALICE - 1);
        assert_memory_equal(text + len - 9, ":/bin/sh\n", 9);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_passwd),
                cmocka_unit_test(test_the_callers_line),
                cmocka_unit_test(test_group),
                cmocka_unit_test(test_own_groups_that_clash),
                cmocka_unit_test(test_large_files_are_cut_between_lines),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
