/* SPDX-License-Identifier: MIT */
#include "policy/fleet.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

/* The uuid decides between numbers that a driver gave twice, so that no order depends on ours. */
static int compare_devices(const void *x, const void *y)
{
        const struct fleet_device *a = x, *b = y;
        int c = gpu_compare(a->gpu, b->gpu);
        return c ? c : strcmp(a->gpu->uuid, b->gpu->uuid);
}

static bool same_model(const struct gpu *a, const struct gpu *b)
{
        return (a->instance < 0) == (b->instance < 0) && a->slices == b->slices && a->of == b->of &&
               strcmp(a->name, b->name) == 0 && strcmp(a->profile, b->profile) == 0;
}

static size_t model_of(struct fleet *f, const size_t *firsts, const struct gpu *g)
{
        size_t m = 0;
        while (m < f->n_models && !same_model(f->v[firsts[m]].gpu, g))
                m++;
        return m;
}

static void count_device(struct fleet *f, const struct fleet_device *d)
{
        struct fleet_model *m = &f->models[d->model];
        m->n++;
        m->serving += d->state == GPU_FREE || d->state == GPU_HELD;
        m->free += d->state == GPU_FREE;
        f->free += d->state == GPU_FREE;
}

void fleet_init(struct fleet *f, const struct place_device *devices, size_t n)
{
        if (n > GPU_DEVICES_MAX)
                abort();
        *f = (struct fleet){ .v = xcalloc(n, sizeof *f->v),
                .models = xcalloc(n, sizeof *f->models) };
        for (size_t i = 0; i < n; i++) {
                const struct gpu *g = devices[i].gpu;
                if (g->instance < 0 && g->mig)
                        continue;
                f->v[f->n++] = (struct fleet_device){ .gpu = g,
                        .given = i,
                        .state = gpu_is_placeable(g) ? devices[i].state : GPU_NOT_ANSWERING };
        }
        if (f->n)
                qsort(f->v, f->n, sizeof *f->v, compare_devices);
        cleanup_free size_t *firsts = xcalloc(n, sizeof *firsts);
        for (size_t i = 0; i < f->n; i++) {
                const struct gpu *g = f->v[i].gpu;
                size_t m = model_of(f, firsts, g);
                if (m == f->n_models) {
                        firsts[f->n_models++] = i;
                        f->models[m].whole = g->instance < 0;
                        f->models[m].weight = frac_make(g->slices, g->of > 0 ? g->of : 1);
                }
                f->v[i].model = m;
                count_device(f, &f->v[i]);
        }
}

void fleet_done(struct fleet *f)
{
        free(f->v);
        free(f->models);
        *f = (struct fleet){ 0 };
}

void fleet_hold(struct fleet *f, size_t device)
{
        f->v[device].state = GPU_HELD;
        f->models[f->v[device].model].free--;
        f->free--;
}

void fleet_free(struct fleet *f, size_t device)
{
        f->v[device].state = GPU_FREE;
        f->models[f->v[device].model].free++;
        f->free++;
}

/* ---- limits ---- */

static bool over(const struct limits *l, enum limit_key key, struct frac total, struct place *ret)
{
        const struct limit *v = &l->v[key];
        if (v->state != LIMIT_SET)
                return false;
        struct frac limit = frac_make(v->value, v->den ? v->den : 1);
        if (frac_compare(total, limit) <= 0)
                return false;
        ret->key = key;
        ret->limit = limit;
        return true;
}

bool fleet_over_limit(
        const struct limits *l, int slots, bool whole, struct frac total, struct place *ret)
{
        return over(l, LIMIT_GPU_SLOTS, frac_make(slots, 1), ret) ||
               (whole && over(l, LIMIT_FULL_GPU, frac_make(1, 1), ret)) ||
               over(l, LIMIT_GPUS, total, ret) || over(l, LIMIT_ALL_GPUS, total, ret);
}

struct frac fleet_weight(const struct fleet *f, size_t model, int slots)
{
        const struct frac *one = &f->models[model].weight;
        return frac_make(one->num * slots, one->den);
}

bool fleet_fits(const struct fleet *f, size_t model, const struct place_request *r)
{
        const struct fleet_model *m = &f->models[model];
        struct place why;
        return m->n >= (size_t)r->slots &&
               !fleet_over_limit(r->limits, r->slots, m->whole,
                       frac_add(r->held, fleet_weight(f, model, r->slots)), &why);
}

/* Why no model fits: the reason of the lightest one that the machine has enough of. */
static void refuse(const struct fleet *f, const struct place_request *r, struct place *ret)
{
        const struct fleet_model *lightest = NULL;
        *ret = (struct place){ .verdict = PLACE_NEVER, .used = r->held };
        if (over(r->limits, LIMIT_GPU_SLOTS, frac_make(r->slots, 1), ret))
                return;
        ret->verdict = PLACE_IMPOSSIBLE;
        for (size_t i = 0; i < f->n_models; i++) {
                const struct fleet_model *m = &f->models[i];
                struct place why = { .verdict = PLACE_LIMIT, .used = r->held };
                struct frac weight = fleet_weight(f, i, r->slots);
                if (m->n < (size_t)r->slots || r->slots > PLACE_SLOTS_MAX)
                        continue;
                if (fleet_over_limit(r->limits, r->slots, m->whole, weight, &why))
                        why.verdict = PLACE_NEVER;
                else
                        fleet_over_limit(
                                r->limits, r->slots, m->whole, frac_add(r->held, weight), &why);
                bool milder = ret->verdict == PLACE_IMPOSSIBLE ||
                              (ret->verdict == PLACE_NEVER && why.verdict == PLACE_LIMIT);
                bool lighter = ret->verdict == why.verdict && lightest &&
                               frac_compare(m->weight, lightest->weight) < 0;
                if (milder || lighter) {
                        *ret = why;
                        lightest = m;
                }
        }
}

/* ---- the choice ---- */

/* Of the models of one kind that can serve it, the one with the fewest left over. */
static size_t scarcest(const struct fleet *f, const bool *can, bool whole, size_t slots)
{
        size_t best = f->n_models;
        for (size_t m = 0; m < f->n_models; m++)
                if (can[m] && f->models[m].whole == whole && f->models[m].free >= slots &&
                        (best == f->n_models || f->models[m].free < f->models[best].free))
                        best = m;
        return best;
}

/* Free compute slices of the GPU whose instances begin at `from`; *end is behind its last. */
static int free_slices(const struct fleet *f, size_t from, size_t *end)
{
        int slices = 0;
        size_t i = from;
        for (; i < f->n && f->v[i].gpu->index == f->v[from].gpu->index; i++)
                if (f->v[i].state == GPU_FREE)
                        slices += f->v[i].gpu->slices;
        *end = i;
        return slices;
}

/* The smallest instance, by slices, then memory; of equal ones the one in the fullest GPU. */
static size_t smallest_instance(const struct fleet *f, const bool *can)
{
        size_t best = f->n, end = 0;
        int left = 0, best_left = 0;
        for (size_t i = 0; i < f->n; i++) {
                const struct gpu *g = f->v[i].gpu;
                if (i == end)
                        left = free_slices(f, i, &end);
                const struct fleet_model *m = &f->models[f->v[i].model];
                if (m->whole || !can[f->v[i].model] || f->v[i].state != GPU_FREE)
                        continue;
                int c = best == f->n ? -1
                                     : frac_compare(m->weight, f->models[f->v[best].model].weight);
                if (c == 0 && g->memory_total != f->v[best].gpu->memory_total)
                        c = g->memory_total < f->v[best].gpu->memory_total ? -1 : 1;
                if (c < 0 || (c == 0 && left < best_left)) {
                        best = i;
                        best_left = left;
                }
        }
        return best;
}

static void take_model(const struct fleet *f, size_t model, size_t slots, struct place *ret)
{
        for (size_t i = 0; i < f->n && ret->n < slots; i++)
                if (f->v[i].model == model && f->v[i].state == GPU_FREE)
                        ret->at[ret->n++] = i;
        ret->weight = fleet_weight(f, model, (int)slots);
        ret->verdict = PLACE_OK;
}

static void choose(const struct fleet *f, const bool *can, size_t slots, struct place *ret)
{
        if (slots == 1) {
                size_t i = smallest_instance(f, can);
                if (i < f->n) {
                        ret->at[ret->n++] = i;
                        ret->weight = f->models[f->v[i].model].weight;
                        ret->verdict = PLACE_OK;
                        return;
                }
        }
        size_t m = scarcest(f, can, true, slots);
        if (m == f->n_models)
                m = scarcest(f, can, false, slots);
        take_model(f, m, slots, ret);
}

void fleet_choose(
        const struct fleet *f, const struct place_request *r, const bool *closed, struct place *ret)
{
        bool can[GPU_DEVICES_MAX], fits = false, any = false;
        size_t slots = (size_t)r->slots;
        for (size_t m = 0; m < f->n_models && slots <= PLACE_SLOTS_MAX; m++) {
                bool fit = fleet_fits(f, m, r);
                can[m] = fit && !(closed && closed[m]) && f->models[m].free >= slots;
                fits |= fit;
                any |= can[m];
        }
        if (!fits) {
                refuse(f, r, ret);
                return;
        }
        *ret = (struct place){ .verdict = PLACE_BUSY };
        if (any)
                choose(f, can, slots, ret);
}
