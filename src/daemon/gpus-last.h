/* SPDX-License-Identifier: MIT */
/* Below gpus.h: what its two files share, and the sampler without its thread. */
#pragma once

#include "daemon/gpus.h"
#include "gpu/probe.h"

/* The last figures, whether the driver answers, since when, and devices of containers without a record.
 * The caller owns all of it. */
void gpus_read_last(struct daemon *d, struct gpu_sample *ret, bool *ret_answering, int64_t *ret_at,
        struct strv *ret_unclaimed);

/* Has the probe asked once, and keeps what it says. The sampler's own, but for a test that has no threads. */
void gpus_sample(struct daemon *d, struct probe *probe);
