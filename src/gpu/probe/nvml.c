/* SPDX-License-Identifier: MIT */
#include "gpu/probe/nvml.h"

#include "base/str.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 4096, PROBED_MAX = 64 };

/* name, parameters; each returns an enum nvml_return */
#define FUNCTIONS(X)                                                                               \
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

static struct {
        void *library;
        bool initialized;
#define X(name, params) enum nvml_return(*name) params;
        FUNCTIONS(X)
#undef X
        const char *(*error_string)(enum nvml_return);
} nvml;

/* Calls a function, or says that it is missing. */
#define CALL(name, ...) (nvml.name ? nvml.name(__VA_ARGS__) : NVML_FUNCTION_NOT_FOUND)

/* GPUs that were seen whole, by number. */
static struct gpu known[GPU_DEVICES_MAX];

/* ---- the library ---- */

static bool load(void)
{
        if (!nvml.library)
                nvml.library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!nvml.library)
                return false;
#define X(name, params) nvml.name = (enum nvml_return(*) params)dlsym(nvml.library, #name);
        FUNCTIONS(X)
#undef X
        nvml.error_string =
                (const char *(*)(enum nvml_return))dlsym(nvml.library, "nvmlErrorString");
        return true;
}

static void explain(struct gpu_sample *s, const char *what, enum nvml_return r)
{
        const char *text = nvml.error_string ? nvml.error_string(r) : NULL;
        s->health = r == NVML_VERSION_MISMATCH ? GPU_HEALTH_MISMATCH : GPU_HEALTH_FAILED;
        snprintf(s->why, sizeof s->why, "%s: %.150s (NVML error %d)", what,
                text ? text : "unknown error", (int)r);
}

/* A driver may be loaded, or loaded anew, at any time: what failed is tried again for each sample. */
static bool initialize(struct gpu_sample *s)
{
        if (!load()) {
                s->health = GPU_HEALTH_NONE;
                snprintf(s->why, sizeof s->why, "no NVIDIA driver is installed");
                return false;
        }
        enum nvml_return r = nvml.initialized ? NVML_SUCCESS : CALL(nvmlInit_v2);
        nvml.initialized = r == NVML_SUCCESS;
        if (r == NVML_DRIVER_NOT_LOADED) {
                s->health = GPU_HEALTH_NONE;
                snprintf(s->why, sizeof s->why, "the NVIDIA driver is not loaded");
        } else if (r == NVML_VERSION_MISMATCH) {
                explain(s, "the NVIDIA library and driver have different versions", r);
        } else if (r != NVML_SUCCESS) {
                explain(s, "the NVIDIA driver can't be used", r);
        }
        return r == NVML_SUCCESS;
}

static void shut_down(void)
{
        if (nvml.initialized)
                CALL(nvmlShutdown);
        nvml.initialized = false;
}

/* ---- processes ---- */

static void add_process(struct gpu *g, unsigned pid, int64_t memory)
{
        for (size_t i = 0; i < g->n_processes; i++)
                if (g->processes[i].pid == (pid_t)pid)
                        return;
        if (pid == 0 || pid > INT32_MAX || g->n_processes == GPU_PROCESSES_MAX)
                return;
        g->processes = xrealloc(g->processes, g->n_processes + 1, sizeof *g->processes);
        g->processes[g->n_processes++] =
                (struct gpu_process){ .pid = (pid_t)pid, .memory = memory };
}

/*
 * The size of an entry: the buffer was filled with a pattern, so the last byte that is not of it tells
 * how much was written. An entry ends with small numbers or all ones, never with the pattern.
 */
static size_t entry_size(const unsigned char *buffer, size_t size, unsigned n)
{
        while (size > 0 && buffer[size - 1] == 0xaa)
                size--;
        return size > (size_t)n * sizeof(struct nvml_process) ? 32 : sizeof(struct nvml_process);
}

typedef enum nvml_return processes_fn(nvml_device_t, unsigned *, void *);

static enum nvml_return list_processes(processes_fn *fn, nvml_device_t dev, struct gpu *g)
{
        enum nvml_return r = NVML_INSUFFICIENT_SIZE;
        for (unsigned room = PROBED_MAX; r == NVML_INSUFFICIENT_SIZE && room <= LIST_MAX;
                room *= 4) {
                unsigned n = room;
                size_t size = (size_t)room * 32;
                cleanup_free unsigned char *buffer = xcalloc(size, 1);
                memset(buffer, 0xaa, size);
                r = fn(dev, &n, buffer);
                if (r != NVML_SUCCESS || n == 0)
                        continue;
                size_t step = entry_size(buffer, size, n);
                for (unsigned i = 0; i < n && i < room; i++) {
                        struct nvml_process p;
                        memcpy(&p, buffer + i * step, sizeof p);
                        add_process(g, p.pid,
                                p.memory > (unsigned long long)1 << 50 ? GPU_UNKNOWN
                                                                       : (int64_t)p.memory);
                }
        }
        return r;
}

/* Known if the driver tells of programs that compute; the two other lists only add to that. */
static void read_processes(nvml_device_t dev, struct gpu *g)
{
        if (!nvml.nvmlDeviceGetComputeRunningProcesses_v3)
                return;
        g->processes_known = list_processes(nvml.nvmlDeviceGetComputeRunningProcesses_v3, dev, g) ==
                             NVML_SUCCESS;
        if (nvml.nvmlDeviceGetGraphicsRunningProcesses_v3)
                list_processes(nvml.nvmlDeviceGetGraphicsRunningProcesses_v3, dev, g);
        if (nvml.nvmlDeviceGetMPSComputeRunningProcesses_v3)
                list_processes(nvml.nvmlDeviceGetMPSComputeRunningProcesses_v3, dev, g);
}

/* ---- figures ---- */

static void read_memory(nvml_device_t dev, struct gpu *g)
{
        struct nvml_memory_v2 v2 = { .version = sizeof v2 | 2U << 24 };
        struct nvml_memory v1 = { 0 };
        if (CALL(nvmlDeviceGetMemoryInfo_v2, dev, &v2) == NVML_SUCCESS) {
                g->memory_total = (int64_t)v2.total;
                g->memory_used = (int64_t)v2.used;
        } else if (CALL(nvmlDeviceGetMemoryInfo, dev, &v1) == NVML_SUCCESS) {
                g->memory_total = (int64_t)v1.total;
                g->memory_used = (int64_t)v1.used;
        }
}

static void read_figures(nvml_device_t dev, struct gpu *g)
{
        struct nvml_utilization utilization;
        unsigned value;
        if (CALL(nvmlDeviceGetUtilizationRates, dev, &utilization) == NVML_SUCCESS &&
                utilization.gpu <= 100)
                g->utilisation = utilization.gpu;
        if (CALL(nvmlDeviceGetTemperature, dev, 0, &value) == NVML_SUCCESS && value <= 1000)
                g->temperature = value;
        if (CALL(nvmlDeviceGetPowerUsage, dev, &value) == NVML_SUCCESS && value <= 100000000)
                g->power = value;
}

/* ---- parts ---- */

/* "NVIDIA A100-SXM4-40GB MIG 3g.20gb": what stands behind the last "MIG ". */
static void read_profile(nvml_device_t dev, struct gpu *g)
{
        char name[GPU_NAME_SIZE] = "";
        if (CALL(nvmlDeviceGetName, dev, name, sizeof name) != NVML_SUCCESS)
                return;
        const char *mark = NULL;
        for (const char *p = name; (p = strstr(p, "MIG ")); p++)
                mark = p + 4;
        snprintf(g->profile, sizeof g->profile, "%.31s", str_or_empty(mark));
}

static enum nvml_return add_instance(
        struct gpu_sample *s, const struct gpu *parent, nvml_device_t dev, unsigned i, unsigned of)
{
        struct gpu g;
        struct nvml_attributes attributes = { 0 };
        struct err full = ERR_INIT;
        gpu_init(&g);
        enum nvml_return r = CALL(nvmlDeviceGetUUID, dev, g.uuid, sizeof g.uuid);
        if (r != NVML_SUCCESS)
                return r;
        r = CALL(nvmlDeviceGetAttributes_v2, dev, &attributes);
        if (r == NVML_GPU_IS_LOST)
                return r;
        g.index = parent->index;
        g.instance = (int)i;
        memcpy(g.parent, parent->uuid, sizeof g.parent);
        memcpy(g.name, parent->name, sizeof g.name);
        read_profile(dev, &g);
        /* Without an answer the profile's own number: "3g.20gb". */
        g.slices = r == NVML_SUCCESS && attributes.compute_slices ? (int)attributes.compute_slices
                   : g.profile[0] > '0' && g.profile[0] <= '9'    ? g.profile[0] - '0'
                                                                  : 1;
        g.of = (int)of >= g.slices ? (int)of : g.slices;
        read_memory(dev, &g);
        read_processes(dev, &g);
        if (gpu_sample_add(s, &g, &full) < 0)
                free(g.processes);
        return NVML_SUCCESS;
}

/* How many parts a GPU takes is how many slices it has: 7 (A100, H100), 4 (A30). Numbers of parts have
 * holes where one was removed. */
static enum nvml_return add_instances(
        struct gpu_sample *s, const struct gpu *parent, nvml_device_t dev)
{
        unsigned of = 0;
        enum nvml_return r = CALL(nvmlDeviceGetMaxMigDeviceCount, dev, &of);
        for (unsigned i = 0; r == NVML_SUCCESS && i < of && i < 64; i++) {
                nvml_device_t part;
                r = CALL(nvmlDeviceGetMigDeviceHandleByIndex, dev, i, &part);
                if (r == NVML_SUCCESS)
                        r = add_instance(s, parent, part, i, of);
                if (r != NVML_GPU_IS_LOST && r != NVML_UNINITIALIZED)
                        r = NVML_SUCCESS;
        }
        return r;
}

/* ---- GPUs ---- */

/* One that was lost is listed as what it was; if it was never seen whole, under a name of ours. */
static void add_lost(struct gpu_sample *s, unsigned i)
{
        struct gpu g;
        struct err full = ERR_INIT;
        gpu_init(&g);
        if (known[i].uuid[0]) {
                g = known[i];
        } else {
                g.index = (int)i;
                snprintf(g.uuid, sizeof g.uuid, "GPU-lost-%u", i);
                memcpy(g.parent, g.uuid, sizeof g.parent);
        }
        g.lost = true;
        (void)gpu_sample_add(s, &g, &full);
}

static void remember(const struct gpu *g)
{
        struct gpu *k = &known[g->index];
        gpu_init(k);
        memcpy(k->uuid, g->uuid, sizeof k->uuid);
        memcpy(k->parent, g->parent, sizeof k->parent);
        memcpy(k->name, g->name, sizeof k->name);
        k->index = g->index;
        k->memory_total = g->memory_total;
}

static enum nvml_return read_gpu(struct gpu_sample *s, unsigned i)
{
        nvml_device_t dev;
        struct gpu g;
        struct err full = ERR_INIT;
        unsigned mig = 0, pending = 0;
        gpu_init(&g);
        enum nvml_return r = CALL(nvmlDeviceGetHandleByIndex_v2, i, &dev);
        if (r == NVML_SUCCESS)
                r = CALL(nvmlDeviceGetUUID, dev, g.uuid, sizeof g.uuid);
        if (r == NVML_SUCCESS)
                r = CALL(nvmlDeviceGetName, dev, g.name, sizeof g.name);
        if (r != NVML_SUCCESS)
                return r;
        g.index = (int)i;
        memcpy(g.parent, g.uuid, sizeof g.parent);
        /* Cards that can't be cut don't support the question. */
        g.mig = CALL(nvmlDeviceGetMigMode, dev, &mig, &pending) == NVML_SUCCESS && mig == 1;
        read_memory(dev, &g);
        read_figures(dev, &g);
        read_processes(dev, &g);
        remember(&g);
        struct gpu parent = g;
        if (gpu_sample_add(s, &g, &full) < 0) {
                free(g.processes);
                return NVML_SUCCESS;
        }
        return parent.mig ? add_instances(s, &parent, dev) : NVML_SUCCESS;
}

/* Takes back what was read of GPU i, which was lost on the way. */
static void forget_gpu(struct gpu_sample *s, unsigned i)
{
        while (s->n > 0 && s->v[s->n - 1].index == (int)i)
                free(s->v[--s->n].processes);
}

void nvml_sample(struct gpu_sample *ret)
{
        unsigned n = 0;
        if (!initialize(ret))
                return;
        (void)CALL(nvmlSystemGetDriverVersion, ret->driver, sizeof ret->driver);
        enum nvml_return r = CALL(nvmlDeviceGetCount_v2, &n);
        if (r != NVML_SUCCESS) {
                explain(ret, "the NVIDIA driver doesn't tell its GPUs", r);
                shut_down();
                return;
        }
        bool again = false;
        for (unsigned i = 0; i < n && i < GPU_DEVICES_MAX; i++) {
                r = read_gpu(ret, i);
                if (r == NVML_SUCCESS)
                        continue;
                forget_gpu(ret, i);
                add_lost(ret, i);
                again = again || r != NVML_GPU_IS_LOST;
        }
        /* What is neither well nor lost may be the library's own state: it starts anew next time. */
        if (again)
                shut_down();
}
