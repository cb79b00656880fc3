/* SPDX-License-Identifier: MIT */
/*
 * NVML, as far as it is used here: its stable ABI, declared by us, so that nothing of the vendor's is
 * needed to build; and a sample of all GPUs read through it.
 *
 * Numbers and layouts are those of nvml.h of drivers 450 to 580; the sizes were compared with Debian's
 * libnvidia-ml-dev 11.8. The library is loaded when first needed, each function by its name; one that
 * is missing counts as "not supported".
 */
#pragma once

#include "gpu/gpu.h"

typedef struct nvml_device *nvml_device_t;

enum nvml_return {
        NVML_SUCCESS = 0,
        NVML_UNINITIALIZED = 1,
        NVML_NOT_SUPPORTED = 3,
        NVML_NOT_FOUND = 6,
        NVML_INSUFFICIENT_SIZE = 7,
        NVML_DRIVER_NOT_LOADED = 9,
        NVML_FUNCTION_NOT_FOUND = 13,
        NVML_GPU_IS_LOST = 15,
        NVML_VERSION_MISMATCH = 18,
        NVML_UNKNOWN = 999,
};

struct nvml_memory {
        unsigned long long total, free, used;
};
struct nvml_memory_v2 {
        unsigned version; /* its size, and 2 << 24 */
        unsigned long long total, reserved, free, used;
};
struct nvml_utilization {
        unsigned gpu, memory; /* percent */
};
/* An entry of the process lists. Drivers 530 to 535.98 wrote 32 bytes for each under the name of this
 * one, with a further number behind it. */
struct nvml_process {
        unsigned pid;
        unsigned long long memory; /* all ones: not known */
        unsigned gpu_instance, compute_instance;
};
struct nvml_attributes {
        unsigned multiprocessors, copy_engines, decoders, encoders, jpegs, ofas;
        unsigned gpu_slices, compute_slices;
        unsigned long long memory_mib;
};
_Static_assert(sizeof(struct nvml_memory) == 24, "nvmlMemory_t");
_Static_assert(sizeof(struct nvml_memory_v2) == 40, "nvmlMemory_v2_t");
_Static_assert(sizeof(struct nvml_process) == 24, "nvmlProcessInfo_v2_t");
_Static_assert(sizeof(struct nvml_attributes) == 40, "nvmlDeviceAttributes_t");

/*
 * Fills *ret (empty), whatever the driver does: no library and no driver are a machine without GPUs.
 * Remembers which GPUs there were: one that is lost later can't tell its name any more.
 */
void nvml_sample(struct gpu_sample *ret);
