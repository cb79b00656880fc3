/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 10 * 1000 };

struct terminal terminal_start(int columns, int (*fn)(void *ctx), void *ctx)
{
        struct terminal t = { .fd = -1, .seen = BUF_INIT(1 << 20) };
        struct winsize size = { .ws_row = 24, .ws_col = (unsigned short)columns };
        t.pid = forkpty(&t.fd, NULL, NULL, &size);
        assert_true(t.pid >= 0);
        if (t.pid == 0) {
                setenv("TERM", "xterm", 1);
                unsetenv("NO_COLOR");
                int status = fn(ctx);
                fflush(NULL);
                _exit(status);
        }
        return t;
}

/* False once the other side is gone. */
static bool read_more(struct terminal *t, int64_t deadline)
{
        char chunk[4096];
        if (fd_wait_readable(t->fd, deadline) <= 0) {
                kill(t->pid, SIGKILL);
                fail_msg("nothing more came after: %s", buf_str(&t->seen));
        }
        ssize_t n = read(t->fd, chunk, sizeof chunk);
        for (ssize_t i = 0; i < n; i++)
                if (chunk[i] != '\r')
                        buf_putc(&t->seen, chunk[i]);
        return n > 0;
}

char *terminal_expect(struct terminal *t, const char *text)
{
        int64_t deadline = clock_mono_ms() + PATIENCE_MS;
        for (;;) {
                const char *at = strstr(buf_str(&t->seen), text);
                if (at) {
                        size_t n = (size_t)(at - t->seen.data) + strlen(text);
                        char *taken = xstrndup(t->seen.data, n);
                        buf_consume(&t->seen, n);
                        return taken;
                }
                if (!read_more(t, deadline))
                        fail_msg("'%s' was not shown before the end: %s", text, buf_str(&t->seen));
        }
}

void terminal_type(struct terminal *t, const char *keys)
{
        assert_int_equal(fd_write_all(t->fd, keys, strlen(keys), -1), 0);
}

int terminal_end(struct terminal *t)
{
        int status;
        int64_t deadline = clock_mono_ms() + PATIENCE_MS;
        while (read_more(t, deadline))
                ;
        assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
        close(take_fd(&t->fd));
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}
