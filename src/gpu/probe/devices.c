/* SPDX-License-Identifier: MIT */
#include "gpu/probe/devices.h"

#include "base/str.h"
#include "gpu/probe/nvml.h"
#include "gpu/probe/processes.h"

#include <stdio.h>
#include <string.h>

enum { PARTS_MAX = 64 };

/* The devices of each GPU that was seen whole, by its number: what they are, not what they did. */
static struct gpu_sample known[GPU_DEVICES_MAX];

/* ---- figures ---- */

static int64_t bytes(unsigned long long n)
{
        return n > (unsigned long long)GPU_MEMORY_MAX ? GPU_UNKNOWN : (int64_t)n;
}

static void read_memory(nvml_device_t dev, struct gpu *g)
{
        struct nvml_memory_v2 v2 = { .version = NVML_MEMORY_V2 };
        struct nvml_memory v1 = { 0 };
        if (NVML_CALL(nvmlDeviceGetMemoryInfo_v2, dev, &v2) == NVML_SUCCESS) {
                g->memory_total = bytes(v2.total);
                g->memory_used = bytes(v2.used);
        } else if (NVML_CALL(nvmlDeviceGetMemoryInfo, dev, &v1) == NVML_SUCCESS) {
                g->memory_total = bytes(v1.total);
                g->memory_used = bytes(v1.used);
        }
}

static void read_figures(nvml_device_t dev, struct gpu *g)
{
        struct nvml_utilization utilization = { 0 };
        unsigned value = 0;
        if (NVML_CALL(nvmlDeviceGetUtilizationRates, dev, &utilization) == NVML_SUCCESS &&
                utilization.gpu <= 100)
                g->utilisation = utilization.gpu;
        if (NVML_CALL(nvmlDeviceGetTemperature, dev, 0, &value) == NVML_SUCCESS && value <= 1000)
                g->temperature = value;
        if (NVML_CALL(nvmlDeviceGetPowerUsage, dev, &value) == NVML_SUCCESS && value <= 100000000)
                g->power = value;
}

static enum nvml_return read_uuid(nvml_device_t dev, struct gpu *g)
{
        char uuid[NVML_UUID_SIZE] = "";
        enum nvml_return r = NVML_CALL(nvmlDeviceGetUUID, dev, uuid, sizeof uuid);
        if (r == NVML_SUCCESS && (!*uuid || strlen(uuid) >= sizeof g->uuid))
                r = NVML_UNKNOWN;
        if (r == NVML_SUCCESS)
                memcpy(g->uuid, uuid, strlen(uuid) + 1);
        return r;
}

/* ---- instances ---- */

/* "NVIDIA A100-SXM4-40GB MIG 3g.20gb": what stands behind the last "MIG ". */
static void read_profile(nvml_device_t dev, struct gpu *g)
{
        char name[NVML_NAME_SIZE] = "";
        const char *mark = "";
        if (NVML_CALL(nvmlDeviceGetName, dev, name, sizeof name) != NVML_SUCCESS)
                return;
        for (const char *p = name; (p = strstr(p, "MIG ")); p++)
                mark = p + 4;
        snprintf(g->profile, sizeof g->profile, "%.31s", mark);
}

/* Compute slices: of the instance itself, which may be one of several in a share of the memory. Without an
 * answer the profile's own number, "3g.20gb" or "1c.3g.20gb". */
static int read_slices(nvml_device_t dev, const char *profile)
{
        struct nvml_attributes a = { 0 };
        if (NVML_CALL(nvmlDeviceGetAttributes_v2, dev, &a) == NVML_SUCCESS &&
                a.compute_slices >= 1 && a.compute_slices <= PARTS_MAX)
                return (int)a.compute_slices;
        return profile[0] >= '1' && profile[0] <= '9' ? profile[0] - '0' : 1;
}

static void add_instance(struct gpu_sample *s, nvml_device_t dev, int number, int of)
{
        const struct gpu *parent = &s->v[0];
        struct gpu g;
        struct err full = ERR_INIT;
        gpu_init(&g);
        if (read_uuid(dev, &g) != NVML_SUCCESS)
                return;
        g.index = parent->index;
        g.instance = number;
        memcpy(g.parent, parent->uuid, sizeof g.parent);
        memcpy(g.name, parent->name, sizeof g.name);
        read_profile(dev, &g);
        g.slices = read_slices(dev, g.profile);
        g.of = of > g.slices ? of : g.slices;
        read_memory(dev, &g);
        processes_read(dev, &g);
        if (gpu_sample_add(s, &g, &full) < 0)
                free(g.processes);
}

/* Only "not found" is a hole in the numbers; whatever else happens to one says nothing about the next. */
static void add_instances(struct gpu_sample *s, nvml_device_t dev)
{
        unsigned of = 0;
        if (NVML_CALL(nvmlDeviceGetMaxMigDeviceCount, dev, &of) != NVML_SUCCESS)
                return;
        for (unsigned i = 0; i < of && i < PARTS_MAX; i++) {
                nvml_device_t part;
                if (NVML_CALL(nvmlDeviceGetMigDeviceHandleByIndex, dev, i, &part) == NVML_SUCCESS)
                        add_instance(s, part, (int)i, (int)of);
        }
}

/* ---- GPUs ---- */

/* Appends GPU i and its instances to *s (empty). */
static enum nvml_return read_gpu(unsigned i, struct gpu_sample *s)
{
        nvml_device_t dev;
        struct gpu g;
        struct err full = ERR_INIT;
        unsigned mode = 0, pending = 0;
        gpu_init(&g);
        nvml.trouble = NVML_SUCCESS;
        enum nvml_return r = NVML_CALL(nvmlDeviceGetHandleByIndex_v2, i, &dev);
        if (r == NVML_SUCCESS)
                r = read_uuid(dev, &g);
        if (r != NVML_SUCCESS)
                return r;
        g.index = (int)i;
        memcpy(g.parent, g.uuid, sizeof g.parent);
        (void)NVML_CALL(nvmlDeviceGetName, dev, g.name, sizeof g.name);
        /* Cards that can't be cut don't support the question. */
        g.mig = NVML_CALL(nvmlDeviceGetMigMode, dev, &mode, &pending) == NVML_SUCCESS && mode == 1;
        read_memory(dev, &g);
        read_figures(dev, &g);
        processes_read(dev, &g);
        bool mig = g.mig;
        if (gpu_sample_add(s, &g, &full) < 0)
                free(g.processes);
        else if (mig)
                add_instances(s, dev);
        /* Any of these calls may have been the one that found it gone. */
        return nvml.trouble;
}

/* What a device is, without what it does: no figures, no processes. */
static void copy_identity(const struct gpu *from, struct gpu *to)
{
        gpu_init(to);
        memcpy(to->uuid, from->uuid, sizeof to->uuid);
        memcpy(to->parent, from->parent, sizeof to->parent);
        memcpy(to->name, from->name, sizeof to->name);
        memcpy(to->profile, from->profile, sizeof to->profile);
        to->index = from->index;
        to->instance = from->instance;
        to->slices = from->slices;
        to->of = from->of;
        to->mig = from->mig;
        to->memory_total = from->memory_total;
}

static void add_identity(struct gpu_sample *to, const struct gpu *from, bool lost)
{
        struct gpu g;
        struct err full = ERR_INIT;
        copy_identity(from, &g);
        g.lost = lost;
        (void)gpu_sample_add(to, &g, &full);
}

static void remember(unsigned i, const struct gpu_sample *devices)
{
        gpu_sample_done(&known[i]);
        for (size_t k = 0; k < devices->n; k++)
                add_identity(&known[i], &devices->v[k], false);
}

/* Numbers change when a driver is loaded anew: then what was number i may be there under another one. */
static bool is_elsewhere(const struct gpu_sample *s, const struct gpu_sample *devices)
{
        for (size_t k = 0; k < devices->n; k++)
                if (gpu_find(s, devices->v[k].uuid))
                        return true;
        return false;
}

static void add_lost(struct gpu_sample *s, unsigned i)
{
        struct gpu g;
        if (known[i].n == 0 || is_elsewhere(s, &known[i])) {
                gpu_init(&g);
                g.index = (int)i;
                snprintf(g.uuid, sizeof g.uuid, "GPU-lost-%u", i);
                memcpy(g.parent, g.uuid, sizeof g.parent);
                add_identity(s, &g, true);
                return;
        }
        for (size_t k = 0; k < known[i].n; k++)
                add_identity(s, &known[i].v[k], true);
}

static void move_all(struct gpu_sample *to, struct gpu_sample *from)
{
        struct err full = ERR_INIT;
        for (size_t k = 0; k < from->n; k++)
                if (gpu_sample_add(to, &from->v[k], &full) < 0)
                        return;
}

static int by_number(const void *a, const void *b)
{
        return gpu_compare(a, b);
}

/* ---- all of them ---- */

/* What the driver said last, if that was no good: the library is then to be started anew. */
static enum nvml_return read_all(struct gpu_sample *ret)
{
        bool lost[GPU_DEVICES_MAX] = { false };
        unsigned n = 0;
        char driver[NVML_VERSION_SIZE] = "";
        (void)NVML_CALL(nvmlSystemGetDriverVersion, driver, sizeof driver);
        snprintf(ret->driver, sizeof ret->driver, "%.63s", driver);
        enum nvml_return r = NVML_CALL(nvmlDeviceGetCount_v2, &n), bad = r;
        if (r != NVML_SUCCESS)
                return r;
        for (unsigned i = 0; i < n && i < GPU_DEVICES_MAX; i++) {
                cleanup_gpu_sample struct gpu_sample devices = { 0 };
                r = read_gpu(i, &devices);
                if (nvml_is_stale(r))
                        return r;
                lost[i] = r != NVML_SUCCESS;
                if (lost[i]) {
                        bad = r;
                } else {
                        remember(i, &devices);
                        move_all(ret, &devices);
                }
        }
        for (unsigned i = 0; i < n && i < GPU_DEVICES_MAX; i++)
                if (lost[i])
                        add_lost(ret, i);
        if (ret->n)
                qsort(ret->v, ret->n, sizeof *ret->v, by_number);
        ret->health = GPU_HEALTH_OK;
        return bad;
}

static void explain(struct gpu_sample *s, const char *what, enum nvml_return r)
{
        gpu_sample_done(s);
        s->health = r == NVML_VERSION_MISMATCH    ? GPU_HEALTH_MISMATCH
                    : r == NVML_DRIVER_NOT_LOADED ? GPU_HEALTH_NONE
                                                  : GPU_HEALTH_FAILED;
        if (r == NVML_DRIVER_NOT_LOADED)
                snprintf(s->why, sizeof s->why, "the NVIDIA driver is not loaded");
        else
                snprintf(s->why, sizeof s->why, "%s: %.150s (NVML error %d)",
                        r == NVML_VERSION_MISMATCH
                                ? "the NVIDIA library and driver have different versions"
                                : what,
                        nvml_text(r), (int)r);
}

/* True if the library can be asked. */
static bool open_library(struct gpu_sample *ret)
{
        struct err e = ERR_INIT;
        enum nvml_return r;
        bool absent;
        if (nvml_open(&r, &absent, &e) == 0) {
                if (r != NVML_SUCCESS)
                        explain(ret, "the NVIDIA driver can't be used", r);
                return r == NVML_SUCCESS;
        }
        ret->health = absent ? GPU_HEALTH_NONE : GPU_HEALTH_FAILED;
        snprintf(ret->why, sizeof ret->why, "%.255s",
                absent ? "no NVIDIA driver is installed" : e.msg);
        return false;
}

void devices_sample(struct gpu_sample *ret)
{
        enum nvml_return r = NVML_SUCCESS;
        for (int attempt = 0; attempt < 2; attempt++) {
                gpu_sample_done(ret);
                if (!open_library(ret)) {
                        nvml_close();
                        return;
                }
                r = read_all(ret);
                if (!nvml_is_stale(r))
                        break;
                if (attempt == 0)
                        nvml_close();
        }
        if (nvml_is_stale(r) || (r != NVML_SUCCESS && ret->n == 0))
                explain(ret, "the NVIDIA driver doesn't tell its GPUs", r);
        if (r != NVML_SUCCESS)
                nvml_close();
}
