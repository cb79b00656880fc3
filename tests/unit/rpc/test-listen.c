/* SPDX-License-Identifier: MIT */
#include "base/fd.h"
#include "rpc/listen.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96];

static int setup(void **state)
{
        (void)state;
        snprintf(folder, sizeof folder, "/tmp/ds01-listen-XXXXXX");
        if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
                return -1;
        snprintf(path, sizeof path, "%s/sock", folder);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        cleanup_free char *lock = xasprintf("%s.lock", path);
        unlink(path);
        unlink(lock);
        return rmdir(folder);
}

static bool connects(void)
{
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        memcpy(addr.sun_path, path, strlen(path));
        cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0;
}

static void everyone_may_connect(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct stat st;
        cleanup_close int fd = -1;
        assert_int_equal(rpc_listen(path, &fd, &e), 0);
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0666);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_true(connects());
}

static void stale_socket_is_replaced(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int fd = -1;
        assert_int_equal(rpc_listen(path, &fd, &e), 0);
        close(fd);
        assert_false(connects());
        assert_int_equal(rpc_listen(path, &fd, &e), 0);
        assert_true(connects());
        close(fd);
}

static void live_socket_is_left_alone(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_close int fd = -1;
        int second = -7;
        assert_int_equal(rpc_listen(path, &fd, &e), 0);
        assert_int_equal(rpc_listen(path, &second, &e), -1);
        assert_int_equal(e.code, ERR_EXISTS);
        assert_non_null(strstr(e.msg, path));
        assert_int_equal(second, -7);
        assert_true(connects());
}

static void other_files_are_left_alone(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int fd = -1;
        close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_int_equal(rpc_listen(path, &fd, &e), -1);
        assert_int_equal(e.code, ERR_EXISTS);
        struct stat st;
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISREG(st.st_mode));
}

static void folder_of_others_is_refused(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int fd = -1;
        static const mode_t modes[] = { 0775, 0757, 01777 };
        for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
                chmod(folder, modes[i]);
                assert_int_equal(rpc_listen(path, &fd, &e), -1);
                assert_non_null(strstr(e.msg, "is not root's alone"));
        }
        chmod(folder, 0755);
        if (geteuid() != 0)
                return;
        assert_int_equal(chown(folder, 65534, 65534), 0);
        assert_int_equal(rpc_listen(path, &fd, &e), -1);
        assert_int_equal(chown(folder, 0, 0), 0);
        assert_int_equal(rpc_listen(path, &fd, &e), 0);
        close(fd);
}

static void paths_are_checked(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int fd = -1;
        char text[140];
        assert_int_equal(rpc_listen("sock", &fd, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        memset(text, 'x', sizeof text);
        text[0] = '/';
        text[109] = '\0';
        assert_int_equal(rpc_listen(text, &fd, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_int_equal(rpc_listen("/nonexistent-folder/sock", &fd, &e), -1);
        assert_non_null(strstr(e.msg, "/nonexistent-folder"));
}

/* In a child, as systemd would start us: the variables, and descriptor 3. Its exit status is ours.
 */
static int activated(int (*make)(void), int n)
{
        pid_t pid = fork();
        if (pid == 0) {
                int fd = make(), got = -1;
                struct err e = ERR_INIT;
                char text[16];
                if (fd != 3 && fd >= 0)
                        dup2(fd, 3);
                snprintf(text, sizeof text, "%d", (int)getpid());
                setenv("LISTEN_PID", text, 1);
                snprintf(text, sizeof text, "%d", n);
                setenv("LISTEN_FDS", text, 1);
                int r = rpc_listen_activated(&got, &e);
                _exit(r == 1 ? (got == 3 && !getenv("LISTEN_FDS") ? 1 : 9) : r == 0 ? 0 : 2);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WEXITSTATUS(status);
}

static int make_socket(void)
{
        struct err e = ERR_INIT;
        int fd = -1;
        rpc_listen(path, &fd, &e);
        return fd;
}

static int make_null(void)
{
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void socket_of_systemd_is_taken(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int fd = -7;
        assert_int_equal(rpc_listen_activated(&fd, &e), 0);
        assert_int_equal(fd, -7);
        assert_int_equal(activated(make_socket, 1), 1);
        assert_int_equal(activated(make_null, 1), 2);
        assert_int_equal(activated(make_null, 2), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(everyone_may_connect, setup, teardown),
                cmocka_unit_test_setup_teardown(stale_socket_is_replaced, setup, teardown),
                cmocka_unit_test_setup_teardown(live_socket_is_left_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(other_files_are_left_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(folder_of_others_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(paths_are_checked, setup, teardown),
                cmocka_unit_test_setup_teardown(socket_of_systemd_is_taken, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
