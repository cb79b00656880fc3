/* SPDX-License-Identifier: MIT */
#include "cli/capture.h"

#include "base/clock.h"
#include "base/demux.h"
#include "base/fd.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int on_output(const char *data, size_t n, bool is_stderr, void *ctx)
{
        struct buf *text = ctx;
        if (!is_stderr)
                buf_add(text, data, n);
        return text->full;
}

static int read_all(int fd, int64_t deadline, struct buf *text, struct err *e)
{
        struct demux demux = { 0 };
        char piece[16384];
        for (;;) {
                int ready = fd_wait_readable(fd, deadline);
                if (ready <= 0)
                        return ready == 0 ? err_set(e, ERR_BUSY,
                                                    "The container did not answer in time")
                                          : err_sys(e, errno, "Can't read from the container");
                ssize_t n = read(fd, piece, sizeof piece);
                if (n == 0)
                        return 0;
                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return err_sys(e, errno, "Can't read from the container");
                int r = n > 0 ? demux_feed(&demux, piece, (size_t)n, on_output, text) : 0;
                if (r < 0)
                        return err_set(e, ERR_ENGINE, "The container engine's stream is damaged");
                if (r > 0)
                        return err_set(e, ERR_LIMIT, "The container's answer is too long");
        }
}

static json_t *attach_params(const char *container, const char *const *command)
{
        json_t *words = json_array();
        for (; *command; command++)
                json_array_append_new(words, json_string(*command));
        return json_pack("{s:s, s:b, s:o}", "name", container, "tty", 0, "command", words);
}

int capture_run(struct cli *c, const char *container, const char *const *command, size_t max,
        int seconds, char **ret_text, int *ret_status, struct err *e)
{
        /* A connection of its own: where the answer is given up, closing it hangs the command up. */
        struct cli own = { .cmd = c->cmd };
        cleanup_json json_t *reply = NULL, *end = NULL;
        cleanup_close int fd = -1;
        cleanup_buf struct buf text = BUF_INIT(max);
        int r = -1;
        if (cli_connect(&own, e) == 0 &&
                rpc_call(own.rpc, "io.ds01.Containers.Attach", attach_params(container, command),
                        NULL, 0, &reply, &fd, e) == 0 &&
                (shutdown(fd, SHUT_WR),
                        read_all(fd, clock_mono_ms() + seconds * 1000LL, &text, e) == 0))
                r = cli_call(&own, "io.ds01.Sessions.Wait",
                        json_pack("{s:s}", "session", json_str(reply, "session")), &end, e);
        rpc_client_free(own.rpc);
        if (r < 0)
                return -1;
        *ret_status = (int)json_int(end, "exit_code", 1);
        *ret_text = buf_take(&text);
        return 0;
}
