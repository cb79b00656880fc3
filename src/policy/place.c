/* SPDX-License-Identifier: MIT */
#include "policy/place.h"

#include "policy/fleet.h"

const char *gpu_state_word(enum gpu_state state)
{
        static const char *const words[] = {
                [GPU_FREE] = "free",
                [GPU_HELD] = "held",
                [GPU_IN_USE] = "in use outside ds01",
                [GPU_DRAINED] = "drained",
                [GPU_NOT_ANSWERING] = "not answering",
        };
        return words[state];
}

void place_choose(const struct place_device *devices, size_t n, const struct place_request *r,
        struct place *ret)
{
        cleanup_fleet struct fleet f = { 0 };
        fleet_init(&f, devices, n);
        fleet_choose(&f, r, NULL, ret);
        for (size_t i = 0; i < ret->n; i++)
                ret->at[i] = f.v[ret->at[i]].given;
}

/* Marks the given devices; false if one is not of the fleet. */
static bool find_given(const struct fleet *f, const size_t *at, size_t n_at, bool *mine)
{
        size_t found = 0;
        for (size_t i = 0; i < f->n; i++)
                for (size_t k = 0; k < n_at && !mine[i]; k++)
                        if (f->v[i].given == at[k]) {
                                mine[i] = true;
                                found++;
                        }
        return found == n_at;
}

static void weigh(
        const struct fleet *f, const bool *mine, struct place *ret, bool *whole, bool *free)
{
        *whole = false;
        *free = true;
        for (size_t i = 0; i < f->n; i++) {
                if (!mine[i])
                        continue;
                const struct fleet_model *m = &f->models[f->v[i].model];
                ret->at[ret->n++] = f->v[i].given;
                ret->weight = frac_add(ret->weight, m->weight);
                *whole |= m->whole;
                *free &= f->v[i].state == GPU_FREE;
        }
}

void place_check(const struct place_device *devices, size_t n, const size_t *at, size_t n_at,
        const struct place_request *r, struct place *ret)
{
        cleanup_fleet struct fleet f = { 0 };
        bool mine[GPU_DEVICES_MAX] = { false }, whole, free;
        struct place place = { .verdict = PLACE_IMPOSSIBLE, .used = r->held, .weight = FRAC_ZERO };
        fleet_init(&f, devices, n);
        if (n_at <= PLACE_SLOTS_MAX && find_given(&f, at, n_at, mine)) {
                weigh(&f, mine, &place, &whole, &free);
                if (fleet_over_limit(r->limits, (int)n_at, whole, place.weight, &place))
                        place.verdict = PLACE_NEVER;
                else if (fleet_over_limit(r->limits, (int)n_at, whole,
                                 frac_add(r->held, place.weight), &place))
                        place.verdict = PLACE_LIMIT;
                else
                        place.verdict = free ? PLACE_OK : PLACE_BUSY;
        }
        if (place.verdict != PLACE_OK)
                place.n = 0;
        *ret = place;
}
