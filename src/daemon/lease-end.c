/* SPDX-License-Identifier: MIT */
/* The other half of lease.h: how GPUs come back. */
#include "daemon/lease.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/expire.h"
#include "daemon/named.h"
#include "daemon/operation.h"
#include "daemon/rules.h"
#include "daemon/scheduler.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
        CLEAN_TRIES = 6,      /* looks at a device whose container is gone */
        CLEAN_PAUSE_MS = 500, /* the driver takes a moment to notice the end of a process */
        WAIT_MS = 3000,
};

/* ---- what to book ---- */

int lease_use(struct daemon *d, const struct leases *ending, struct usage *ret, struct err *e)
{
        cleanup_rules struct rules *rules = rules_get(d);
        cleanup_free struct usage *all = NULL;
        size_t n = 0;
        int64_t half_life = policy_queue(rules->policy)->rules.half_life, now = clock_unix();
        uid_t uid = ending->n > 0 ? ending->v[0].uid : (uid_t)-1;
        if (ending->n > 0 && usage_read(d->store, uid, &all, &n, e) < 0)
                return -1;
        *ret = (struct usage){ .uid = uid,
                .gpu_seconds = line_usage(all, n, ending, uid, half_life, now),
                .at = now };
        return 0;
}

/* ---- lapse ---- */

/* Under gpus_lock(). */
static int lapse(struct daemon *d, const struct container *row, struct leases *held, struct err *e)
{
        struct usage use;
        return leases_of_container(d->store, row->id, held, e) < 0 ||
                               lease_use(d, held, &use, e) < 0 ||
                               leases_lapse(d->store, row->id, row->op, &use, e) < 0
                       ? -1
                       : 0;
}

int lease_lapse(struct daemon *d, const struct container *row, const char *why, struct err *e)
{
        cleanup_leases struct leases held = { 0 };
        gpus_lock(d);
        int r = lapse(d, row, &held, e);
        gpus_unlock(d);
        if (r < 0)
                return -1;
        if (held.n > 0) {
                cleanup_free char *text = gpus_text(held.v, held.n);
                lease_tell(d, row->uid, row->name, "lapsed", "%s: %s", text, why);
                log_info("%s of %s gives back %s: %s", row->name, str_or_empty(row->user), text,
                        why);
                scheduler_changed(d);
        }
        return 0;
}

/* ---- removal ---- */

/* Fills the drain of a device that is not clean; false if it is. */
static bool is_unclean(
        const struct gpu_sample *s, bool answering, const struct lease *l, struct drain *ret)
{
        const struct gpu *g = gpu_find(s, l->device);
        *ret = (struct drain){ .since = clock_unix() };
        snprintf(ret->device, sizeof ret->device, "%s", l->device);
        snprintf(ret->slot, sizeof ret->slot, "%s", l->slot);
        snprintf(ret->label, sizeof ret->label, "%s", l->label);
        if (!answering)
                snprintf(ret->reason, sizeof ret->reason,
                        "the driver did not answer when its container was removed");
        else if (g && g->n_processes > 0)
                snprintf(ret->reason, sizeof ret->reason, "process %d still uses it",
                        (int)g->processes[0].pid);
        else
                return false;
        return true;
}

/* Which of the devices are not clean, after some looks. Not under gpus_lock(): it takes time. */
static size_t find_unclean(struct daemon *d, const struct leases *held, struct drain *ret)
{
        size_t n = 0;
        for (int i = 0; i < CLEAN_TRIES && held->n > 0; i++) {
                cleanup_gpus_view struct gpus_view view = { 0 };
                struct err ignored = ERR_INIT;
                if (i > 0)
                        usleep(CLEAN_PAUSE_MS * 1000);
                bool fresh = gpus_refresh(d, 0, WAIT_MS);
                if (gpus_view(d, &view, &ignored) < 0)
                        continue;
                n = 0;
                for (size_t k = 0; k < held->n; k++)
                        n += is_unclean(&view.sample, fresh, &held->v[k], &ret[n]);
                if (n == 0 || !fresh)
                        break;
        }
        return n;
}

/* Under gpus_lock(). */
static int end(struct daemon *d, const struct container *row, const struct leases *held,
        const struct drain *drains, size_t n_drains, struct err *e)
{
        struct usage use;
        return lease_use(d, held, &use, e) < 0 ||
                               leases_end_container(d->store, row->id, row->op,
                                       held->n ? &use : NULL, drains, n_drains, e) < 0
                       ? -1
                       : 0;
}

int lease_end_with_row(
        struct daemon *d, const struct container *row, char **ret_drained, struct err *e)
{
        cleanup_leases struct leases held = { 0 };
        *ret_drained = NULL;
        if (leases_of_container(d->store, row->id, &held, e) < 0)
                return -1;
        cleanup_free struct drain *drains = xcalloc(held.n + 1, sizeof *drains);
        size_t n = find_unclean(d, &held, drains);
        gpus_lock(d);
        int r = end(d, row, &held, drains, n, e);
        gpus_unlock(d);
        if (r < 0)
                return -1;
        *ret_drained =
                n > 0 ? xasprintf("GPU %s: %s", drains[0].slot, drains[0].reason) : xstrdup("");
        for (size_t i = 0; i < n; i++)
                log_warning("GPU %s is drained after %s of %s: %s", drains[i].slot, row->name,
                        str_or_empty(row->user), drains[i].reason);
        if (held.n > 0) {
                cleanup_free char *text = gpus_text(held.v, held.n);
                lease_tell(d, row->uid, row->name, "freed", "%s: its container was removed", text);
                scheduler_changed(d);
        }
        return 0;
}

/* ---- holds that are over ---- */

/* While nobody can tell which groups its account is in, it keeps them. */
static bool hold_is_over(struct daemon *d, const struct container *c, int64_t now)
{
        struct limits l;
        struct err unknown = ERR_INIT;
        if (c->gpus_since == 0 || rules_limits_known(d, c->uid, c->user, &l, &unknown) < 0)
                return false;
        int64_t until = expire_gpus_until(&l, c);
        return until > 0 && until <= now;
}

static void lapse_one(struct daemon *d, int64_t id, int64_t now)
{
        cleanup_container struct container c = { .id = id };
        struct err e = ERR_INIT;
        /* Gone, or somebody is at it: the next sweep looks again. */
        if (container_take(d, &c, &e) < 0)
                return;
        if (hold_is_over(d, &c, now) &&
                lease_lapse(d, &c, "it was not running for gpu_hold_after_stop_h", &e) < 0)
                log_warning("%s of %s: %s", c.name, str_or_empty(c.user), e.msg);
        operation_end(d, c.id, c.op);
}

/* By the leases, which are few, not by the containers. */
static void lapse_those_over(struct daemon *d)
{
        cleanup_leases struct leases all = { 0 };
        struct err e = ERR_INIT;
        int64_t now = clock_unix();
        if (leases_all(d->store, &all, &e) < 0) {
                log_warning("holds of GPUs: %s", e.msg);
                return;
        }
        for (size_t i = 0; i < all.n; i++) {
                cleanup_container struct container c = { 0 };
                bool found = false;
                if (all.v[i].container_id &&
                        containers_get(d->store, all.v[i].container_id, &c, &found, &e) == 0 &&
                        found && !c.op[0] && hold_is_over(d, &c, now))
                        lapse_one(d, c.id, now);
        }
}

/* ---- drained ones ---- */

static void give_back_clean(struct daemon *d)
{
        cleanup_free struct drain *drains = NULL;
        size_t n = 0;
        struct err e = ERR_INIT;
        if (drains_all(d->store, &drains, &n, &e) < 0 || n == 0)
                return;
        cleanup_gpus_view struct gpus_view view = { 0 };
        /* A driver that is silent is asked again by the sampler: the janitor has others to look after. */
        if (!gpus_answering(d) || !gpus_refresh(d, WAIT_MS, WAIT_MS) || gpus_view(d, &view, &e) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                const struct gpu *g = gpu_find(&view.sample, drains[i].device);
                /* One that is no longer listed stays out: nobody can say that it is clean. */
                if (!g || g->lost || g->n_processes > 0)
                        continue;
                if (drains_remove(d->store, drains[i].device, &e) < 0)
                        continue;
                log_info("GPU %s is clean again", drains[i].slot);
                scheduler_changed(d);
        }
}

void lease_sweep(struct daemon *d)
{
        lapse_those_over(d);
        give_back_clean(d);
}
