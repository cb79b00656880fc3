/* SPDX-License-Identifier: MIT */
#include "tui/retirement.h"

#include "base/json.h"
#include "cli/retire.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { STOP_MS = 500 };

struct retirement {
        pthread_t thread;
        struct cli own; /* the thread's */
        char *name, *user;
        int over_fd; /* from the thread */
        int stop_fd; /* to it: nobody waits any more */
        char *told;  /* once it is over: what came of it, or NULL and err */
        struct err err;
};

static void signal_fd(int fd)
{
        uint64_t one = 1;
        (void)!write(fd, &one, sizeof one);
}

static int retire(struct retirement *r)
{
        cleanup_json json_t *reply = NULL;
        json_t *params = json_pack("{s:s}", "name", r->name);
        if (r->user)
                json_object_set_new(params, "user", json_string(r->user));
        if (cli_connect(&r->own, &r->err) < 0) {
                json_decref(params);
                return -1;
        }
        rpc_client_set_interrupt_fd(r->own.rpc, r->stop_fd);
        if (cli_call(&r->own, "io.ds01.Containers.Retire", params, &reply, &r->err) < 0)
                return -1;
        r->told = retire_told(r->name, !r->user, reply);
        return 0;
}

static void *run(void *arg)
{
        struct retirement *r = arg;
        (void)retire(r);
        rpc_client_free(take_ptr(r->own.rpc));
        signal_fd(r->over_fd);
        return NULL;
}

static void retirement_free(struct retirement *r)
{
        free(r->name);
        free(r->user);
        free(r->told);
        mem_closep(&r->over_fd);
        mem_closep(&r->stop_fd);
        free(r);
}

int retirement_start(const char *name, const char *user, struct retirement **ret, struct err *e)
{
        struct retirement *r = xcalloc(1, sizeof *r);
        r->name = xstrdup(name);
        r->user = xstrdup(user);
        r->over_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int failed =
                r->over_fd < 0 || r->stop_fd < 0 ? errno : pthread_create(&r->thread, NULL, run, r);
        if (failed) {
                retirement_free(r);
                return err_sys(e, failed, "Can't start retiring %s", name);
        }
        *ret = r;
        return 0;
}

int retirement_fd(const struct retirement *r)
{
        return r->over_fd;
}

const char *retirement_name(const struct retirement *r)
{
        return r->name;
}

char *retirement_told(struct retirement *r, struct err *e)
{
        if (!r->told)
                *e = r->err;
        return take_ptr(r->told);
}

void retirement_end(struct retirement *r)
{
        struct timespec until;
        if (!r)
                return;
        signal_fd(r->stop_fd);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 1;
        if (pthread_timedjoin_np(r->thread, NULL, &until) == 0)
                retirement_free(r);
        else
                pthread_detach(r->thread);
}
