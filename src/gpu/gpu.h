/* SPDX-License-Identifier: MIT */
/*
 * What a GPU is: plain data that the probe fills, ds01d keeps and policy/ decides on.
 *
 * A sample is a list of devices, in the order of gpu_compare(): a GPU, and behind it its instances. What
 * can be given to somebody is a whole GPU that is not in MIG mode, or an instance. Nothing here does
 * I/O. A metric that the driver doesn't tell is GPU_UNKNOWN: never 0, which would be a claim.
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        GPU_UUID_SIZE = 80,
        GPU_NAME_SIZE = 96,
        GPU_SLOT_SIZE = 16,
        GPU_LABEL_SIZE = 64,
        GPU_DEVICES_MAX = 512,   /* of one sample */
        GPU_PROCESSES_MAX = 256, /* of one device; more are left out */
};
#define GPU_UNKNOWN ((int64_t)-1)
#define GPU_MEMORY_MAX ((int64_t)1 << 50) /* bytes; more is no memory, but a mistake */

struct gpu_process {
        pid_t pid;      /* on the host */
        int64_t memory; /* bytes */
};

struct gpu {
        char uuid[GPU_UUID_SIZE];   /* "GPU-…", "MIG-…"; simulated ones begin with "SIM-" */
        char parent[GPU_UUID_SIZE]; /* of an instance: its GPU's uuid; else its own */
        char name[GPU_NAME_SIZE];   /* "NVIDIA A100-SXM4-40GB"; an instance has its GPU's */
        char profile[32];           /* of an instance: "3g.20gb"; else "" */
        int index;                  /* number of the GPU, as the driver counts */
        int instance;               /* number of the instance in it; -1 for a GPU */
        int slices, of;             /* compute slices of how many; 1 of 1 for a whole GPU */
        bool mig;                   /* a GPU in MIG mode: its instances are given, not it */
        bool lost;                  /* the driver says it is there and broken */
        int64_t memory_total, memory_used; /* bytes */
        int64_t utilisation;               /* percent; unknown for a GPU in MIG mode */
        int64_t temperature;               /* degrees Celsius */
        int64_t power;                     /* milliwatts */
        bool processes_known;              /* the driver told which processes use it */
        struct gpu_process *processes;     /* owned */
        size_t n_processes;
};

enum gpu_health {
        GPU_HEALTH_OK,
        GPU_HEALTH_NONE,     /* no driver or no library: a machine without GPUs, no error */
        GPU_HEALTH_MISMATCH, /* library and driver don't fit together: a reboot is due */
        GPU_HEALTH_FAILED,   /* the driver refused; `why` says how */
};

struct gpu_sample {
        enum gpu_health health;
        char why[256];   /* where health is not OK: a sentence */
        char driver[64]; /* version, "" if not known */
        bool simulated;
        struct gpu *v; /* owned */
        size_t n;
};
#define cleanup_gpu_sample CLEANUP(gpu_sample_done)
void gpu_sample_done(struct gpu_sample *s);

/* A device with every metric unknown, 1 slice of 1, no instance; nothing owned yet. */
void gpu_init(struct gpu *g);
/* Appends a device to a sample, which then owns what it owns. ERR_LIMIT beyond GPU_DEVICES_MAX. */
int gpu_sample_add(struct gpu_sample *s, struct gpu *g, struct err *e);

/* True for what can be given to somebody: a whole GPU or an instance, not lost. */
bool gpu_is_placeable(const struct gpu *g);
/* True for a device of --simulate: the engine must not be asked for it. */
bool gpu_is_simulated(const char *uuid);
/* The device of that uuid, or NULL; borrowed. */
const struct gpu *gpu_find(const struct gpu_sample *s, const char *uuid);

/* "2" for a GPU, "1.0" for an instance. */
void gpu_slot(const struct gpu *g, char out[GPU_SLOT_SIZE]);
/* For people: "A100 40 GB", "A100 3g.20gb". From the name without its vendor and form factor; "GPU" for
 * one that never told what it is. */
void gpu_label(const struct gpu *g, char out[GPU_LABEL_SIZE]);
/* By number, then instance, as numbers: "2" before "10", "1.2" before "1.10". <0, 0, >0. */
int gpu_compare(const struct gpu *a, const struct gpu *b);
