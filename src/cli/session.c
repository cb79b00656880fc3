/* SPDX-License-Identifier: MIT */
#include "cli/session.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "cli/retire.h"
#include "cli/tty.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { RESIZE_S = 1 };

struct session {
        struct cli *c;
        char *id;
};

/*
 * The session stands still meanwhile, so a ds01d or an engine that doesn't answer is left after a
 * second. A connection of its own, because one that was left can't be used again, and to lose the
 * session's would end the session. A size that doesn't arrive is mended by the next one.
 */
static void on_resize(int rows, int cols, void *ctx)
{
        const struct session *s = ctx;
        struct err ignored = ERR_INIT;
        struct rpc_client *aside = NULL;
        const struct itimerspec soon = { .it_value.tv_sec = RESIZE_S };
        cleanup_close int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        if (timer < 0 || timerfd_settime(timer, 0, &soon, NULL) < 0 ||
                rpc_connect(cli_socket_path(), &aside, &ignored) < 0)
                return;
        rpc_client_set_interrupt_fd(aside, timer);
        (void)rpc_call(aside, "io.ds01.Sessions.Resize",
                json_pack("{s:s, s:i, s:i}", "session", s->id, "rows", rows, "cols", cols), NULL, 0,
                NULL, NULL, &ignored);
        rpc_client_free(aside);
}

/* ds01d went away: once it is back, the session is claimed again. Returns the new connection or -1. */
static int on_lost(void *ctx)
{
        struct session *s = ctx;
        struct err ignored = ERR_INIT;
        json_t *reply = NULL;
        rpc_client_free(take_ptr(s->c->rpc));
        if (cli_connect(s->c, &ignored) < 0)
                return -1;
        if (cli_call(s->c, "io.ds01.Sessions.Claim", json_pack("{s:s}", "session", s->id), &reply,
                    &ignored) < 0) {
                rpc_client_free(take_ptr(s->c->rpc));
                return -1;
        }
        json_decref(reply);
        return rpc_client_fd(s->c->rpc);
}

/* The exit status, asked again for as long as ds01d is on its way back (10 s). */
static int wait_status(struct session *s, int *ret_status, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        err_set(e, ERR_DAEMON, "ds01d went away before it told how the session ended");
        err_fix(e, "sudo systemctl status ds01d");
        for (int tries = 0;; tries++) {
                if (s->c->rpc && cli_call(s->c, "io.ds01.Sessions.Wait",
                                         json_pack("{s:s}", "session", s->id), &reply, e) == 0)
                        break;
                if ((s->c->rpc && e->code != ERR_DAEMON) || tries == 20)
                        return -1;
                usleep(500 * 1000);
                on_lost(s);
        }
        *ret_status = (int)json_int(reply, "exit_code", 1);
        return 0;
}

static bool stdin_is_null(void)
{
        struct stat st;
        return fstat(STDIN_FILENO, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static json_t *attach_params(const char *container, char *const *command, bool tty, bool no_input)
{
        int rows, cols;
        const char *term = str_or_empty(getenv("TERM"));
        tty_size(&rows, &cols);
        json_t *words = json_array();
        for (; command && *command; command++)
                json_array_append_new(words, json_string(*command));
        json_t *params = json_pack("{s:s, s:b, s:o, s:i, s:i, s:s}", "name", container, "tty",
                (int)tty, "command", words, "rows", rows, "cols", cols, "term",
                *term && str_is_utf8(term, strlen(term)) ? term : "dumb");
        /* Said only where it matters: a ds01d that was not restarted yet does not know the word. */
        if (no_input)
                json_object_set_new(params, "no_input", json_true());
        return params;
}

int session_run(struct cli *c, const char *container, char *const *command, const void *head,
        size_t head_len, int *ret_status, struct err *e)
{
        if (cli_connect(c, e) < 0)
                return -1;
        cleanup_json json_t *reply = NULL;
        cleanup_close int fd = -1;
        bool no_input = !c->tty && head_len == 0 && stdin_is_null();
        if (rpc_call(c->rpc, "io.ds01.Containers.Attach",
                    attach_params(container, command, c->tty, no_input), NULL, 0, &reply, &fd,
                    e) < 0)
                return -1;
        struct session s = { .c = c, .id = xstrdup(json_str(reply, "session")) };
        struct pump p = { .fd = fd,
                .tty = c->tty,
                .no_input = no_input,
                .head = head,
                .head_len = head_len,
                .control_fd = rpc_client_fd(c->rpc),
                .on_lost = on_lost,
                .on_resize = on_resize,
                .ctx = &s };
        enum pump_end end = PUMP_ENDED;
        int r = tty_pump(&p, &end, e);
        if (r == 0 && end == PUMP_SIGNALLED)
                r = err_set(e, ERR_INTERRUPTED, "Left %s", container);
        if (r == 0)
                r = wait_status(&s, ret_status, e);
        free(s.id);
        return r;
}

/* Says how a container ended under the shell. Returns true if it still runs. */
static bool still_running(struct cli *c, const char *container)
{
        struct err ignored = ERR_INIT;
        cleanup_json json_t *row = NULL;
        if (cli_call(c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", container), &row,
                    &ignored) < 0)
                return false;
        const char *state = str_or_empty(json_str(row, "state"));
        if (strcmp(state, "running") == 0)
                return true;
        const char *reason = str_or_empty(json_str(row, "stop_reason"));
        cleanup_free char *how = *reason ? xasprintf("was stopped: %s", reason)
                                         : xasprintf("has stopped (exit code %d)",
                                                   (int)json_int(row, "exit_code", -1));
        out_say("%s %s. Its files in /workspace are kept.\n"
                "Start it again: project launch %s · Done: container retire %s",
                container, how, container, container);
        return false;
}

static int keep_or_retire(struct cli *c, const char *container, struct err *e)
{
        char *answer = NULL;
        if (!still_running(c, container) || c->yes)
                return 0;
        fprintf(stderr, "\nWhat would you like to do?\n"
                        "  1) Keep running (attach again at any time)\n"
                        "  2) Retire (stop, remove, free the GPU)\n\n");
        int r = prompt_line(c, "Choose [1=keep, 2=retire] (default: 1)", "", &answer, e);
        if (r < 0) {
                /* Ctrl-C here means "leave me alone": the container goes on. */
                *e = ERR_INIT;
                fprintf(stderr, "%s keeps running. Attach: container-attach %s\n", container,
                        container);
                return 0;
        }
        bool retire = strcmp(answer, "2") == 0;
        free(answer);
        if (retire)
                return retire_container(c, container, false, false, e);
        out_say("%s keeps running. Attach: container-attach %s · Done: container retire %s",
                container, container, container);
        return 0;
}

/* The first bytes of stdin where it is no terminal; 0 at its end. */
static ssize_t read_head(char *head, size_t size)
{
        ssize_t n;
        if (stdin_is_null())
                return 0;
        do
                n = read(STDIN_FILENO, head, size);
        while (n < 0 && errno == EINTR);
        return n < 0 ? 0 : n;
}

int session_open(struct cli *c, const char *container, int *ret_status, struct err *e)
{
        *ret_status = 0;
        if (c->tty) {
                if (prompt_guide(c, GUIDE_SHELL, e) < 0 ||
                        session_run(c, container, NULL, NULL, 0, ret_status, e) < 0)
                        return -1;
                return keep_or_retire(c, container, e);
        }
        char head[16384];
        ssize_t n = read_head(head, sizeof head);
        if (n == 0)
                return 0;
        return session_run(c, container, NULL, head, (size_t)n, ret_status, e);
}
