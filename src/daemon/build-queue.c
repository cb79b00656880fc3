/* SPDX-License-Identifier: MIT */
#include "daemon/build.h"

#include <poll.h>
#include <string.h>

enum { BUILDS_MAX = 64, LOOK_MS = 100 };

/* The accounts that build now. Short: a list is searched as fast as anything else. */
static struct {
        pthread_mutex_t lock;
        uid_t uids[BUILDS_MAX];
        size_t n;
} running = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool try_enter(size_t max, uid_t uid)
{
        bool free_place = true;
        pthread_mutex_lock(&running.lock);
        if (running.n >= (max < BUILDS_MAX ? max : BUILDS_MAX))
                free_place = false;
        for (size_t i = 0; i < running.n; i++)
                if (running.uids[i] == uid)
                        free_place = false;
        if (free_place)
                running.uids[running.n++] = uid;
        pthread_mutex_unlock(&running.lock);
        return free_place;
}

int build_enter(struct daemon *d, struct rpc_call *call, uid_t uid, struct err *e)
{
        for (bool told = false; !try_enter((size_t)d->config.build_parallel, uid);) {
                if (!told && rpc_reply_more(call, json_pack("{s:s, s:s}", "kind", "queued", "text",
                                                          "Waiting: other builds are running")) < 0)
                        return err_set(e, ERR_INTERRUPTED, "The build was given up");
                told = true;
                struct pollfd p[] = { { .fd = call->conn_fd, .events = POLLIN | POLLRDHUP },
                        { .fd = rpc_call_stop_fd(call), .events = POLLIN } };
                if (poll(p, 2, LOOK_MS) > 0)
                        return err_set(e, ERR_INTERRUPTED, "The build was given up");
        }
        return 0;
}

void build_leave(struct daemon *d, uid_t uid)
{
        (void)d;
        pthread_mutex_lock(&running.lock);
        for (size_t i = 0; i < running.n; i++)
                if (running.uids[i] == uid)
                        running.uids[i--] = running.uids[--running.n];
        pthread_mutex_unlock(&running.lock);
}
