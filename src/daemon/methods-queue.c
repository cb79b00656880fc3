/* SPDX-License-Identifier: MIT */
/* Join, Leave, List, Wait and Why: the queue as its tickets' owners and others see it. */
#include "daemon/methods.h"

#include "base/clock.h"
#include "base/json.h"
#include "daemon/launch.h"
#include "daemon/lease-refuse.h"
#include "daemon/lease.h"
#include "daemon/rules.h"
#include "daemon/scheduler.h"
#include "policy/name.h"
#include "store/decisions.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
        AHEAD_MAX = 16,
        WAIT_LOOK_MS = 30 * 1000, /* estimates change although nothing happens */
        WHY_MAX = 200,
};

/* ---- a ticket as it is shown ---- */

struct showing {
        struct daemon *d;
        struct line line;
        struct eta *etas;
        uid_t uid; /* of the caller */
        int64_t sees;
};

static void showing_done(struct showing *s)
{
        line_done(&s->line);
        free(s->etas);
}

static int look(struct daemon *d, struct caller *who, struct showing *s, struct err *e)
{
        struct limits l;
        *s = (struct showing){ .d = d, .uid = who->peer.uid, .sees = LIMIT_SEES_ALL };
        if (!caller_is_admin(who)) {
                rules_limits_of_peer(d, &who->peer, &l);
                s->sees = limits_get(&l, LIMIT_VISIBILITY);
        }
        line_warm(d);
        gpus_lock(d);
        int r = line_read(d, NULL, &s->line, e);
        gpus_unlock(d);
        return r < 0 ? -1 : line_etas(d, &s->line, &s->etas, e);
}

static const char *kind_word(enum ticket_kind kind)
{
        return kind == TICKET_LAUNCH ? "launch" : kind == TICKET_WAIT ? "wait" : "hold";
}

static json_t *ahead_json(const struct showing *s, size_t place)
{
        json_t *a = json_array();
        for (size_t i = 0; i < place && i < AHEAD_MAX && s->sees != LIMIT_SEES_COUNTS; i++) {
                size_t ticket = s->line.ticket_of[s->line.verdicts[i].ticket];
                json_array_append_new(a, json_string(s->line.tickets.v[ticket].user));
        }
        return a;
}

static char *turn_text(const struct showing *s, const struct ticket *t)
{
        const struct leases *all = &s->line.view.leases;
        cleanup_free struct lease *own = xcalloc(all->n + 1, sizeof *own);
        size_t n = 0;
        for (size_t i = 0; i < all->n; i++)
                if (all->v[i].ticket_id == t->id)
                        own[n++] = all->v[i];
        return gpus_text(own, n);
}

/* `i`: index into the tickets; their number for one that is gone. */
static json_t *ticket_json(const struct showing *s, size_t i)
{
        if (i == s->line.tickets.n)
                return json_pack("{s:s}", "state", "gone");
        const struct ticket *t = &s->line.tickets.v[i];
        size_t place = line_place(&s->line, i);
        bool turn = t->turn_until != 0, mine = t->uid == s->uid;
        bool named = mine || s->sees == LIMIT_SEES_ALL;
        /* Until when others have a GPU is for those who may see them. */
        bool timed = mine || s->sees != LIMIT_SEES_COUNTS;
        cleanup_free char *text = turn ? turn_text(s, t) : xstrdup("");
        cleanup_free char *reason =
                turn ? xstrdup(t->note) : lease_reason(&s->line, place, s->sees);
        struct eta eta = turn || !timed ? (struct eta){ 0 } : s->etas[place];
        return json_pack("{s:s, s:s, s:b, s:i, s:s, s:s, s:I, s:I, s:o, s:I, s:s, s:s, s:I, s:I}",
                "name", named ? t->name : "", "user", timed ? t->user : "", "mine", (int)mine,
                "gpus", t->slots, "kind", named ? kind_word(t->kind) : "", "state",
                turn ? "turn" : "waiting", "joined_at", (json_int_t)t->joined_at, "position",
                turn ? (json_int_t)0 : (json_int_t)place + 1, "ahead",
                turn ? json_array() : ahead_json(s, place), "turn_until",
                (json_int_t)(timed ? t->turn_until : 0), "gpu_text", named ? text : "", "reason",
                named ? reason : "", "eta_early", (json_int_t)eta.early, "eta_late",
                (json_int_t)eta.late);
}

static size_t find_own(const struct showing *s, const char *name)
{
        size_t i = 0;
        while (i < s->line.tickets.n && (s->line.tickets.v[i].uid != s->uid ||
                                                strcmp(s->line.tickets.v[i].name, name) != 0))
                i++;
        return i;
}

/* Every estimate that somebody is told is kept beside what came true. */
static void record_eta(const struct showing *s, size_t i)
{
        struct err e = ERR_INIT;
        if (i == s->line.tickets.n || s->line.tickets.v[i].turn_until)
                return;
        size_t place = line_place(&s->line, i);
        if (place < s->line.n_waiting)
                (void)etas_given(s->d->store, &s->line.tickets.v[i], s->line.view.now,
                        s->etas[place].early, s->etas[place].late, &e);
}

/* ---- join and leave ---- */

/* The name of a ticket: a container's, or "" for whichever is launched next. */
static int ticket_name(const json_t *params, char ret[NAME_SIZE], struct err *e)
{
        const char *given = str_or_empty(json_str(params, "name"));
        ret[0] = '\0';
        return *given ? name_check(given, ret, NULL, e) : 0;
}

static void read_launch(
        const struct rpc_call *call, const char *name, int64_t gpus, struct launch_request *r)
{
        const json_t *params = call->params;
        size_t i;
        json_t *s;
        *r = (struct launch_request){ .name = name,
                .project = json_str(params, "project"),
                .image = json_str(params, "image"),
                .interface = str_or_empty(json_str(params, "interface")),
                .workspace = json_str(params, "workspace"),
                .gpus = gpus,
                .fds = call->fds,
                .n_fds = call->n_fds };
        json_array_foreach (json_object_get(params, "data_ro"), i, s)
                strv_add(&r->data_ro, json_string_value(s));
        json_array_foreach (json_object_get(params, "data_rw"), i, s)
                strv_add(&r->data_rw, json_string_value(s));
}

/* What the ticket needs to know to be launched by itself. */
static int prepare_launch(struct daemon *d, struct caller *who, struct rpc_call *call,
        struct ticket *t, char **ret_notice, struct err *e)
{
        struct launch_request r;
        if (!*t->name || !json_str(call->params, "workspace"))
                return err_set(e, ERR_INVALID, "A launch needs a name and a workspace");
        read_launch(call, t->name, t->slots, &r);
        r.ret_notice = ret_notice;
        int result = launch_join(d, who, &r, t->op, &t->slots, &t->request, &t->footing, e);
        strv_done(&r.data_ro);
        strv_done(&r.data_rw);
        return result;
}

/* What could never be served is told now, not by waiting for ever. */
static int check_possible(
        struct daemon *d, const struct limits *l, const struct ticket *t, struct err *e)
{
        cleanup_line struct line line = { 0 };
        struct line_guest guest = { .uid = t->uid, .slots = t->slots, .limits = l };
        line_warm(d);
        gpus_lock(d);
        int r = line_read(d, &guest, &line, e);
        gpus_unlock(d);
        if (r < 0)
                return -1;
        size_t place = line_place(&line, line.tickets.n);
        return line.verdicts[place].reason == QUEUE_NEVER
                       ? lease_refuse(&line, place, *t->name ? t->name : "NAME",
                                 limits_get(l, LIMIT_VISIBILITY), e)
                       : 0;
}

static int add_ticket(struct daemon *d, struct ticket *t, enum ticket_verdict *ret, struct err *e)
{
        cleanup_rules struct rules *rules = rules_get(d);
        int max = policy_queue(rules->policy)->max_tickets;
        int64_t id = 0;
        gpus_lock(d);
        int r = tickets_add(d->store, t, max, ret, &id, e);
        gpus_unlock(d);
        if (r < 0)
                return -1;
        if (*ret == TICKET_TOO_MANY) {
                err_set(e, ERR_LIMIT, "You have %d tickets in the queue already", max);
                return err_fix(e, "gpu-queue status\ngpu-queue leave NAME");
        }
        if (*ret == TICKET_ADDED)
                lease_tell(d, t->uid, t->name, "joined", "It waits for %d GPU%s", t->slots,
                        t->slots == 1 ? "" : "s");
        scheduler_changed(d);
        return 0;
}

static int join(struct daemon *d, struct caller *who, struct rpc_call *call, struct ticket *t,
        bool *ret_already, char **ret_notice, struct err *e)
{
        struct limits l;
        struct err unmount = ERR_INIT;
        enum ticket_verdict verdict = TICKET_TOO_MANY;
        bool launch = json_bool(call->params, "launch", false), found = false;
        cleanup_ticket struct ticket there = { 0 };
        rules_limits_of_peer(d, &who->peer, &l);
        if (tickets_find(d->store, t->uid, t->name, &there, &found, e) < 0)
                return -1;
        *ret_already = found;
        if (found)
                return 0;
        if (!gpus_any(d)) {
                err_set(e, ERR_UNAVAILABLE, "This machine has no GPUs");
                return err_fix(e, "project launch %s --cpu-only", *t->name ? t->name : "NAME");
        }
        if (check_possible(d, &l, t, e) < 0 ||
                (launch && prepare_launch(d, who, call, t, ret_notice, e) < 0))
                return -1;
        int r = add_ticket(d, t, &verdict, e);
        if (t->op[0] && (r < 0 || verdict != TICKET_ADDED))
                (void)mounts_detach_all(&d->mounts, t->op, &unmount);
        *ret_already = verdict == TICKET_EXISTS;
        return r;
}

int queue_join(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        CLEANUP(showing_done) struct showing s = { 0 };
        cleanup_ticket struct ticket t = { 0 };
        cleanup_free char *notice = NULL;
        char name[NAME_SIZE];
        int64_t slots = json_int(call->params, "gpus", 1);
        bool already;
        if (ticket_name(call->params, name, e) < 0)
                return -1;
        if (slots < 1 || slots > PLACE_SLOTS_MAX)
                return err_set(e, ERR_INVALID, "One waits for 1 to %d GPUs, not for %lld",
                        PLACE_SLOTS_MAX, (long long)slots);
        t.uid = who->peer.uid;
        t.user = xstrdup(who->peer.user);
        t.name = xstrdup(name);
        t.slots = (int)slots;
        t.kind = json_bool(call->params, "launch", false) ? TICKET_LAUNCH
                 : json_bool(call->params, "wait", false) ? TICKET_WAIT
                                                          : TICKET_HOLD;
        t.joined_at = clock_unix();
        t.boot_id = xstrdup(d->boot);
        if (join(d, who, call, &t, &already, &notice, e) < 0 || look(d, who, &s, e) < 0)
                return -1;
        size_t at = find_own(&s, name);
        record_eta(&s, at);
        json_t *reply = ticket_json(&s, at);
        json_object_set_new(reply, "already", json_boolean(already));
        json_object_set_new(reply, "notice", json_string(str_or_empty(notice)));
        return rpc_reply(call, reply);
}

static int find_ticket(
        struct daemon *d, uid_t uid, const char *name, struct ticket *ret, struct err *e)
{
        bool found = false;
        if (tickets_find(d->store, uid, name, ret, &found, e) < 0)
                return -1;
        if (found)
                return 0;
        if (*name)
                err_set(e, ERR_NOT_FOUND, "No ticket '%s' of yours in the queue", name);
        else
                err_set(e, ERR_NOT_FOUND, "No ticket of yours for whichever container is next");
        return err_fix(e, "gpu-queue status");
}

int queue_leave(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        cleanup_ticket struct ticket t = { 0 };
        char name[NAME_SIZE];
        if (ticket_name(call->params, name, e) < 0 ||
                find_ticket(d, who->peer.uid, name, &t, e) < 0 ||
                scheduler_leave(d, &t, "Its owner left the queue", e) < 0)
                return -1;
        return rpc_reply(call, json_pack("{s:s}", "name", t.name));
}

/* ---- looking ---- */

/* Whose tickets a listing is about: everyone's, unless it says otherwise. */
static int listed(struct caller *who, const json_t *params, uid_t *ret, struct err *e)
{
        struct target target = { .uid = STORE_EVERYONE };
        if (json_str(params, "user") &&
                caller_target(who, params, true, "looks at the queue", &target, e) < 0)
                return -1;
        *ret = json_bool(params, "mine", false) ? who->peer.uid : target.uid;
        return 0;
}

static int list_one(const struct showing *s, size_t i, uid_t of, struct rpc_call *call)
{
        const struct ticket *t = &s->line.tickets.v[i];
        if (of != STORE_EVERYONE && t->uid != of)
                return 0;
        if (t->uid == s->uid)
                record_eta(s, i);
        return rpc_reply_more(call, ticket_json(s, i));
}

int queue_list(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        CLEANUP(showing_done) struct showing s = { 0 };
        uid_t of;
        if (listed(who, call->params, &of, e) < 0 || look(d, who, &s, e) < 0)
                return -1;
        int r = 0;
        for (size_t i = 0; i < s.line.tickets.n && r == 0; i++)
                if (s.line.tickets.v[i].turn_until)
                        r = list_one(&s, i, of, call);
        for (size_t k = 0; k < s.line.n_waiting && r == 0; k++)
                r = list_one(&s, s.line.ticket_of[s.line.verdicts[k].ticket], of, call);
        return rpc_reply(call, NULL);
}

/* Until something changed, or a while is over. 1: look again; 0: the caller is gone; -1: we end. */
static int wait_for_change(struct rpc_call *call, int change_fd)
{
        uint64_t count;
        struct pollfd fds[] = { { .fd = call->conn_fd, .events = POLLRDHUP },
                { .fd = rpc_call_stop_fd(call), .events = POLLIN },
                { .fd = change_fd, .events = POLLIN } };
        while (poll(fds, ARRAY_LEN(fds), WAIT_LOOK_MS) < 0 && errno == EINTR)
                continue;
        if (fds[1].revents)
                return -1;
        if (fds[0].revents)
                return 0;
        (void)!read(change_fd, &count, sizeof count);
        return 1;
}

static int tell_until_turn(struct daemon *d, struct caller *who, struct rpc_call *call,
        const char *name, int change_fd, bool *ret_gone, struct err *e)
{
        cleanup_json json_t *last = NULL;
        for (;;) {
                CLEANUP(showing_done) struct showing s = { 0 };
                if (look(d, who, &s, e) < 0)
                        return -1;
                size_t at = find_own(&s, name);
                cleanup_json json_t *now = ticket_json(&s, at);
                bool waits = str_eq(json_str(now, "state"), "waiting");
                if (!last || !json_equal(last, now)) {
                        record_eta(&s, at);
                        if (rpc_reply_more(call, json_incref(now)) < 0) {
                                *ret_gone = true;
                                return 0;
                        }
                }
                if (!waits)
                        return 0;
                json_decref(last);
                last = json_incref(now);
                int r = wait_for_change(call, change_fd);
                if (r < 0)
                        return err_set(e, ERR_INTERRUPTED, "Interrupted");
                *ret_gone = r == 0;
                if (*ret_gone)
                        return 0;
        }
}

int queue_wait(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        cleanup_ticket struct ticket t = { 0 };
        char name[NAME_SIZE];
        int fd = -1;
        bool gone = false;
        if (ticket_name(call->params, name, e) < 0 ||
                find_ticket(d, who->peer.uid, name, &t, e) < 0 ||
                scheduler_watch(d, t.id, &fd, e) < 0)
                return -1;
        int r = tell_until_turn(d, who, call, name, fd, &gone, e);
        scheduler_unwatch(d, fd);
        /* At our own end everybody seems to hang up: they come back, and find their place. */
        if (r == 0 && gone && t.kind == TICKET_WAIT && !atomic_load(&d->stopping)) {
                struct err ignored = ERR_INIT;
                bool found = false;
                if (tickets_get(d->store, t.id, &t, &found, &ignored) == 0 && found)
                        (void)scheduler_leave(d, &t, "Whoever waited for it has gone", &ignored);
        }
        return r < 0 ? -1 : rpc_reply(call, NULL);
}

/* ---- why ---- */

static int on_decision(const struct decision *decision, void *ctx)
{
        return rpc_reply_more(
                ctx, json_pack("{s:I, s:s, s:s, s:s}", "at", (json_int_t)decision->at, "name",
                             decision->name, "what", decision->what, "text", decision->text));
}

/* How the account's tickets stand at the moment: no decision yet, and the answer to the question. */
static int tell_now(const struct showing *s, uid_t uid, const char *name, struct rpc_call *call)
{
        for (size_t i = 0; i < s->line.tickets.n; i++) {
                const struct ticket *t = &s->line.tickets.v[i];
                if (t->uid != uid || (name && strcmp(t->name, name) != 0))
                        continue;
                size_t place = line_place(&s->line, i);
                cleanup_free char *when = lease_when(t->turn_until, s->line.view.now);
                cleanup_free char *text = t->turn_until ? xasprintf("It is its turn, %s%s%s", when,
                                                                  *t->note ? "; " : "", t->note)
                                                        : lease_reason(&s->line, place, s->sees);
                if (rpc_reply_more(call,
                            json_pack("{s:I, s:s, s:s, s:s}", "at", (json_int_t)0, "name", t->name,
                                    "what", t->turn_until ? "turn" : "waiting", "text", text)) < 0)
                        return -1;
        }
        return 0;
}

int queue_why(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        CLEANUP(showing_done) struct showing s = { 0 };
        char name[NAME_SIZE];
        int64_t max = json_int(call->params, "max", WHY_MAX);
        if (caller_target(who, call->params, false, "asks why", &target, e) < 0 ||
                ticket_name(call->params, name, e) < 0 || look(d, who, &s, e) < 0)
                return -1;
        const char *only = json_str(call->params, "name") ? name : NULL;
        if (tell_now(&s, target.uid, only, call) < 0 ||
                decisions_each(d->store, target.uid, only,
                        max < 1 || max > WHY_MAX ? WHY_MAX : (int)max, on_decision, call, e) < 0)
                return -1;
        return rpc_reply(call, NULL);
}
