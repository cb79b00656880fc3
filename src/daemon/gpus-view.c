/* SPDX-License-Identifier: MIT */
/* The picture of one moment: what the driver said last, what the ledger says, and what follows. */
#include "daemon/gpus-last.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void gpus_view_done(struct gpus_view *view)
{
        gpu_sample_done(&view->sample);
        leases_done(&view->leases);
        free(view->v);
        free(view->holder);
        free(view->why);
        *view = (struct gpus_view){ 0 };
}

size_t gpus_view_find(const struct gpus_view *view, const char *uuid)
{
        size_t i = 0;
        while (i < view->sample.n && strcmp(view->sample.v[i].uuid, uuid) != 0)
                i++;
        return i;
}

/* A device that somebody holds and the driver no longer lists is still theirs, and shown as silent. */
static void add_missing(struct gpus_view *view)
{
        for (size_t i = 0; i < view->leases.n; i++) {
                const struct lease *l = &view->leases.v[i];
                struct gpu g;
                struct err ignored = ERR_INIT;
                if (gpus_view_find(view, l->device) < view->sample.n)
                        continue;
                gpu_init(&g);
                snprintf(g.uuid, sizeof g.uuid, "%s", l->device);
                snprintf(g.parent, sizeof g.parent, "%s", l->parent);
                snprintf(g.name, sizeof g.name, "%s", l->label);
                /* "1.0": number and instance. */
                if (sscanf(l->slot, "%d.%d", &g.index, &g.instance) < 2)
                        g.instance = -1;
                g.slices = l->slices;
                g.of = l->of;
                g.lost = true;
                (void)gpu_sample_add(&view->sample, &g, &ignored);
        }
}

static void set_why(struct gpus_view *view, size_t i, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
static void set_why(struct gpus_view *view, size_t i, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(view->why[i], sizeof view->why[i], fmt, ap);
        va_end(ap);
}

/* The first word that fits: who holds a silent GPU matters more than that it is silent. */
static enum gpu_state state_of(struct gpus_view *view, size_t i, const struct drain *drains,
        size_t n_drains, const struct strv *unclaimed)
{
        const struct gpu *g = &view->sample.v[i];
        if (view->holder[i])
                return GPU_HELD;
        for (size_t k = 0; k < n_drains; k++)
                if (strcmp(drains[k].device, g->uuid) == 0 ||
                        strcmp(drains[k].device, g->parent) == 0) {
                        set_why(view, i, "%s", drains[k].reason);
                        return GPU_DRAINED;
                }
        if (strv_has(unclaimed, g->uuid) || strv_has(unclaimed, g->parent)) {
                set_why(view, i, "a container without a record has it");
                return GPU_DRAINED;
        }
        if (!view->answering || g->lost)
                return GPU_NOT_ANSWERING;
        if (g->n_processes > 0) {
                set_why(view, i, "process %d uses it", (int)g->processes[0].pid);
                return GPU_IN_USE;
        }
        return GPU_FREE;
}

/* A GPU is not free while a part of it is held, nor a part while the whole is: the mode was changed
 * under a lease. */
static bool is_shadowed(const struct gpus_view *view, const struct gpu *g)
{
        for (size_t i = 0; i < view->leases.n; i++) {
                const struct lease *l = &view->leases.v[i];
                if (strcmp(l->device, g->uuid) != 0 &&
                        (strcmp(l->parent, g->uuid) == 0 || strcmp(l->device, g->parent) == 0))
                        return true;
        }
        return false;
}

static void fill(struct gpus_view *view, const struct drain *drains, size_t n_drains,
        const struct strv *unclaimed)
{
        size_t n = view->sample.n;
        view->v = xcalloc(n ? n : 1, sizeof *view->v);
        view->holder = xcalloc(n ? n : 1, sizeof *view->holder);
        view->why = xcalloc(n ? n : 1, sizeof *view->why);
        for (size_t i = 0; i < n; i++) {
                const struct gpu *g = &view->sample.v[i];
                for (size_t k = 0; k < view->leases.n; k++)
                        if (strcmp(view->leases.v[k].device, g->uuid) == 0)
                                view->holder[i] = &view->leases.v[k];
                view->v[i].gpu = g;
                view->v[i].state = state_of(view, i, drains, n_drains, unclaimed);
                view->v[i].holder = view->holder[i] ? view->holder[i]->uid : (uid_t)-1;
                if (!g->mig && view->v[i].state == GPU_FREE && is_shadowed(view, g)) {
                        set_why(view, i, "its mode was changed while it was held");
                        view->v[i].state = GPU_DRAINED;
                }
        }
}

int gpus_view(struct daemon *d, struct gpus_view *ret, struct err *e)
{
        cleanup_gpus_view struct gpus_view view = { .now = clock_unix() };
        cleanup_strv struct strv unclaimed = { 0 };
        cleanup_free struct drain *drains = NULL;
        size_t n_drains = 0;
        gpus_read_last(d, &view.sample, &view.answering, &view.sampled_at, &unclaimed);
        if (leases_all(d->store, &view.leases, e) < 0 ||
                drains_all(d->store, &drains, &n_drains, e) < 0)
                return -1;
        add_missing(&view);
        fill(&view, drains, n_drains, &unclaimed);
        *ret = view;
        view = (struct gpus_view){ 0 };
        return 0;
}

/* ---- leases ---- */

char *gpus_text(const struct lease *v, size_t n)
{
        struct buf b = BUF_INIT(4096);
        if (n == 0)
                return xstrdup("");
        buf_printf(&b, "GPU%s ", n > 1 ? "s" : "");
        for (size_t i = 0; i < n; i++)
                buf_printf(&b, "%s%s", i ? ", " : "", v[i].slot);
        if (*v[0].label)
                buf_printf(&b, " (%s)", v[0].label);
        return buf_take(&b);
}

struct frac gpus_weight(const struct lease *v, size_t n)
{
        struct frac sum = frac_make(0, 1);
        for (size_t i = 0; i < n; i++)
                sum = frac_add(sum, frac_make(v[i].slices, v[i].of));
        return sum;
}

struct frac gpus_held(const struct gpus_view *view, uid_t uid)
{
        struct frac sum = frac_make(0, 1);
        for (size_t i = 0; i < view->leases.n; i++)
                if (view->leases.v[i].uid == uid)
                        sum = frac_add(sum, gpus_weight(&view->leases.v[i], 1));
        return sum;
}

void gpus_lease(const struct gpus_view *view, size_t at, struct lease *ret)
{
        const struct gpu *g = &view->sample.v[at];
        *ret = (struct lease){ .slices = g->slices, .of = g->of, .since = view->now };
        snprintf(ret->device, sizeof ret->device, "%s", g->uuid);
        snprintf(ret->parent, sizeof ret->parent, "%s", g->parent);
        gpu_slot(g, ret->slot);
        gpu_label(g, ret->label);
}
