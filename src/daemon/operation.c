/* SPDX-License-Identifier: MIT */
#include "daemon/operation.h"

#include "base/log.h"
#include "store/containers.h"

#include <stdio.h>

struct owed {
        int64_t id;
        char op[RANDOM_HEX_LEN + 1];
};

static struct {
        pthread_mutex_t lock;
        struct owed *v;
        size_t n;
} owed = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void owe(int64_t id, const char *op)
{
        pthread_mutex_lock(&owed.lock);
        owed.v = xrealloc(owed.v, owed.n + 1, sizeof *owed.v);
        owed.v[owed.n].id = id;
        snprintf(owed.v[owed.n++].op, sizeof owed.v->op, "%s", op);
        pthread_mutex_unlock(&owed.lock);
}

void operation_end(struct daemon *d, int64_t id, const char *op)
{
        struct err e = ERR_INIT;
        if (containers_end(d->store, id, op, &e) == 0 || e.code == ERR_STALE)
                return;
        log_warning("an operation on container %lld ends later: %s", (long long)id, e.msg);
        owe(id, op);
}

void operation_end_owed(struct daemon *d)
{
        pthread_mutex_lock(&owed.lock);
        struct owed *v = take_ptr(owed.v);
        size_t n = owed.n;
        owed.n = 0;
        pthread_mutex_unlock(&owed.lock);
        for (size_t i = 0; i < n; i++)
                operation_end(d, v[i].id, v[i].op);
        free(v);
}
