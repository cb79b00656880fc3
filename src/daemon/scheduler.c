/* SPDX-License-Identifier: MIT */
#include "daemon/scheduler.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/lease-refuse.h"
#include "daemon/lease.h"
#include "host/mounts.h"
#include "host/terminals.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
        LOOK_MS = 3000,    /* between two looks at the line when nothing is known to have changed */
        FRESH_MS = 2000,   /* figures that a turn may rest on */
        ORPHAN_MS = 60000, /* how long a ticket that is to be waited for is kept without anybody */
        MISSED_MAX = 2,    /* turns that pass before a ticket ends */
};

struct watcher {
        int fd;
        int64_t ticket_id;
};

struct orphan {
        int64_t ticket_id, since_ms;
};

struct scheduler {
        pthread_t thread;
        bool started;
        int wake_fd;
        pthread_mutex_t lock; /* of the watchers */
        struct watcher *watchers;
        size_t n_watchers;
        struct orphan *orphans; /* the thread's alone */
        size_t n_orphans;
};

/* ---- who waits ---- */

static void signal_fd(int fd)
{
        uint64_t one = 1;
        (void)!write(fd, &one, sizeof one);
}

void scheduler_changed(struct daemon *d)
{
        if (d->scheduler)
                signal_fd(d->scheduler->wake_fd);
}

int scheduler_watch(struct daemon *d, int64_t ticket_id, int *ret_fd, struct err *e)
{
        struct scheduler *t = d->scheduler;
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return err_sys(e, errno, "Can't make an eventfd");
        pthread_mutex_lock(&t->lock);
        t->watchers = xrealloc(t->watchers, t->n_watchers + 1, sizeof *t->watchers);
        t->watchers[t->n_watchers++] = (struct watcher){ fd, ticket_id };
        pthread_mutex_unlock(&t->lock);
        *ret_fd = fd;
        return 0;
}

void scheduler_unwatch(struct daemon *d, int fd)
{
        struct scheduler *t = d->scheduler;
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->n_watchers; i++)
                if (t->watchers[i].fd == fd) {
                        t->watchers[i] = t->watchers[--t->n_watchers];
                        break;
                }
        pthread_mutex_unlock(&t->lock);
        close(fd);
}

static void wake_watchers(struct scheduler *t)
{
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->n_watchers; i++)
                signal_fd(t->watchers[i].fd);
        pthread_mutex_unlock(&t->lock);
}

static bool is_watched(struct scheduler *t, int64_t ticket_id)
{
        bool watched = false;
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->n_watchers; i++)
                watched |= t->watchers[i].ticket_id == ticket_id;
        pthread_mutex_unlock(&t->lock);
        return watched;
}

/* ---- ending a ticket ---- */

/* Under gpus_lock(). One that a launch has used up has nothing left: its folders are the container's. */
static int end_ticket(struct daemon *d, const struct ticket *t, struct err *e)
{
        cleanup_leases struct leases held = { 0 };
        cleanup_ticket struct ticket now = { 0 };
        struct usage use;
        bool found = false;
        if (tickets_get(d->store, t->id, &now, &found, e) < 0)
                return -1;
        if (!found) {
                err_set(e, ERR_NOT_FOUND, "The ticket is no longer in the queue");
                return err_fix(e, "container-list --all");
        }
        return leases_of_ticket(d->store, t->id, &held, e) < 0 || lease_use(d, &held, &use, e) < 0
                       ? -1
                       : tickets_end(d->store, t->id, held.n ? &use : NULL, e);
}

int scheduler_leave(struct daemon *d, const struct ticket *t, const char *why, struct err *e)
{
        struct err unmount = ERR_INIT;
        gpus_lock(d);
        int r = end_ticket(d, t, e);
        gpus_unlock(d);
        if (r < 0)
                return -1;
        if (t->op[0] && mounts_detach_all(&d->mounts, t->op, &unmount) < 0)
                log_warning("the folders of a ticket of %s: %s", t->user, unmount.msg);
        lease_tell(d, t->uid, t->name, "left", "%s", why);
        scheduler_changed(d);
        return 0;
}

/* A ticket that somebody was to wait for, and nobody does. */
static void end_orphans(struct daemon *d, const struct tickets *tickets)
{
        struct scheduler *t = d->scheduler;
        struct orphan *now = xcalloc(tickets->n + 1, sizeof *now);
        size_t n = 0;
        struct err e = ERR_INIT;
        for (size_t i = 0; i < tickets->n; i++) {
                const struct ticket *ticket = &tickets->v[i];
                if (ticket->kind != TICKET_WAIT || ticket->turn_until || is_watched(t, ticket->id))
                        continue;
                int64_t since = clock_mono_ms();
                for (size_t k = 0; k < t->n_orphans; k++)
                        if (t->orphans[k].ticket_id == ticket->id)
                                since = t->orphans[k].since_ms;
                if (clock_mono_ms() - since > ORPHAN_MS)
                        scheduler_leave(d, ticket, "Nobody waited for it any more", &e);
                else
                        now[n++] = (struct orphan){ ticket->id, since };
        }
        free(t->orphans);
        t->orphans = now;
        t->n_orphans = n;
}

/* ---- telling ---- */

static const char *shown_name(const struct ticket *t)
{
        return *t->name ? t->name : "your next launch";
}

static void tell_turn(
        struct daemon *d, const struct ticket *t, const struct lease *v, size_t n, int64_t until)
{
        cleanup_free char *gpus = gpus_text(v, n);
        cleanup_free char *when = lease_when(until, clock_unix());
        lease_tell(d, t->uid, t->name, "turn", "%s kept for it %s", gpus, when);
        log_info("turn of %s (%s): %s", t->user, shown_name(t), gpus);
        if (t->kind != TICKET_HOLD)
                return;
        cleanup_free char *text =
                xasprintf("ds01: your turn: %s kept for %s, %s.\nUse it: project launch %s", gpus,
                        shown_name(t), when, *t->name ? t->name : "NAME");
        terminals_write(t->uid, text);
}

static void tell_passed(struct daemon *d, const struct ticket *t, bool ended)
{
        const char *what = ended ? "It left the queue: two turns passed unused"
                                 : "Its turn passed unused; it is at the end of the line now";
        lease_tell(d, t->uid, t->name, "passed", "%s", what);
        cleanup_free char *text =
                xasprintf("ds01: your turn for %s has passed. %s.\nSee: gpu-queue status",
                        shown_name(t), what);
        terminals_write(t->uid, text);
}

/* ---- a look at the line ---- */

struct change { /* what a round did, told after the lock */
        struct ticket t;
        struct lease v[PLACE_SLOTS_MAX];
        size_t n;
        int64_t until;
        bool passed, ended;
};

struct changes {
        struct change *v;
        size_t n;
};

/* The ticket moves over. */
static struct change *add_change(struct changes *c, struct ticket *t)
{
        c->v = xrealloc(c->v, c->n + 1, sizeof *c->v);
        struct change *change = &c->v[c->n++];
        *change = (struct change){ .t = *t };
        *t = (struct ticket){ 0 };
        return change;
}

static void changes_done(struct changes *c)
{
        for (size_t i = 0; i < c->n; i++)
                ticket_done(&c->v[i].t);
        free(c->v);
}

/* Under gpus_lock(): turns that were not used. True if there were any. */
static bool pass_turns(struct daemon *d, struct changes *c)
{
        cleanup_tickets struct tickets tickets = { 0 };
        struct err e = ERR_INIT;
        int64_t now = clock_unix();
        bool any = false;
        if (tickets_all(d->store, &tickets, &e) < 0)
                return false;
        for (size_t i = 0; i < tickets.n; i++) {
                struct ticket *t = &tickets.v[i];
                cleanup_leases struct leases held = { 0 };
                struct usage use;
                bool ended = t->missed + 1 >= MISSED_MAX;
                if (t->turn_until == 0 || t->turn_until > now)
                        continue;
                if (leases_of_ticket(d->store, t->id, &held, &e) < 0 ||
                        lease_use(d, &held, &use, &e) < 0 ||
                        (ended ? tickets_end(d->store, t->id, held.n ? &use : NULL, &e)
                               : tickets_pass(d->store, t->id, &use, now, &e)) < 0) {
                        log_warning("a turn that passed: %s", e.msg);
                        continue;
                }
                struct change *change = add_change(c, t);
                change->passed = true;
                change->ended = ended;
                any = true;
        }
        return any;
}

/* Under gpus_lock(): the turns that the line gives now. */
static int give_turns(struct daemon *d, struct changes *c, struct err *e)
{
        cleanup_line struct line line = { 0 };
        int result = 0;
        if (line_read(d, NULL, &line, e) < 0)
                return -1;
        for (size_t i = 0; i < line.n_waiting; i++) {
                const struct queue_verdict *v = &line.verdicts[i];
                struct ticket *t = &line.tickets.v[line.ticket_of[v->ticket]];
                struct lease leases[PLACE_SLOTS_MAX];
                int64_t until = line.view.now + line.settings.turn_s;
                if (v->reason != QUEUE_GRANTED)
                        continue;
                for (size_t k = 0; k < v->place.n; k++)
                        gpus_lease(&line.view, v->place.at[k], &leases[k]);
                /* One that can't be given must not keep the others waiting. */
                if (tickets_grant(d->store, t->id, leases, v->place.n, until, e) < 0) {
                        result = -1;
                        continue;
                }
                struct change *change = add_change(c, t);
                memcpy(change->v, leases, v->place.n * sizeof *leases);
                change->n = v->place.n;
                change->until = until;
        }
        return result;
}

static void tell_all(struct daemon *d, const struct changes *c)
{
        for (size_t i = 0; i < c->n; i++) {
                const struct change *change = &c->v[i];
                if (!change->passed) {
                        tell_turn(d, &change->t, change->v, change->n, change->until);
                        continue;
                }
                struct err ignored = ERR_INIT;
                if (change->ended && change->t.op[0])
                        (void)mounts_detach_all(&d->mounts, change->t.op, &ignored);
                tell_passed(d, &change->t, change->ended);
        }
}

/* Launches that are to start by themselves, whose turn has come; those of before a restart too. */
static void launch_those_ready(struct daemon *d)
{
        cleanup_tickets struct tickets tickets = { 0 };
        struct err e = ERR_INIT;
        if (tickets_all(d->store, &tickets, &e) < 0)
                return;
        for (size_t i = 0; i < tickets.n; i++) {
                const struct ticket *t = &tickets.v[i];
                if (t->kind == TICKET_LAUNCH && t->turn_until && !*t->note)
                        scheduler_launch(d, t);
        }
        end_orphans(d, &tickets);
}

static bool anybody(struct daemon *d)
{
        cleanup_tickets struct tickets tickets = { 0 };
        struct err ignored = ERR_INIT;
        return tickets_all(d->store, &tickets, &ignored) == 0 && tickets.n > 0;
}

void scheduler_look(struct daemon *d, bool changed)
{
        CLEANUP(changes_done) struct changes c = { 0 };
        struct err e = ERR_INIT;
        if (!anybody(d)) {
                /* Who watched the last ticket is told that it is gone. */
                wake_watchers(d->scheduler);
                return;
        }
        gpus_refresh(d, FRESH_MS, FRESH_MS);
        line_warm(d);
        gpus_lock(d);
        pass_turns(d, &c);
        int r = give_turns(d, &c, &e);
        gpus_unlock(d);
        if (r < 0)
                log_warning("the line for GPUs: %s", e.msg);
        tell_all(d, &c);
        launch_those_ready(d);
        /* Each of them reads the whole line: not for nothing. */
        if (changed || c.n > 0)
                wake_watchers(d->scheduler);
}

static void *thread(void *arg)
{
        struct daemon *d = arg;
        struct scheduler *t = d->scheduler;
        for (;;) {
                struct pollfd fds[] = { { .fd = d->stop_fd, .events = POLLIN },
                        { .fd = t->wake_fd, .events = POLLIN } };
                uint64_t count;
                scheduler_look(d, read(t->wake_fd, &count, sizeof count) > 0);
                while (poll(fds, ARRAY_LEN(fds), LOOK_MS) < 0 && errno == EINTR)
                        continue;
                if (fds[0].revents)
                        return NULL;
        }
}

int scheduler_start(struct daemon *d, struct err *e)
{
        struct scheduler *t = xcalloc(1, sizeof *t);
        pthread_mutex_init(&t->lock, NULL);
        t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        d->scheduler = t;
        if (t->wake_fd < 0)
                return err_sys(e, errno, "Can't make an eventfd");
        int r = pthread_create(&t->thread, NULL, thread, d);
        if (r)
                return err_sys(e, r, "Can't start a thread");
        t->started = true;
        return 0;
}

void scheduler_join(struct daemon *d)
{
        if (d->scheduler && d->scheduler->started)
                pthread_join(d->scheduler->thread, NULL);
}

void scheduler_free(struct daemon *d)
{
        struct scheduler *t = take_ptr(d->scheduler);
        if (!t)
                return;
        mem_closep(&t->wake_fd);
        free(t->watchers);
        free(t->orphans);
        free(t);
}
