/* SPDX-License-Identifier: MIT */
#include "daemon/daemon.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

enum { FIRST_ANSWER_S = 5 };

int daemon_engine(struct daemon *d, struct engine_version *ret_version, struct err *e)
{
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += FIRST_ANSWER_S;
        pthread_mutex_lock(&d->lock);
        while (!d->engine_tried && pthread_cond_timedwait(&d->engine_asked, &d->lock, &until) == 0)
                ;
        bool ready = d->engine_ready;
        if (ready && ret_version)
                *ret_version = d->engine_version;
        if (!ready)
                *e = d->engine_error;
        pthread_mutex_unlock(&d->lock);
        return ready ? 0 : -1;
}

static int patience = INT_MAX;

void daemon_set_patience(int seconds)
{
        patience = seconds;
}

struct engine_wait daemon_wait(int seconds)
{
        int64_t s = seconds < patience ? seconds : patience;
        return (struct engine_wait){ .hangup_fd = -1, .deadline = clock_mono_ms() + s * 1000 };
}

struct engine_wait daemon_wait_call(const struct rpc_call *call, int seconds)
{
        return (struct engine_wait){ .hangup_fd = call->conn_fd,
                .deadline = clock_mono_ms() + (int64_t)seconds * 1000 };
}

void daemon_instance_label(const struct daemon *d, char out[64])
{
        snprintf(out, 64, "ds01.instance=%s", store_instance(d->store));
}
