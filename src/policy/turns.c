/* SPDX-License-Identifier: MIT */
#include "policy/turns.h"

#include <stdlib.h>

/* ---- who and what ---- */

static int compare_accounts(const void *x, const void *y)
{
        const struct turns_account *a = x, *b = y;
        return (a->uid > b->uid) - (a->uid < b->uid);
}

size_t turns_account(const struct turns *t, uid_t uid)
{
        struct turns_account key = { .uid = uid };
        const struct turns_account *a = NULL;
        if (t->n_accounts)
                a = bsearch(&key, t->accounts, t->n_accounts, sizeof key, compare_accounts);
        return a ? (size_t)(a - t->accounts) : TURNS_NOBODY;
}

static void init_accounts(struct turns *t, size_t n_tickets)
{
        t->accounts = xcalloc(n_tickets, sizeof *t->accounts);
        t->account_of = xcalloc(n_tickets, sizeof *t->account_of);
        for (size_t i = 0; i < n_tickets; i++)
                t->accounts[i] = (struct turns_account){ .uid = t->tickets[i].uid,
                        .held = t->tickets[i].held };
        if (n_tickets)
                qsort(t->accounts, n_tickets, sizeof *t->accounts, compare_accounts);
        for (size_t i = 0; i < n_tickets; i++)
                if (!t->n_accounts || t->accounts[t->n_accounts - 1].uid != t->accounts[i].uid)
                        t->accounts[t->n_accounts++] = t->accounts[i];
        for (size_t i = 0; i < n_tickets; i++)
                t->account_of[i] = turns_account(t, t->tickets[i].uid);
}

size_t turns_device(const struct turns *t, size_t given)
{
        for (size_t i = 0; i < t->fleet.n; i++)
                if (t->fleet.v[i].given == given)
                        return i;
        return TURNS_NOBODY;
}

void turns_init(struct turns *t, const struct place_device *devices, size_t n_devices,
        const struct queue_ticket *tickets, size_t n_tickets, const struct queue_rules *rules)
{
        *t = (struct turns){ .tickets = tickets, .turn = rules->turn };
        fleet_init(&t->fleet, devices, n_devices);
        t->until = xcalloc(t->fleet.n, sizeof *t->until);
        t->claims = xcalloc(t->fleet.n_models, sizeof *t->claims);
        t->closed = xcalloc(t->fleet.n_models, sizeof *t->closed);
        for (size_t i = 0; i < t->fleet.n; i++)
                t->until[i] = TURNS_NEVER;
        init_accounts(t, n_tickets);
}

void turns_done(struct turns *t)
{
        fleet_done(&t->fleet);
        free(t->until);
        free(t->claims);
        free(t->closed);
        free(t->accounts);
        free(t->account_of);
        *t = (struct turns){ 0 };
}

void turns_start(struct turns *t, int64_t now)
{
        t->now = now;
        t->waiting = false;
        for (size_t m = 0; m < t->fleet.n_models; m++)
                t->claims[m].ticket = TURNS_NOBODY;
        for (size_t a = 0; a < t->n_accounts; a++)
                t->accounts[a].asked = FRAC_ZERO;
}

void turns_give_back(struct turns *t, size_t device, size_t account)
{
        const struct fleet_model *m = &t->fleet.models[t->fleet.v[device].model];
        fleet_free(&t->fleet, device);
        if (account != TURNS_NOBODY)
                t->accounts[account].held = frac_sub(t->accounts[account].held, m->weight);
}

/* ---- claims ---- */

static int compare_times(const void *x, const void *y)
{
        const int64_t *a = x, *b = y;
        return (*a > *b) - (*a < *b);
}

/* When `slots` devices of a model are free at once, if what is held is held to its end. */
static int64_t when_free(const struct turns *t, size_t model, size_t slots)
{
        int64_t times[GPU_DEVICES_MAX];
        size_t n = 0;
        for (size_t i = 0; i < t->fleet.n; i++) {
                const struct fleet_device *d = &t->fleet.v[i];
                if (d->model == model && d->state == GPU_FREE)
                        times[n++] = t->now;
                else if (d->model == model && d->state == GPU_HELD)
                        times[n++] = t->until[i] < t->now ? t->now : t->until[i];
        }
        qsort(times, n, sizeof *times, compare_times);
        return times[slots - 1];
}

/* Keeps what it could use and nobody before it does; *ret_most is what it may weigh. False: nothing
 * that comes round serves it. */
static bool claim(struct turns *t, size_t ticket, const struct place_request *r,
        int64_t *ret_starts, struct frac *ret_most)
{
        bool served = false;
        struct frac most = FRAC_ZERO;
        int64_t starts = TURNS_NEVER;
        for (size_t m = 0; m < t->fleet.n_models; m++) {
                if (t->fleet.models[m].serving < (size_t)r->slots || !fleet_fits(&t->fleet, m, r))
                        continue;
                served = true;
                struct frac weight = fleet_weight(&t->fleet, m, r->slots);
                if (frac_compare(weight, most) > 0)
                        most = weight;
                if (t->claims[m].ticket != TURNS_NOBODY)
                        continue;
                t->claims[m].ticket = ticket;
                int64_t at = when_free(t, m, (size_t)r->slots);
                if (at < starts)
                        starts = at;
        }
        for (size_t m = 0; m < t->fleet.n_models; m++)
                if (t->claims[m].ticket == ticket)
                        t->claims[m].starts = starts;
        *ret_starts = starts == TURNS_NEVER ? 0 : starts;
        *ret_most = most;
        return served;
}

/* ---- one ticket ---- */

/* Closes what is kept for others at a time at which this lease might not have ended. */
static bool close_models(struct turns *t, int64_t end)
{
        bool any = false;
        for (size_t m = 0; m < t->fleet.n_models; m++) {
                const struct turns_claim *c = &t->claims[m];
                t->closed[m] = c->ticket != TURNS_NOBODY &&
                               (end == TURNS_NEVER || c->starts == TURNS_NEVER || end > c->starts);
                any |= t->closed[m];
        }
        return any;
}

static void grant(struct turns *t, size_t ticket, int64_t end, struct queue_verdict *ret)
{
        struct turns_account *a = &t->accounts[t->account_of[ticket]];
        ret->reason = QUEUE_GRANTED;
        ret->backfilled = t->waiting;
        a->held = frac_add(a->held, ret->place.weight);
        for (size_t i = 0; i < ret->place.n; i++) {
                fleet_hold(&t->fleet, ret->place.at[i]);
                t->until[ret->place.at[i]] = end;
        }
}

static void wait_for_gpu(struct turns *t, size_t ticket, const struct place_request *r, bool closed,
        struct queue_verdict *ret)
{
        struct turns_account *a = &t->accounts[t->account_of[ticket]];
        struct place open = { 0 };
        struct frac most;
        if (closed)
                fleet_choose(&t->fleet, r, NULL, &open);
        bool behind = closed && open.verdict == PLACE_OK;
        if (behind)
                ret->before = t->claims[t->fleet.v[open.at[0]].model].ticket;
        if (!claim(t, ticket, r, &ret->starts_at, &most)) {
                ret->reason = QUEUE_OUT;
                return;
        }
        ret->reason = !t->waiting ? QUEUE_HEAD : behind ? QUEUE_BEHIND : QUEUE_NO_ROOM;
        t->waiting = true;
        if (a->asked.num == 0)
                a->first = ticket;
        a->asked = frac_add(a->asked, most);
}

/* Too much for its account: for what it holds, or for what its own tickets before this one ask for. */
static void wait_for_limit(struct turns *t, const struct turns_account *a, struct place_request *r,
        struct queue_verdict *ret)
{
        ret->reason = QUEUE_LIMIT;
        if (a->asked.num == 0)
                return;
        r->held = a->held;
        fleet_choose(&t->fleet, r, t->closed, &ret->place);
        if (ret->place.verdict == PLACE_LIMIT)
                return;
        ret->place = (struct place){ .verdict = PLACE_BUSY };
        ret->reason = QUEUE_BEHIND;
        ret->before = a->first;
}

void turns_next(struct turns *t, size_t ticket, struct queue_verdict *ret)
{
        const struct queue_ticket *q = &t->tickets[ticket];
        const struct turns_account *a = &t->accounts[t->account_of[ticket]];
        struct place_request r = { .uid = q->uid,
                .slots = q->slots,
                .limits = q->limits,
                .held = a->asked.num ? frac_add(a->held, a->asked) : a->held };
        int64_t end = queue_ends_at(q->limits, t->now + t->turn);
        if (end == 0)
                end = TURNS_NEVER;
        bool closed = close_models(t, end);
        *ret = (struct queue_verdict){ .ticket = ticket };
        fleet_choose(&t->fleet, &r, closed ? t->closed : NULL, &ret->place);
        switch (ret->place.verdict) {
        case PLACE_OK:
                grant(t, ticket, end, ret);
                return;
        case PLACE_BUSY:
                wait_for_gpu(t, ticket, &r, closed, ret);
                return;
        case PLACE_LIMIT:
                wait_for_limit(t, a, &r, ret);
                return;
        case PLACE_NEVER:
        case PLACE_IMPOSSIBLE:
        default:
                ret->reason = QUEUE_NEVER;
        }
}
