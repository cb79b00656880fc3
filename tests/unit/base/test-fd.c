/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/ds01-test-fd-XXXXXX";
static int dir_fd = -1;

static int setup(void **state)
{
        (void)state;
        if (!mkdtemp(dir))
                return -1;
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return dir_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
        (void)state;
        unlinkat(dir_fd, "file", 0);
        unlinkat(dir_fd, "a/b/c", AT_REMOVEDIR);
        unlinkat(dir_fd, "a/b", AT_REMOVEDIR);
        unlinkat(dir_fd, "a", AT_REMOVEDIR);
        close(dir_fd);
        return rmdir(dir);
}

static void test_replace_and_read(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char *text = NULL;
        size_t n = 0;
        assert_int_equal(fd_replace_file(dir_fd, "file", "one", 3, 0600, &e), 0);
        assert_int_equal(fd_replace_file(dir_fd, "file", "a\0b", 3, 0640, &e), 0);
        struct stat st;
        assert_int_equal(fstatat(dir_fd, "file", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(fd_read_file(dir_fd, "file", 3, &text, &n, &e), 0);
        assert_int_equal(n, 3);
        assert_memory_equal(text, "a\0b", 4);
        free(text);
        text = NULL;
        assert_int_equal(fd_read_file(dir_fd, "file", 2, &text, &n, &e), -1);
        assert_int_equal(errno, EFBIG);
        assert_int_equal(fd_read_file(dir_fd, "none", 2, &text, &n, &e), -1);
        assert_int_equal(errno, ENOENT);
        assert_int_equal(fd_read_file(dir_fd, ".", 2, &text, &n, &e), -1);
        assert_null(text);
        assert_int_equal(fd_replace_file(dir_fd, "no/such", "x", 1, 0600, &e), -1);
        assert_non_null(strstr(e.msg, "no/such"));
}

static void test_mkdir_all(void **state)
{
        (void)state;
        char path[sizeof dir + 8];
        snprintf(path, sizeof path, "%s/a/b/c", dir);
        assert_int_equal(fd_mkdir_all(path, 0700), 0);
        assert_int_equal(fd_mkdir_all(path, 0700), 0);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
}

static void test_write_and_wait(void **state)
{
        (void)state;
        int s[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
        assert_int_equal(fd_wait_readable(s[1], clock_mono_ms() + 20), 0);
        assert_int_equal(fd_write_all(s[0], "hi", 2, -1), 0);
        assert_int_equal(fd_wait_readable(s[1], -1), 1);
        assert_false(fd_hung_up(s[0]));

        /* Nobody reads: the buffer fills up and the deadline passes. */
        cleanup_free char *big = xcalloc(1, 8 << 20);
        assert_int_equal(fd_set_nonblock(s[0], true), 0);
        errno = 0;
        assert_int_equal(fd_write_all(s[0], big, 8 << 20, clock_mono_ms() + 50), -1);
        assert_int_equal(errno, ETIMEDOUT);

        /* A closed peer is an error, not a SIGPIPE that ends this program. */
        close(s[1]);
        assert_true(fd_hung_up(s[0]));
        assert_int_equal(fd_write_all(s[0], "x", 1, -1), -1);
        assert_int_equal(errno, EPIPE);
        close(s[0]);
}

static void test_pipe(void **state)
{
        (void)state;
        int p[2];
        char got[8];
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        assert_int_equal(fd_write_all(p[1], "hello", 5, -1), 0);
        assert_int_equal(read(p[0], got, sizeof got), 5);
        close(p[0]);
        close(p[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replace_and_read),
                cmocka_unit_test(test_mkdir_all),
                cmocka_unit_test(test_write_and_wait),
                cmocka_unit_test(test_pipe),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
