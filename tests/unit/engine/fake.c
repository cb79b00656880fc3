/* SPDX-License-Identifier: MIT */
#include "fake.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, REQUESTS_MAX = 4096, RULES_MAX = 32 };

struct connection {
        struct fake *fake;
        int fd;
        pthread_t thread;
};

struct fake {
        char dir[64], socket[128];
        int listener;
        pthread_t acceptor;
        pthread_mutex_t lock; /* everything below */
        struct fake_rule rules[RULES_MAX];
        int used[RULES_MAX];
        size_t rule_count;
        struct connection connections[CONNECTIONS_MAX];
        size_t connection_count;
        char *lines[REQUESTS_MAX], *bodies[REQUESTS_MAX];
        size_t request_count;
        bool hangup;
};

static void pause_ms(int ms)
{
        nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
}

static bool take(int fd, struct buf *b, size_t n)
{
        char c;
        for (; n > 0; n--) {
                if (recv(fd, &c, 1, 0) != 1)
                        return false;
                buf_putc(b, c);
        }
        return true;
}

static bool take_line(int fd, struct buf *b)
{
        size_t start = b->len;
        while (b->len - start < 2 || strcmp(b->data + b->len - 2, "\r\n") != 0)
                if (!take(fd, b, 1))
                        return false;
        return true;
}

static bool take_head(int fd, struct buf *b)
{
        while (!str_ends(buf_str(b), "\r\n\r\n"))
                if (!take_line(fd, b))
                        return false;
        return true;
}

static bool take_body(int fd, const char *head, struct buf *b)
{
        const char *length = strcasestr(head, "\r\nContent-Length: ");
        if (length)
                return take(fd, b, (size_t)atol(length + 18));
        if (!strcasestr(head, "\r\nTransfer-Encoding: chunked"))
                return true;
        for (;;) {
                cleanup_buf struct buf line = BUF_INIT(64);
                if (!take_line(fd, &line))
                        return false;
                size_t n = strtoul(buf_str(&line), NULL, 16);
                buf_clear(&line);
                if (!take(fd, b, n) || !take_line(fd, &line))
                        return false;
                if (n == 0)
                        return true;
        }
}

static bool find_rule(struct fake *f, const char *line, struct fake_rule *ret)
{
        pthread_mutex_lock(&f->lock);
        size_t i = 0;
        while (i < f->rule_count && (!strstr(line, f->rules[i].match) ||
                                            (f->rules[i].uses && f->used[i] == f->rules[i].uses)))
                i++;
        bool found = i < f->rule_count;
        if (found) {
                f->used[i]++;
                *ret = f->rules[i];
        }
        pthread_mutex_unlock(&f->lock);
        if (found)
                return true;
        *ret = (struct fake_rule){ .status = 200,
                .body = "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}" };
        return strstr(line, "GET /version") != NULL;
}

static void record(struct fake *f, const char *line, const char *body)
{
        if (strstr(line, "GET /version"))
                return;
        pthread_mutex_lock(&f->lock);
        f->lines[f->request_count] = xstrdup(line);
        f->bodies[f->request_count++] = xstrdup(body);
        pthread_mutex_unlock(&f->lock);
}

static void add_answer(struct buf *b, const struct fake_rule *r)
{
        if (r->raw) {
                buf_add(b, r->raw, r->raw_len ? r->raw_len : strlen(r->raw));
                return;
        }
        const char *body = str_or_empty(r->body);
        size_t n = strlen(body);
        buf_printf(b, "HTTP/1.1 %d Fake\r\n%s", r->status, str_or_empty(r->head));
        if (!r->chunked) {
                if (r->status != 204 && r->status != 304)
                        buf_printf(b, "Content-Length: %zu\r\n", n);
                buf_str_add(b, "\r\n");
                buf_str_add(b, body);
                return;
        }
        buf_str_add(b, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0, step; at < n; at += step) {
                step = r->piece && r->piece < n - at ? r->piece : n - at;
                buf_printf(b, "%zx\r\n", step);
                buf_add(b, body + at, step);
                buf_str_add(b, "\r\n");
        }
        buf_str_add(b, "0\r\n\r\n");
}

static bool send_answer(int fd, const struct fake_rule *r)
{
        cleanup_buf struct buf b = BUF_INIT(64 * 1024 * 1024);
        add_answer(&b, r);
        size_t n = r->cut && r->cut < b.len ? r->cut : b.len - r->withhold;
        for (size_t at = 0, step; at < n; at += step) {
                step = r->piece && !r->chunked && r->piece < n - at ? r->piece : n - at;
                if (fd_write_all(fd, b.data + at, step, -1))
                        return false;
        }
        return true;
}

/* Waits for the client to close. */
static void await_close(struct fake *f, int fd)
{
        char c[4096];
        while (recv(fd, c, sizeof c, 0) > 0)
                continue;
        pthread_mutex_lock(&f->lock);
        f->hangup = true;
        pthread_mutex_unlock(&f->lock);
}

/* One request and its answer. False when the connection is done for. */
static bool serve(struct fake *f, int fd)
{
        cleanup_buf struct buf head = BUF_INIT(128 * 1024), body = BUF_INIT(64 * 1024 * 1024);
        struct fake_rule rule;
        if (!take_head(fd, &head))
                return false;
        cleanup_free char *line = xstrndup(head.data, strcspn(head.data, "\r"));
        if (!find_rule(f, line, &rule)) {
                fprintf(stderr, "The fake engine has no rule for %s\n", line);
                abort();
        }
        if (!rule.leave_request && !take_body(fd, head.data, &body)) {
                record(f, line, buf_str(&body));
                await_close(f, fd);
                return false;
        }
        record(f, line, buf_str(&body));
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };
        if (rule.delay_ms && poll(&p, 1, rule.delay_ms) > 0) {
                await_close(f, fd);
                return false;
        }
        if (!send_answer(fd, &rule))
                return false;
        if (rule.after == FAKE_HOLD)
                await_close(f, fd);
        return rule.after == FAKE_KEEP;
}

static void *connection_main(void *arg)
{
        struct connection *c = arg;
        while (serve(c->fake, c->fd))
                continue;
        /* Not close(2): fake_stop() may be about to shut the same number down. */
        shutdown(c->fd, SHUT_RDWR);
        return NULL;
}

static void *acceptor_main(void *arg)
{
        struct fake *f = arg;
        for (;;) {
                int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        return NULL;
                pthread_mutex_lock(&f->lock);
                struct connection *c = &f->connections[f->connection_count++];
                *c = (struct connection){ f, fd, 0 };
                pthread_create(&c->thread, NULL, connection_main, c);
                pthread_mutex_unlock(&f->lock);
        }
}

struct fake *fake_start(const struct fake_rule *rules, size_t n)
{
        struct fake *f = xcalloc(1, sizeof *f);
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(f->dir, sizeof f->dir, "/tmp/fake-engine-XXXXXX");
        if (!mkdtemp(f->dir) || n > RULES_MAX)
                abort();
        snprintf(f->socket, sizeof f->socket, "%s/s", f->dir);
        memcpy(a.sun_path, f->socket, strlen(f->socket));
        if (n)
                memcpy(f->rules, rules, n * sizeof *rules);
        f->rule_count = n;
        pthread_mutex_init(&f->lock, NULL);
        f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(f->listener, (struct sockaddr *)&a, sizeof a) || listen(f->listener, 64))
                abort();
        pthread_create(&f->acceptor, NULL, acceptor_main, f);
        return f;
}

void fake_stop(struct fake *f)
{
        shutdown(f->listener, SHUT_RDWR);
        pthread_join(f->acceptor, NULL);
        close(f->listener);
        for (size_t i = 0; i < f->connection_count; i++) {
                shutdown(f->connections[i].fd, SHUT_RDWR);
                pthread_join(f->connections[i].thread, NULL);
                close(f->connections[i].fd);
        }
        for (size_t i = 0; i < f->request_count; i++) {
                free(f->lines[i]);
                free(f->bodies[i]);
        }
        unlink(f->socket);
        rmdir(f->dir);
        free(f);
}

const char *fake_socket(const struct fake *f)
{
        return f->socket;
}

size_t fake_requests(struct fake *f)
{
        pthread_mutex_lock(&f->lock);
        size_t n = f->request_count;
        pthread_mutex_unlock(&f->lock);
        return n;
}

size_t fake_connections(struct fake *f)
{
        pthread_mutex_lock(&f->lock);
        size_t n = f->connection_count;
        pthread_mutex_unlock(&f->lock);
        return n;
}

const char *fake_line(struct fake *f, size_t i)
{
        return i < fake_requests(f) ? f->lines[i] : "";
}

const char *fake_body(struct fake *f, size_t i)
{
        return i < fake_requests(f) ? f->bodies[i] : "";
}

bool fake_saw_hangup(struct fake *f)
{
        for (int i = 0; i < 200; i++) {
                pthread_mutex_lock(&f->lock);
                bool seen = f->hangup;
                pthread_mutex_unlock(&f->lock);
                if (seen)
                        return true;
                pause_ms(10);
        }
        return false;
}
