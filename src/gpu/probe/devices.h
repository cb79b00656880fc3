/* SPDX-License-Identifier: MIT */
/*
 * A sample of all GPUs through NVML.
 *
 * A GPU that the driver lists but that can't be asked, because it fell off the bus, needs a reset or
 * refuses us, is a lost one. It keeps the uuid, name and instances that it had when it was last seen
 * whole by this process; one that never was is called "GPU-lost-<number>" until it tells its name.
 * Instances are numbered as NVML does, with holes where one was removed. What an instance is out of
 * ("of") is how many the GPU can have: 7 for A100 and H100, 4 for A30.
 */
#pragma once

#include "gpu/gpu.h"

/*
 * Fills *ret (empty), whatever the driver does: no library and no driver are a machine without GPUs. A
 * library that lost its driver is started anew at once, and asked again once; after any other trouble
 * it is started anew for the next sample.
 */
void devices_sample(struct gpu_sample *ret);
