/* SPDX-License-Identifier: MIT */
#include "cli/wait.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/gpus.h"
#include "cli/out.h"
#include "cli/progress.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
        WAIT_MAX_S = 30 * 86400,
        RETRY_MS = 500, /* between attempts to reach a ds01d that was restarted */
        RETRIES_MAX = 60,
        LOOK_MS = 2000, /* between looks at GPUs that somebody else has */
};

int wait_option(const struct cli *c, struct wait *ret, struct err *e)
{
        const char *given = cli_value(c, "wait");
        int64_t seconds;
        *ret = (struct wait){ .wanted = cli_has(c, "wait"), .deadline = -1 };
        if (!given)
                return 0;
        if (!clock_read_duration(given, WAIT_MAX_S, &seconds))
                return cli_usage(
                        c, e, "Option --wait takes a time such as 90s, 30m, 2h or 1d, at most 30d");
        ret->deadline = clock_mono_ms() + seconds * 1000;
        return 0;
}

/* ---- what ends a wait early: Ctrl-C and its like, or its time ---- */

struct alarm {
        int fd, signals, timer; /* fd: readable when one of the two is */
        sigset_t old;
};

static void alarm_begin(struct alarm *a, int64_t deadline)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &set, &a->old);
        a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        a->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        a->fd = epoll_create1(EPOLL_CLOEXEC);
        if (deadline >= 0) {
                int64_t left = deadline - clock_mono_ms();
                left = left > 0 ? left : 1;
                struct itimerspec t = { .it_value = { left / 1000, left % 1000 * 1000000 } };
                timerfd_settime(a->timer, 0, &t, NULL);
        }
        struct epoll_event event = { .events = EPOLLIN };
        epoll_ctl(a->fd, EPOLL_CTL_ADD, a->signals, &event);
        epoll_ctl(a->fd, EPOLL_CTL_ADD, a->timer, &event);
}

static void alarm_end(struct alarm *a)
{
        struct signalfd_siginfo taken;
        while (read(a->signals, &taken, sizeof taken) == sizeof taken)
                continue;
        close(a->signals);
        close(a->timer);
        close(a->fd);
        pthread_sigmask(SIG_SETMASK, &a->old, NULL);
}

static bool is_readable(int fd, int ms)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r;
        do
                r = poll(&p, 1, ms);
        while (r < 0 && errno == EINTR);
        return r > 0;
}

/* Fills *e for what ended the wait. */
static int say_why_ended(const struct alarm *a, const char *name, struct err *e)
{
        if (is_readable(a->signals, 0))
                return err_set(e, ERR_INTERRUPTED, "Interrupted; nothing was started");
        return err_set(e, ERR_BUSY, "The time to wait for a GPU for %s is over", name);
}

/* ---- a place in the line ---- */

struct waiting {
        struct cli *c;
        const char *name;
        struct progress *progress; /* NULL: lines instead */
        char *place;               /* the last one that was told */
        unsigned n_told;
        bool turn, gone;
};

static int on_ticket(const json_t *ticket, void *ctx)
{
        struct waiting *w = ctx;
        const char *state = str_or_empty(json_str(ticket, "state"));
        w->n_told++;
        w->turn = strcmp(state, "turn") == 0;
        w->gone = strcmp(state, "gone") == 0;
        if (w->turn || w->gone)
                return 0;
        cleanup_free char *place = gpus_place(ticket);
        cleanup_free char *standing = gpus_standing(ticket);
        if (w->progress)
                progress_tick(w->progress, standing);
        else if (!str_eq(w->place, place)) /* not each minute that the estimate moves */
                out_say("Waiting for a GPU for %s: %s.", w->name, standing);
        str_replace(&w->place, place);
        return 0;
}

/* A ticket that is there already must be one for this, and must not start the container by itself. */
static int check_ticket(const json_t *ticket, const char *name, int gpus, struct err *e)
{
        int64_t has = json_int(ticket, "gpus", gpus);
        if (str_eq(json_str(ticket, "kind"), "launch"))
                err_set(e, ERR_EXISTS, "%s is in the queue already, and will be launched by itself",
                        name);
        else if (has != gpus)
                err_set(e, ERR_EXISTS, "%s is in the queue already, for %lld GPU%s", name,
                        (long long)has, has == 1 ? "" : "s");
        else
                return 0;
        return err_fix(e, "gpu-queue position %s\ngpu-queue leave %s", name, name);
}

static int join(struct waiting *w, int gpus, bool *ret_already, struct err *e)
{
        cleanup_json json_t *ticket = NULL;
        if (cli_call(w->c, "io.ds01.Queue.Join",
                    json_pack("{s:s, s:i, s:b}", "name", w->name, "gpus", gpus, "wait", 1), &ticket,
                    e) < 0)
                return -1;
        *ret_already = json_bool(ticket, "already", false);
        return *ret_already ? check_ticket(ticket, w->name, gpus, e) : 0;
}

static void disconnect(struct cli *c)
{
        rpc_client_free(take_ptr(c->rpc));
}

/* The end of the connection says it as well, but not before our own end. */
static void leave(struct waiting *w)
{
        struct err ignored = ERR_INIT;
        cleanup_json json_t *reply = NULL;
        disconnect(w->c);
        (void)cli_call(
                w->c, "io.ds01.Queue.Leave", json_pack("{s:s}", "name", w->name), &reply, &ignored);
}

static int watch(struct waiting *w, const struct alarm *a, struct err *e)
{
        if (cli_connect(w->c, e) < 0)
                return -1;
        rpc_client_set_interrupt_fd(w->c->rpc, a->fd);
        int r = rpc_stream(w->c->rpc, "io.ds01.Queue.Wait", json_pack("{s:s}", "name", w->name),
                NULL, 0, on_ticket, w, e);
        rpc_client_set_interrupt_fd(w->c->rpc, -1);
        return r < 0 ? -1 : 0;
}

/* ds01d is gone, or says that it goes; our own end is looked for first. */
static bool is_lost(const struct err *e)
{
        return e->code == ERR_DAEMON || e->code == ERR_INTERRUPTED;
}

/* A ds01d that is restarted knows the ticket: it is only to be found again. */
static int watch_on(struct waiting *w, const struct alarm *a, bool *ret_ended, struct err *e)
{
        int tries = 0;
        while (!w->turn && !w->gone) {
                unsigned told = w->n_told;
                int r = watch(w, a, e);
                if (w->turn || w->gone)
                        break;
                disconnect(w->c);
                if (is_readable(a->fd, 0))
                        return *ret_ended = true, 0;
                if (r < 0 && e->code == ERR_NOT_FOUND)
                        w->gone = true;
                else if (r < 0 && !is_lost(e))
                        return -1;
                tries = w->n_told > told ? 0 : tries + 1;
                if (tries > RETRIES_MAX)
                        return r < 0 && e->code == ERR_DAEMON
                                       ? -1
                                       : err_set(e, ERR_DAEMON, "ds01d does not answer");
                if (!w->gone && is_readable(a->fd, RETRY_MS))
                        return *ret_ended = true, 0;
        }
        return 0;
}

static int stay(struct waiting *w, int gpus, const struct alarm *a, struct err *e)
{
        bool already, ended = false;
        if (join(w, gpus, &already, e) < 0 || watch_on(w, a, &ended, e) < 0)
                return -1;
        if (ended) {
                /* Who was in line before keeps the place. */
                if (!already)
                        leave(w);
                say_why_ended(a, w->name, e);
                return e->code == ERR_BUSY ? err_fix(e, "gpu-queue join %s --launch", w->name) : -1;
        }
        if (w->turn)
                return 0;
        err_set(e, ERR_STALE, "%s is no longer in the queue", w->name);
        return err_fix(e, "ds01 why %s", w->name);
}

int wait_for_turn(struct cli *c, const char *name, int gpus, const struct wait *wait, struct err *e)
{
        struct progress p;
        struct alarm a;
        bool live = progress_possible();
        struct waiting w = { .c = c, .name = name, .progress = live ? &p : NULL };
        /* The thread of the progress line must not take the signals. */
        alarm_begin(&a, wait->deadline);
        if (live)
                progress_start(&p, "Waiting for a GPU");
        int r = stay(&w, gpus < 1 ? 1 : gpus, &a, e);
        if (live)
                progress_end(&p);
        alarm_end(&a);
        free(w.place);
        return r;
}

/* ---- its own GPUs ---- */

struct looking {
        const json_t *uuids;
        size_t n_seen, n_free;
        char *held; /* what is known about the first that isn't free */
        bool known; /* the driver answers: what isn't listed isn't there */
};

static bool has_uuid(const json_t *uuids, const char *uuid)
{
        size_t i;
        json_t *u;
        json_array_foreach (uuids, i, u)
                if (str_eq(json_string_value(u), uuid))
                        return true;
        return false;
}

static int on_gpu(const json_t *gpu, void *ctx)
{
        struct looking *l = ctx;
        const char *health = json_str(gpu, "health");
        if (health)
                l->known = str_eq(health, "ok") && json_bool(gpu, "answering", false);
        if (!has_uuid(l->uuids, json_str(gpu, "uuid")))
                return 0;
        l->n_seen++;
        if (str_eq(json_str(gpu, "state"), "free"))
                l->n_free++;
        else if (!l->held)
                l->held = gpus_state(gpu);
        return 0;
}

/* 1: all are free, or it can't be told here why not; 0: not yet; -1. */
static int look(struct cli *c, const json_t *uuids, struct progress *p, struct err *e)
{
        struct looking l = { .uuids = uuids };
        if (cli_connect(c, e) < 0 ||
                rpc_stream(c->rpc, "io.ds01.Gpus.List", json_object(), NULL, 0, on_gpu, &l, e) < 0)
                return -1;
        size_t n = json_array_size(uuids);
        bool missing = l.known && l.n_seen < n;
        progress_tick(p, l.held);
        free(l.held);
        return l.n_free == n || missing;
}

int wait_for_own(struct cli *c, const char *name, const json_t *uuids, const struct wait *wait,
        struct err *e)
{
        struct alarm a;
        struct progress p;
        int r = 0, tries = 0;
        bool ended = false;
        alarm_begin(&a, wait->deadline);
        progress_start(&p, "Waiting for its own GPUs");
        /* It was refused a moment ago, so the first look is not at once. */
        while (r == 0 && !(ended = is_readable(a.fd, LOOK_MS))) {
                r = look(c, uuids, &p, e);
                if (r >= 0) {
                        tries = 0;
                        continue;
                }
                disconnect(c);
                if (is_lost(e) && ++tries <= RETRIES_MAX)
                        r = 0;
        }
        progress_end(&p);
        if (ended)
                r = say_why_ended(&a, name, e);
        if (ended && e->code == ERR_BUSY)
                err_fix(e, "container-start %s --wait", name);
        alarm_end(&a);
        return r < 0 ? -1 : 0;
}
