/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/peer.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static int listener = -1;

static struct sockaddr_un address(void)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s/socket", sandbox);
        return a;
}

struct caller {
        uid_t uid;
        gid_t gid;
        gid_t groups[100];
        size_t n;
        int new_pid_namespace;
        int ends_at_once;
};

static void caller_connect_and_wait(const struct caller *c)
{
        struct sockaddr_un a = address();
        if (setgroups(c->n, c->groups) || setresgid(c->gid, c->gid, c->gid) ||
                setresuid(c->uid, c->uid, c->uid))
                _exit(99);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof a))
                _exit(98);
        char byte;
        if (!c->ends_at_once)
                (void)!read(fd, &byte, 1);
        _exit(0);
}

/* Lets a process of that kind connect, and asks who it is. */
static int ask(const struct caller *c, struct peer *ret, pid_t *ret_pid, struct err *e)
{
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (c->new_pid_namespace) {
                        if (unshare(CLONE_NEWPID))
                                _exit(97);
                        pid_t inner = fork();
                        if (inner)
                                _exit(inner < 0 ? 96 : waitpid(inner, NULL, 0) < 0);
                }
                caller_connect_and_wait(c);
        }
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        if (c->ends_at_once)
                assert_int_equal(waitpid(pid, NULL, 0), pid);
        int r = peer_of_socket(fd, ret, e);
        close(fd);
        if (!c->ends_at_once)
                assert_int_equal(waitpid(pid, NULL, 0), pid);
        *ret_pid = pid;
        return r;
}

static void test_a_person(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_peer struct peer p = { 0 };
        pid_t pid;
        const struct caller alice = { 1000, 1000, { 2000, 44 }, 2, 0, 0 };
        assert_int_equal(ask(&alice, &p, &pid, &e), 0);
        assert_int_equal(p.uid, 1000);
        assert_int_equal(p.gid, 1000);
        assert_int_equal(p.pid, pid);
        assert_string_equal(p.user, "alice");
        assert_string_equal(p.home, "/home/alice");
        assert_string_equal(p.shell, "/bin/bash");
        assert_int_equal(p.n_groups, 2);
        assert_true(peer_in_group(&p, 1000));
        assert_true(peer_in_group(&p, 44));
        assert_true(peer_in_group(&p, 2000));
        assert_false(peer_in_group(&p, 0));
        assert_false(peer_in_group(&p, 1001));
}

static void test_many_and_no_groups(void **state)
{
        (void)state;
        static const size_t counts[] = { 0, 1, 64, 65, 100 };
        for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
                struct err e = ERR_INIT;
                cleanup_peer struct peer p = { 0 };
                pid_t pid;
                struct caller c = { 1001, 1001, { 0 }, counts[i], 0, 0 };
                for (size_t k = 0; k < c.n; k++)
                        c.groups[k] = (gid_t)(5000 + k);
                assert_int_equal(ask(&c, &p, &pid, &e), 0);
                assert_int_equal(p.n_groups, counts[i]);
                assert_int_equal(peer_in_group(&p, (gid_t)(5000 + counts[i] - 1)), counts[i] > 0);
        }
}

static void test_root_passes(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_peer struct peer p = { 0 };
        pid_t pid;
        const struct caller root = { 0, 0, { 0 }, 0, 0, 0 };
        assert_int_equal(ask(&root, &p, &pid, &e), 0);
        assert_string_equal(p.user, "root");
}

static void test_refusals(void **state)
{
        (void)state;
        static const struct {
                struct caller c;
                const char *says;
        } table[] = {
                { { 120, 120, { 0 }, 0, 0, 0 }, "system account" },
                { { 999, 999, { 0 }, 0, 0, 0 }, "no account" },
                { { 54321, 54321, { 0 }, 0, 0, 0 }, "no account" },
                { { 65534, 65534, { 0 }, 0, 0, 0 }, "nobody" },
                { { 1000, 1000, { 0 }, 0, 1, 0 }, "namespace" },
                { { 0, 0, { 0 }, 0, 1, 0 }, "namespace" },
                { { 1000, 1000, { 0 }, 0, 0, 1 }, "has ended" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct err e = ERR_INIT;
                struct peer p = { .uid = 4242 };
                pid_t pid;
                assert_int_equal(ask(&table[i].c, &p, &pid, &e), -1);
                assert_int_equal(e.code, ERR_DENIED);
                assert_non_null(strstr(e.msg, table[i].says));
                assert_int_equal(p.uid, 4242);
                assert_null(p.user);
        }
}

static void test_not_a_unix_socket(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct peer p;
        int pair[2];
        assert_int_equal(pipe(pair), 0);
        assert_int_equal(peer_of_socket(pair[0], &p, &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        close(pair[0]);
        close(pair[1]);
}

static void test_container_groups(void **state)
{
        (void)state;
        gid_t own[] = { 2000, 150, 44, 0, 1000, 65534, 2000, 7777 };
        struct peer p = { .uid = 1000, .gid = 1000, .groups = own, .n_groups = ARRAY_LEN(own) };
        static const struct {
                const char *allowed[4];
                gid_t expect[4];
                size_t n;
        } table[] = {
                { { NULL }, { 2000, 7777 }, 2 },
                { { "video" }, { 2000, 44, 7777 }, 3 },
                /* What isn't the caller's own, or is root's, is not given, whoever names it. */
                { { "bob", "root", "nogroup", "no-such-group" }, { 2000, 7777 }, 2 },
                { { "docker", "video" }, { 2000, 150, 44, 7777 }, 4 },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                cleanup_strv struct strv allowed = { 0 };
                for (size_t k = 0; k < 4 && table[i].allowed[k]; k++)
                        strv_add(&allowed, table[i].allowed[k]);
                cleanup_free gid_t *gids = NULL;
                size_t n = 99;
                peer_container_groups(&p, &allowed, &gids, &n);
                assert_int_equal(n, table[i].n);
                assert_memory_equal(gids, table[i].expect, n * sizeof *gids);
        }
}

int main(void)
{
        sandbox_enter();
        cover_accounts();
        struct sockaddr_un a = address();
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sandbox_need(bind(listener, (struct sockaddr *)&a, sizeof a) == 0 &&
                             listen(listener, 8) == 0 && chmod(a.sun_path, 0666) == 0,
                "listening");
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_person),
                cmocka_unit_test(test_many_and_no_groups),
                cmocka_unit_test(test_root_passes),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_not_a_unix_socket),
                cmocka_unit_test(test_container_groups),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
