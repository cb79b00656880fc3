/* SPDX-License-Identifier: MIT */
/*
 * Which GPUs somebody gets: limits first, then the choice. Pure; the caller brings what the sample
 * and the ledger say.
 *
 * A request is a number of slots, each a whole GPU or a MIG instance; it never gets a mixture of the
 * two, nor of different models: a program that asks for two GPUs expects two equal ones. The choice:
 *   - one slot: an instance before a whole GPU, where the account may have either (the smallest that
 *     is free, by compute slices, then memory, in the GPU that is fullest already); a whole GPU if no
 *     instance is free;
 *   - several slots: whole GPUs before instances; of the models that have enough free ones, the one
 *     with the fewest left over, so that large requests still find room;
 *   - equal ones by number, "2" before "10".
 * The order in which devices are given changes nothing.
 */
#pragma once

#include "gpu/gpu.h"
#include "policy/frac.h"
#include "policy/limits.h"

/* What is the case with a device, in the words that people see (gpu_state_word). */
enum gpu_state {
        GPU_FREE,
        GPU_HELD,    /* somebody's: by a container, or by a turn in the queue */
        GPU_IN_USE,  /* free in the ledger, but a process that is not ds01's uses it */
        GPU_DRAINED, /* taken out: not clean after a removal, or an unclaimed container has it */
        GPU_NOT_ANSWERING, /* lost, or the driver doesn't answer */
};
const char *gpu_state_word(enum gpu_state state); /* "free", "held", "in use outside ds01", … */

struct place_device {
        const struct gpu *gpu;
        enum gpu_state state;
        uid_t holder; /* where HELD */
};

struct place_request {
        uid_t uid;
        int slots;                   /* >= 1 */
        const struct limits *limits; /* of the account */
        struct frac held;            /* what the account holds already, all told */
};

enum place_verdict {
        PLACE_OK,
        PLACE_BUSY,      /* allowed, but not free now */
        PLACE_LIMIT,     /* a limit is in the way until the account gives something back */
        PLACE_NEVER,     /* a limit rules out every way in which this machine could serve it */
        PLACE_IMPOSSIBLE /* more than this machine has, of any one model */
};

enum { PLACE_SLOTS_MAX = 64 };

struct place {
        enum place_verdict verdict;
        /* PLACE_OK: indices of the devices, in the order of gpu_compare() */
        size_t at[PLACE_SLOTS_MAX];
        size_t n;
        struct frac weight; /* PLACE_OK: what they weigh together */
        /* PLACE_LIMIT, PLACE_NEVER: the limit. Of several: slots, whole GPUs, equivalents, aggregate, as
         * they stand in the way of the lightest model that the machine has enough of. */
        enum limit_key key;
        struct frac limit, used; /* PLACE_LIMIT, PLACE_NEVER: its value, what the account holds;
                                  * of allow_full_gpu the value is 0 */
};

/*
 * Decides. `devices` in any order, at most GPU_DEVICES_MAX; those that are not placeable or not
 * GPU_FREE count only for what the machine has (a GPU in MIG mode not even for that). Limits that
 * count: max_gpu_equivalents and aggregate.gpu_limit (weights together with what is held; exact),
 * max_gpu_slots_per_container, allow_full_gpu. PLACE_LIMIT is only said if the request would fit the
 * limits with nothing held. More than PLACE_SLOTS_MAX slots are PLACE_IMPOSSIBLE.
 */
void place_choose(const struct place_device *devices, size_t n, const struct place_request *r,
        struct place *ret);

/*
 * As place_choose(), for given devices instead of any (a container that is started again): all or
 * none. `at` are their indices, each once; they count as the request's slots, r->slots doesn't.
 * PLACE_BUSY if one is not free, PLACE_IMPOSSIBLE if one can't be given at all any more (the GPU was
 * put into MIG mode). Limits are asked first, as there.
 */
void place_check(const struct place_device *devices, size_t n, const size_t *at, size_t n_at,
        const struct place_request *r, struct place *ret);
