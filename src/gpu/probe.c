/* SPDX-License-Identifier: MIT */
#include "gpu/probe.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { END_MS = 100 };

struct probe {
        char *command, *simulate, *world;
        pid_t pid; /* 0: no child */
        int fd;    /* a socket: its stdin and stdout. A pipe would raise SIGPIPE */
        int64_t started_ms;
        /* Killed ones that had not ended yet: a process in the middle of a driver's call can't. */
        pid_t left[PROBE_LEFT_MAX];
        size_t n_left;
};

struct probe *probe_new(const char *command, const char *simulate, const char *world)
{
        struct probe *p = xcalloc(1, sizeof *p);
        p->command = xstrdup(command);
        p->simulate = xstrdup(simulate);
        p->world = xstrdup(world);
        p->fd = -1;
        p->started_ms = clock_mono_ms() - PROBE_RESTART_MS;
        return p;
}

static void sleep_ms(int64_t ms)
{
        nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
}

static void reap_left(struct probe *p)
{
        for (size_t i = 0; i < p->n_left;) {
                if (waitpid(p->left[i], NULL, WNOHANG) == 0)
                        i++;
                else
                        p->left[i] = p->left[--p->n_left];
        }
}

/* There is room in `left`: start() sees to that. */
static void end_child(struct probe *p)
{
        if (p->pid == 0)
                return;
        close(take_fd(&p->fd));
        kill(p->pid, SIGKILL);
        p->left[p->n_left++] = p->pid;
        p->pid = 0;
        reap_left(p);
}

void probe_free(struct probe *p)
{
        if (!p)
                return;
        end_child(p);
        for (int64_t until = clock_mono_ms() + END_MS; p->n_left && clock_mono_ms() < until;) {
                sleep_ms(2);
                reap_left(p);
        }
        free(p->command);
        free(p->simulate);
        free(p->world);
        free(p);
}

/* ---- starting ---- */

/* 0, or an error number. */
static int spawn(const char *command, char **argv, int fd, pid_t *ret)
{
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attr;
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, fd, STDOUT_FILENO);
        posix_spawnattr_init(&attr);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attr, &none);
        posix_spawnattr_setsigdefault(&attr, &all);
        int r = posix_spawn(ret, command, &files, &attr, argv, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attr);
        return r;
}

static int start(struct probe *p, struct err *e)
{
        cleanup_free char *simulate = p->simulate ? xasprintf("--simulate=%s", p->simulate) : NULL;
        cleanup_free char *world = p->world ? xasprintf("--world=%s", p->world) : NULL;
        char serve[] = "--serve";
        char *argv[] = { p->command, serve, simulate, simulate ? world : NULL, NULL };
        int ends[2];
        pid_t pid;
        p->started_ms = clock_mono_ms();
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                return err_sys(e, errno, "Can't make a socket for %s", p->command);
        int r = spawn(p->command, argv, ends[1], &pid);
        close(ends[1]);
        if (r) {
                close(ends[0]);
                return err_sys(e, r, "Can't start %s", p->command);
        }
        p->pid = pid;
        p->fd = ends[0];
        return 0;
}

/* A driver that is broken costs one start a second, and no more processes than can be counted. */
static int start_in_time(struct probe *p, int64_t deadline, int stop_fd, struct err *e)
{
        int64_t at = p->started_ms + PROBE_RESTART_MS;
        if (p->n_left == PROBE_LEFT_MAX)
                return err_set(e, ERR_BUSY, "%d of %s hang in the driver and can't be ended",
                        PROBE_LEFT_MAX, p->command);
        if (deadline >= 0 && at > deadline)
                return err_set(
                        e, ERR_BUSY, "%s has ended, and was started a moment ago", p->command);
        if (clock_mono_ms() < at && fd_wait_readable(stop_fd, at) != 0)
                return err_set(e, ERR_BUSY, "%s is not started any more", p->command);
        reap_left(p);
        return start(p, e);
}

/* ---- one answer ---- */

/* 1: there is something to read; 0: too late, or we end; -1 with errno. */
static int wait_for_answer(int fd, int64_t deadline, int stop_fd)
{
        struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
                { .fd = stop_fd, .events = POLLIN } };
        int r;
        while ((r = poll(fds, ARRAY_LEN(fds), clock_poll_timeout(deadline))) < 0 && errno == EINTR)
                continue;
        return r < 0 ? -1 : fds[0].revents != 0;
}

static int read_some(struct probe *p, struct buf *line, struct err *e)
{
        char piece[16384];
        ssize_t n = read(p->fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
                return 0;
        if (n <= 0)
                return err_set(e, ERR_FAILED, "%s has ended without an answer", p->command);
        buf_add(line, piece, (size_t)n);
        return line->full ? err_set(e, ERR_FAILED, "%s writes without end", p->command) : 0;
}

static int read_line(
        struct probe *p, int64_t deadline, int stop_fd, struct buf *line, struct err *e)
{
        const char *end = NULL;
        while (!end) {
                size_t before = line->len;
                int r = wait_for_answer(p->fd, deadline, stop_fd);
                if (r == 0)
                        return err_set(e, ERR_BUSY, "%s does not answer", p->command);
                if (r < 0)
                        return err_sys(e, errno, "Can't wait for %s", p->command);
                if (read_some(p, line, e) < 0)
                        return -1;
                end = line->len > before ? memchr(line->data + before, '\n', line->len - before)
                                         : NULL;
        }
        if (end + 1 != line->data + line->len)
                return err_set(e, ERR_FAILED, "%s writes more than one line", p->command);
        return 0;
}

static int ask(
        struct probe *p, int64_t deadline, int stop_fd, struct gpu_sample *ret, struct err *e)
{
        cleanup_buf struct buf line = BUF_INIT(GPU_LINE_MAX);
        /* What is there before the question answers none: the end, or a line too many. */
        if (fd_wait_readable(p->fd, 0) != 0)
                return err_set(e, ERR_FAILED, "%s has ended, or writes unasked", p->command);
        if (fd_write_all(p->fd, "\n", 1, deadline) < 0)
                return err_set(e, ERR_FAILED, "%s has ended", p->command);
        if (read_line(p, deadline, stop_fd, &line, e) < 0)
                return -1;
        if (gpu_sample_parse(line.data, line.len - 1, ret, e) < 0) {
                e->code = ERR_FAILED;
                return -1;
        }
        return 0;
}

static void no_program(const struct probe *p, struct gpu_sample *ret)
{
        *ret = (struct gpu_sample){ .health = GPU_HEALTH_NONE };
        snprintf(ret->why, sizeof ret->why, "there is no %.200s", p->command);
}

int probe_sample(
        struct probe *p, int64_t deadline, int stop_fd, struct gpu_sample *ret, struct err *e)
{
        reap_left(p);
        for (;;) {
                bool fresh = p->pid == 0;
                if (fresh && access(p->command, F_OK) < 0 && errno == ENOENT) {
                        no_program(p, ret);
                        return 0;
                }
                if (fresh && start_in_time(p, deadline, stop_fd, e) < 0)
                        return -1;
                if (ask(p, deadline, stop_fd, ret, e) == 0)
                        return 0;
                end_child(p);
                /* One that ended or went mad since the last request gets a successor, which is asked once. */
                if (fresh || e->code == ERR_BUSY)
                        return -1;
        }
}
