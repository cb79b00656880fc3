/* SPDX-License-Identifier: MIT */
#include "engine/upgrade.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "engine/call.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD_MAX = 8 * 1024, REFUSAL_MAX = 64 * 1024 };

static int connect_to(const char *path, struct err *e)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof a.sun_path)
                return http_unreachable(path, ENAMETOOLONG, e);
        memcpy(a.sun_path, path, strlen(path));
        cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a))
                return http_unreachable(path, errno, e);
        return take_fd(&fd);
}

static int send_all(int fd, const struct wait *w, const char *data, size_t n, struct err *e)
{
        while (n > 0) {
                ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
                if (sent < 0 && errno != EAGAIN && errno != EINTR)
                        return err_set(e, ERR_ENGINE,
                                "Can't %s: the container engine closed the connection", w->what);
                if (sent < 0 && wait_fd(w, fd, POLLOUT, e))
                        return -1;
                data += sent > 0 ? sent : 0;
                n -= sent > 0 ? (size_t)sent : 0;
        }
        return 0;
}

/* Appends up to n bytes that come next. 1, 0 at the end of the stream, or -1. */
static int receive(int fd, const struct wait *w, struct buf *b, size_t n, struct err *e)
{
        char piece[4096];
        for (;;) {
                ssize_t got = recv(fd, piece, n < sizeof piece ? n : sizeof piece, 0);
                if (got >= 0) {
                        buf_add(b, piece, (size_t)got);
                        return got > 0;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return 0;
                if (wait_fd(w, fd, POLLIN, e))
                        return -1;
        }
}

static int read_head(int fd, const struct wait *w, struct buf *head, struct err *e)
{
        while (!(head->len >= 4 && memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0)) {
                int r = receive(fd, w, head, 1, e);
                if (r < 0)
                        return -1;
                if (r == 0 || head->full)
                        return err_set(e, ERR_ENGINE,
                                "Can't %s: the container engine broke off its answer", w->what);
        }
        return 0;
}

/* The value of a header line with its surrounding blanks, or NULL. *n is its length. */
static const char *header(const char *head, const char *name, size_t *n)
{
        size_t len = strlen(name);
        for (const char *line = strstr(head, "\r\n"); line && line[2];
                line = strstr(line, "\r\n")) {
                line += 2;
                if (strncasecmp(line, name, len) || line[len] != ':')
                        continue;
                const char *value = line + len + 1;
                value += strspn(value, " \t");
                *n = strcspn(value, "\r");
                return value;
        }
        return NULL;
}

/* Every byte printable, every line but the first "name: value". */
static bool is_well_formed(const struct buf *head)
{
        for (size_t i = 0; i < head->len; i++) {
                unsigned char c = (unsigned char)head->data[i];
                if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
                        return false;
        }
        for (const char *line = strstr(head->data, "\r\n") + 2; strcmp(line, "\r\n") != 0;
                line = strstr(line, "\r\n") + 2) {
                size_t name = strcspn(line, ": \t\r\n");
                if (name == 0 || line[name] != ':')
                        return false;
        }
        return true;
}

static int status_of(const struct buf *head)
{
        const char *s = buf_str(head);
        long long status;
        char digits[4] = "";
        if (!str_starts(s, "HTTP/1.1 ") || head->len < 13 || (s[12] != ' ' && s[12] != '\r'))
                return 0;
        memcpy(digits, s + 9, 3);
        return is_well_formed(head) && str_to_int(digits, 100, 599, &status) ? (int)status : 0;
}

static bool is_upgrade(const struct buf *head)
{
        size_t n = 0;
        const char *to = header(buf_str(head), "Upgrade", &n);
        return status_of(head) == 101 && to && n == 3 && strncasecmp(to, "tcp", 3) == 0;
}

/* The message in the body of a refusal; what can't be had in time or form is left out. */
static void read_refusal(
        int fd, const struct wait *w, const struct buf *head, char *message, size_t size)
{
        cleanup_buf struct buf body = BUF_INIT(REFUSAL_MAX);
        struct err ignored;
        size_t n;
        long long length = 0;
        const char *value = header(buf_str(head), "Content-Length", &n);
        cleanup_free char *text = value ? xstrndup(value, n) : NULL;
        if (!str_to_int(text, 0, REFUSAL_MAX, &length))
                return;
        while (body.len < (size_t)length)
                if (receive(fd, w, &body, (size_t)length - body.len, &ignored) <= 0)
                        return;
        call_message(buf_str(&body), body.len, message, size);
}

int upgrade_post(const char *socket_path, const struct engine_wait *limits, const char *what,
        const char *target, const char *json, int *ret_fd, int *ret_status, char *message,
        size_t message_size, struct err *e)
{
        struct wait w = wait_begin(limits, what);
        cleanup_free char *request = xasprintf("POST %s HTTP/1.1\r\n"
                                               "Host: engine\r\n"
                                               "User-Agent: ds01/" DS01_VERSION "\r\n"
                                               "Connection: Upgrade\r\n"
                                               "Upgrade: tcp\r\n"
                                               "Content-Type: application/json\r\n"
                                               "Content-Length: %zu\r\n\r\n%s",
                target, strlen(json), json);
        cleanup_buf struct buf head = BUF_INIT(HEAD_MAX);
        *ret_status = 0;
        message[0] = '\0';
        if (wait_check(&w, e))
                return -1;
        cleanup_close int fd = connect_to(socket_path, e);
        if (fd < 0 || send_all(fd, &w, request, strlen(request), e) || read_head(fd, &w, &head, e))
                return -1;
        if (is_upgrade(&head)) {
                if (fd_set_nonblock(fd, false))
                        return err_sys(e, errno, "Can't %s", what);
                *ret_fd = take_fd(&fd);
                return 0;
        }
        *ret_status = status_of(&head);
        if (*ret_status == 0 || *ret_status < 400)
                return err_set(e, ERR_ENGINE,
                        "Can't %s: the container engine did not hand over its stream", what);
        read_refusal(fd, &w, &head, message, message_size);
        err_set(e, ERR_FAILED, "Can't %s: %s", what, message[0] ? message : "refused");
        return *ret_status >= 500 ? err_fix(e, "ds01 doctor") : -1;
}
