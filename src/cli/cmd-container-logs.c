/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/fd.h"
#include "base/json.h"
#include "cli/out.h"
#include "cli/pick.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int on_row(const json_t *row, void *ctx)
{
        int *write_errno = ctx;
        const char *text = str_or_empty(json_str(row, "text"));
        int fd = json_bool(row, "stderr", false) ? STDERR_FILENO : STDOUT_FILENO;
        /* On a terminal a log line must not be able to act on it. */
        cleanup_buf struct buf safe = BUF_INIT(1 << 20);
        cleanup_free char *lines = xstrdup(text);
        char *to = lines;
        for (const char *from = lines; *from; from++)
                if (*from != '\r' || from[1] != '\n')
                        *to++ = *from;
        if (isatty(fd)) {
                str_safe_add(&safe, lines, (size_t)(to - lines), true);
                text = buf_str(&safe);
        }
        if (fd_write_all(fd, text, strlen(text), -1) == 0)
                return 0;
        *write_errno = errno;
        return -1;
}

static int run(struct cli *c, struct err *e)
{
        char name[41];
        long long tail = -1;
        const char *given = cli_value(c, "tail");
        if (given && !str_to_int(given, 0, 1000000, &tail))
                return cli_usage(c, e, "Option --tail takes a number of lines");
        if (pick_container(c, "Select a container:", PICK_ALL, name, e) < 0 ||
                cli_connect(c, e) < 0)
                return -1;
        json_t *params = json_pack("{s:s, s:b, s:I}", "name", name, "follow",
                (int)cli_has(c, "follow"), "tail", (json_int_t)tail);
        cli_for_user(c, params);
        int write_errno = 0;
        int r = rpc_stream(
                c->rpc, "io.ds01.Containers.Logs", params, NULL, 0, on_row, &write_errno, e);
        /* A reader that has enough (head) is no failure worth a sentence. */
        return r == 1 && write_errno != EPIPE ? err_sys(e, write_errno, "Can't write the output")
                                              : r;
}

static const struct opt opts[] = {
        { 'f', "follow", OPT_FLAG, NULL, "Go on as more is said" },
        { 0, "tail", OPT_VALUE, "N", "Only the last N lines" },
        { 0 },
};

const struct command cmd_container_logs = {
        .noun = "container",
        .verb = "logs",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_CONTAINERS },
        .flags = CMD_ADMIN,
        .summary = "Shows what a container's main process said",
        .details =
                "  Control characters are escaped on a terminal and passed through to a file or pipe.\n",
        .examples = "container-logs my-thesis --tail=20",
        .topic = "containers",
        .opts = opts,
        .run = run,
};
