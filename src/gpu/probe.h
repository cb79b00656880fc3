/* SPDX-License-Identifier: MIT */
/*
 * The probe as its parent sees it: a child process that answers each request with one line.
 *
 * NVML can hang for ever in the kernel, so nobody waits for the child without a deadline: one that
 * misses it is killed and left to init if even that takes time. The next request starts a new one,
 * not sooner than PROBE_RESTART_MS after the last start, so that a broken driver costs little. For
 * this it waits, within its deadline. The child ends with the thread that started it (PDEATHSIG).
 * One thread at a time per struct. Raises no SIGPIPE.
 */
#pragma once

#include "gpu/sample.h"

enum {
        PROBE_RESTART_MS = 1000,
        PROBE_LEFT_MAX = 8, /* killed ones that a driver still holds; beyond that none is started */
};

struct probe;

/*
 * `command` is the program; `simulate` a specification for --simulate, or NULL; `world` the file
 * that changes a simulation while it runs, or NULL. Copies all. Starts nothing. Caller owns *ret.
 */
struct probe *probe_new(const char *command, const char *simulate, const char *world);
/* Ends the child; never waits for longer than 100 ms. NULL is fine. */
void probe_free(struct probe *p);

/*
 * One sample, at most until `deadline` (clock_mono_ms() time, -1 for none) or until stop_fd (-1: none)
 * becomes readable. ERR_BUSY: no answer until then, the child was killed; or no time is left to start one. ERR_FAILED: it could not be started, ended, or
 * wrote nonsense; *e says which. A program that does not exist is a machine without GPUs: 0 with
 * GPU_HEALTH_NONE. The caller owns *ret (gpu_sample_done).
 */
int probe_sample(
        struct probe *p, int64_t deadline, int stop_fd, struct gpu_sample *ret, struct err *e);
