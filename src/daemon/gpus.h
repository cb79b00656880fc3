/* SPDX-License-Identifier: MIT */
/*
 * The GPUs of this machine as ds01d sees them at a moment: what the driver says, joined with who holds
 * what.
 *
 * One thread, the sampler, talks to the probe: now and then by itself, more often while somebody
 * looks on, and at once for whoever needs fresh figures. It alone waits for a driver that hangs, and
 * not for longer than its deadline; the devices that it knew are then "not answering".
 *
 * gpus_lock() is held by whoever changes who holds what, from looking (gpus_view) to writing
 * (store/leases.h). Nothing is asked of the driver, the engine or the network under it.
 */
#pragma once

#include "base/ticks.h"
#include "daemon/daemon.h"
#include "gpu/gpu.h"
#include "policy/place.h"
#include "store/leases.h"

/* Starts the sampler; it ends when d->stop_fd becomes readable. Join it with gpus_join(). */
int gpus_start(struct daemon *d, struct err *e);
void gpus_join(struct daemon *d);
void gpus_free(struct daemon *d);

/*
 * Sees to it that the figures are at most max_age_ms old; waits for that for at most wait_ms. True
 * if the driver answers; on a machine without GPUs that is so at once. Not under gpus_lock().
 */
bool gpus_refresh(struct daemon *d, int64_t max_age_ms, int64_t wait_ms);
/* Somebody looks on: for the next seconds figures are read every two. */
void gpus_watched(struct daemon *d);
/* True if the machine has GPUs, working or not: cheap, and never waits once a first answer came. */
bool gpus_any(struct daemon *d);

/* True if the last figures came in time. Never waits. */
bool gpus_answering(struct daemon *d);

void gpus_lock(struct daemon *d);
void gpus_unlock(struct daemon *d);

/* The processors at a sample that is a second old at least; all: 0 where there is none yet. */
struct ticks gpus_ticks(struct daemon *d);

/* A picture of one moment. */
struct gpus_view {
        struct gpu_sample
                sample; /* a copy; devices that are held but unknown to the driver are added */
        bool answering;
        int64_t sampled_at;          /* Unix seconds; 0: never */
        struct place_device *v;      /* one for each of sample.v, same index */
        struct leases leases;        /* all of them */
        const struct lease **holder; /* for each device: the lease on it, or NULL */
        char (*why)[200];            /* for each device: drained or in use: why; else "" */
        int64_t now;                 /* Unix seconds */
};
void gpus_view_done(struct gpus_view *view);
#define cleanup_gpus_view CLEANUP(gpus_view_done)
/* Reads the ledger and joins it with the last figures. The caller owns *ret. */
int gpus_view(struct daemon *d, struct gpus_view *ret, struct err *e);
/* Index of a device, or view->sample.n. */
size_t gpus_view_find(const struct gpus_view *view, const char *uuid);

/* Devices that a container without a record has; the recovery says so. Replaces what was said before. */
void gpus_set_unclaimed(struct daemon *d, const struct strv *uuids);
bool gpus_any_unclaimed(struct daemon *d);

/* "GPU 2 (A100 40 GB)", "GPUs 2, 3 (A100 40 GB)", "" for none; owned. */
char *gpus_text(const struct lease *v, size_t n);
/* What devices weigh together. */
struct frac gpus_weight(const struct lease *v, size_t n);
/* What an account holds in all. */
struct frac gpus_held(const struct gpus_view *view, uid_t uid);
/* A lease on a device of the view, beginning now, for nobody yet. */
void gpus_lease(const struct gpus_view *view, size_t at, struct lease *ret);
