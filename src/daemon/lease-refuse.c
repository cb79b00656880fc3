/* SPDX-License-Identifier: MIT */
#include "daemon/lease-refuse.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NAMES_MAX = 8 };

char *lease_when(int64_t at, int64_t now)
{
        char left[CLOCK_DURATION_LEN], day[32];
        struct tm then, today;
        time_t t = (time_t)at, n = (time_t)now;
        if (at == 0)
                return xstrdup("no end");
        localtime_r(&t, &then);
        localtime_r(&n, &today);
        bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
        strftime(day, sizeof day, same_day ? "%H:%M" : "%e %b %H:%M", &then);
        clock_duration(at - now, left);
        return xasprintf("until %s (%s left)", day + strspn(day, " "), left);
}

/* The end of "2 GPUs", "1 GPU". */
static const char *plural(size_t n)
{
        return n == 1 ? "" : "s";
}

/* ---- who has them ---- */

struct tally {
        const char *user;
        size_t n;
        int64_t last; /* when the last of them ends; 0: no end */
};

static struct tally *tally_of(struct tally *v, size_t *n, const char *user)
{
        for (size_t i = 0; i < *n; i++)
                if (strcmp(v[i].user, user) == 0)
                        return &v[i];
        v[*n] = (struct tally){ .user = user, .last = 1 };
        return &v[(*n)++];
}

static void describe_holders(const struct line *l, int64_t sees, struct buf *b)
{
        const struct leases *leases = &l->view.leases;
        cleanup_free struct tally *v = xcalloc(leases->n + 1, sizeof *v);
        size_t n = 0;
        for (size_t i = 0; i < leases->n; i++) {
                struct tally *t = tally_of(v, &n, line_holder(l, i));
                t->n++;
                t->last = t->last == 0 || l->ends[i] == 0 ? 0
                          : l->ends[i] > t->last          ? l->ends[i]
                                                          : t->last;
        }
        if (sees == LIMIT_SEES_COUNTS) {
                if (n > 0)
                        buf_printf(b, "%zu account%s hold%s %zu\n", n, plural(n), n == 1 ? "s" : "",
                                leases->n);
                return;
        }
        for (size_t i = 0; i < n && i < NAMES_MAX; i++) {
                cleanup_free char *when = lease_when(v[i].last, l->view.now);
                buf_printf(b, "%s holds %zu, %s\n", v[i].user, v[i].n, when);
        }
        if (n > NAMES_MAX)
                buf_printf(b, "%zu other%s hold%s the rest\n", n - NAMES_MAX, plural(n - NAMES_MAX),
                        n - NAMES_MAX == 1 ? "s" : "");
}

static void describe_rest(const struct line *l, struct buf *b)
{
        static const enum gpu_state states[] = { GPU_FREE, GPU_IN_USE, GPU_DRAINED,
                GPU_NOT_ANSWERING };
        for (size_t s = 0; s < ARRAY_LEN(states); s++) {
                size_t n = 0;
                for (size_t i = 0; i < l->view.sample.n; i++)
                        n += !l->view.sample.v[i].mig && l->view.v[i].state == states[s];
                if (n == 0)
                        continue;
                if (states[s] == GPU_FREE)
                        buf_printf(
                                b, "%zu %s free, but not for this now\n", n, n == 1 ? "is" : "are");
                else
                        buf_printf(b, "%zu %s %s\n", n, n == 1 ? "is" : "are",
                                gpu_state_word(states[s]));
        }
        size_t waiting = 0;
        for (size_t i = 0; i < l->n_waiting; i++)
                waiting += l->ticket_of[i] != l->tickets.n;
        if (waiting > 0)
                buf_printf(b, "%zu wait%s in the queue\n", waiting, waiting == 1 ? "s" : "");
}

/* ---- the sentences ---- */

static int refuse_none(const struct line *l, const char *name, struct err *e)
{
        if (!l->view.answering)
                err_set(e, ERR_UNAVAILABLE, "The GPUs of this machine do not answer");
        else if (*l->view.sample.why)
                err_set(e, ERR_UNAVAILABLE, "This machine has no GPUs that work: %s",
                        l->view.sample.why);
        else
                err_set(e, ERR_UNAVAILABLE, "This machine has no GPUs");
        return err_fix(e, "project launch %s --cpu-only", name);
}

static size_t n_placeable(const struct line *l)
{
        size_t n = 0;
        for (size_t i = 0; i < l->view.sample.n; i++)
                n += gpu_is_placeable(&l->view.sample.v[i]);
        return n;
}

static bool has_none(const struct line *l)
{
        return l->view.sample.n == 0 ||
               (n_placeable(l) == 0 && l->view.sample.health != GPU_HEALTH_OK);
}

static int refuse_never(
        const struct line *l, const struct place *p, int slots, const char *name, struct err *e)
{
        char limit[FRAC_TEXT_SIZE];
        if (p->verdict == PLACE_IMPOSSIBLE) {
                size_t n = n_placeable(l);
                err_set(e, ERR_UNAVAILABLE,
                        "This machine can't give %d GPU%s to one container: it has %zu that you may have together",
                        slots, plural((size_t)slots), n);
                return err_fix(e, "dashboard gpu\nproject launch %s --gpus=1", name);
        }
        frac_text(p->limit, limit);
        if (p->key == LIMIT_FULL_GPU)
                err_set(e, ERR_LIMIT, "You may have parts of GPUs, no whole one");
        else if (p->key == LIMIT_GPU_SLOTS)
                err_set(e, ERR_LIMIT, "A container of yours may have %s GPU%s at most, not %d",
                        limit, plural(strcmp(limit, "1") == 0), slots);
        else
                err_set(e, ERR_LIMIT, "You may hold %s GPU%s at most, not %d", limit,
                        plural(strcmp(limit, "1") == 0), slots);
        /* Of parts it is not said how many: which ones there are is the machine's business. */
        return p->key == LIMIT_GPU_SLOTS && p->limit.num >= p->limit.den
                       ? err_fix(e, "check-limits\nproject launch %s --gpus=%lld", name,
                                 (long long)(p->limit.num / p->limit.den))
                       : err_fix(e, "check-limits\nproject launch %s --cpu-only", name);
}

/* What to retire: the account's own containers that hold GPUs. */
static int refuse_limit(const struct line *l, const struct place *p, uid_t uid, struct err *e)
{
        char used[FRAC_TEXT_SIZE], limit[FRAC_TEXT_SIZE];
        cleanup_buf struct buf fix = BUF_INIT(512);
        int64_t last = 0;
        size_t n = 0;
        frac_text(p->used, used);
        frac_text(p->limit, limit);
        err_set(e, ERR_LIMIT, "GPU limit reached (%s/%s in use)", used, limit);
        for (size_t i = 0; i < l->view.leases.n && n < 4; i++) {
                const struct container *row = &l->rows[i];
                if (l->view.leases.v[i].uid != uid || row->id == last)
                        continue;
                const struct ticket *turn = line_turn(l, i);
                last = row->id;
                if (turn)
                        buf_printf(&fix, "%sgpu-queue leave %s", n++ ? "\n" : "", turn->name);
                else
                        buf_printf(&fix, "%scontainer retire %s", n++ ? "\n" : "",
                                str_or_empty(row->name));
        }
        return err_fix(e, "%s", buf_str(&fix));
}

bool lease_waits(const struct line *l, size_t place)
{
        enum queue_reason reason = l->verdicts[place].reason;
        return !has_none(l) && reason != QUEUE_GRANTED && reason != QUEUE_NEVER &&
               reason != QUEUE_LIMIT;
}

int lease_refuse(const struct line *l, size_t place, const char *name, int64_t sees, struct err *e)
{
        const struct queue_verdict *v = &l->verdicts[place];
        const struct queue_ticket *t = &l->waiting[v->ticket];
        cleanup_buf struct buf detail = BUF_INIT(8192);
        if (has_none(l))
                return refuse_none(l, name, e);
        if (v->reason == QUEUE_NEVER)
                return refuse_never(l, &v->place, t->slots, name, e);
        if (v->reason == QUEUE_LIMIT)
                return refuse_limit(l, &v->place, t->uid, e);
        err_set(e, ERR_UNAVAILABLE, "No GPUs available");
        describe_holders(l, sees, &detail);
        describe_rest(l, &detail);
        err_detail(e, "%s", buf_str(&detail));
        return err_fix(e, "dashboard gpu\ngpu-queue join %s\nproject launch %s --wait", name, name);
}

static char *reason_of_wait(const struct line *l, const struct queue_verdict *v, int64_t sees)
{
        const struct queue_ticket *t = &l->waiting[v->ticket];
        size_t n_free = 0;
        for (size_t i = 0; i < l->view.sample.n; i++)
                n_free += l->view.v[i].state == GPU_FREE && gpu_is_placeable(&l->view.sample.v[i]);
        if (v->reason == QUEUE_HEAD && sees == LIMIT_SEES_COUNTS)
                return xasprintf("It is first in line; %d needed, %zu free", t->slots, n_free);
        if (v->reason == QUEUE_HEAD) {
                cleanup_free char *when = lease_when(v->starts_at, l->view.now);
                return v->starts_at
                               ? xasprintf(
                                         "It is first in line; %d needed, %zu free, the rest %s at the latest",
                                         t->slots, n_free, when)
                               : xasprintf(
                                         "It is first in line; %d needed, %zu free, and no end is known of the others",
                                         t->slots, n_free);
        }
        if (v->reason == QUEUE_OUT)
                return xstrdup(
                        "The GPUs that it could have are out of service: drained, silent, or in use outside ds01");
        if (v->reason == QUEUE_BEHIND) {
                size_t before = l->ticket_of[v->before];
                if (before < l->tickets.n && l->tickets.v[before].uid == t->uid)
                        return xasprintf(
                                "Another ticket of yours is before it%s%s, and would use what your limits leave",
                                *l->tickets.v[before].name ? ", for " : "",
                                l->tickets.v[before].name);
                const char *user = before < l->tickets.n && sees != LIMIT_SEES_COUNTS
                                           ? l->tickets.v[before].user
                                           : "somebody";
                return xasprintf("%zu free, kept for %s, who is before it in line", n_free, user);
        }
        return xasprintf("%d needed, %zu free", t->slots, n_free);
}

char *lease_reason(const struct line *l, size_t place, int64_t sees)
{
        const struct queue_verdict *v = &l->verdicts[place];
        struct err e = ERR_INIT;
        if (v->reason == QUEUE_GRANTED)
                return xstrdup("It is its turn");
        if (v->reason == QUEUE_LIMIT || v->reason == QUEUE_NEVER || has_none(l)) {
                lease_refuse(l, place, "", sees, &e);
                return xstrdup(e.msg);
        }
        return reason_of_wait(l, v, sees);
}

/* What is in the way of using a GPU that is held for it. */
static void describe_own(const struct gpus_view *view, size_t at, struct buf *b)
{
        const struct gpu *g = &view->sample.v[at];
        char slot[GPU_SLOT_SIZE];
        gpu_slot(g, slot);
        if (!view->answering || g->lost)
                buf_printf(b, "GPU %s is %s\n", slot, gpu_state_word(GPU_NOT_ANSWERING));
        else if (g->n_processes > 0)
                buf_printf(b, "GPU %s is %s: process %d uses it\n", slot,
                        gpu_state_word(GPU_IN_USE), (int)g->processes[0].pid);
}

int lease_refuse_turn(
        const struct gpus_view *view, const size_t *at, size_t n, const char *name, struct err *e)
{
        cleanup_buf struct buf detail = BUF_INIT(8192);
        for (size_t i = 0; i < n; i++)
                if (at[i] < view->sample.n)
                        describe_own(view, at[i], &detail);
        err_set(e, ERR_UNAVAILABLE, "A GPU that is kept for you can't be used now");
        err_detail(e, "%s", buf_str(&detail));
        return err_fix(e, "dashboard gpu\ngpu-queue leave %s", name);
}

int lease_refuse_again(const struct line *l, const struct container *row, const size_t *at,
        size_t n, int64_t sees, struct err *e)
{
        cleanup_buf struct buf detail = BUF_INIT(8192);
        for (size_t i = 0; i < n; i++) {
                char slot[GPU_SLOT_SIZE];
                if (at[i] == l->view.sample.n) {
                        buf_str_add(&detail, "a GPU of it is no longer in this machine\n");
                        continue;
                }
                gpu_slot(&l->view.sample.v[at[i]], slot);
                const struct lease *lease = l->view.holder[at[i]];
                if (lease && lease->container_id == row->id) {
                        describe_own(&l->view, at[i], &detail);
                        continue;
                }
                if (l->view.v[at[i]].state == GPU_FREE)
                        continue;
                if (!lease) {
                        buf_printf(&detail, "GPU %s is %s%s%s\n", slot,
                                gpu_state_word(l->view.v[at[i]].state),
                                *l->view.why[at[i]] ? ": " : "", l->view.why[at[i]]);
                        continue;
                }
                size_t k = (size_t)(lease - l->view.leases.v);
                cleanup_free char *when = lease_when(l->ends[k], l->view.now);
                if (sees == LIMIT_SEES_COUNTS && lease->uid != row->uid)
                        buf_printf(&detail, "Somebody holds GPU %s\n", slot);
                else
                        buf_printf(&detail, "%s holds GPU %s, %s\n", line_holder(l, k), slot, when);
        }
        if (detail.len == 0)
                buf_str_add(&detail, "They are kept for who is before you in line\n");
        err_set(e, ERR_UNAVAILABLE, "The GPUs of %s are not free", row->name);
        err_detail(e, "%s", buf_str(&detail));
        return err_fix(e,
                "container-start %s --wait\n"
                "container retire %s, then project launch %s: what is in /workspace stays",
                row->name, row->name, row->name);
}
