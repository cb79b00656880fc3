/* SPDX-License-Identifier: MIT */
#include "daemon/lease.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/lease-refuse.h"
#include "daemon/scheduler.h"
#include "store/decisions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
        FRESH_MS = 1000, /* figures that a decision may rest on */
        WAIT_MS = 3000,  /* how long one waits for them */
};

void lease_tell(
        struct daemon *d, uid_t uid, const char *name, const char *what, const char *fmt, ...)
{
        char text[512];
        struct err e = ERR_INIT;
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        /* Cut between characters. */
        for (size_t n = strlen(text); n > 0 && !str_is_utf8(text, n);)
                text[--n] = '\0';
        struct decision decision = {
                .at = clock_unix(), .name = str_or_empty(name), .what = what, .text = text
        };
        if (decisions_add(d->store, uid, &decision, &e) < 0)
                log_debug("decision about uid %u: %s", (unsigned)uid, e.msg);
}

/* ---- how many ---- */

static bool may_have_any(const struct limits *l)
{
        static const enum limit_key keys[] = { LIMIT_GPUS, LIMIT_ALL_GPUS, LIMIT_GPU_SLOTS };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                const struct limit *v = &l->v[keys[i]];
                if (v->state == LIMIT_SET && v->value == 0)
                        return false;
        }
        return true;
}

int lease_slots(struct daemon *d, const struct limits *l, int64_t asked, int *ret, struct err *e)
{
        if (asked > PLACE_SLOTS_MAX)
                return err_set(
                        e, ERR_INVALID, "A container can have %d GPUs at most", PLACE_SLOTS_MAX);
        *ret = asked >= 0 ? (int)asked : may_have_any(l) && gpus_any(d) ? 1 : 0;
        return 0;
}

/* ---- for a new container ---- */

/* The account's ticket for this container, or for whichever; id 0 if there is none. */
static int find_ticket(
        struct daemon *d, const struct container *row, struct ticket *ret, struct err *e)
{
        bool found = false;
        if (tickets_find(d->store, row->uid, row->name, ret, &found, e) < 0)
                return -1;
        if (!found && tickets_find(d->store, row->uid, "", ret, &found, e) < 0)
                return -1;
        if (!found)
                ret->id = 0;
        return 0;
}

/* What is held: no driver that is silent, no stranger's process on it. */
static bool usable(const struct gpus_view *view, const size_t *at, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (at[i] == view->sample.n || !view->answering || view->sample.v[at[i]].lost ||
                        view->sample.v[at[i]].n_processes > 0)
                        return false;
        return true;
}

struct grant {
        struct lease v[PLACE_SLOTS_MAX];
        size_t n;
        int64_t ticket_id;
        bool from_turn;
        bool waits; /* nothing is granted, but the line will come to it */
        /* The mounts of a ticket that this uses up, if they are not its own. */
        char mounted[RANDOM_HEX_LEN + 1];
};

/* What the turn of a ticket holds. */
static int take_turn(struct daemon *d, const struct ticket *t, struct grant *g, struct err *e)
{
        cleanup_leases struct leases held = { 0 };
        cleanup_gpus_view struct gpus_view view = { 0 };
        size_t at[PLACE_SLOTS_MAX];
        if (leases_of_ticket(d->store, t->id, &held, e) < 0 || gpus_view(d, &view, e) < 0)
                return -1;
        for (size_t i = 0; i < held.n && i < PLACE_SLOTS_MAX; i++) {
                at[g->n] = gpus_view_find(&view, held.v[i].device);
                g->v[g->n++] = held.v[i];
        }
        /* Kept from others, but not from what doesn't ask ds01. */
        g->waits = !usable(&view, at, g->n);
        if (g->waits)
                return lease_refuse_turn(&view, at, g->n, t->name, e);
        g->ticket_id = t->id;
        g->from_turn = true;
        return 0;
}

/* What the line gives to a ticket, or to a guest behind it. */
static int take_place(struct daemon *d, const struct container *row, const struct limits *l,
        int slots, const struct ticket *t, struct grant *g, struct err *e)
{
        cleanup_line struct line line = { 0 };
        struct line_guest guest = { .uid = row->uid, .slots = slots, .limits = l };
        bool has_place = t->id && t->slots == slots;
        if (line_read(d, has_place ? NULL : &guest, &line, e) < 0)
                return -1;
        size_t ticket = line.tickets.n;
        for (size_t i = 0; has_place && i < line.tickets.n; i++)
                if (line.tickets.v[i].id == t->id)
                        ticket = i;
        size_t place = line_place(&line, ticket);
        const struct queue_verdict *v = &line.verdicts[place];
        g->waits = lease_waits(&line, place);
        if (v->reason != QUEUE_GRANTED)
                return lease_refuse(&line, place, row->name, limits_get(l, LIMIT_VISIBILITY), e);
        for (size_t i = 0; i < v->place.n; i++)
                gpus_lease(&line.view, v->place.at[i], &g->v[g->n++]);
        g->ticket_id = has_place ? t->id : 0;
        return 0;
}

/* Under gpus_lock(): what a launch with the account's ticket *t (id 0: none) gets now. */
static int choose(struct daemon *d, const struct container *row, const struct limits *l, int slots,
        const struct ticket *t, struct grant *g, struct err *e)
{
        bool turn = t->id && t->turn_until && t->slots == slots;
        return turn ? take_turn(d, t, g, e) : take_place(d, row, l, slots, t, g, e);
}

/* Under gpus_lock(). */
static int reserve(struct daemon *d, struct container *row, const struct limits *l, int slots,
        bool queued, int max_containers, struct grant *g, enum reserve_verdict *ret, struct err *e)
{
        cleanup_ticket struct ticket t = { 0 };
        if (find_ticket(d, row, &t, e) < 0)
                return -1;
        bool own = strcmp(t.op, row->born_op) == 0;
        if (queued && !own)
                return err_set(e, ERR_STALE, "It has left the queue");
        if (choose(d, row, l, slots, &t, g, e) < 0)
                return -1;
        if (g->ticket_id && !own)
                memcpy(g->mounted, t.op, sizeof g->mounted);
        strv_done(&row->gpus);
        for (size_t i = 0; i < g->n; i++)
                strv_add(&row->gpus, g->v[i].device);
        return leases_reserve(d->store, row, max_containers, g->v, g->n, g->ticket_id, ret, e);
}

int lease_reserve(struct daemon *d, struct container *row, const struct limits *l, int slots,
        bool queued, int max_containers, enum reserve_verdict *ret, struct err *e)
{
        struct grant g = { 0 };
        struct err unmount = ERR_INIT;
        gpus_refresh(d, FRESH_MS, WAIT_MS);
        line_warm(d);
        gpus_lock(d);
        int r = reserve(d, row, l, slots, queued, max_containers, &g, ret, e);
        gpus_unlock(d);
        if (r < 0) {
                if (e->code != ERR_STALE)
                        lease_tell(d, row->uid, row->name, "refused", "%s", e->msg);
                return -1;
        }
        if (*ret != RESERVED)
                return 0;
        if (*g.mounted && mounts_detach_all(&d->mounts, g.mounted, &unmount) < 0)
                log_warning("the folders of a ticket of %s: %s", row->user, unmount.msg);
        cleanup_free char *text = gpus_text(g.v, g.n);
        lease_tell(d, row->uid, row->name, "granted", "%s: %s", text,
                g.from_turn ? "kept for its turn in the queue"
                            : "free, and nobody before it in line needed it");
        scheduler_changed(d);
        return 0;
}

int lease_check(struct daemon *d, const struct container *row, const struct limits *l, int slots,
        bool may_wait, bool *ret_waits, struct err *e)
{
        cleanup_ticket struct ticket t = { 0 };
        struct grant g = { 0 };
        struct err refused = ERR_INIT;
        gpus_refresh(d, FRESH_MS, WAIT_MS);
        line_warm(d);
        gpus_lock(d);
        int r = find_ticket(d, row, &t, &refused) < 0 ? -1
                                                      : choose(d, row, l, slots, &t, &g, &refused);
        gpus_unlock(d);
        if (r < 0 && !(may_wait && g.waits)) {
                *e = refused;
                return -1;
        }
        *ret_waits = r < 0;
        return 0;
}

/* ---- for one that exists ---- */

static int find_devices(const struct gpus_view *view, const struct container *row,
        size_t at[PLACE_SLOTS_MAX], size_t *ret_n, struct err *e)
{
        if (row->gpus.n > PLACE_SLOTS_MAX)
                return err_set(e, ERR_FAILED, "Container %s has %zu GPUs on record", row->name,
                        row->gpus.n);
        *ret_n = row->gpus.n;
        for (size_t i = 0; i < row->gpus.n; i++)
                at[i] = gpus_view_find(view, row->gpus.v[i]);
        return 0;
}

/* Free they may be, and kept for who is before it in line: a start overtakes nobody either. */
static int take_again(struct daemon *d, const struct container *row, const struct limits *l,
        size_t n, struct err *e)
{
        cleanup_line struct line own = { 0 };
        const struct line *line = &own;
        struct line_guest guest = {
                .uid = row->uid, .slots = (int)n, .limits = l, .devices = &row->gpus
        };
        size_t at[PLACE_SLOTS_MAX];
        struct lease v[PLACE_SLOTS_MAX];
        if (line_read(d, &guest, &own, e) < 0 || find_devices(&own.view, row, at, &n, e) < 0)
                return -1;
        struct place p;
        struct place_request r = { .uid = row->uid,
                .slots = (int)n,
                .limits = l,
                .held = gpus_held(&line->view, row->uid) };
        for (size_t i = 0; i < n; i++)
                if (at[i] == line->view.sample.n)
                        return lease_refuse_again(
                                line, row, at, n, limits_get(l, LIMIT_VISIBILITY), e);
        place_check(line->view.v, line->view.sample.n, at, n, &r, &p);
        if (p.verdict == PLACE_LIMIT || p.verdict == PLACE_NEVER) {
                char used[FRAC_TEXT_SIZE], limit[FRAC_TEXT_SIZE];
                frac_text(p.used, used);
                frac_text(p.limit, limit);
                err_set(e, ERR_LIMIT, "GPU limit reached (%s/%s in use)", used, limit);
                return err_fix(e, "container-list\ncontainer retire NAME");
        }
        size_t place = line_place(line, line->tickets.n);
        if (p.verdict != PLACE_OK || line->verdicts[place].reason != QUEUE_GRANTED)
                return lease_refuse_again(line, row, at, n, limits_get(l, LIMIT_VISIBILITY), e);
        for (size_t i = 0; i < n; i++)
                gpus_lease(&line->view, at[i], &v[i]);
        return leases_take(d->store, row->id, row->op, v, n, 0, e);
}

/* The old lease ends, a new one begins, if nobody waits. */
static int renew(struct daemon *d, const struct line *line, const struct container *row,
        const struct limits *l, const size_t *at, size_t n, const struct leases *held,
        struct err *e)
{
        struct lease v[PLACE_SLOTS_MAX];
        struct usage use;
        if (line->n_waiting > 0 || !usable(&line->view, at, n))
                return lease_refuse_again(line, row, at, n, limits_get(l, LIMIT_VISIBILITY), e);
        for (size_t i = 0; i < n; i++)
                gpus_lease(&line->view, at[i], &v[i]);
        return lease_use(d, held, &use, e) < 0 ||
                               leases_lapse(d->store, row->id, row->op, &use, e) < 0 ||
                               leases_take(d->store, row->id, row->op, v, n, 0, e) < 0
                       ? -1
                       : 0;
}

/* Under gpus_lock(). */
static int again(struct daemon *d, const struct container *row, const struct limits *l,
        bool *ret_taken, struct err *e)
{
        cleanup_line struct line line = { 0 };
        cleanup_leases struct leases held = { 0 };
        size_t at[PLACE_SLOTS_MAX], n = 0;
        if (line_read(d, NULL, &line, e) < 0 || find_devices(&line.view, row, at, &n, e) < 0 ||
                leases_of_container(d->store, row->id, &held, e) < 0)
                return -1;
        *ret_taken = held.n == 0;
        /* One whose time was over while it was stopped is at the end of its lease, not of a pause. */
        int64_t runs = limits_get(l, LIMIT_RUNTIME);
        bool over = held.n > 0 && runs != LIMIT_NONE && row->gpus_since + runs <= line.view.now;
        if (over)
                return renew(d, &line, row, l, at, n, &held, e);
        if (held.n > 0)
                return usable(&line.view, at, n) ? 0
                                                 : lease_refuse_again(&line, row, at, n,
                                                           limits_get(l, LIMIT_VISIBILITY), e);
        return take_again(d, row, l, n, e);
}

int lease_again(struct daemon *d, const struct container *row, const struct limits *l,
        bool *ret_taken, struct err *e)
{
        *ret_taken = false;
        if (row->gpus.n == 0)
                return 0;
        gpus_refresh(d, FRESH_MS, WAIT_MS);
        line_warm(d);
        gpus_lock(d);
        bool taken = false;
        int r = again(d, row, l, &taken, e);
        gpus_unlock(d);
        if (r < 0) {
                lease_tell(d, row->uid, row->name, "refused", "%s", e->msg);
                return -1;
        }
        if (taken)
                lease_tell(d, row->uid, row->name, "granted",
                        "The GPUs it was made with were free again");
        *ret_taken = taken;
        return 0;
}
