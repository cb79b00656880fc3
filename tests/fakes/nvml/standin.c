/* SPDX-License-Identifier: MIT */
/*
 * Stand-in for NVIDIA's libnvidia-ml.so.1. What it says comes from the file that $DS01_NVML_WORLD names,
 * read anew at every call, so a test changes GPUs, processes and failures while a program runs. A missing
 * file is a driver that is not loaded. One thing a line, each with key=value or key="a value":
 *
 *   driver version=535.261.03 [init=RET] [generation=N]     init: what nvmlInit answers; another generation
 *                                                           than at init: the driver was loaded anew
 *   gpu uuid=… name="…" [memory= used= util= temp= power=] [mig=0|1] [parts=7] [lost=RET]
 *   part gpu=N at=N uuid=… profile=… slices=N [memory= used=]         `at`: NVML's number, may leave holes
 *   process gpu=N [at=N] pid=N [count=N] [memory=BYTES] [list=compute|graphics|mps]
 *   entry size=32                                           of the lists of processes; 24 if not said
 *   answer function=NAME [gpu=N] ret=RET|hang
 *
 * Built twice: "old" lacks the functions that older drivers lack.
 */
#include "gpu/probe/nvml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GPUS_MAX = 32, PARTS_MAX = 64, PROCESSES_MAX = 64, RULES_MAX = 32 };

/* -1 where the world does not say it. */
struct gpu {
        char uuid[96], name[96];
        long long memory, used, util, temp, power, mig, parts, lost;
};
struct part {
        long long gpu, at, slices, memory, used;
        char uuid[96], profile[32];
};
struct process {
        long long gpu, at, pid, count, memory;
        char list[16];
};
struct rule {
        char function[64], ret[16];
        long long gpu;
};

static struct {
        char version[80];
        long long init, generation, entry;
        struct gpu gpus[GPUS_MAX];
        struct part parts[PARTS_MAX];
        struct process processes[PROCESSES_MAX];
        struct rule rules[RULES_MAX];
        size_t n_gpus, n_parts, n_processes, n_rules;
} world;

struct nvml_device {
        int gpu, at; /* at -1: the whole GPU */
};
static struct nvml_device handles[GPUS_MAX][PARTS_MAX + 1];
static long long initialized = -1; /* the generation, or -1 */

#define X(name, params) enum nvml_return name params;
NVML_FUNCTIONS(X)
#undef X
const char *nvmlErrorString(enum nvml_return r);

/* ---- the world ---- */

static void text(const char *line, const char *key, char *out, size_t size)
{
        char mark[32];
        snprintf(mark, sizeof mark, " %s=", key);
        const char *at = strstr(line, mark);
        out[0] = '\0';
        if (!at)
                return;
        at += strlen(mark);
        size_t n = *at == '"' ? strcspn(++at, "\"\n") : strcspn(at, " \n");
        snprintf(out, size, "%.*s", (int)n, at);
}
#define TEXT(field, key) text(line, key, field, sizeof(field))

static long long number(const char *line, const char *key, long long fallback)
{
        char digits[32];
        TEXT(digits, key);
        return *digits ? strtoll(digits, NULL, 10) : fallback;
}

static void read_gpu(const char *line, struct gpu *g)
{
        TEXT(g->uuid, "uuid");
        TEXT(g->name, "name");
        g->memory = number(line, "memory", -1);
        g->used = number(line, "used", 0);
        g->util = number(line, "util", -1);
        g->temp = number(line, "temp", -1);
        g->power = number(line, "power", -1);
        g->mig = number(line, "mig", -1);
        g->parts = number(line, "parts", 7);
        g->lost = number(line, "lost", NVML_SUCCESS);
}

static void read_part(const char *line, struct part *p)
{
        p->gpu = number(line, "gpu", 0);
        p->at = number(line, "at", 0);
        p->slices = number(line, "slices", 0);
        p->memory = number(line, "memory", -1);
        p->used = number(line, "used", 0);
        TEXT(p->uuid, "uuid");
        TEXT(p->profile, "profile");
}

static void read_process(const char *line, struct process *p)
{
        p->gpu = number(line, "gpu", 0);
        p->at = number(line, "at", -1);
        p->pid = number(line, "pid", 1);
        p->count = number(line, "count", 1);
        p->memory = number(line, "memory", -1);
        TEXT(p->list, "list");
        if (!*p->list)
                snprintf(p->list, sizeof p->list, "compute");
}

static void read_line(const char *line)
{
        if (strncmp(line, "driver ", 7) == 0) {
                TEXT(world.version, "version");
                world.init = number(line, "init", NVML_SUCCESS);
                world.generation = number(line, "generation", 0);
        } else if (strncmp(line, "gpu ", 4) == 0 && world.n_gpus < GPUS_MAX) {
                read_gpu(line, &world.gpus[world.n_gpus++]);
        } else if (strncmp(line, "part ", 5) == 0 && world.n_parts < PARTS_MAX) {
                read_part(line, &world.parts[world.n_parts++]);
        } else if (strncmp(line, "process ", 8) == 0 && world.n_processes < PROCESSES_MAX) {
                read_process(line, &world.processes[world.n_processes++]);
        } else if (strncmp(line, "entry ", 6) == 0) {
                world.entry = number(line, "size", 24);
        } else if (strncmp(line, "answer ", 7) == 0 && world.n_rules < RULES_MAX) {
                struct rule *r = &world.rules[world.n_rules++];
                TEXT(r->function, "function");
                TEXT(r->ret, "ret");
                r->gpu = number(line, "gpu", -1);
        } else if (line[0] != '#' && line[0] != '\n') {
                fprintf(stderr, "stand-in NVML: what is this? %s", line);
                abort();
        }
}

static enum nvml_return read_world(void)
{
        const char *path = getenv("DS01_NVML_WORLD");
        FILE *f = path ? fopen(path, "re") : NULL;
        char line[1024];
        memset(&world, 0, sizeof world);
        world.entry = sizeof(struct nvml_process);
        if (!f)
                return NVML_DRIVER_NOT_LOADED;
        while (fgets(line, sizeof line, f))
                read_line(line);
        fclose(f);
        return (enum nvml_return)world.init;
}

/* ---- what every function does first ---- */

static enum nvml_return by_rule(const char *function, nvml_device_t dev)
{
        for (size_t i = 0; i < world.n_rules; i++) {
                const struct rule *r = &world.rules[i];
                if (strcmp(r->function, function) != 0 ||
                        (r->gpu >= 0 && (!dev || dev->gpu != r->gpu)))
                        continue;
                while (strcmp(r->ret, "hang") == 0)
                        pause();
                return (enum nvml_return)strtol(r->ret, NULL, 10);
        }
        return NVML_SUCCESS;
}

static enum nvml_return begin(const char *function, nvml_device_t dev)
{
        enum nvml_return r = read_world();
        if (initialized < 0 || r != NVML_SUCCESS || initialized != world.generation)
                return NVML_UNINITIALIZED;
        r = by_rule(function, dev);
        if (r != NVML_SUCCESS || !dev)
                return r;
        return (size_t)dev->gpu < world.n_gpus ? (enum nvml_return)world.gpus[dev->gpu].lost
                                               : NVML_INVALID_ARGUMENT;
}
#define BEGIN(dev)                                                                                 \
        do {                                                                                       \
                enum nvml_return begin_ = begin(__func__, dev);                                    \
                if (begin_ != NVML_SUCCESS)                                                        \
                        return begin_;                                                             \
        } while (0)

static enum nvml_return put_text(const char *s, char *out, unsigned size)
{
        if (strlen(s) >= size)
                return NVML_INSUFFICIENT_SIZE;
        memcpy(out, s, strlen(s) + 1);
        return NVML_SUCCESS;
}

/* A figure that the world doesn't tell is not supported; nor does a part have any. */
static enum nvml_return put_figure(nvml_device_t dev, long long value, unsigned *out)
{
        if (value < 0 || dev->at >= 0)
                return NVML_NOT_SUPPORTED;
        *out = (unsigned)value;
        return NVML_SUCCESS;
}

static const struct gpu *gpu_of(nvml_device_t dev)
{
        return &world.gpus[dev->gpu];
}

static const struct part *part_of(nvml_device_t dev)
{
        for (size_t i = 0; i < world.n_parts; i++)
                if (world.parts[i].gpu == dev->gpu && world.parts[i].at == dev->at)
                        return &world.parts[i];
        return NULL;
}

/* ---- the library ---- */

enum nvml_return nvmlInit_v2(void)
{
        enum nvml_return r = read_world();
        if (r == NVML_SUCCESS)
                r = by_rule(__func__, NULL);
        if (r == NVML_SUCCESS)
                initialized = world.generation;
        return r;
}

enum nvml_return nvmlShutdown(void)
{
        initialized = -1;
        return NVML_SUCCESS;
}

const char *nvmlErrorString(enum nvml_return r)
{
        static const struct {
                enum nvml_return r;
                const char *text;
        } texts[] = { { NVML_SUCCESS, "Success" }, { NVML_UNINITIALIZED, "Uninitialized" },
                { NVML_NOT_SUPPORTED, "Not Supported" },
                { NVML_NO_PERMISSION, "Insufficient Permissions" },
                { NVML_DRIVER_NOT_LOADED, "Driver Not Loaded" },
                { NVML_GPU_IS_LOST, "GPU is lost" },
                { NVML_VERSION_MISMATCH, "Driver/library version mismatch" } };
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
                if (texts[i].r == r)
                        return texts[i].text;
        return "Unknown Error";
}

enum nvml_return nvmlSystemGetDriverVersion(char *out, unsigned size)
{
        BEGIN(NULL);
        return put_text(world.version, out, size);
}

enum nvml_return nvmlDeviceGetCount_v2(unsigned *out)
{
        BEGIN(NULL);
        *out = (unsigned)world.n_gpus;
        return NVML_SUCCESS;
}

enum nvml_return nvmlDeviceGetHandleByIndex_v2(unsigned i, nvml_device_t *out)
{
        struct nvml_device dev = { (int)i, -1 };
        BEGIN(&dev);
        handles[i][0] = dev;
        *out = &handles[i][0];
        return NVML_SUCCESS;
}

enum nvml_return nvmlDeviceGetUUID(nvml_device_t dev, char *out, unsigned size)
{
        BEGIN(dev);
        return put_text(dev->at < 0 ? gpu_of(dev)->uuid : part_of(dev)->uuid, out, size);
}

enum nvml_return nvmlDeviceGetName(nvml_device_t dev, char *out, unsigned size)
{
        char name[160];
        BEGIN(dev);
        if (dev->at < 0)
                return put_text(gpu_of(dev)->name, out, size);
        snprintf(name, sizeof name, "%s MIG %s", gpu_of(dev)->name, part_of(dev)->profile);
        return put_text(name, out, size);
}

static enum nvml_return memory_of(nvml_device_t dev, long long *total, long long *used)
{
        *total = dev->at < 0 ? gpu_of(dev)->memory : part_of(dev)->memory;
        *used = dev->at < 0 ? gpu_of(dev)->used : part_of(dev)->used;
        return *total < 0 ? NVML_NOT_SUPPORTED : NVML_SUCCESS;
}

enum nvml_return nvmlDeviceGetMemoryInfo(nvml_device_t dev, struct nvml_memory *out)
{
        long long total, used;
        BEGIN(dev);
        enum nvml_return r = memory_of(dev, &total, &used);
        if (r == NVML_SUCCESS)
                *out = (struct nvml_memory){ .total = (unsigned long long)total,
                        .used = (unsigned long long)used,
                        .free = (unsigned long long)(total - used) };
        return r;
}

#ifndef STANDIN_OLD
enum nvml_return nvmlDeviceGetMemoryInfo_v2(nvml_device_t dev, struct nvml_memory_v2 *out)
{
        struct nvml_memory v1;
        if (out->version != NVML_MEMORY_V2)
                return NVML_ARGUMENT_VERSION_MISMATCH;
        BEGIN(dev);
        enum nvml_return r = nvmlDeviceGetMemoryInfo(dev, &v1);
        if (r == NVML_SUCCESS)
                *out = (struct nvml_memory_v2){ out->version, v1.total, 0, v1.free, v1.used };
        return r;
}

enum nvml_return nvmlDeviceGetAttributes_v2(nvml_device_t dev, struct nvml_attributes *out)
{
        BEGIN(dev);
        if (dev->at < 0)
                return NVML_NOT_SUPPORTED;
        /* A share of the memory may be larger than the instance that computes in it. */
        *out = (struct nvml_attributes){ .gpu_slices = 7,
                .compute_slices = (unsigned)part_of(dev)->slices };
        return NVML_SUCCESS;
}
#endif

enum nvml_return nvmlDeviceGetUtilizationRates(nvml_device_t dev, struct nvml_utilization *out)
{
        BEGIN(dev);
        *out = (struct nvml_utilization){ 0 };
        return put_figure(dev, gpu_of(dev)->mig == 1 ? -1 : gpu_of(dev)->util, &out->gpu);
}

enum nvml_return nvmlDeviceGetTemperature(nvml_device_t dev, int sensor, unsigned *out)
{
        BEGIN(dev);
        return sensor == 0 ? put_figure(dev, gpu_of(dev)->temp, out) : NVML_INVALID_ARGUMENT;
}

enum nvml_return nvmlDeviceGetPowerUsage(nvml_device_t dev, unsigned *out)
{
        BEGIN(dev);
        return put_figure(dev, gpu_of(dev)->power, out);
}

enum nvml_return nvmlDeviceGetMigMode(nvml_device_t dev, unsigned *current, unsigned *pending)
{
        BEGIN(dev);
        *pending = 0;
        return put_figure(dev, gpu_of(dev)->mig, current);
}

enum nvml_return nvmlDeviceGetMaxMigDeviceCount(nvml_device_t dev, unsigned *out)
{
        BEGIN(dev);
        return put_figure(dev, gpu_of(dev)->mig < 0 ? 0 : gpu_of(dev)->parts, out);
}

enum nvml_return nvmlDeviceGetMigDeviceHandleByIndex(
        nvml_device_t dev, unsigned at, nvml_device_t *out)
{
        struct nvml_device part = { dev->gpu, (int)at };
        BEGIN(dev);
        if (at >= PARTS_MAX || !part_of(&part))
                return NVML_NOT_FOUND;
        handles[dev->gpu][at + 1] = part;
        *out = &handles[dev->gpu][at + 1];
        return NVML_SUCCESS;
}

/* ---- processes ---- */

static void put_process(void *out, unsigned k, unsigned pid, long long memory, long long at)
{
        struct {
                struct nvml_process p;
                unsigned long long protected_memory;
        } entry = { .p = { .pid = pid,
                            .memory = memory < 0 ? ~0ULL : (unsigned long long)memory,
                            .gpu_instance = at < 0 ? ~0U : (unsigned)at,
                            .compute_instance = at < 0 ? ~0U : 0 } };
        memcpy((char *)out + (size_t)k * (size_t)world.entry, &entry, (size_t)world.entry);
}

/* Asked for a whole GPU, it tells of all its parts. */
static enum nvml_return list(nvml_device_t dev, const char *name, unsigned *n, void *out)
{
        unsigned found = 0;
        for (size_t i = 0; i < world.n_processes; i++) {
                const struct process *p = &world.processes[i];
                if (p->gpu != dev->gpu || (dev->at >= 0 && p->at != dev->at) ||
                        strcmp(p->list, name) != 0)
                        continue;
                for (long long k = 0; k < p->count; k++, found++)
                        if (found < *n)
                                put_process(out, found, (unsigned)(p->pid + k), p->memory, p->at);
        }
        enum nvml_return r = found > *n ? NVML_INSUFFICIENT_SIZE : NVML_SUCCESS;
        *n = found;
        return r;
}

enum nvml_return nvmlDeviceGetComputeRunningProcesses_v3(nvml_device_t dev, unsigned *n, void *out)
{
        BEGIN(dev);
        return list(dev, "compute", n, out);
}

enum nvml_return nvmlDeviceGetGraphicsRunningProcesses_v3(nvml_device_t dev, unsigned *n, void *out)
{
        BEGIN(dev);
        return list(dev, "graphics", n, out);
}

#ifndef STANDIN_OLD
enum nvml_return nvmlDeviceGetMPSComputeRunningProcesses_v3(
        nvml_device_t dev, unsigned *n, void *out)
{
        BEGIN(dev);
        return list(dev, "mps", n, out);
}
#endif
