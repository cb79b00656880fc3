/* SPDX-License-Identifier: MIT */
#include "daemon/line.h"

#include "daemon/expire.h"
#include "daemon/rules.h"

#include <stdlib.h>
#include <string.h>

void line_done(struct line *l)
{
        for (size_t i = 0; l->rows && i < l->view.leases.n; i++)
                container_done(&l->rows[i]);
        free(l->rows);
        gpus_view_done(&l->view);
        tickets_done(&l->tickets);
        for (size_t i = 0; i < l->n_waiting; i++)
                free(l->limits[i]);
        free(l->limits);
        free(l->ends);
        free(l->waiting);
        free(l->ticket_of);
        free(l->verdicts);
        *l = (struct line){ 0 };
}

void line_warm(struct daemon *d)
{
        cleanup_tickets struct tickets tickets = { 0 };
        cleanup_leases struct leases leases = { 0 };
        struct err ignored = ERR_INIT;
        struct limits l;
        if (tickets_all(d->store, &tickets, &ignored) < 0 ||
                leases_all(d->store, &leases, &ignored) < 0)
                return;
        for (size_t i = 0; i < tickets.n; i++)
                rules_limits_of(d, tickets.v[i].uid, tickets.v[i].user, &l);
        /* Which groups an account is in does not depend on its name. */
        for (size_t i = 0; i < leases.n; i++)
                rules_limits_of(d, leases.v[i].uid, "", &l);
}

/* ---- ends ---- */

int64_t line_lease_end(struct daemon *d, const struct lease *lease, const struct container *row,
        const struct ticket *turn)
{
        struct limits l;
        rules_limits_recall(d, lease->uid, row ? row->user : turn ? turn->user : "", &l);
        /* A turn may be used in its last moment. */
        return turn  ? queue_ends_at(&l, turn->turn_until)
               : row ? queue_ends_at(&l, row->gpus_since)
                     : 0;
}

int64_t line_shown_end(struct daemon *d, const struct line *l, size_t lease)
{
        const struct container *row = &l->rows[lease];
        struct limits limits;
        if (row->state != LEDGER_STOPPED && row->state != LEDGER_CREATED)
                return l->ends[lease];
        rules_limits_of(d, row->uid, row->user, &limits);
        int64_t kept = expire_gpus_until(&limits, row);
        return kept && (l->ends[lease] == 0 || kept < l->ends[lease]) ? kept : l->ends[lease];
}

static const struct ticket *find_ticket(const struct tickets *tickets, int64_t id)
{
        for (size_t i = 0; id && i < tickets->n; i++)
                if (tickets->v[i].id == id)
                        return &tickets->v[i];
        return NULL;
}

static int read_ends(struct daemon *d, struct line *l, struct err *e)
{
        const struct leases *leases = &l->view.leases;
        l->ends = xcalloc(leases->n + 1, sizeof *l->ends);
        l->rows = xcalloc(leases->n + 1, sizeof *l->rows);
        for (size_t i = 0; i < leases->n; i++) {
                bool found = false;
                const struct lease *lease = &leases->v[i];
                if (lease->container_id &&
                        containers_get(d->store, lease->container_id, &l->rows[i], &found, e) < 0)
                        return -1;
                l->ends[i] = line_lease_end(d, lease, found ? &l->rows[i] : NULL,
                        find_ticket(&l->tickets, lease->ticket_id));
        }
        return 0;
}

const struct ticket *line_turn(const struct line *l, size_t lease)
{
        return find_ticket(&l->tickets, l->view.leases.v[lease].ticket_id);
}

const char *line_holder(const struct line *l, size_t lease)
{
        const struct ticket *turn = line_turn(l, lease);
        return str_or_empty(turn ? turn->user : l->rows[lease].user);
}

/* ---- who waits ---- */

static int compare_usage(const void *x, const void *y)
{
        const struct usage *a = x, *b = y;
        return (a->uid > b->uid) - (a->uid < b->uid);
}

double line_usage(const struct usage *all, size_t n, const struct leases *leases, uid_t uid,
        int64_t half_life, int64_t now)
{
        const struct usage key = { .uid = uid },
                           *own = n ? bsearch(&key, all, n, sizeof *all, compare_usage) : NULL;
        double sum =
                own ? queue_decay(own->gpu_seconds, now > own->at ? now - own->at : 0, half_life)
                    : 0;
        for (size_t i = 0; i < leases->n; i++) {
                const struct lease *lease = &leases->v[i];
                if (lease->uid == uid)
                        sum += queue_usage_of(frac_make(lease->slices, lease->of),
                                lease->since < now ? lease->since : now, now, half_life);
        }
        return sum;
}

static void add_waiting(
        struct line *l, size_t ticket, const struct queue_ticket *t, const struct limits *limits)
{
        struct limits *own = xcalloc(1, sizeof *own);
        *own = *limits;
        l->limits[l->n_waiting] = own;
        l->ticket_of[l->n_waiting] = ticket;
        l->waiting[l->n_waiting] = *t;
        l->waiting[l->n_waiting++].limits = own;
}

static int read_waiting(
        struct daemon *d, struct line *l, const struct line_guest *guest, struct err *e)
{
        cleanup_free struct usage *usage = NULL;
        size_t n_usage = 0, room = l->tickets.n + 1;
        int64_t half_life = l->settings.rules.half_life, now = l->view.now, last_id = 0;
        /* Of everyone only where somebody waits: those who ever came are many more. */
        if ((l->tickets.n > 0 || guest) &&
                usage_read(d->store, l->tickets.n > 0 ? STORE_EVERYONE : guest->uid, &usage,
                        &n_usage, e) < 0)
                return -1;
        l->waiting = xcalloc(room, sizeof *l->waiting);
        l->ticket_of = xcalloc(room, sizeof *l->ticket_of);
        l->limits = xcalloc(room, sizeof *l->limits);
        for (size_t i = 0; i < l->tickets.n; i++) {
                const struct ticket *t = &l->tickets.v[i];
                struct limits limits;
                last_id = t->id > last_id ? t->id : last_id;
                if (t->turn_until)
                        continue;
                rules_limits_recall(d, t->uid, t->user, &limits);
                add_waiting(l, i,
                        &(struct queue_ticket){ .id = t->id,
                                .uid = t->uid,
                                .slots = t->slots,
                                .joined_at = t->joined_at,
                                .held = gpus_held(&l->view, t->uid),
                                .usage = line_usage(
                                        usage, n_usage, &l->view.leases, t->uid, half_life, now) },
                        &limits);
        }
        if (guest)
                add_waiting(l, l->tickets.n,
                        &(struct queue_ticket){ .id = last_id + 1,
                                .uid = guest->uid,
                                .slots = guest->slots,
                                .joined_at = now,
                                .held = gpus_held(&l->view, guest->uid),
                                .usage = line_usage(usage, n_usage, &l->view.leases, guest->uid,
                                        half_life, now) },
                        guest->limits);
        return 0;
}

/* ---- the whole ---- */

static bool is_like(const struct gpus_view *view, size_t i, const struct strv *devices)
{
        const struct gpu *g = view->v[i].gpu;
        for (size_t k = 0; k < devices->n; k++) {
                const struct gpu *own = gpu_find(&view->sample, devices->v[k]);
                if (own && (own->instance < 0) == (g->instance < 0) && own->slices == g->slices &&
                        strcmp(own->name, g->name) == 0 && strcmp(own->profile, g->profile) == 0)
                        return true;
        }
        return false;
}

/* What there is to give: other models count as held, without an end. The caller frees it. */
static struct place_device *to_give(const struct gpus_view *view, const struct strv *devices)
{
        size_t n = view->sample.n;
        struct place_device *v = xcalloc(n ? n : 1, sizeof *v);
        for (size_t i = 0; i < n; i++) {
                v[i] = view->v[i];
                if (devices && v[i].state == GPU_FREE && !is_like(view, i, devices))
                        v[i].state = GPU_HELD;
        }
        return v;
}

static void decide(struct line *l, const struct line_guest *guest)
{
        cleanup_free struct place_device *devices =
                to_give(&l->view, guest ? guest->devices : NULL);
        const struct leases *leases = &l->view.leases;
        cleanup_free struct queue_lease *held = xcalloc(leases->n + 1, sizeof *held);
        for (size_t i = 0; i < leases->n; i++)
                held[i] = (struct queue_lease){ .device = gpus_view_find(
                                                        &l->view, leases->v[i].device),
                        .ends_at = l->ends[i] };
        l->verdicts = xcalloc(l->n_waiting + 1, sizeof *l->verdicts);
        queue_decide(devices, l->view.sample.n, held, leases->n, l->waiting, l->n_waiting,
                &l->settings.rules, l->view.now, l->verdicts);
}

int line_read(struct daemon *d, const struct line_guest *guest, struct line *ret, struct err *e)
{
        cleanup_line struct line l = { 0 };
        cleanup_rules struct rules *rules = rules_get(d);
        l.settings = *policy_queue(rules->policy);
        if (gpus_view(d, &l.view, e) < 0 || tickets_all(d->store, &l.tickets, e) < 0 ||
                read_ends(d, &l, e) < 0 || read_waiting(d, &l, guest, e) < 0)
                return -1;
        decide(&l, guest);
        *ret = l;
        l = (struct line){ 0 };
        return 0;
}

size_t line_place(const struct line *l, size_t ticket)
{
        for (size_t i = 0; i < l->n_waiting; i++)
                if (l->ticket_of[l->verdicts[i].ticket] == ticket)
                        return i;
        return l->n_waiting;
}

/* ---- estimates ---- */

static int compare_uids(const void *x, const void *y)
{
        const uid_t *a = x, *b = y;
        return (*a > *b) - (*a < *b);
}

/* The accounts that wait or hold something, each once. The caller frees it. */
static uid_t *accounts_of(const struct line *l, size_t *ret_n)
{
        const struct leases *leases = &l->view.leases;
        uid_t *v = xcalloc(l->n_waiting + leases->n + 1, sizeof *v);
        size_t n = 0, kept = 0;
        for (size_t i = 0; i < l->n_waiting; i++)
                v[n++] = l->waiting[i].uid;
        for (size_t i = 0; i < leases->n; i++)
                v[n++] = leases->v[i].uid;
        qsort(v, n, sizeof *v, compare_uids);
        for (size_t i = 0; i < n; i++)
                if (kept == 0 || v[kept - 1] != v[i])
                        v[kept++] = v[i];
        *ret_n = kept;
        return v;
}

/* One history for each account of the line; all the lengths lie in *seconds. The caller frees both. */
static int read_histories(struct daemon *d, const struct line *l, struct eta_history **ret,
        size_t *ret_n, int64_t **ret_seconds, struct err *e)
{
        size_t n = 0, total = 0;
        cleanup_free uid_t *uids = accounts_of(l, &n);
        cleanup_free struct eta_history *h = xcalloc(n + 1, sizeof *h);
        cleanup_free int64_t *seconds = NULL;
        for (size_t i = 0; i < n; i++) {
                cleanup_free int64_t *own = NULL;
                h[i].uid = uids[i];
                if (leases_history(d->store, uids[i], &own, &h[i].n, e) < 0)
                        return -1;
                seconds = xrealloc(seconds, total + h[i].n + 1, sizeof *seconds);
                for (size_t k = 0; k < h[i].n; k++)
                        seconds[total++] = own[k];
        }
        for (size_t i = 0, at = 0; i < n; at += h[i++].n)
                h[i].seconds = &seconds[at];
        *ret = take_ptr(h);
        *ret_n = n;
        *ret_seconds = take_ptr(seconds);
        return 0;
}

int line_etas(struct daemon *d, const struct line *l, struct eta **ret, struct err *e)
{
        const struct leases *leases = &l->view.leases;
        cleanup_free struct eta_history *histories = NULL;
        cleanup_free int64_t *seconds = NULL;
        size_t n_histories = 0;
        if (l->n_waiting > 0 && read_histories(d, l, &histories, &n_histories, &seconds, e) < 0)
                return -1;
        cleanup_free struct eta_lease *held = xcalloc(leases->n + 1, sizeof *held);
        cleanup_free size_t *order = xcalloc(l->n_waiting + 1, sizeof *order);
        for (size_t i = 0; i < leases->n; i++)
                held[i] =
                        (struct eta_lease){ .device = gpus_view_find(&l->view, leases->v[i].device),
                                .uid = leases->v[i].uid,
                                .since = leases->v[i].since,
                                .ends_at = l->ends[i] };
        for (size_t i = 0; i < l->n_waiting; i++)
                order[i] = l->verdicts[i].ticket;
        struct eta *etas = xcalloc(l->n_waiting + 1, sizeof *etas);
        if (l->n_waiting > 0)
                eta_estimate(l->view.v, l->view.sample.n, held, leases->n, histories, n_histories,
                        l->waiting, order, l->n_waiting, &l->settings.rules, l->view.now, etas);
        *ret = etas;
        return 0;
}
