/* SPDX-License-Identifier: MIT */
#include "policy/eta.h"

#include "policy/turns.h"

#include <stdlib.h>
#include <string.h>

/* ---- how long ---- */

/* What an account's history says about a lease that has lasted `elapsed` seconds: how long it goes on.
 * False: not enough is known. */
static bool goes_on(const struct eta_history *h, int64_t elapsed, bool late, int64_t *ret)
{
        size_t from = 0, to = h ? h->n : 0;
        while (from < to) {
                size_t middle = from + (to - from) / 2;
                if (h->seconds[middle] < elapsed)
                        from = middle + 1;
                else
                        to = middle;
        }
        size_t n = h ? h->n - from : 0, quarter = n ? (n - 1) / 4 : 0;
        if (n < ETA_HISTORY_MIN)
                return false;
        *ret = h->seconds[late ? h->n - 1 - quarter : from + quarter] - elapsed;
        return true;
}

/* When a lease is over, in one of the two plays. `end` cuts it: TURNS_NEVER for none. */
static int64_t over_at(
        const struct eta_history *h, int64_t since, int64_t end, int64_t now, bool late)
{
        int64_t rest, at = late ? TURNS_NEVER : now;
        if (goes_on(h, now > since ? now - since : 0, late, &rest))
                at = now + rest;
        if (at > end)
                at = end;
        return at < now ? now : at;
}

static int compare_histories(const void *x, const void *y)
{
        const struct eta_history *a = x, *b = y;
        return (a->uid > b->uid) - (a->uid < b->uid);
}

/* v: by uid. */
static const struct eta_history *history_of(const struct eta_history *v, size_t n, uid_t uid)
{
        const struct eta_history key = { .uid = uid };
        return n ? bsearch(&key, v, n, sizeof *v, compare_histories) : NULL;
}

/* ---- a play ---- */

struct release {
        int64_t at;
        size_t device, account;
};

struct play {
        struct turns turns;
        bool late;
        size_t *waiting; /* who of the line isn't served yet, in its order */
        size_t n_waiting;
        int64_t *starts;                      /* by ticket; TURNS_NEVER: not served */
        const struct eta_history **histories; /* by account of turns; NULL: none */
        struct release *heap;                 /* the next one first */
        size_t n_heap;
        size_t looks;
        int64_t now;
};
#define cleanup_play CLEANUP(play_done)

static void play_done(struct play *p)
{
        turns_done(&p->turns);
        free(p->waiting);
        free(p->starts);
        free(p->histories);
        free(p->heap);
}

static bool sooner(const struct release *a, const struct release *b)
{
        return a->at != b->at ? a->at < b->at : a->device < b->device;
}

/* A device has one holder, so there is room for as many releases as devices. */
static void push(struct play *p, struct release r)
{
        size_t i = p->n_heap++;
        for (; i && sooner(&r, &p->heap[(i - 1) / 2]); i = (i - 1) / 2)
                p->heap[i] = p->heap[(i - 1) / 2];
        p->heap[i] = r;
}

static struct release pop(struct play *p)
{
        struct release first = p->heap[0], last = p->heap[--p->n_heap];
        size_t i = 0;
        for (size_t child; (child = 2 * i + 1) < p->n_heap; i = child) {
                if (child + 1 < p->n_heap && sooner(&p->heap[child + 1], &p->heap[child]))
                        child++;
                if (!sooner(&p->heap[child], &last))
                        break;
                p->heap[i] = p->heap[child];
        }
        p->heap[i] = last;
        return first;
}

static void begin(struct play *p, const struct eta_lease *leases, size_t n_leases,
        const struct eta_history *histories, size_t n_histories)
{
        struct turns *t = &p->turns;
        cleanup_free bool *seen = xcalloc(t->fleet.n, sizeof *seen);
        p->heap = xcalloc(t->fleet.n, sizeof *p->heap);
        p->histories = xcalloc(t->n_accounts, sizeof *p->histories);
        for (size_t i = 0; i < t->n_accounts; i++)
                p->histories[i] = history_of(histories, n_histories, t->accounts[i].uid);
        for (size_t i = 0; i < n_leases; i++) {
                const struct eta_lease *l = &leases[i];
                size_t device = turns_device(t, l->device);
                int64_t end = l->ends_at ? l->ends_at : TURNS_NEVER;
                if (device == TURNS_NOBODY || t->fleet.v[device].state != GPU_HELD || seen[device])
                        continue;
                seen[device] = true;
                t->until[device] = end;
                struct release r = { .device = device, .account = turns_account(t, l->uid) };
                r.at = over_at(
                        history_of(histories, n_histories, l->uid), l->since, end, p->now, p->late);
                if (r.at != TURNS_NEVER)
                        push(p, r);
        }
}

/* Somebody is served: what it got comes back in its time. */
static void serve(struct play *p, size_t ticket, const struct queue_verdict *v)
{
        size_t account = p->turns.account_of[ticket];
        p->starts[ticket] = p->now;
        for (size_t i = 0; i < v->place.n; i++) {
                size_t d = v->place.at[i];
                struct release r = { .device = d, .account = account };
                r.at = over_at(p->histories[account], p->now, p->turns.until[d], p->now, p->late);
                if (r.at != TURNS_NEVER)
                        push(p, r);
        }
}

static void walk(struct play *p)
{
        size_t kept = 0;
        turns_start(&p->turns, p->now);
        for (size_t i = 0; i < p->n_waiting; i++) {
                size_t ticket = p->waiting[i];
                struct queue_verdict v;
                if (!p->turns.fleet.free) {
                        /* Nothing for anybody behind, who may be many. */
                        memmove(&p->waiting[kept], &p->waiting[i],
                                (p->n_waiting - i) * sizeof *p->waiting);
                        kept += p->n_waiting - i;
                        break;
                }
                turns_next(&p->turns, ticket, &v);
                p->looks++;
                if (v.reason == QUEUE_GRANTED)
                        serve(p, ticket, &v);
                else
                        p->waiting[kept++] = ticket;
        }
        p->n_waiting = kept;
}

/* The first walk is the line as it stands, so whoever is granted something now has it now. */
static void play(struct play *p)
{
        walk(p);
        while (p->n_waiting && p->n_heap && p->looks < ETA_LOOKS_MAX) {
                if (p->heap[0].at > p->now)
                        p->now = p->heap[0].at;
                while (p->n_heap && p->heap[0].at <= p->now) {
                        struct release r = pop(p);
                        turns_give_back(&p->turns, r.device, r.account);
                }
                walk(p);
        }
}

/* ---- both ---- */

static struct eta interval(const struct play *early, const struct play *late, size_t i)
{
        int64_t a = early->starts[i], b = late->starts[i];
        bool cut = early->looks >= ETA_LOOKS_MAX;
        if (a == TURNS_NEVER && b == TURNS_NEVER)
                return (struct eta){ cut ? early->now : 0, 0 };
        if (a == TURNS_NEVER)
                a = early->now;
        if (b == TURNS_NEVER)
                return (struct eta){ a, 0 };
        return (struct eta){ a < b ? a : b, a < b ? b : a };
}

void eta_estimate(const struct place_device *devices, size_t n_devices,
        const struct eta_lease *leases, size_t n_leases, const struct eta_history *histories,
        size_t n_histories, const struct queue_ticket *tickets, const size_t *line, size_t n_line,
        const struct queue_rules *rules, int64_t now, struct eta *ret)
{
        cleanup_free struct queue_ticket *mine = xcalloc(n_line, sizeof *mine);
        cleanup_free struct eta_history *sorted = xcalloc(n_histories + 1, sizeof *sorted);
        cleanup_play struct play early = { .late = false };
        cleanup_play struct play late = { .late = true };
        struct play *const plays[] = { &early, &late };
        for (size_t i = 0; i < n_line; i++)
                mine[i] = tickets[line[i]];
        if (n_histories)
                memcpy(sorted, histories, n_histories * sizeof *sorted);
        qsort(sorted, n_histories, sizeof *sorted, compare_histories);
        for (size_t k = 0; k < ARRAY_LEN(plays); k++) {
                struct play *p = plays[k];
                p->now = now;
                p->waiting = xcalloc(n_line, sizeof *p->waiting);
                p->starts = xcalloc(n_line, sizeof *p->starts);
                for (size_t i = 0; i < n_line; i++) {
                        p->waiting[p->n_waiting++] = i;
                        p->starts[i] = TURNS_NEVER;
                }
                turns_init(&p->turns, devices, n_devices, mine, n_line, rules);
                begin(p, leases, n_leases, sorted, n_histories);
                play(p);
        }
        for (size_t i = 0; i < n_line; i++)
                ret[i] = interval(&early, &late, i);
}
