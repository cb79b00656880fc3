/* SPDX-License-Identifier: MIT */
/* Launches that start by themselves when their turn comes: a thread for each, a few at a time. */
#include "daemon/scheduler.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/launch.h"
#include "daemon/lease.h"
#include "host/terminals.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

enum { LAUNCHES_MAX = 16 };

static struct {
        pthread_mutex_t lock;
        pthread_cond_t ended;
        size_t n;
        int64_t ids[LAUNCHES_MAX];
} launches = { .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };

struct job {
        struct daemon *d;
        int64_t id;
};

/* `why`: it was not started, for that reason. */
static void tell(struct daemon *d, const struct ticket *t, const char *what, const char *why)
{
        cleanup_free char *text =
                why ? xasprintf("ds01: your turn for %s has come, but it was not started: %s.\n"
                                "Start it yourself: project launch %s",
                              t->name, why, t->name)
                    : xasprintf("ds01: %s was launched, its turn had come.\n"
                                "Attach: container-attach %s",
                              t->name, t->name);
        lease_tell(d, t->uid, t->name, what, "%s",
                why ? why : "Its turn had come, and it was launched");
        terminals_write(t->uid, text);
}

static int launch_ticket(struct daemon *d, const struct ticket *t, bool *ret_used, struct err *e)
{
        cleanup_container struct container row = { 0 };
        struct caller who = { 0 };
        if (strcmp(t->boot_id, d->boot) != 0)
                return err_set(e, ERR_STALE, "the machine was restarted since it joined");
        if (caller_of_account(d, t->uid, &who, e) < 0)
                return -1;
        int r = launch_queued(d, &who, t->op, t->request, t->footing, ret_used, &row, e);
        peer_done(&who.peer);
        return r;
}

/*
 * Its launch used the ticket up and came to nothing, the engine's fault maybe: its owner has the place
 * back, to use the turn by hand, as its folders are detached. Not if a container came of it all the same.
 */
static void give_place_back(struct daemon *d, const struct ticket *t)
{
        cleanup_container struct container there = { 0 };
        struct ticket again = { .uid = t->uid,
                .user = t->user,
                .name = t->name,
                .slots = t->slots,
                .kind = TICKET_HOLD,
                .joined_at = t->joined_at,
                .boot_id = t->boot_id };
        enum ticket_verdict verdict;
        int64_t id;
        bool found = false;
        struct err e = ERR_INIT;
        if (containers_find(d->store, t->uid, t->name, &there, &found, &e) == 0 && found &&
                there.state != LEDGER_CREATING && there.state != LEDGER_REMOVING)
                return;
        gpus_lock(d);
        int r = tickets_add(d->store, &again, INT_MAX, &verdict, &id, &e);
        gpus_unlock(d);
        if (r < 0)
                log_warning("ticket of %s: %s", t->user, e.msg);
}

static void run(struct daemon *d, int64_t id)
{
        cleanup_ticket struct ticket t = { 0 };
        bool found = false, used = false;
        struct err e = ERR_INIT, ignored = ERR_INIT;
        if (tickets_get(d->store, id, &t, &found, &e) < 0 || !found || !t.turn_until || *t.note)
                return;
        if (launch_ticket(d, &t, &used, &e) == 0) {
                log_info("launched %s of %s, whose turn had come", t.name, t.user);
                tell(d, &t, "launched", NULL);
                return;
        }
        log_info("%s of %s was not launched in its turn: %s", t.name, t.user, e.msg);
        if (used) {
                give_place_back(d, &t);
                tell(d, &t, "failed", e.msg);
                return;
        }
        cleanup_ticket struct ticket now = { 0 };
        /* Its owner has just left: that is what they wanted. */
        if (tickets_get(d->store, id, &now, &found, &ignored) == 0 && !found)
                return;
        if (tickets_set_note(d->store, id, e.msg, &ignored) < 0)
                log_warning("ticket of %s: %s", t.user, ignored.msg);
        tell(d, &t, "kept", e.msg);
}

static void *job_thread(void *arg)
{
        struct job *job = arg;
        run(job->d, job->id);
        pthread_mutex_lock(&launches.lock);
        for (size_t i = 0; i < launches.n; i++)
                if (launches.ids[i] == job->id) {
                        launches.ids[i] = launches.ids[--launches.n];
                        break;
                }
        pthread_cond_broadcast(&launches.ended);
        pthread_mutex_unlock(&launches.lock);
        scheduler_changed(job->d);
        free(job);
        return NULL;
}

void scheduler_launch(struct daemon *d, const struct ticket *t)
{
        pthread_t thread;
        struct err down = ERR_INIT;
        /* It starts when the engine is back, if its turn lasts so long. */
        if (daemon_engine(d, NULL, &down) < 0)
                return;
        pthread_mutex_lock(&launches.lock);
        bool begun = launches.n == LAUNCHES_MAX;
        for (size_t i = 0; i < launches.n; i++)
                begun |= launches.ids[i] == t->id;
        if (!begun) {
                struct job *job = xcalloc(1, sizeof *job);
                *job = (struct job){ d, t->id };
                if (pthread_create(&thread, NULL, job_thread, job) == 0) {
                        pthread_detach(thread);
                        launches.ids[launches.n++] = t->id;
                } else {
                        free(job);
                }
        }
        pthread_mutex_unlock(&launches.lock);
}

size_t scheduler_wait(int64_t deadline)
{
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += clock_poll_timeout(deadline) / 1000 + 1;
        pthread_mutex_lock(&launches.lock);
        while (launches.n > 0 &&
                pthread_cond_timedwait(&launches.ended, &launches.lock, &until) != ETIMEDOUT)
                continue;
        size_t left = launches.n;
        pthread_mutex_unlock(&launches.lock);
        return left;
}
