/* SPDX-License-Identifier: MIT */
/*
 * GPUs that are only pretended, so that everything but CUDA can be tried on any machine.
 *
 *   SPEC    = GROUP {"," GROUP}
 *   GROUP   = [COUNT "x"] MODEL [":mig=" PART {"+" PART}]        each GPU of the group is cut like that
 *   PART    = [COUNT "x"] PROFILE                                 "3g.20gb"
 *
 * as in 4xA100-40G,2xH100:mig=3g.40gb+2x2g.20gb. They are idle unless a file says otherwise, which is
 * read for every sample, a line each; a number or "1.0" says which device. The probe reads it as nobody,
 * so everybody has to be able to; replace it by rename, or half of it may be read:
 *
 *   gpu 0 util=37 memory=10G temp=61 power=250     percent, bytes, degrees, watts
 *   gpu 1 process=4242:1G                          a process that uses it; may stand several times
 *   gpu 1.0 memory=1G                              a part has memory and processes, no more
 *   gpu 2 lost                                     it and its parts tell nothing any more
 *   hang 30                                        answer that many seconds late
 *   die                                            end without an answer
 *   health mismatch TEXT                           none, mismatch or failed, and why; no devices then
 *
 * Empty lines and lines that begin with # say nothing.
 */
#pragma once

#include "gpu/gpu.h"

/*
 * Makes the devices of a specification. ERR_INVALID names the word that can't be, and what there is. Parts
 * together need no more compute slices and memory than their GPU has. Uuids, "SIM-GPU-02-H100" and
 * "SIM-MIG-02-1-H100", depend on nothing but place and model.
 */
int simulate_parse(const char *spec, struct gpu_sample *ret, struct err *e);

struct simulate_order { /* what the file wants besides */
        int hang_s;
        bool die;
};
/*
 * Changes the devices as the text of a world file says. A line that can't be understood makes the
 * sample one that failed, with the line in its `why`.
 */
void simulate_apply(const char *world, struct gpu_sample *s, struct simulate_order *ret);

/* Makes it a sample that failed, because of the world file. */
void simulate_fail(struct gpu_sample *s, const char *why);

/* The models that a specification may name, one after the other; NULL behind the last. */
const char *simulate_model(size_t i);
