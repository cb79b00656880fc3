/* SPDX-License-Identifier: MIT */
/* Which processes use a device, from the three lists that NVML keeps. */
#pragma once

#include "gpu/gpu.h"
#include "gpu/probe/nvml.h"

/*
 * Fills the processes of g, each pid once, at most GPU_PROCESSES_MAX. They are known if the driver tells
 * of programs that compute: its lists of programs that draw and that share (MPS) only add to those.
 */
void processes_read(nvml_device_t dev, struct gpu *g);
