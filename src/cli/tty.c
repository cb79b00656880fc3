/* SPDX-License-Identifier: MIT */
#include "cli/tty.h"

#include "base/clock.h"
#include "base/demux.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { CHUNK = 65536, RECONNECT_MS = 500 };

struct run {
        struct pump *p;
        int sig_fd;
        bool signalled;
        struct demux demux;
        char pending[CHUNK]; /* input that the stream has not taken yet */
        size_t pending_len, pending_at;
        bool stdin_open, write_open;
        int64_t retry_at; /* when to try to reach ds01d again */
};

void tty_size(int *ret_rows, int *ret_cols)
{
        struct winsize w;
        bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col;
        *ret_rows = known ? w.ws_row : 24;
        *ret_cols = known ? w.ws_col : 80;
}

/* Returns true if the signal ends the pump. */
static bool take_signal(struct run *r)
{
        struct signalfd_siginfo info;
        if (read(r->sig_fd, &info, sizeof info) != sizeof info)
                return false;
        if (info.ssi_signo != SIGWINCH)
                return true;
        int rows, cols;
        tty_size(&rows, &cols);
        if (r->p->on_resize)
                r->p->on_resize(rows, cols, r->p->ctx);
        return false;
}

/*
 * Blocks for as long as whoever reads our output does not, except for a signal that ends us: it would
 * otherwise have to wait for that reader. A pipe that polls writable takes PIPE_BUF bytes at once.
 */
static int write_out(const char *data, size_t n, bool is_stderr, void *ctx)
{
        struct run *r = ctx;
        int fd = is_stderr ? STDERR_FILENO : STDOUT_FILENO;
        while (n > 0) {
                struct pollfd fds[] = { { .fd = fd, .events = POLLOUT },
                        { .fd = r->sig_fd, .events = POLLIN } };
                if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
                        return -1;
                if (fds[1].revents && take_signal(r)) {
                        r->signalled = true;
                        return -1;
                }
                if (!fds[0].revents)
                        continue;
                ssize_t w = write(fd, data, n < PIPE_BUF ? n : PIPE_BUF);
                if (w < 0 && errno != EINTR && errno != EAGAIN)
                        return -1;
                data += w > 0 ? w : 0;
                n -= w > 0 ? (size_t)w : 0;
        }
        return 0;
}

/* From the stream to our stdout and stderr. Returns 1 to go on, 0 at the stream's end, -1 on failure. */
static int take_output(struct run *r, struct err *e)
{
        char data[CHUNK];
        ssize_t n = recv(r->p->fd, data, sizeof data, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 1;
        /* A reset is how the engine ends the stream when it goes down. */
        if (n <= 0)
                return 0;
        int w = r->p->tty ? write_out(data, (size_t)n, false, r)
                          : demux_feed(&r->demux, data, (size_t)n, write_out, r);
        if (w < 0 && r->demux.bad)
                return err_set(e, ERR_ENGINE, "The container engine's stream is damaged");
        if (w < 0)
                return err_sys(e, errno, "Can't write the output");
        return 1;
}

static void end_input(struct run *r)
{
        r->stdin_open = false;
        if (r->write_open && r->pending_len == 0) {
                shutdown(r->p->fd, SHUT_WR);
                r->write_open = false;
        }
}

/* Returns false if the terminal is gone: a raw one has no other end of input. */
static bool take_input(struct run *r)
{
        ssize_t n = read(STDIN_FILENO, r->pending, sizeof r->pending);
        if (n > 0) {
                r->pending_len = (size_t)n;
                r->pending_at = 0;
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
                if (r->p->tty)
                        return false;
                end_input(r);
        }
        return true;
}

/* Sends what is pending as far as the stream takes it. */
static void give_input(struct run *r)
{
        ssize_t n = send(
                r->p->fd, r->pending + r->pending_at, r->pending_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0) {
                /* The other side no longer reads; its last output may still be on the way. */
                r->write_open = r->stdin_open = false;
                r->pending_len = 0;
                return;
        }
        r->pending_at += (size_t)n;
        r->pending_len -= (size_t)n;
        if (r->pending_len == 0 && !r->stdin_open)
                end_input(r);
}

static void reconnect(struct run *r)
{
        if (r->p->control_fd < 0 && r->p->on_lost && clock_mono_ms() >= r->retry_at) {
                r->p->control_fd = r->p->on_lost(r->p->ctx);
                r->retry_at = clock_mono_ms() + RECONNECT_MS;
        }
}

static int loop(struct run *r, enum pump_end *ret, struct err *e)
{
        for (;;) {
                bool want_write = r->write_open && r->pending_len > 0;
                bool want_stdin = r->stdin_open && r->pending_len == 0;
                struct pollfd fds[] = {
                        { .fd = r->p->fd, .events = (short)(POLLIN | (want_write ? POLLOUT : 0)) },
                        { .fd = want_stdin ? STDIN_FILENO : -1, .events = POLLIN },
                        { .fd = r->sig_fd, .events = POLLIN },
                        { .fd = r->p->control_fd, .events = POLLIN },
                };
                bool retrying = r->p->control_fd < 0 && r->p->on_lost;
                if (poll(fds, ARRAY_LEN(fds), retrying ? RECONNECT_MS : -1) < 0 && errno != EINTR)
                        return err_sys(e, errno, "Can't wait for the terminal");
                if (fds[2].revents && take_signal(r)) {
                        *ret = PUMP_SIGNALLED;
                        return 0;
                }
                if (fds[3].revents)
                        r->p->control_fd = -1;
                reconnect(r);
                if (fds[1].revents && !take_input(r)) {
                        *ret = PUMP_SIGNALLED;
                        return 0;
                }
                if (r->pending_len > 0 && (fds[0].revents & POLLOUT || fds[1].revents))
                        give_input(r);
                if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) {
                        int got = take_output(r, e);
                        if (got < 0 && !r->signalled)
                                return -1;
                        if (got <= 0) {
                                *ret = r->signalled ? PUMP_SIGNALLED : PUMP_ENDED;
                                return 0;
                        }
                }
        }
}

int tty_pump(struct pump *p, enum pump_end *ret, struct err *e)
{
        struct termios saved, raw;
        bool restore = p->tty && tcgetattr(STDIN_FILENO, &saved) == 0;
        sigset_t set, old;
        sigemptyset(&set);
        for (const int *s = (const int[]){ SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, 0 }; *s; s++)
                sigaddset(&set, *s);
        sigprocmask(SIG_BLOCK, &set, &old);
        cleanup_close int sig_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

        cleanup_free struct run *r = xcalloc(1, sizeof *r);
        r->p = p;
        r->sig_fd = sig_fd;
        r->stdin_open = r->write_open = !p->no_input;
        if (p->head_len > 0 && p->head_len <= sizeof r->pending) {
                memcpy(r->pending, p->head, p->head_len);
                r->pending_len = p->head_len;
        }
        if (restore) {
                raw = saved;
                cfmakeraw(&raw);
                tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
        }
        int result = loop(r, ret, e);
        if (restore)
                tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
        sigprocmask(SIG_SETMASK, &old, NULL);
        return result;
}
