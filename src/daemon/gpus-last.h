/* SPDX-License-Identifier: MIT */
/* Between the two files of gpus.h: copies of what the sampler knows. */
#pragma once

#include "daemon/gpus.h"

/* The last figures, whether the driver answers, since when, and devices of containers without a record.
 * The caller owns all of it. */
void gpus_read_last(struct daemon *d, struct gpu_sample *ret, bool *ret_answering, int64_t *ret_at,
        struct strv *ret_unclaimed);
