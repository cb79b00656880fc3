/* SPDX-License-Identifier: MIT */
#include "daemon/build.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Somebody in line; on the stack of whoever waits. */
struct waiter {
        uid_t uid;
        int fd; /* readable once it is its turn */
        bool admitted;
        struct waiter *next;
};

/* The accounts that build now and those in line, first come first. Short: a list is searched as fast as
 * anything else. */
enum { BUILDS_MAX = 64 };
static struct {
        pthread_mutex_t lock;
        size_t max;
        uid_t uids[BUILDS_MAX];
        size_t n;
        struct waiter *first;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool builds(uid_t uid)
{
        for (size_t i = 0; i < queue.n; i++)
                if (queue.uids[i] == uid)
                        return true;
        return false;
}

/* Lets in whoever may, in the order of the line: an account that builds holds up nobody but itself. */
static void admit(void)
{
        uint64_t one = 1;
        for (struct waiter *p = queue.first; p && queue.n < queue.max; p = p->next) {
                if (p->admitted || builds(p->uid))
                        continue;
                queue.uids[queue.n++] = p->uid;
                p->admitted = true;
                (void)!write(p->fd, &one, sizeof one);
        }
}

static void line_up(struct waiter *p, size_t max)
{
        pthread_mutex_lock(&queue.lock);
        queue.max = max < BUILDS_MAX ? max : BUILDS_MAX;
        struct waiter **end = &queue.first;
        while (*end)
                end = &(*end)->next;
        *end = p;
        admit();
        pthread_mutex_unlock(&queue.lock);
}

/* True if it had been let in. */
static bool step_out(struct waiter *p)
{
        pthread_mutex_lock(&queue.lock);
        struct waiter **at = &queue.first;
        while (*at != p)
                at = &(*at)->next;
        *at = p->next;
        bool admitted = p->admitted;
        pthread_mutex_unlock(&queue.lock);
        close(p->fd);
        return admitted;
}

/* Until it is its turn; -1 if the caller hangs up or we end. */
static int wait_in_line(struct rpc_call *call, const struct waiter *p)
{
        struct pollfd fds[] = { { .fd = p->fd, .events = POLLIN },
                { .fd = call->conn_fd, .events = POLLIN | POLLRDHUP },
                { .fd = rpc_call_stop_fd(call), .events = POLLIN } };
        if (poll(fds, 1, 0) > 0)
                return 0;
        if (rpc_reply_more(call, json_pack("{s:s, s:s}", "kind", "queued", "text",
                                         "Waiting: other builds are running")) < 0)
                return -1;
        while (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno == EINTR)
                continue;
        return fds[1].revents || fds[2].revents ? -1 : 0;
}

int build_enter(struct daemon *d, struct rpc_call *call, uid_t uid, struct err *e)
{
        struct waiter p = { .uid = uid, .fd = eventfd(0, EFD_CLOEXEC) };
        if (p.fd < 0)
                return err_sys(e, errno, "Can't wait for the turn to build");
        line_up(&p, (size_t)d->config.build_parallel);
        int r = wait_in_line(call, &p);
        bool admitted = step_out(&p);
        if (r == 0)
                return 0;
        if (admitted)
                build_leave(d, uid);
        return err_set(e, ERR_INTERRUPTED, "The build was given up");
}

void build_leave(struct daemon *d, uid_t uid)
{
        (void)d;
        pthread_mutex_lock(&queue.lock);
        for (size_t i = 0; i < queue.n; i++)
                if (queue.uids[i] == uid)
                        queue.uids[i--] = queue.uids[--queue.n];
        admit();
        pthread_mutex_unlock(&queue.lock);
}
