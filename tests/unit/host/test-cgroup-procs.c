/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/cgroup.h"

#include <errno.h>
#include <signal.h>

/*
 * Containers made of plain groups: <hierarchy>/ds01-test-<pid>/<id> on every hierarchy kind that
 * this machine has, with children of ours in them.
 */
#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char hierarchy[2][256]; /* one of v1 and one of v2, "" where there is none */
static const char *current;
static pid_t test_pid; /* in the name, so that two runs at once keep apart */

static char *group_path(const char *name)
{
        return xasprintf("%s/ds01-test-%d/%s", current, test_pid, name);
}

static void make_group(const char *name)
{
        cleanup_free char *top = xasprintf("%s/ds01-test-%d", current, test_pid);
        cleanup_free char *path = group_path(name);
        if (mkdir(top, 0755))
                assert_int_equal(errno, EEXIST);
        assert_int_equal(mkdir(path, 0755), 0);
}

static void remove_group(const char *name)
{
        cleanup_free char *top = xasprintf("%s/ds01-test-%d", current, test_pid);
        cleanup_free char *path = group_path(name);
        /* The kernel takes a moment to see the last process off. */
        for (int i = 0; i < 200 && rmdir(path); i++)
                usleep(10000);
        assert_int_equal(access(path, F_OK), -1);
        rmdir(top);
}

/* A process in a group; as a session leader if asked. It reports SIGHUP and SIGTERM by its status.
 */
static void on_signal(int sig)
{
        _exit(sig);
}

/* What the next one to start does about signals. */
static enum { LISTENS, DEAF, SHELL } manner;

static void prepare_signals(void)
{
        signal(SIGHUP, on_signal);
        signal(SIGTERM, manner == LISTENS ? on_signal : SIG_IGN);
        if (manner == SHELL) {
                signal(SIGQUIT, SIG_IGN);
                signal(SIGINT, on_signal);
        }
}

static pid_t start(const char *group, bool new_session)
{
        int ready[2];
        char c;
        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                prepare_signals();
                if (new_session)
                        setsid();
                if (group) {
                        cleanup_free char *path = group_path(group);
                        cleanup_free char *procs = xasprintf("%s/cgroup.procs", path);
                        int fd = open(procs, O_WRONLY);
                        if (fd < 0 || write(fd, "0", 1) != 1)
                                _exit(99);
                        close(fd);
                }
                (void)!write(ready[1], "x", 1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &c, 1), 1);
        close(ready[0]);
        return pid;
}

/* The signal that ended the child, by death or by its handler; 0 if it lives on. */
static int ended_by(pid_t pid, bool wait_for_it)
{
        int status;
        pid_t r = waitpid(pid, &status, wait_for_it ? 0 : WNOHANG);
        return r != pid ? 0 : WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void end(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static void test_membership(void **state)
{
        (void)state;
        make_group(ID_A);
        make_group(ID_A "/sub");
        make_group("docker-" ID_B ".scope");
        make_group("x" ID_B);
        static const struct {
                const char *group;
                bool in_a, in_b;
        } table[] = {
                { ID_A, true, false },
                { ID_A "/sub", true, false },
                { "docker-" ID_B ".scope", false, true },
                { "x" ID_B, false, false }, /* a longer name that holds the id */
                { NULL, false, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                pid_t pid = start(table[i].group, false);
                assert_int_equal(cgroup_process_in(pid, ID_A), table[i].in_a);
                assert_int_equal(cgroup_process_in(pid, ID_B), table[i].in_b);
                assert_int_equal(cgroup_procs(pid, ID_A), table[i].in_a);
                assert_int_equal(cgroup_procs(pid, ID_B), table[i].in_b);
                /* A short or odd id never means anything. */
                assert_false(cgroup_process_in(pid, "aaaaaaaaaaaa"));
                assert_false(cgroup_process_in(pid, ""));
                assert_false(cgroup_process_in(pid, "/"));
                end(pid);
                assert_false(cgroup_process_in(pid, ID_A));
        }
        assert_false(cgroup_process_in(0, ID_A));
        assert_false(cgroup_process_in(-1, ID_A));
        remove_group(ID_A "/sub");
        remove_group(ID_A);
        remove_group("docker-" ID_B ".scope");
        remove_group("x" ID_B);
}

static void test_signal_all(void **state)
{
        (void)state;
        static const int signals[] = { SIGTERM, SIGHUP, SIGKILL };
        for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
                struct err e = ERR_INIT;
                make_group(ID_A);
                make_group(ID_A "/sub");
                make_group(ID_A "/sub/sub");
                make_group(ID_B);
                pid_t init = start(ID_A, true);
                pid_t inner = start(ID_A "/sub", false);
                pid_t deep = start(ID_A "/sub/sub", true);
                pid_t other = start(ID_B, false);
                pid_t outside = start(NULL, false);
                assert_int_equal(cgroup_procs(init, ID_A), 3);
                assert_int_equal(cgroup_procs(deep, ID_A), 3);
                assert_int_equal(cgroup_signal(init, ID_A, CGROUP_ALL, signals[i], &e), 0);
                assert_int_equal(ended_by(init, true), signals[i]);
                assert_int_equal(ended_by(inner, true), signals[i]);
                assert_int_equal(ended_by(deep, true), signals[i]);
                assert_int_equal(ended_by(other, false), 0);
                assert_int_equal(ended_by(outside, false), 0);
                assert_int_equal(cgroup_procs(init, ID_A), 0);
                end(other);
                end(outside);
                remove_group(ID_A "/sub/sub");
                remove_group(ID_A "/sub");
                remove_group(ID_A);
                remove_group(ID_B);
        }
}

/* A pid that is not, or no longer, the container's: nobody is signalled. */
static void test_wrong_pids(void **state)
{
        (void)state;
        make_group(ID_A);
        make_group(ID_B);
        pid_t a = start(ID_A, true), b = start(ID_B, true), outside = start(NULL, true);
        pid_t gone = start(ID_A, false);
        end(gone);
        const pid_t wrong[] = { b, outside, gone, 0, -1, 1, getpid() };
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                struct err e = ERR_INIT;
                assert_int_equal(cgroup_signal(wrong[i], ID_A, CGROUP_ALL, SIGKILL, &e), -1);
                assert_int_equal(e.code, ERR_NOT_RUNNING);
                assert_int_equal(cgroup_end_session(wrong[i], ID_A, SIGKILL, &e), -1);
                assert_int_equal(e.code, ERR_NOT_RUNNING);
                assert_int_equal(cgroup_kill_process(wrong[i], ID_A, &e), -1);
                assert_int_equal(e.code, ERR_NOT_RUNNING);
                assert_int_equal(cgroup_procs(wrong[i], ID_A), 0);
        }
        assert_int_equal(ended_by(a, false), 0);
        assert_int_equal(ended_by(b, false), 0);
        assert_int_equal(ended_by(outside, false), 0);
        end(a);
        end(b);
        end(outside);
        remove_group(ID_A);
        remove_group(ID_B);
}

/* A shell (session leader) with a child in its session, and one that left it as nohup setsid does.
 */
static pid_t start_child_in_session_of_new_leader(pid_t *ret_leader, bool child_leaves)
{
        int report[2];
        assert_int_equal(pipe(report), 0);
        *ret_leader = fork();
        if (*ret_leader == 0) {
                signal(SIGHUP, on_signal);
                setsid();
                cleanup_free char *path = group_path(ID_A);
                cleanup_free char *procs = xasprintf("%s/cgroup.procs", path);
                int fd = open(procs, O_WRONLY);
                if (fd < 0 || write(fd, "0", 1) != 1)
                        _exit(99);
                pid_t child = fork();
                if (child == 0) {
                        /* In its group from the start. */
                        if (child_leaves)
                                setsid();
                        child = getpid();
                        (void)!write(report[1], &child, sizeof child);
                        for (;;)
                                pause();
                }
                for (;;)
                        pause();
        }
        pid_t child;
        assert_int_equal(read(report[0], &child, sizeof child), sizeof child);
        close(report[0]);
        close(report[1]);
        return child;
}

static bool gone_soon(pid_t pid)
{
        for (int i = 0; i < 300; i++) {
                /* A zombie that is nobody's child here is gone all the same: it has left its group.
                 */
                if (!cgroup_process_in(pid, ID_A))
                        return true;
                usleep(10000);
        }
        return false;
}

static void test_end_session(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_group(ID_A);
        pid_t init = start(ID_A, true);
        pid_t shell, other_shell;
        pid_t job = start_child_in_session_of_new_leader(&shell, false);
        pid_t daemon = start_child_in_session_of_new_leader(&other_shell, true);
        /* A stopped job must get it too. */
        kill(job, SIGSTOP);
        assert_int_equal(cgroup_end_session(shell, ID_A, SIGHUP, &e), 0);
        assert_int_equal(ended_by(shell, true), SIGHUP);
        assert_true(gone_soon(job));
        assert_int_equal(ended_by(init, false), 0);
        assert_int_equal(ended_by(other_shell, false), 0);
        assert_int_equal(cgroup_end_session(other_shell, ID_A, SIGHUP, &e), 0);
        assert_int_equal(ended_by(other_shell, true), SIGHUP);
        assert_int_equal(ended_by(init, false), 0);
        assert_true(cgroup_process_in(daemon, ID_A));
        assert_int_equal(cgroup_end_session(shell, ID_A, SIGHUP, &e), -1);
        assert_int_equal(cgroup_kill_process(daemon, ID_A, &e), 0);
        assert_true(gone_soon(daemon));
        end(init);
        remove_group(ID_A);
}

static void test_kill_one(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_group(ID_A);
        pid_t init = start(ID_A, true), shell = start(ID_A, true);
        assert_int_equal(cgroup_kill_process(shell, ID_A, &e), 0);
        assert_int_equal(ended_by(shell, true), SIGKILL);
        assert_int_equal(ended_by(init, false), 0);
        end(init);
        remove_group(ID_A);
}

/* Children that fork on and on: SIGKILL gets them all. */
static void test_kill_outruns_forks(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_group(ID_A);
        pid_t init = start(ID_A, true);
        pid_t forker = fork();
        if (forker == 0) {
                cleanup_free char *path = group_path(ID_A);
                cleanup_free char *procs = xasprintf("%s/cgroup.procs", path);
                int fd = open(procs, O_WRONLY);
                if (fd < 0 || write(fd, "0", 1) != 1)
                        _exit(99);
                /* Each lives a moment and leaves a successor: about ten at a time. */
                for (;;) {
                        pid_t next = fork();
                        if (next != 0) {
                                usleep(2000);
                                _exit(0);
                        }
                        usleep(200);
                }
        }
        waitpid(forker, NULL, 0);
        assert_int_equal(cgroup_signal(init, ID_A, CGROUP_ALL, SIGKILL, &e), 0);
        assert_int_equal(ended_by(init, true), SIGKILL);
        remove_group(ID_A); /* fails if one is left */
}

/* A first process with two children, as the engine's init has the main process and an orphan. */
static pid_t start_init(pid_t kids[2])
{
        int p[2];
        assert_int_equal(pipe(p), 0);
        pid_t init = fork();
        assert_true(init >= 0);
        if (init == 0) {
                cleanup_free char *path = group_path(ID_A);
                cleanup_free char *procs = xasprintf("%s/cgroup.procs", path);
                int fd = open(procs, O_WRONLY);
                if (fd < 0 || write(fd, "0", 1) != 1)
                        _exit(99);
                close(fd);
                signal(SIGCHLD, SIG_IGN); /* reaps them */
                for (int i = 0; i < 2; i++) {
                        pid_t kid = fork();
                        if (kid == 0) {
                                prepare_signals();
                                kid = getpid();
                                (void)!write(p[1], &kid, sizeof kid);
                                for (;;)
                                        pause();
                        }
                        usleep(1000);
                }
                for (;;)
                        pause();
        }
        for (int i = 0; i < 2; i++)
                assert_int_equal(read(p[0], &kids[i], sizeof kids[i]), sizeof kids[i]);
        if (kids[0] > kids[1]) { /* whichever could write first */
                pid_t first = kids[1];
                kids[1] = kids[0];
                kids[0] = first;
        }
        close(p[0]);
        close(p[1]);
        return init;
}

static bool is_gone(pid_t pid)
{
        for (int i = 0; i < 200 && kill(pid, 0) == 0; i++)
                usleep(1000);
        return kill(pid, 0) < 0;
}

/* The first process doesn't count, the main one counts apart, shells are told from what is deaf. */
static void test_count(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct cgroup_counts n = { .others = 7 };
        pid_t kids[2];
        make_group(ID_A);
        make_group(ID_A "/sub");
        assert_int_equal(cgroup_count(getpid(), ID_A, &n, &e), -1);
        assert_int_equal(e.code, ERR_NOT_RUNNING);
        assert_int_equal(n.others, 7);
        pid_t init = start(ID_A, true);
        assert_int_equal(cgroup_count(init, ID_A, &n, &e), 0);
        assert_int_equal(n.others, 0);
        assert_false(n.main_shell || n.main_catches);
        end(init);

        init = start_init(kids);
        manner = DEAF;
        pid_t ignores = start(ID_A "/sub", true);
        manner = SHELL;
        pid_t shell = start(ID_A "/sub", true);
        manner = LISTENS;
        assert_int_equal(cgroup_count(init, ID_A, &n, &e), 0);
        assert_int_equal(n.others, 3);
        assert_int_equal(n.shells, 1);
        assert_true(n.main_catches && !n.main_shell);
        end(ignores);
        end(shell);
        kill(kids[0], SIGKILL);
        kill(kids[1], SIGKILL);
        end(init);

        manner = SHELL;
        init = start_init(kids);
        manner = LISTENS;
        assert_int_equal(cgroup_count(init, ID_A, &n, &e), 0);
        assert_int_equal(n.others, 1);
        assert_int_equal(n.shells, 1);
        assert_true(n.main_shell && !n.main_catches);
        assert_int_equal(cgroup_signal(init, ID_A, CGROUP_ALL, SIGKILL, &e), 0);
        assert_int_equal(ended_by(init, true), SIGKILL);
        remove_group(ID_A "/sub");
        remove_group(ID_A);
}

static void test_signal_some(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        pid_t kids[2];
        make_group(ID_A);
        pid_t init = start_init(kids);
        pid_t entered = start(ID_A, true), frozen = start(ID_A, true);
        kill(frozen, SIGSTOP);
        assert_int_equal(cgroup_signal(init, ID_A, CGROUP_OTHERS, SIGTERM, &e), 0);
        assert_int_equal(ended_by(entered, true), SIGTERM);
        assert_int_equal(ended_by(frozen, true), SIGTERM);
        assert_true(is_gone(kids[1]));
        assert_int_equal(kill(kids[0], 0), 0);
        assert_int_equal(cgroup_signal(init, ID_A, CGROUP_MAIN, SIGTERM, &e), 0);
        assert_true(is_gone(kids[0]));
        assert_int_equal(ended_by(init, false), 0);
        /* Without a main process there is nobody to tell. */
        assert_int_equal(cgroup_signal(init, ID_A, CGROUP_MAIN, SIGTERM, &e), 0);
        assert_int_equal(ended_by(init, false), 0);
        end(init);
        remove_group(ID_A);
}

static int use_v1(void **state)
{
        (void)state;
        current = hierarchy[0];
        return 0;
}

static int use_v2(void **state)
{
        (void)state;
        current = hierarchy[1];
        return 0;
}

static void find_hierarchies(void)
{
        struct err e = ERR_INIT;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        sandbox_need(mountinfo_read(0, &mi, &e) == 0, "reading mountinfo");
        for (size_t i = 0; i < mi.n; i++) {
                const struct mountinfo_row *row = &mi.rows[i];
                if (strcmp(row->fstype, "cgroup2") == 0)
                        snprintf(hierarchy[1], sizeof hierarchy[1], "%s", row->path);
                else if (strcmp(row->fstype, "cgroup") == 0 &&
                         mountinfo_has_option(row->super, "pids"))
                        snprintf(hierarchy[0], sizeof hierarchy[0], "%s", row->path);
        }
        sandbox_need(*hierarchy[0] || *hierarchy[1], "finding a cgroup hierarchy");
}

int main(void)
{
        sandbox_enter();
        find_hierarchies();
        test_pid = getpid();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_membership),
                cmocka_unit_test(test_count),
                cmocka_unit_test(test_signal_all),
                cmocka_unit_test(test_signal_some),
                cmocka_unit_test(test_wrong_pids),
                cmocka_unit_test(test_end_session),
                cmocka_unit_test(test_kill_one),
                cmocka_unit_test(test_kill_outruns_forks),
        };
        int r = 0;
        if (*hierarchy[0])
                r |= cmocka_run_group_tests_name("cgroup v1", tests, use_v1, NULL);
        if (*hierarchy[1])
                r |= cmocka_run_group_tests_name("cgroup v2", tests, use_v2, NULL);
        return sandbox_leave(r);
}
