/* SPDX-License-Identifier: MIT */
#include "cli/tty.h"

#include "base/clock.h"
#include "base/fd.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { ENDED = 10, SIGNALLED = 11, FAILED = 12, NOT_RESTORED = 13 };

/* The two ends of a stream to a process; `sides[0]` is the pump's. */
static int sides[2];

static void make_stream(void)
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sides), 0);
}

static int pump(bool tty, const char *head)
{
        struct pump p = { .fd = sides[0],
                .tty = tty,
                .control_fd = -1,
                .head = head,
                .head_len = head ? strlen(head) : 0 };
        struct err e = ERR_INIT;
        enum pump_end end = PUMP_ENDED;
        struct termios before, after;
        if (tty)
                tcgetattr(STDIN_FILENO, &before);
        int r = tty_pump(&p, &end, &e);
        if (tty && tcgetattr(STDIN_FILENO, &after) == 0 && before.c_lflag != after.c_lflag)
                return NOT_RESTORED;
        return r < 0 ? FAILED : end == PUMP_ENDED ? ENDED : SIGNALLED;
}

static int pump_tty(void *ctx)
{
        (void)ctx;
        close(sides[1]);
        return pump(true, NULL);
}

static void expect_bytes(int fd, const char *text)
{
        char got[256];
        size_t n = 0;
        while (n < strlen(text)) {
                assert_int_equal(fd_wait_readable(fd, clock_mono_ms() + 10000), 1);
                ssize_t r = read(fd, got + n, strlen(text) - n);
                assert_true(r > 0);
                n += (size_t)r;
        }
        assert_memory_equal(got, text, n);
}

/* Every key reaches the other side, nothing is echoed, and the terminal is as it was. */
static void test_raw_terminal(void **state)
{
        (void)state;
        make_stream();
        struct terminal t = terminal_start(80, pump_tty, NULL);
        close(sides[0]);
        assert_int_equal(fd_write_all(sides[1], "ready", 5, -1), 0);
        free(terminal_expect(&t, "ready"));
        terminal_type(&t, "\003\004\032\020\177\r\xc3\xa4");
        expect_bytes(sides[1], "\003\004\032\020\177\r\xc3\xa4");
        close(sides[1]);
        assert_int_equal(terminal_end(&t), ENDED);
        assert_string_equal(buf_str(&t.seen), "");
        buf_done(&t.seen);
}

static int wait_exit(pid_t pid)
{
        int status;
        for (int64_t deadline = clock_mono_ms() + 10000; clock_mono_ms() < deadline; usleep(10000))
                if (waitpid(pid, &status, WNOHANG) == pid)
                        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return -2;
}

/*
 * A terminal that goes away tells its session by SIGHUP. A program that is not of that session, or
 * is started with the signal ignored, sees an end of input instead: it must not stay for ever.
 */
static void test_terminal_gone(void **state)
{
        (void)state;
        int master, slave;
        make_stream();
        assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
        pid_t pid = fork();
        if (pid == 0) {
                close(master);
                close(sides[1]);
                dup2(slave, STDIN_FILENO);
                dup2(slave, STDOUT_FILENO);
                close(slave);
                _exit(pump(true, NULL));
        }
        close(slave);
        close(sides[0]);
        assert_int_equal(fd_write_all(sides[1], "ready", 5, -1), 0);
        expect_bytes(master, "ready");
        close(master);
        int status = wait_exit(pid);
        assert_true(status == SIGNALLED || status == NOT_RESTORED);
        close(sides[1]);
}

static void send_frame(int fd, const void *data, size_t n)
{
        const unsigned char head[8] = { 1, 0, 0, 0, (unsigned char)(n >> 24),
                (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };
        assert_int_equal(fd_write_all(fd, head, sizeof head, -1), 0);
        assert_int_equal(fd_write_all(fd, data, n, -1), 0);
}

/* A pump without a terminal whose output goes to `out` and whose input is `in`. */
static pid_t start_plain(int in, int out, const char *head)
{
        pid_t pid = fork();
        if (pid == 0) {
                dup2(in, STDIN_FILENO);
                dup2(out, STDOUT_FILENO);
                for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
                        if (fd != sides[0])
                                close(fd);
                _exit(pump(false, head));
        }
        close(sides[0]);
        return pid;
}

/* What was read before, then stdin, then its end; the output comes without its frames. */
static void test_plain(void **state)
{
        (void)state;
        int in[2], out[2];
        char got[8];
        make_stream();
        assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
        assert_int_equal(write(in[1], "tail", 4), 4);
        pid_t pid = start_plain(in[0], out[1], "head ");
        close(in[1]);
        close(in[0]);
        close(out[1]);
        expect_bytes(sides[1], "head tail");
        assert_int_equal(fd_wait_readable(sides[1], clock_mono_ms() + 10000), 1);
        assert_int_equal(recv(sides[1], got, sizeof got, 0), 0);
        send_frame(sides[1], "one", 3);
        send_frame(sides[1], "two", 3);
        expect_bytes(out[0], "onetwo");
        close(sides[1]);
        assert_int_equal(wait_exit(pid), ENDED);
        close(out[0]);
}

static void test_damaged_stream(void **state)
{
        (void)state;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        make_stream();
        pid_t pid = start_plain(null, null, NULL);
        assert_int_equal(fd_write_all(sides[1], "no frame at all", 15, -1), 0);
        assert_int_equal(wait_exit(pid), FAILED);
        close(sides[1]);
        close(null);
}

/* A reader of ours that reads no more doesn't keep us from being told to end. */
static void test_signal_while_output_is_stuck(void **state)
{
        (void)state;
        static char much[256 << 10];
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), out[2];
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        make_stream();
        pid_t pid = start_plain(null, out[1], NULL);
        close(out[1]);
        const unsigned char head[8] = { 1, 0, 0, 0, 0, 4, 0, 0 };
        assert_int_equal(fd_write_all(sides[1], head, sizeof head, -1), 0);
        /* Until nobody takes any more: the pipe is full, and so is the stream. */
        assert_int_equal(fd_set_nonblock(sides[1], true), 0);
        for (ssize_t w = 0; w >= 0; w = send(sides[1], much, 4096, MSG_NOSIGNAL))
                usleep(1000);
        assert_int_equal(errno, EAGAIN);
        kill(pid, SIGTERM);
        assert_int_equal(wait_exit(pid), SIGNALLED);
        close(out[0]);
        close(sides[1]);
        close(null);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_raw_terminal),
                cmocka_unit_test(test_terminal_gone),
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_damaged_stream),
                cmocka_unit_test(test_signal_while_output_is_stuck),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
