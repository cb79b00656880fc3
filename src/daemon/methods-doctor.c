/* SPDX-License-Identifier: MIT */
/* System.Doctor: the examination, each finding in a reply as it comes. */
#include "daemon/methods.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "daemon/examine.h"

#include <poll.h>

enum { TURN_MS = 60 * 1000, TURN_LOOK_MS = 50, READER_MS = 1000 };

/*
 * It asks the engine and the disks: one examination at a time, however many ask. They come in the order
 * in which they asked, admins first: nobody can keep an admin from it by asking again and again.
 */
struct waiter {
        struct waiter *next;
        bool admin;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct waiter *line; /* under lock */
static bool busy;           /* under lock */

static void stand_in_line(struct waiter *w)
{
        struct waiter **at = &line;
        pthread_mutex_lock(&lock);
        while (*at && (!w->admin || (*at)->admin))
                at = &(*at)->next;
        w->next = *at;
        *at = w;
        pthread_mutex_unlock(&lock);
}

/* Leaves the line if it is w's turn, and then has it (true); or if it gives up. */
static bool leave_line(struct waiter *w, bool give_up)
{
        pthread_mutex_lock(&lock);
        bool turn = !give_up && !busy && line == w;
        if (turn || give_up) {
                struct waiter **at = &line;
                while (*at != w)
                        at = &(*at)->next;
                *at = w->next;
                busy |= turn;
        }
        pthread_mutex_unlock(&lock);
        return turn;
}

static void end_turn(void)
{
        pthread_mutex_lock(&lock);
        busy = false;
        pthread_mutex_unlock(&lock);
}

struct asker {
        struct rpc_call *call;
        bool admin;
};

static int tell(void *ctx, const struct examine_check *check, const struct finding *f)
{
        struct asker *a = ctx;
        struct pollfd p = { .fd = a->call->conn_fd, .events = POLLOUT };
        /* All answers of an examination have room in a socket: who leaves none doesn't read, and must not
         * keep the others waiting. */
        if (poll(&p, 1, READER_MS) <= 0)
                return -1;
        return rpc_reply_more(a->call, examine_row(check, f, a->admin));
}

static int take_turn(struct rpc_call *call, bool admin, struct err *e)
{
        struct waiter w = { .admin = admin };
        int64_t until = clock_mono_ms() + TURN_MS;
        stand_in_line(&w);
        while (!leave_line(&w, false)) {
                int64_t now = clock_mono_ms();
                if (now < until &&
                        fd_wait_readable(rpc_call_stop_fd(call), now + TURN_LOOK_MS) == 0)
                        continue;
                (void)leave_line(&w, true);
                err_set(e, ERR_BUSY, "Others are having this machine checked");
                return err_fix(e, "Try again in a moment");
        }
        return 0;
}

int system_doctor(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct asker asker = { .call = call, .admin = caller_is_admin(who) };
        struct examination x = { .d = d,
                .config = &d->config,
                .config_path = d->config_path,
                .client = json_str(call->params, "version"),
                .engine = d->engine };
        if (take_turn(call, asker.admin, e) < 0)
                return -1;
        bool all = examine_all(&x, tell, &asker);
        end_turn();
        /* What was cut short must not read as a machine that is well. */
        if (!all) {
                err_set(e, ERR_BUSY,
                        "Not everything was looked at: ds01d ends, or its answers were not read");
                return err_fix(e, "Try again in a moment");
        }
        return rpc_reply(call, NULL);
}
