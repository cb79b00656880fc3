/* SPDX-License-Identifier: MIT */
#include "tui/reader.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS = 4000, STOP_MS = 500 };

struct reader {
        pthread_t thread;
        struct cli own; /* the thread's */
        unsigned parts;
        int wake_fd;  /* to the thread: something below has changed */
        int news_fd;  /* from it */
        int alarm_fd; /* ends a call of the thread that takes too long, or when it is to stop */
        pthread_mutex_t lock;
        bool stopping, paused, now;
        bool any, failed; /* a reading that was not taken yet: board, or err */
        struct board board;
        struct err err;
};

static void signal_fd(int fd)
{
        uint64_t one = 1;
        (void)!write(fd, &one, sizeof one);
}

static void drain_fd(int fd)
{
        uint64_t count;
        (void)!read(fd, &count, sizeof count);
}

static void set_alarm(struct reader *r, int64_t ms)
{
        const struct itimerspec t = { .it_value = { ms / 1000, ms % 1000 * 1000000 } };
        timerfd_settime(r->alarm_fd, 0, &t, NULL);
}

/* ---- the thread ---- */

static int look(struct reader *r, struct board *ret, struct err *e)
{
        if (r->parts != BOARD_SYSTEM) {
                if (cli_connect(&r->own, e) < 0)
                        return -1;
                rpc_client_set_interrupt_fd(r->own.rpc, r->alarm_fd);
        }
        if (board_load(&r->own, r->parts, true, ret, e) == 0)
                return 0;
        rpc_client_free(take_ptr(r->own.rpc));
        if (e->code == ERR_INTERRUPTED)
                err_set(e, ERR_DAEMON, "ds01d does not answer");
        return -1;
}

/* True if there is to be a reading now. */
static bool begin(struct reader *r)
{
        pthread_mutex_lock(&r->lock);
        bool go = !r->stopping && !r->paused;
        r->now = false;
        /* Under the lock, or it would put off the alarm of reader_stop(). */
        if (go)
                set_alarm(r, ANSWER_MS);
        pthread_mutex_unlock(&r->lock);
        return go;
}

static void hand_over(struct reader *r, int result, struct board *b, const struct err *e)
{
        pthread_mutex_lock(&r->lock);
        if (r->any && !r->failed)
                board_done(&r->board);
        r->any = true;
        r->failed = result < 0;
        r->board = *b;
        r->err = *e;
        pthread_mutex_unlock(&r->lock);
        signal_fd(r->news_fd);
}

/* Until the next reading is due; false if there is none. */
static bool rest(struct reader *r, int64_t due)
{
        for (;;) {
                pthread_mutex_lock(&r->lock);
                bool stopping = r->stopping, now = r->now;
                int timeout = r->paused ? -1 : clock_poll_timeout(due);
                pthread_mutex_unlock(&r->lock);
                struct pollfd woken = { .fd = r->wake_fd, .events = POLLIN };
                if (stopping)
                        return false;
                if (now || timeout == 0)
                        return true;
                (void)poll(&woken, 1, timeout);
                if (woken.revents)
                        drain_fd(r->wake_fd);
        }
}

static void *run(void *arg)
{
        struct reader *r = arg;
        int64_t due;
        do {
                struct board b = { 0 };
                struct err e = ERR_INIT;
                due = clock_mono_ms() + BOARD_WATCH_MS;
                if (begin(r))
                        hand_over(r, look(r, &b, &e), &b, &e);
        } while (rest(r, due));
        rpc_client_free(take_ptr(r->own.rpc));
        return NULL;
}

/* ---- its owner's side ---- */

static void reader_free(struct reader *r)
{
        if (r->any && !r->failed)
                board_done(&r->board);
        mem_closep(&r->wake_fd);
        mem_closep(&r->news_fd);
        mem_closep(&r->alarm_fd);
        pthread_mutex_destroy(&r->lock);
        free(r);
}

int reader_start(unsigned parts, struct reader **ret, struct err *e)
{
        struct reader *r = xcalloc(1, sizeof *r);
        r->parts = parts;
        pthread_mutex_init(&r->lock, NULL);
        r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        int failed = r->wake_fd < 0 || r->news_fd < 0 || r->alarm_fd < 0
                             ? errno
                             : pthread_create(&r->thread, NULL, run, r);
        if (failed) {
                reader_free(r);
                return err_sys(e, failed, "Can't start reading");
        }
        *ret = r;
        return 0;
}

static void tell(struct reader *r, bool *what, bool paused)
{
        pthread_mutex_lock(&r->lock);
        *what = true;
        r->paused = paused;
        if (r->stopping)
                set_alarm(r, 1);
        pthread_mutex_unlock(&r->lock);
        signal_fd(r->wake_fd);
}

void reader_stop(struct reader *r)
{
        struct timespec until;
        tell(r, &r->stopping, false);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += STOP_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        /* One that hangs uses it until the process ends. */
        if (pthread_timedjoin_np(r->thread, NULL, &until) == 0)
                reader_free(r);
        else
                pthread_detach(r->thread);
}

int reader_fd(const struct reader *r)
{
        return r->news_fd;
}

int reader_take(struct reader *r, struct board *ret, struct err *e)
{
        drain_fd(r->news_fd);
        pthread_mutex_lock(&r->lock);
        int result = !r->any ? 0 : r->failed ? -1 : 1;
        if (result > 0)
                *ret = r->board;
        else if (result < 0)
                *e = r->err;
        r->any = false;
        pthread_mutex_unlock(&r->lock);
        return result;
}

void reader_pause(struct reader *r)
{
        tell(r, &r->paused, true);
}

void reader_now(struct reader *r)
{
        tell(r, &r->now, false);
}
