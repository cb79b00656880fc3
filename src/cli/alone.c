/* SPDX-License-Identifier: MIT */
#include "cli/alone.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A line, and how long it may take: more than its slowest check. */
enum { LINE_MAX_BYTES = 256 << 10, LINE_MS = 30 * 1000, ROW_DEPTH = 8 };

char *alone_folder(void)
{
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        if (n <= 0)
                return NULL;
        path[n] = '\0';
        char *slash = strrchr(path, '/');
        return slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
}

static int start(const char *config, pid_t *ret_pid, int *ret_fd, struct err *e)
{
        cleanup_free char *folder = alone_folder();
        cleanup_free char *program = xasprintf("%s/" SBIN_FROM_BIN "/ds01d", str_or_empty(folder));
        cleanup_free char *settings = config ? xasprintf("--config=%s", config) : NULL;
        char option[] = "--doctor";
        char *argv[] = { program, option, settings, NULL };
        posix_spawn_file_actions_t files;
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_sys(e, errno, "Can't make a pipe");
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
        int r = posix_spawn(ret_pid, program, &files, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&files);
        close(ends[1]);
        if (r) {
                close(ends[0]);
                return err_sys(e, r, "Can't start %s", program);
        }
        *ret_fd = ends[0];
        return 0;
}

/* Hands on the whole lines in b. 1 once the empty line has come that ends them. */
static int take_lines(struct buf *b, void (*fn)(void *ctx, json_t *row), void *ctx, struct err *e)
{
        const char *end;
        while ((end = memchr(buf_str(b), '\n', b->len))) {
                size_t n = (size_t)(end - buf_str(b));
                cleanup_json json_t *row = NULL;
                if (n == 0)
                        return 1;
                if (json_parse(buf_str(b), n, ROW_DEPTH, &row, e) < 0)
                        return err_wrap(e, "ds01d --doctor can't be understood");
                fn(ctx, row);
                buf_consume(b, n + 1);
        }
        return b->full ? err_set(e, ERR_FAILED, "ds01d --doctor says too much") : 0;
}

static int read_rows(int fd, void (*fn)(void *ctx, json_t *row), void *ctx, struct err *e)
{
        cleanup_buf struct buf b = BUF_INIT(LINE_MAX_BYTES);
        char piece[8192];
        int r = 0;
        while (r == 0) {
                int ready = fd_wait_readable(fd, clock_mono_ms() + LINE_MS);
                if (ready <= 0)
                        return err_set(e, ERR_BUSY, "ds01d --doctor gave no answer in time");
                ssize_t n = read(fd, piece, sizeof piece);
                if (n == 0)
                        return err_set(e, ERR_FAILED, "ds01d --doctor ended before its end");
                if (n < 0 && errno != EINTR)
                        return err_sys(e, errno, "Can't read what ds01d --doctor says");
                buf_add(&b, piece, n > 0 ? (size_t)n : 0);
                r = take_lines(&b, fn, ctx, e);
        }
        return r < 0 ? -1 : 0;
}

int alone_examine(const char *config, void (*fn)(void *ctx, json_t *row), void *ctx, struct err *e)
{
        pid_t pid;
        cleanup_close int fd = -1;
        if (start(config, &pid, &fd, e) < 0)
                return -1;
        int r = read_rows(fd, fn, ctx, e);
        /* A thread of it may hang in the kernel, where no signal reaches it: it is not waited for. */
        kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, WNOHANG);
        return r;
}
