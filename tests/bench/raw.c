/* SPDX-License-Identifier: MIT */
/*
 * The floor: an engine's API with nothing around it. Sends requests that ds01d once made over one
 * connection that stays open, as ds01d's does, and says how long each took.
 *
 *   raw SOCKET
 *
 * Each line of its input is a request: METHOD, path, and a file with the body or "-", with tabs
 * between. "{id}" in a path stands for the last "Id" that the engine answered with. HIJACK is a POST
 * that asks for an upgrade, on a connection of its own that is read to its end. For each line it writes
 * the status and the nanoseconds from the first byte sent to the last byte read. What it can't do ends it.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 64 << 10, PATH = 4096, WAIT_S = 120 };
#define IDLE_NS 20000000000LL

struct conn {
        int fd;
        size_t begin, end; /* of what has come and was not looked at yet */
        char text[TEXT];
};

static char last_id[65];

static long long now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void dial(struct conn *c, const char *path)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        size_t n = strlen(path);
        if (n >= sizeof a.sun_path)
                errx(1, "%s: too long for a socket", path);
        memcpy(a.sun_path, path, n);
        c->begin = c->end = 0;
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval wait = { .tv_sec = WAIT_S };
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0 ||
                setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0)
                err(1, "%s", path);
}

/* False at the end. */
static bool more(struct conn *c)
{
        if (c->begin == c->end)
                c->begin = c->end = 0;
        ssize_t n = read(c->fd, c->text + c->end, sizeof c->text - c->end);
        if (n < 0)
                err(1, "reading an answer");
        c->end += (size_t)n;
        return n > 0;
}

/* A line without its CRLF; it stays where it is until more is read. */
static char *line_of(struct conn *c)
{
        for (;;) {
                char *from = c->text + c->begin, *nl = memchr(from, '\n', c->end - c->begin);
                if (nl) {
                        c->begin = (size_t)(nl + 1 - c->text);
                        *(nl > from && nl[-1] == '\r' ? nl - 1 : nl) = '\0';
                        return from;
                }
                if (c->begin > 0) {
                        memmove(c->text, from, c->end - c->begin);
                        c->end -= c->begin;
                        c->begin = 0;
                }
                if (c->end == sizeof c->text || !more(c))
                        errx(1, "no line in an answer");
        }
}

/* An id stands at the very beginning of the answers that have one. */
static void look_for_id(const char *text, size_t n)
{
        const char *mark = "\"Id\":\"";
        const char *at = memmem(text, n, mark, strlen(mark));
        if (at && at + strlen(mark) + sizeof last_id <= text + n)
                memcpy(last_id, at + strlen(mark), sizeof last_id - 1);
}

static void skip(struct conn *c, size_t n, bool is_first)
{
        while (n > 0) {
                if (c->begin == c->end && !more(c))
                        errx(1, "an answer ended early");
                size_t here = c->end - c->begin < n ? c->end - c->begin : n;
                if (is_first)
                        look_for_id(c->text + c->begin, here);
                is_first = false;
                c->begin += here;
                n -= here;
        }
}

static void skip_chunks(struct conn *c)
{
        bool is_first = true;
        for (;;) {
                size_t n = strtoul(line_of(c), NULL, 16);
                skip(c, n, is_first);
                (void)line_of(c);
                if (n == 0)
                        return;
                is_first = false;
        }
}

static int answer(struct conn *c, bool is_head, bool to_end)
{
        size_t length = 0;
        bool chunked = false;
        const char *line = line_of(c);
        int status = strlen(line) > 9 ? atoi(line + 9) : 0;
        while (*(line = line_of(c))) {
                if (strncasecmp(line, "Content-Length:", 15) == 0)
                        length = strtoul(line + 15, NULL, 10);
                else if (strncasecmp(line, "Transfer-Encoding: chunked", 26) == 0)
                        chunked = true;
        }
        if (to_end && status == 101)
                while (more(c))
                        c->begin = c->end;
        else if (!is_head && chunked)
                skip_chunks(c);
        else if (!is_head)
                skip(c, length, status == 201);
        return status;
}

static void send_all(int fd, const char *text, size_t n)
{
        while (n > 0) {
                ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
                if (sent < 0)
                        err(1, "sending a request");
                text += sent;
                n -= (size_t)sent;
        }
}

static void put_id(const char *path, char ret[PATH])
{
        const char *mark = strstr(path, "{id}");
        int n = mark ? snprintf(ret, PATH, "%.*s%s%s", (int)(mark - path), path, last_id, mark + 4)
                     : snprintf(ret, PATH, "%s", path);
        if (n >= PATH)
                errx(1, "a path is too long");
}

/* dockerd closes what nobody has used for minutes. */
static void refresh(struct conn *c, const char *path)
{
        static long long used;
        long long now = now_ns();
        if (used > 0 && now - used > IDLE_NS) {
                close(c->fd);
                dial(c, path);
        }
        used = now;
}

/* Head and body in one piece, as short as ds01d's. */
static char *request(const char *method, const char *path, const char *file, size_t *ret_n)
{
        static char body[TEXT], text[2 * TEXT];
        bool hijack = strcmp(method, "HIJACK") == 0;
        size_t n = 0;
        if (strcmp(file, "-") != 0) {
                FILE *f = fopen(file, "re");
                if (!f || (n = fread(body, 1, sizeof body, f)) == sizeof body)
                        err(1, "%s", file);
                fclose(f);
        }
        int head = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: engine\r\n%s%s",
                hijack ? "POST" : method, path,
                hijack ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "",
                n > 0 ? "Content-Type: application/json\r\n" : "");
        if (n > 0 || hijack || strcmp(method, "POST") == 0)
                head += snprintf(
                        text + head, sizeof text - (size_t)head, "Content-Length: %zu\r\n", n);
        head += snprintf(text + head, sizeof text - (size_t)head, "\r\n");
        memcpy(text + head, body, n);
        *ret_n = (size_t)head + n;
        return text;
}

int main(int argc, char **argv)
{
        static struct conn kept, once;
        char line[2 * PATH], path[PATH];
        if (argc != 2)
                errx(2, "usage: raw SOCKET");
        dial(&kept, argv[1]);
        while (fgets(line, sizeof line, stdin)) {
                const char *method = strtok(line, "\t\n"), *named = strtok(NULL, "\t\n"),
                           *file = strtok(NULL, "\t\n");
                if (!method || !named || !file)
                        errx(2, "a line needs a method, a path and a file");
                size_t n;
                bool hijack = strcmp(method, "HIJACK") == 0;
                put_id(named, path);
                const char *text = request(method, path, file, &n);
                refresh(&kept, argv[1]);
                long long began = now_ns();
                if (hijack)
                        dial(&once, argv[1]);
                struct conn *c = hijack ? &once : &kept;
                send_all(c->fd, text, n);
                int status = answer(c, strcmp(method, "HEAD") == 0, hijack);
                printf("%d %lld\n", status, now_ns() - began);
                fflush(stdout);
                if (hijack)
                        close(once.fd);
        }
        return 0;
}
