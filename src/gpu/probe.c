/* SPDX-License-Identifier: MIT */
#include "gpu/probe.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { END_MS = 100 };

struct probe {
        char *command, *simulate, *world;
        pid_t pid; /* 0: no child */
        int to, from;
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
        p->to = p->from = -1;
        p->started_ms = -PROBE_RESTART_MS;
        return p;
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

static void end_child(struct probe *p)
{
        if (p->pid == 0)
                return;
        mem_closep(&p->to);
        mem_closep(&p->from);
        p->to = p->from = -1;
        kill(p->pid, SIGKILL);
        if (waitpid(p->pid, NULL, WNOHANG) == 0)
                p->left[p->n_left++] = p->pid;
        p->pid = 0;
}

void probe_free(struct probe *p)
{
        if (!p)
                return;
        end_child(p);
        for (int64_t deadline = clock_mono_ms() + END_MS;
                reap_left(p), p->n_left > 0 && clock_mono_ms() < deadline;)
                usleep(5000);
        free(p->command);
        free(p->simulate);
        free(p->world);
        free(p);
}

/* ---- starting ---- */

static int spawn(struct probe *p, int in, int out, struct err *e)
{
        cleanup_free char *simulate = p->simulate ? xasprintf("--simulate=%s", p->simulate) : NULL;
        cleanup_free char *world = p->world ? xasprintf("--world=%s", p->world) : NULL;
        char *argv[5] = { p->command, (char[]){ "--serve" } };
        size_t n = 2;
        if (simulate)
                argv[n++] = simulate;
        if (simulate && world)
                argv[n++] = world;
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attr;
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        posix_spawnattr_init(&attr);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attr, &none);
        posix_spawnattr_setsigdefault(&attr, &all);
        int r = posix_spawn(&p->pid, p->command, &files, &attr, argv, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attr);
        if (r) {
                p->pid = 0;
                return err_sys(e, r, "Can't start %s", p->command);
        }
        return 0;
}

static int start(struct probe *p, struct err *e)
{
        int to[2], from[2];
        p->started_ms = clock_mono_ms();
        if (pipe2(to, O_CLOEXEC) < 0)
                return err_sys(e, errno, "Can't make a pipe");
        if (pipe2(from, O_CLOEXEC) < 0) {
                int saved = errno;
                close(to[0]);
                close(to[1]);
                return err_sys(e, saved, "Can't make a pipe");
        }
        int r = spawn(p, to[0], from[1], e);
        close(to[0]);
        close(from[1]);
        if (r < 0) {
                close(to[1]);
                close(from[0]);
                return -1;
        }
        p->to = to[1];
        p->from = from[0];
        return 0;
}

/* Until the last start is long enough ago: a driver that is broken costs one attempt a second. */
static int pause_before_start(const struct probe *p, int64_t deadline, struct err *e)
{
        if (p->n_left == PROBE_LEFT_MAX)
                return err_set(e, ERR_BUSY, "%d of %s hang in the driver and can't be ended",
                        PROBE_LEFT_MAX, p->command);
        int64_t at = p->started_ms + PROBE_RESTART_MS;
        if (at > deadline)
                return err_set(
                        e, ERR_BUSY, "%s was started a moment ago and has ended", p->command);
        int64_t left = at - clock_mono_ms();
        if (left > 0)
                usleep((useconds_t)left * 1000);
        return 0;
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

static int read_line(
        struct probe *p, int64_t deadline, int stop_fd, struct buf *line, struct err *e)
{
        char piece[4096];
        for (;;) {
                int r = wait_for_answer(p->from, deadline, stop_fd);
                if (r == 0)
                        return err_set(e, ERR_BUSY, "%s does not answer", p->command);
                ssize_t n = r < 0 ? -1 : read(p->from, piece, sizeof piece);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return err_set(e, ERR_FAILED, "%s has ended without an answer", p->command);
                if (line->len + (size_t)n > GPU_LINE_MAX)
                        return err_set(e, ERR_FAILED, "%s writes more than a line", p->command);
                buf_add(line, piece, (size_t)n);
                const char *end = memchr(line->data, '\n', line->len);
                if (!end)
                        continue;
                /* One request, one line: more would be the answer to a question that nobody asked. */
                if ((size_t)(end - line->data) + 1 != line->len)
                        return err_set(e, ERR_FAILED, "%s writes more than a line", p->command);
                return 0;
        }
}

static int ask(
        struct probe *p, int64_t deadline, int stop_fd, struct gpu_sample *ret, struct err *e)
{
        cleanup_buf struct buf line = BUF_INIT(GPU_LINE_MAX + 1);
        if (fd_write_all(p->to, "\n", 1, deadline) < 0)
                return err_set(e, ERR_FAILED, "%s has ended", p->command);
        return read_line(p, deadline, stop_fd, &line, e) < 0
                       ? -1
                       : gpu_sample_parse(line.data, line.len - 1, ret, e);
}

int probe_sample(
        struct probe *p, int64_t deadline, int stop_fd, struct gpu_sample *ret, struct err *e)
{
        reap_left(p);
        bool had_one = p->pid != 0;
        if (!had_one && access(p->command, F_OK) < 0 && errno == ENOENT) {
                *ret = (struct gpu_sample){ .health = GPU_HEALTH_NONE };
                return 0;
        }
        for (;;) {
                if (p->pid == 0 && (pause_before_start(p, deadline, e) < 0 || start(p, e) < 0))
                        return e->code == ERR_BUSY ? -1 : (e->code = ERR_FAILED, -1);
                if (ask(p, deadline, stop_fd, ret, e) == 0)
                        return 0;
                end_child(p);
                if (e->code == ERR_INVALID)
                        e->code = ERR_FAILED;
                /* One that ended since the last request is started again, once. */
                if (!had_one || e->code == ERR_BUSY)
                        return -1;
                had_one = false;
        }
}
