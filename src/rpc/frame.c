/* SPDX-License-Identifier: MIT */
#include "rpc/frame.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void frame_init(struct frame_conn *c, int fd, bool pipelined)
{
        *c = (struct frame_conn){ .fd = fd, .wake_fd = -1, .pipelined = pipelined };
        c->progress_ms = FRAME_PROGRESS_MS;
        c->in = BUF_INIT(FRAME_MAX + 1);
}

static void drop_fds(struct frame_conn *c)
{
        while (c->n_fds > 0)
                close(c->fds[--c->n_fds]);
}

void frame_done(struct frame_conn *c)
{
        drop_fds(c);
        buf_done(&c->in);
        if (c->fd >= 0)
                close(take_fd(&c->fd));
}

/* 1: something to read, 0: woken, -1. The wake-up wins, so that a busy peer can't outrun it. */
static int wait_input(struct frame_conn *c, int64_t deadline, struct err *e)
{
        struct pollfd p[2] = {
                { .fd = c->fd, .events = POLLIN },
                { .fd = c->in.len == 0 ? c->wake_fd : -1, .events = POLLIN },
        };
        for (;;) {
                int r = poll(p, 2, clock_poll_timeout(deadline));
                if (r > 0)
                        return p[1].revents == 0;
                if (r == 0 && c->in.len > 0)
                        return err_set(e, ERR_INVALID,
                                "A message was not complete after %d seconds",
                                c->progress_ms / 1000);
                if (r == 0)
                        return err_set(e, ERR_BUSY, "No message came in time");
                if (errno != EINTR)
                        return err_sys(e, errno, "Can't wait for a message");
        }
}

/* Takes over the descriptors of a received message, all of them, even if there are too many. */
static int keep_fds(struct frame_conn *c, struct msghdr *msg, struct err *e)
{
        bool first = c->in.len == 0;
        for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
                if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
                        if (first && c->n_fds < FRAME_FDS_MAX)
                                c->fds[c->n_fds++] = fd;
                        else
                                close(fd);
                }
                if (!first)
                        return err_set(e, ERR_INVALID,
                                "Descriptors came elsewhere than on the first byte of a message");
        }
        if (msg->msg_flags & MSG_CTRUNC)
                return err_set(e, ERR_INVALID, "More than %d descriptors came with a message",
                        FRAME_FDS_MAX);
        return 0;
}

/* 1: bytes came (or none after all), 0: the peer's end is closed, -1. */
static int receive(struct frame_conn *c, struct err *e)
{
        char chunk[16384];
        union {
                char space[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
                struct cmsghdr align;
        } control;
        size_t room = FRAME_MAX + 1 - c->in.len;
        struct iovec iov = { .iov_base = chunk,
                .iov_len = room < sizeof chunk ? room : sizeof chunk };
        struct msghdr msg = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.space,
                .msg_controllen = sizeof control.space };
        ssize_t n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 1;
        if (n < 0)
                return err_sys(e, errno, "Can't read from the connection");
        if (keep_fds(c, &msg, e) < 0)
                return -1;
        if (n == 0)
                return 0;
        buf_add(&c->in, chunk, (size_t)n);
        return 1;
}

/* Makes a document of the first n bytes of the buffer. */
static int take_frame(struct frame_conn *c, size_t n, json_t **ret, struct err *e)
{
        if (!c->pipelined && c->in.len > n + 1)
                return err_set(
                        e, ERR_INVALID, "More bytes followed a request before it was answered");
        if (json_parse(c->in.data, n, FRAME_DEPTH_MAX, ret, e) < 0)
                return -1;
        buf_consume(&c->in, n + 1);
        return 1;
}

static int read_frame(struct frame_conn *c, int64_t deadline, json_t **ret, struct err *e)
{
        size_t looked_at = 0;
        if (c->in.len > 0)
                deadline = clock_mono_ms() + c->progress_ms;
        for (;;) {
                const char *end = NULL;
                if (c->in.len > looked_at)
                        end = memchr(c->in.data + looked_at, '\0', c->in.len - looked_at);
                if (end)
                        return take_frame(c, (size_t)(end - c->in.data), ret, e);
                if (c->in.len > FRAME_MAX)
                        return err_set(
                                e, ERR_INVALID, "A message is larger than %d bytes", FRAME_MAX);
                looked_at = c->in.len;
                int r = wait_input(c, deadline, e);
                if (r == 0)
                        c->woken = true;
                if (r <= 0)
                        return r;
                r = receive(c, e);
                if (r < 0 || (r == 0 && c->in.len == 0))
                        return r;
                if (r == 0)
                        return err_set(
                                e, ERR_FAILED, "The connection ended in the middle of a message");
                if (looked_at == 0 && c->in.len > 0)
                        deadline = clock_mono_ms() + c->progress_ms;
        }
}

int frame_read(struct frame_conn *c, int64_t deadline_first, json_t **ret, int fds[FRAME_FDS_MAX],
        size_t *ret_nfds, struct err *e)
{
        c->woken = false;
        int r = read_frame(c, deadline_first, ret, e);
        if (r <= 0) {
                drop_fds(c);
                return r;
        }
        memcpy(fds, c->fds, c->n_fds * sizeof fds[0]);
        *ret_nfds = c->n_fds;
        c->n_fds = 0;
        return 1;
}

/* One sendmsg(); the descriptors go with the first byte. */
static ssize_t send_some(int fd, const char *data, size_t n, const int *fds, size_t n_fds)
{
        union {
                char space[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        if (n_fds > 0) {
                msg.msg_control = control.space;
                msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                struct cmsghdr *h = &control.align;
                h->cmsg_level = SOL_SOCKET;
                h->cmsg_type = SCM_RIGHTS;
                h->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(h), fds, sizeof(int) * n_fds);
        }
        return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int wait_output(struct frame_conn *c, struct err *e)
{
        struct pollfd p = { .fd = c->fd, .events = POLLOUT };
        int64_t deadline = clock_mono_ms() + c->progress_ms;
        for (;;) {
                int r = poll(&p, 1, clock_poll_timeout(deadline));
                if (r > 0)
                        return 0;
                if (r == 0)
                        return err_set(e, ERR_FAILED, "The other side took nothing for %d seconds",
                                c->progress_ms / 1000);
                if (errno != EINTR)
                        return err_sys(e, errno, "Can't wait for the connection");
        }
}

int frame_write(
        struct frame_conn *c, const json_t *frame, const int *fds, size_t n_fds, struct err *e)
{
        cleanup_free char *text = json_text(frame);
        size_t n = strlen(text) + 1, sent = 0;
        if (n > FRAME_MAX + 1)
                return err_set(e, ERR_INVALID, "A message of %zu bytes is larger than %d", n - 1,
                        FRAME_MAX);
        if (n_fds > FRAME_FDS_MAX)
                return err_set(e, ERR_INVALID, "A message can't carry %zu descriptors, at most %d",
                        n_fds, FRAME_FDS_MAX);
        while (sent < n) {
                ssize_t w = send_some(c->fd, text + sent, n - sent, fds, sent == 0 ? n_fds : 0);
                if (w >= 0)
                        sent += (size_t)w;
                else if (errno == EAGAIN && wait_output(c, e) < 0)
                        return -1;
                else if (errno != EAGAIN && errno != EINTR)
                        return err_sys(e, errno, "Can't write to the connection");
        }
        return 0;
}
