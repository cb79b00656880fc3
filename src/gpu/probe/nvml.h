/* SPDX-License-Identifier: MIT */
/*
 * NVML, as far as it is used here: its stable ABI, declared by us, so that nothing of the vendor's is
 * needed to build; and the library, loaded while the program runs.
 *
 * Numbers and layouts are those of nvml.h of drivers 450 to 580; the sizes were compared with Debian's
 * libnvidia-ml-dev 11.8. Each function is looked up by its name; one that is missing counts as "not
 * supported". The stand-in of the tests (tests/fakes/nvml) is built against this header too.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct nvml_device *nvml_device_t;

enum nvml_return {
        NVML_SUCCESS = 0,
        NVML_UNINITIALIZED = 1,
        NVML_INVALID_ARGUMENT = 2,
        NVML_NOT_SUPPORTED = 3,
        NVML_NO_PERMISSION = 4,
        NVML_NOT_FOUND = 6,
        NVML_INSUFFICIENT_SIZE = 7,
        NVML_DRIVER_NOT_LOADED = 9,
        NVML_FUNCTION_NOT_FOUND = 13,
        NVML_GPU_IS_LOST = 15,
        NVML_RESET_REQUIRED = 16,
        NVML_VERSION_MISMATCH = 18,
        NVML_ARGUMENT_VERSION_MISMATCH = 25,
        NVML_UNKNOWN = 999,
};

struct nvml_memory {
        unsigned long long total, free, used;
};
struct nvml_memory_v2 {
        unsigned version; /* NVML_MEMORY_V2, set by the caller */
        unsigned long long total, reserved, free, used;
};
#define NVML_MEMORY_V2 (sizeof(struct nvml_memory_v2) | 2U << 24)
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
_Static_assert(sizeof(struct nvml_utilization) == 8, "nvmlUtilization_t");
_Static_assert(sizeof(struct nvml_process) == 24, "nvmlProcessInfo_v2_t");
_Static_assert(sizeof(struct nvml_attributes) == 40, "nvmlDeviceAttributes_t");

/* Room that the library wants for its texts. */
enum { NVML_UUID_SIZE = 96, NVML_NAME_SIZE = 96, NVML_VERSION_SIZE = 80 };

/* The lists of processes take any entry size: hence void. */
typedef enum nvml_return nvml_processes_fn(nvml_device_t, unsigned *, void *);

/* name, parameters; each returns an enum nvml_return */
#define NVML_FUNCTIONS(X)                                                                          \
        X(nvmlInit_v2, (void))                                                                     \
        X(nvmlShutdown, (void))                                                                    \
        X(nvmlSystemGetDriverVersion, (char *, unsigned))                                          \
        X(nvmlDeviceGetCount_v2, (unsigned *))                                                     \
        X(nvmlDeviceGetHandleByIndex_v2, (unsigned, nvml_device_t *))                              \
        X(nvmlDeviceGetUUID, (nvml_device_t, char *, unsigned))                                    \
        X(nvmlDeviceGetName, (nvml_device_t, char *, unsigned))                                    \
        X(nvmlDeviceGetMemoryInfo, (nvml_device_t, struct nvml_memory *))                          \
        X(nvmlDeviceGetMemoryInfo_v2, (nvml_device_t, struct nvml_memory_v2 *))                    \
        X(nvmlDeviceGetUtilizationRates, (nvml_device_t, struct nvml_utilization *))               \
        X(nvmlDeviceGetTemperature, (nvml_device_t, int, unsigned *))                              \
        X(nvmlDeviceGetPowerUsage, (nvml_device_t, unsigned *))                                    \
        X(nvmlDeviceGetMigMode, (nvml_device_t, unsigned *, unsigned *))                           \
        X(nvmlDeviceGetMaxMigDeviceCount, (nvml_device_t, unsigned *))                             \
        X(nvmlDeviceGetMigDeviceHandleByIndex, (nvml_device_t, unsigned, nvml_device_t *))         \
        X(nvmlDeviceGetAttributes_v2, (nvml_device_t, struct nvml_attributes *))                   \
        X(nvmlDeviceGetComputeRunningProcesses_v3, (nvml_device_t, unsigned *, void *))            \
        X(nvmlDeviceGetGraphicsRunningProcesses_v3, (nvml_device_t, unsigned *, void *))           \
        X(nvmlDeviceGetMPSComputeRunningProcesses_v3, (nvml_device_t, unsigned *, void *))

/* The library of this process. NVML is one per process by itself, so this is too. */
struct nvml {
        void *handle;
        bool initialized;
        enum nvml_return
                trouble; /* the last answer that was more than a "no": see nvml_is_trouble() */
#define X(name, params) enum nvml_return(*name) params;
        NVML_FUNCTIONS(X)
#undef X
};
extern struct nvml nvml;

/* Calls a function, or says that it is missing. */
#define NVML_CALL(name, ...)                                                                       \
        nvml_noted(nvml.name ? nvml.name(__VA_ARGS__) : NVML_FUNCTION_NOT_FOUND)
/* Keeps trouble in nvml.trouble, whichever call it came from; returns r. */
enum nvml_return nvml_noted(enum nvml_return r);

/* The library has to be started anew: nothing that it says can be used any more. */
bool nvml_is_stale(enum nvml_return r);
/* That, or the GPU that was asked is broken. */
bool nvml_is_trouble(enum nvml_return r);

/*
 * Loads and initializes the library, if that is not done yet. *ret is what nvmlInit said. -1 with a
 * sentence if there is a library that can't be loaded; *ret_absent is true if there is none at all.
 */
int nvml_open(enum nvml_return *ret, bool *ret_absent, struct err *e);
/* Shuts the library down and unloads it: a driver may be replaced, and its library with it. */
void nvml_close(void);
/* The library's own words; "unknown error" if it has none. */
const char *nvml_text(enum nvml_return r);
