/* SPDX-License-Identifier: MIT */
/*
 * GPUs that are only pretended, so that everything but CUDA can be tried on any machine.
 *
 *   SPEC    = GROUP {"," GROUP}
 *   GROUP   = [COUNT "x"] MODEL [":mig=" PART {"+" PART}]        each GPU of the group is cut like that
 *   PART    = [COUNT "x"] PROFILE                                 "3g.20gb"
 *
 * as in 4xA100-40G,2xH100:mig=3g.40gb+2x2g.20gb. They are idle unless a file says otherwise, which is
 * read for every sample, a line each; a number or "1.0" says which device:
 *
 *   gpu 0 util=37 memory=10G temp=61 power=250     percent, bytes, degrees, watts
 *   gpu 1 process=4242:1G                          a process that uses it; may stand several times
 *   gpu 2 lost
 *   hang 30                                        answer that many seconds late
 *   die                                            end without an answer
 *   health mismatch TEXT                           none, mismatch or failed, and why
 */
#pragma once

#include "gpu/gpu.h"

/* Makes the devices of a specification. ERR_INVALID names the place and what there is. */
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

/* The models that a specification may name, for --help; ends with NULL. */
extern const char *const simulate_models[];
