/* SPDX-License-Identifier: MIT */
/*
 * The GPUs of a machine made ready for many decisions: in order, sorted into models, counted. For
 * place.c, turns.c, queue.c and eta.c; everyone else includes place.h. Pure.
 *
 * A model is what one request may be served from: whole GPUs of one name, or instances of one name
 * and profile. GPUs in MIG mode are not part of a fleet: their instances are.
 */
#pragma once

#include "policy/place.h"

#include <stdbool.h>
#include <stddef.h>

struct fleet_device {
        const struct gpu *gpu;
        size_t given; /* its index in the caller's list */
        size_t model;
        enum gpu_state state; /* a lost one is NOT_ANSWERING */
};

struct fleet_model {
        bool whole;
        struct frac weight; /* of one */
        size_t n;           /* that the machine has, in whatever state */
        size_t serving;     /* FREE or HELD: these come round by themselves */
        size_t free;
};

struct fleet {
        struct fleet_device *v; /* owned; in the order of gpu_compare() */
        size_t n;
        struct fleet_model *models; /* owned; by their first device */
        size_t n_models;
        size_t free; /* devices of all models */
};
#define cleanup_fleet CLEANUP(fleet_done)
void fleet_init(struct fleet *f, const struct place_device *devices, size_t n);
void fleet_done(struct fleet *f);

/* A device of the fleet becomes HELD, or FREE again. */
void fleet_hold(struct fleet *f, size_t device);
void fleet_free(struct fleet *f, size_t device);

/* What so many slots of a model weigh. */
struct frac fleet_weight(const struct fleet *f, size_t model, int slots);

/* Whether the account may have its slots of that model now, with what it holds already. */
bool fleet_fits(const struct fleet *f, size_t model, const struct place_request *r);

/*
 * place_choose(), among the models that are not closed (closed: by model; NULL: all are open). What
 * is closed counts as not free. ret->at are devices of the fleet.
 */
void fleet_choose(const struct fleet *f, const struct place_request *r, const bool *closed,
        struct place *ret);

/*
 * Whether so many slots of this total weight are over a limit, asked in the order slots, whole
 * GPUs, weight, aggregate: the first goes into ret->key and ret->limit. `whole`: a whole GPU is among them.
 */
bool fleet_over_limit(
        const struct limits *l, int slots, bool whole, struct frac total, struct place *ret);
