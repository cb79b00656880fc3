/* SPDX-License-Identifier: MIT */
#include "fake-socket.h"

#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 32 };

static char folder[] = "/tmp/ds01-fuzz-XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf answer = { .max = SIZE_MAX / 2 }; /* under the lock */

static void leave(void)
{
        unlink(address.sun_path);
        rmdir(folder);
}

/* All at once: a socket's buffer holds more than a fuzzer makes. */
static void greet(int fd)
{
        pthread_mutex_lock(&lock);
        for (size_t at = 0; at < answer.len;) {
                ssize_t sent = send(fd, answer.data + at, answer.len - at, MSG_NOSIGNAL);
                if (sent < 0)
                        break;
                at += (size_t)sent;
        }
        pthread_mutex_unlock(&lock);
        shutdown(fd, SHUT_WR);
}

/* Takes what a client still says, so that closing doesn't reset what it has yet to read. */
static void *serve(void *ctx)
{
        struct pollfd p[CONNECTIONS_MAX + 1] = { { .fd = *(int *)ctx, .events = POLLIN } };
        nfds_t n = 1;
        char rest[4096];
        for (;;) {
                p[0].events = n <= CONNECTIONS_MAX ? POLLIN : 0;
                if (poll(p, n, -1) < 0 && errno != EINTR)
                        abort();
                for (nfds_t i = 1; i < n; i++) {
                        if (!p[i].revents || recv(p[i].fd, rest, sizeof rest, 0) > 0)
                                continue;
                        close(p[i].fd);
                        p[i--] = p[--n];
                }
                if (!(p[0].revents & POLLIN))
                        continue;
                int fd = accept4(p[0].fd, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        abort();
                greet(fd);
                p[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
        }
        return NULL;
}

static void start(void)
{
        static int listener;
        pthread_t thread;
        if (!mkdtemp(folder))
                abort();
        snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
                listen(listener, CONNECTIONS_MAX) < 0 || atexit(leave) != 0 ||
                pthread_create(&thread, NULL, serve, &listener) != 0)
                abort();
        pthread_detach(thread);
}

const char *fake_socket_path(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, start);
        return address.sun_path;
}

void fake_socket_answer(const char *data, size_t n)
{
        pthread_mutex_lock(&lock);
        buf_clear(&answer);
        buf_add(&answer, data, n);
        pthread_mutex_unlock(&lock);
}

const char *fake_socket_sent(size_t *ret_n)
{
        *ret_n = answer.len;
        return buf_str(&answer);
}
