/* SPDX-License-Identifier: MIT */
#include "rpc/client.h"

#include "base/clock.h"
#include "base/json.h"
#include "rpc/frame.h"
#include "rpc/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct rpc_client {
        struct frame_conn frame; /* fd is -1 once the connection is closed */
        int64_t reply_deadline;  /* -1; the moment it happened once a request could not be sent */
};

static int not_there(struct err *e, const char *why, const char *path)
{
        err_set(e, ERR_DAEMON, "ds01d is not running: %s %s", why, path);
        return err_fix(e, "sudo systemctl start ds01d");
}

static int not_roots(struct err *e, const char *what)
{
        err_set(e, ERR_DAEMON, "%s is not root's: whoever listens there is not trusted", what);
        return err_fix(e, "unset DS01_SOCKET");
}

static int look_at(const char *path, struct err *e)
{
        const char *slash = strrchr(path, '/');
        if (!slash)
                return err_set(e, ERR_INVALID, "The socket's path %s is not absolute", path);
        cleanup_free char *folder = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
        struct stat dir, st;
        if (stat(folder, &dir) < 0 || lstat(path, &st) < 0) {
                if (errno == ENOENT || errno == ENOTDIR)
                        return not_there(e, "there is no", path);
                int saved = errno;
                err_sys(e, saved, "Can't look at %s", path);
                e->code = saved == EACCES ? ERR_DENIED : ERR_DAEMON;
                return -1;
        }
        if (dir.st_uid != 0 || (dir.st_mode & (S_IWGRP | S_IWOTH)))
                return not_roots(e, folder);
        if (!S_ISSOCK(st.st_mode) || st.st_uid != 0)
                return not_roots(e, path);
        return 0;
}

static int connect_to(const char *path, int *ret_fd, struct err *e)
{
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        struct ucred peer;
        socklen_t len = sizeof peer;
        if (strlen(path) >= sizeof addr.sun_path)
                return err_set(e, ERR_INVALID, "The socket's path %s is longer than %zu bytes",
                        path, sizeof addr.sun_path - 1);
        memcpy(addr.sun_path, path, strlen(path));
        cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_sys(e, errno, "Can't make a socket");
        if (connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0) {
                int saved = errno;
                if (saved == ENOENT || saved == ECONNREFUSED)
                        return not_there(e, "nobody answers on", path);
                err_sys(e, saved, "Can't connect to ds01d on %s", path);
                e->code = saved == EACCES ? ERR_DENIED : ERR_DAEMON;
                return -1;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0)
                return not_roots(e, path);
        *ret_fd = take_fd(&fd);
        return 0;
}

int rpc_connect(const char *path, struct rpc_client **ret, struct err *e)
{
        int fd = -1;
        if (look_at(path, e) < 0 || connect_to(path, &fd, e) < 0)
                return -1;
        struct rpc_client *c = xcalloc(1, sizeof *c);
        frame_init(&c->frame, fd, true);
        c->reply_deadline = -1;
        *ret = c;
        return 0;
}

void rpc_client_free(struct rpc_client *c)
{
        if (!c)
                return;
        frame_done(&c->frame);
        free(c);
}

int rpc_client_fd(const struct rpc_client *c)
{
        return c->frame.fd;
}

void rpc_client_set_interrupt_fd(struct rpc_client *c, int fd)
{
        c->frame.wake_fd = fd;
}

/* The connection can't be used any more. Returns -1. */
static int broken(struct rpc_client *c)
{
        frame_done(&c->frame);
        return -1;
}

static int gone(struct rpc_client *c, const char *before, struct err *e)
{
        err_set(e, ERR_DAEMON, "ds01d ended the connection before it %s", before);
        err_fix(e, "sudo systemctl status ds01d");
        return broken(c);
}

/*
 * Takes params. A daemon that refuses a connection says so and closes at once: where sending fails,
 * its answer may be there already, and is looked for without waiting.
 */
static int send_call(struct rpc_client *c, const char *method, json_t *params, bool more,
        const int *fds, size_t n_fds, struct err *e)
{
        cleanup_json json_t *message = message_call_new(method, params, more);
        if (c->frame.fd < 0)
                return gone(c, "was asked", e);
        if (frame_write(&c->frame, message, fds, n_fds, e) == 0)
                return 0;
        if (e->code == ERR_INVALID)
                return -1;
        c->reply_deadline = clock_mono_ms();
        return 0;
}

/* 1 and *ret_frame, or -1. *ret_fd is -1 if none came; more than one is an error. */
static int read_reply(struct rpc_client *c, json_t **ret_frame, int *ret_fd, struct err *e)
{
        int fds[FRAME_FDS_MAX];
        size_t n_fds = 0;
        int r = frame_read(&c->frame, c->reply_deadline, ret_frame, fds, &n_fds, e);
        if (r == 0 && c->frame.woken) {
                err_set(e, ERR_INTERRUPTED, "Interrupted");
                return broken(c);
        }
        if (r == 0 || (r < 0 && e->code != ERR_INVALID))
                return gone(c, "answered", e);
        if (r < 0) {
                e->code = ERR_DAEMON;
                err_wrap(e, "ds01d's answer can't be understood");
                return broken(c);
        }
        *ret_fd = n_fds > 0 ? fds[0] : -1;
        for (size_t i = 1; i < n_fds; i++)
                close(fds[i]);
        return 1;
}

/* One reply that has been taken apart: params are borrowed from the frame. */
static int next_reply(struct rpc_client *c, json_t **ret_frame, const json_t **ret_params,
        bool *ret_continues, int *ret_fd, struct err *e)
{
        cleanup_json json_t *frame = NULL;
        cleanup_close int fd = -1;
        if (read_reply(c, &frame, &fd, e) < 0)
                return -1;
        if (message_parse_reply(frame, ret_params, ret_continues, e) < 0)
                return e->code == ERR_DAEMON ? broken(c) : -1;
        *ret_frame = take_ptr(frame);
        *ret_fd = take_fd(&fd);
        return 0;
}

int rpc_call(struct rpc_client *c, const char *method, json_t *params, const int *fds, size_t n_fds,
        json_t **ret, int *ret_fd, struct err *e)
{
        cleanup_json json_t *frame = NULL;
        cleanup_close int fd = -1;
        const json_t *reply;
        bool continues;
        if (send_call(c, method, params, false, fds, n_fds, e) < 0 ||
                next_reply(c, &frame, &reply, &continues, &fd, e) < 0)
                return -1;
        if (continues || (ret_fd && fd < 0)) {
                err_set(e, ERR_DAEMON, "ds01d's answer to %s %s", method,
                        continues ? "has no end" : "lacks its descriptor");
                return broken(c);
        }
        if (ret)
                *ret = reply ? json_incref((json_t *)reply) : json_object();
        if (ret_fd)
                *ret_fd = take_fd(&fd);
        return 0;
}

static int receive(struct rpc_client *c, rpc_stream_fn *fn, void *ctx, struct err *e)
{
        for (bool continues = true; continues;) {
                cleanup_json json_t *frame = NULL;
                cleanup_close int fd = -1;
                const json_t *reply;
                if (next_reply(c, &frame, &reply, &continues, &fd, e) < 0)
                        return -1;
                if (!continues && json_object_size(reply) == 0)
                        return 0;
                if (fn(reply, ctx) != 0) {
                        if (continues)
                                broken(c);
                        return 1;
                }
        }
        return 0;
}

int rpc_stream(struct rpc_client *c, const char *method, json_t *params, const int *fds,
        size_t n_fds, rpc_stream_fn *fn, void *ctx, struct err *e)
{
        if (send_call(c, method, params, true, fds, n_fds, e) < 0)
                return -1;
        return receive(c, fn, ctx, e);
}

int rpc_stream_take(struct rpc_client *c, const char *method, json_t *params, int *fds,
        size_t n_fds, rpc_stream_fn *fn, void *ctx, struct err *e)
{
        int r = send_call(c, method, params, true, fds, n_fds, e);
        for (size_t i = 0; i < n_fds; i++)
                close(take_fd(&fds[i]));
        return r < 0 ? -1 : receive(c, fn, ctx, e);
}
