/* SPDX-License-Identifier: MIT */
/* What the filter says to system calls, by its text; golden/seccomp-root.json has that whole. */
#include "policy/seccomp.h"

#include "base/json.h"
#include "base/mem.h"

#include <sched.h>
#include <setjmp.h>
#include <sha256.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static json_t *read_profile(void)
{
        struct err e = ERR_INIT;
        json_t *profile = NULL;
        const char *text = seccomp_root_profile();
        assert_int_equal(json_parse(text, strlen(text), 16, &profile, &e), 0);
        return profile;
}

/* The rule that a call with these arguments meets; NULL: none. Not two that differ. */
static const json_t *rule_for(const json_t *filter, const char *name, const uint64_t args[4])
{
        const json_t *met = NULL;
        size_t i, k;
        json_t *rule, *match;
        json_array_foreach (json_object_get(filter, "syscalls"), i, rule) {
                bool named = false, matches = true;
                json_array_foreach (json_object_get(rule, "names"), k, match)
                        named |= strcmp(json_string_value(match), name) == 0;
                json_array_foreach (json_object_get(rule, "args"), k, match) {
                        uint64_t v = args[json_int(match, "index", 0)];
                        assert_string_equal(json_str(match, "op"), "SCMP_CMP_MASKED_EQ");
                        matches &= (v & (uint64_t)json_int(match, "value", 0)) ==
                                   (uint64_t)json_int(match, "valueTwo", -1);
                }
                if (!named || !matches)
                        continue;
                assert_true(!met || strcmp(json_str(met, "action"), json_str(rule, "action")) == 0);
                met = rule;
        }
        return met;
}

/* A filter with the rules for one call alone: they are looked through often. */
static json_t *only(const json_t *filter, const char *name)
{
        json_t *rules = json_array(), *rule;
        size_t i;
        json_array_foreach (json_object_get(filter, "syscalls"), i, rule) {
                const json_t *names = json_object_get(rule, "names");
                if (strcmp(json_string_value(json_array_get(names, 0)), name) == 0)
                        json_array_append(rules, rule);
        }
        assert_true(json_array_size(rules) > 0);
        return json_pack("{s:o}", "syscalls", rules);
}

static bool allows(const json_t *rule)
{
        return rule && strcmp(json_str(rule, "action"), "SCMP_ACT_ALLOW") == 0;
}

static void test_filter(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                uint64_t a, b;
                bool allowed;
        } rows[] = { { "openat", 0, 0, true }, { "setgroups", 0, 0, true },
                { "socket", AF_INET, SOCK_STREAM, true }, { "socket", AF_INET6, SOCK_DGRAM, true },
                { "socket", AF_NETLINK, SOCK_RAW, true }, { "socket", AF_UNIX, SOCK_STREAM, false },
                { "socket", AF_UNIX, SOCK_DGRAM, false },
                { "socket", AF_VSOCK, SOCK_STREAM, false },
                { "socket", AF_ALG, SOCK_SEQPACKET, false },
                /* The kernel looks at the lower half only. */
                { "socket", AF_UNIX | 1ULL << 32, SOCK_STREAM, false },
                { "socketpair", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, true },
                { "socketpair", AF_UNIX, SOCK_SEQPACKET, true },
                { "socketpair", AF_UNIX, SOCK_DGRAM, false },
                { "socketpair", AF_TIPC, SOCK_STREAM, false },
                { "socketpair", AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, false },
                { "clone", SIGCHLD, 0, true }, { "clone", CLONE_NEWUSER, 0, false },
                { "clone", CLONE_NEWNS | SIGCHLD, 0, false }, { "clone", CLONE_NEWTIME, 0, false },
                { "clone3", 0, 0, false }, { "unshare", 0, 0, false }, { "setns", 0, 0, false },
                { "mount", 0, 0, false }, { "open_tree", 0, 0, false },
                { "io_uring_setup", 0, 0, false }, { "io_uring_enter", 0, 0, false },
                { "socketcall", 0, 0, false }, { "open_by_handle_at", 0, 0, false },
                /* What brings a descriptor in. */
                { "recvfrom", 0, 0, true }, { "recvmsg", 0, 0, false }, { "recvmmsg", 0, 0, false },
                { "seccomp", 1, 0, true }, { "seccomp", 1, 1, true }, { "seccomp", 1, 8, false },
                { "seccomp", 1, 9, false }, { "seccomp", 1, 8 | 1ULL << 32, false },
                { "pidfd_getfd", 0, 0, false }, { "bpf", 0, 0, false }, { "keyctl", 0, 0, false },
                { "chroot", 0, 0, false }, { "pivot_root", 0, 0, false },
                { "init_module", 0, 0, false }, { "personality", 0xffffffff, 0, true },
                { "personality", 0x0040000, 0, false } };
        cleanup_json json_t *filter = read_profile();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const uint64_t args[4] = { rows[i].a, rows[i].b, 0, 0 };
                if (allows(rule_for(filter, rows[i].name, args)) != rows[i].allowed)
                        fail_msg("row %zu: %s is%s allowed", i, rows[i].name,
                                rows[i].allowed ? " not" : "");
        }
        assert_string_equal(json_str(filter, "defaultAction"), "SCMP_ACT_ERRNO");
        /* Only the machine's own architecture: others have ways of their own to a socket. */
        assert_null(json_object_get(filter, "archMap"));
        assert_null(json_object_get(filter, "architectures"));
}

/*
 * The kernel gives nobody's files to whoever a mount knows: 0, and groups from 1000 up. The three kinds
 * of answer, for every group that packages have, and for the upper halves that the kernel doesn't see.
 */
static void test_filter_of_owners(void **state)
{
        (void)state;
        enum { GOES_THROUGH, SAYS_YES, REFUSED };
        static const struct {
                const char *name;
                int owner;
        } calls[] = { { "chown", 1 }, { "fchown", 1 }, { "lchown", 1 }, { "fchownat", 2 } };
        cleanup_json json_t *whole = read_profile();
        for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
                cleanup_json json_t *filter = only(whole, calls[c].name);
                for (uint64_t i = 0; i < 2 * 66000; i++) {
                        uint64_t id = i / 2, high = i % 2 << 32;
                        uint64_t as_owner[4] = { 0 }, as_group[4] = { 0 };
                        as_owner[calls[c].owner] = id | high;
                        as_owner[calls[c].owner + 1] = 0;
                        as_group[calls[c].owner] = high;
                        as_group[calls[c].owner + 1] = id | high;
                        int owner = id == 0      ? SAYS_YES
                                    : id < 1000  ? GOES_THROUGH
                                    : id < 65536 ? SAYS_YES
                                                 : REFUSED;
                        int group = id == 0 ? SAYS_YES : id < 1000 ? GOES_THROUGH : REFUSED;
                        /* Most of the range is one rule; its borders and a sample will do. */
                        if (id > 1100 && id < 65500 && id % 997)
                                continue;
                        for (int k = 0; k <= 1; k++) {
                                const json_t *rule =
                                        rule_for(filter, calls[c].name, k ? as_group : as_owner);
                                int is = allows(rule) ? GOES_THROUGH : rule ? SAYS_YES : REFUSED;
                                if (is != (k ? group : owner))
                                        fail_msg("%s with %s %llu: %d", calls[c].name,
                                                k ? "group" : "owner", (unsigned long long)id, is);
                                if (is == SAYS_YES)
                                        assert_int_equal(json_int(rule, "errnoRet", 1), 0);
                        }
                }
        }
        static const uint64_t unchanged[4] = { 0, UINT32_MAX, 2000, 0 },
                              only_owner[4] = { 0, 0, UINT32_MAX, 0 };
        assert_true(allows(rule_for(whole, "chown", unchanged)));
        assert_false(allows(rule_for(whole, "chown", only_owner)));
}

/* Packages' accounts and nobody; never one of people's, by none of the calls and in no half of a register. */
static void test_filter_of_ids(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                int n;
        } calls[] = { { "setuid", 1 }, { "setgid", 1 }, { "setfsuid", 1 }, { "setfsgid", 1 },
                { "setreuid", 2 }, { "setregid", 2 }, { "setresuid", 3 }, { "setresgid", 3 } };
        static const uint64_t ids[] = { 0, 1, 33, 999, 1000, 1001, 65533, 65534, 65535, UINT32_MAX,
                1000 | 1ULL << 32, UINT64_MAX };
        enum { SYSTEM = 4, NOBODY = 7, KEEP = 9, ALSO_1000 = 10, ALSO_KEEP = 11 };
        cleanup_json json_t *whole = read_profile();
        for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
                cleanup_json json_t *filter = only(whole, calls[c].name);
                bool two = calls[c].n > 1;
                for (size_t i = 0; i < ARRAY_LEN(ids) * ARRAY_LEN(ids); i++) {
                        const size_t at[2] = { i % ARRAY_LEN(ids), i / ARRAY_LEN(ids) };
                        const uint64_t args[4] = { ids[at[0]], ids[at[1]], 1001, 0 };
                        bool fine = true;
                        for (int k = 0; k <= two; k++)
                                fine &= at[k] < SYSTEM || at[k] == NOBODY ||
                                        (two && (at[k] == KEEP || at[k] == ALSO_KEEP));
                        assert_true(at[0] != ALSO_1000 || !fine);
                        if (allows(rule_for(filter, calls[c].name, args)) != fine)
                                fail_msg("%s(%lld, %lld)", calls[c].name, (long long)args[0],
                                        (long long)args[1]);
                }
        }
}

/* Where people's ids begin below 1000 the filter would let root inside become one of them. */
static void test_suits(void **state)
{
        (void)state;
        assert_true(seccomp_root_suits(1000) && seccomp_root_suits(2000));
        assert_false(seccomp_root_suits(999) || seccomp_root_suits(500));
}

/* The mark is the profile's: the same as long as that is. */
static void test_mark(void **state)
{
        (void)state;
        const char *text = seccomp_root_profile();
        char mark[SECCOMP_MARK_SIZE], digest[SHA256_DIGEST_STRING_LENGTH];
        seccomp_root_mark(mark);
        SHA256Data((const uint8_t *)text, strlen(text), digest);
        assert_int_equal(strlen(mark), SECCOMP_MARK_SIZE - 1);
        assert_memory_equal(mark, digest, SECCOMP_MARK_SIZE - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_filter),
                cmocka_unit_test(test_filter_of_owners),
                cmocka_unit_test(test_filter_of_ids),
                cmocka_unit_test(test_suits),
                cmocka_unit_test(test_mark),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
