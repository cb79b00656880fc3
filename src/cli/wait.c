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
        LITTLE_MS = 2000,
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
        a->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
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
        err_set(e, ERR_BUSY, "The time to wait for a GPU for %s is over", name);
        return err_fix(e, "gpu-queue join %s --launch", name);
}

/* ---- one connection's worth of waiting ---- */

struct waiting {
        const char *name;
        struct progress *progress; /* NULL: lines instead */
        char *last;
        bool turn, gone;
};

static int on_ticket(const json_t *ticket, void *ctx)
{
        struct waiting *w = ctx;
        const char *state = str_or_empty(json_str(ticket, "state"));
        w->turn = strcmp(state, "turn") == 0;
        w->gone = strcmp(state, "gone") == 0;
        if (w->turn || w->gone)
                return 0;
        cleanup_free char *place = gpus_place(ticket);
        cleanup_free char *eta = gpus_eta(ticket);
        char *text = xasprintf("%s%s%s", place, *eta ? ", " : "", eta);
        if (w->progress)
                progress_tick(w->progress, text);
        else if (!str_eq(w->last, text))
                out_say("Waiting for a GPU for %s: %s.", w->name, text);
        free(w->last);
        w->last = text;
        return 0;
}

static int join(struct cli *c, const char *name, int gpus, struct err *e)
{
        cleanup_json json_t *ticket = NULL;
        return cli_call(c, "io.ds01.Queue.Join",
                json_pack("{s:s, s:i, s:b}", "name", name, "gpus", gpus < 1 ? 1 : gpus, "wait", 1),
                &ticket, e);
}

static void disconnect(struct cli *c)
{
        rpc_client_free(take_ptr(c->rpc));
}

static int watch(struct cli *c, struct waiting *w, const struct alarm *a, struct err *e)
{
        if (cli_connect(c, e) < 0)
                return -1;
        rpc_client_set_interrupt_fd(c->rpc, a->fd);
        int r = rpc_stream(c->rpc, "io.ds01.Queue.Wait", json_pack("{s:s}", "name", w->name), NULL,
                0, on_ticket, w, e);
        if (c->rpc)
                rpc_client_set_interrupt_fd(c->rpc, -1);
        return r < 0 ? -1 : 0;
}

/* A ds01d that is restarted knows the ticket: it is only to be found again. */
static int stay(struct cli *c, struct waiting *w, int gpus, const struct alarm *a, struct err *e)
{
        int tries = 0;
        if (join(c, w->name, gpus, e) < 0)
                return -1;
        while (!w->turn) {
                if (watch(c, w, a, e) == 0) {
                        if (w->gone)
                                return err_set(e, ERR_STALE, "The ticket for %s has left the queue",
                                        w->name);
                        tries = 0;
                        continue;
                }
                disconnect(c);
                if (is_readable(a->fd, 0))
                        return say_why_ended(a, w->name, e);
                if (e->code != ERR_DAEMON || ++tries > RETRIES_MAX)
                        return -1;
                if (is_readable(a->fd, RETRY_MS))
                        return say_why_ended(a, w->name, e);
        }
        return 0;
}

int wait_for_turn(struct cli *c, const char *name, int gpus, const struct wait *wait, struct err *e)
{
        struct progress p;
        struct alarm a;
        bool live = progress_possible();
        struct waiting w = { .name = name, .progress = live ? &p : NULL };
        /* The threads of the progress line must not take the signals. */
        alarm_begin(&a, wait->deadline);
        if (live)
                progress_start(&p, "Waiting for a GPU");
        int r = stay(c, &w, gpus, &a, e);
        if (live)
                progress_end(&p);
        alarm_end(&a);
        free(w.last);
        return r;
}

int wait_a_little(
        struct cli *c, const char *name, const char *why, const struct wait *wait, struct err *e)
{
        struct alarm a;
        struct progress p;
        cleanup_free char *what = xasprintf("Waiting for %s", why);
        (void)c;
        alarm_begin(&a, wait->deadline);
        progress_start(&p, what);
        bool ended = is_readable(a.fd, LITTLE_MS);
        progress_end(&p);
        int r = ended ? say_why_ended(&a, name, e) : 0;
        alarm_end(&a);
        return r;
}
