/* SPDX-License-Identifier: MIT */
/*
 * Machines, limits and tickets in short, so that a rule is a line in a table.
 *
 * A machine: "A A- A(3,2-,2) 10=B": GPUs numbered from 0 (or as said before '='), each with one
 * letter for its model; in brackets the instances of one in MIG mode, by compute slices of 7. Behind
 * a device its state: '-' held, 'u' in use outside, 'd' drained, 'x' not answering, '!' lost;
 * nothing: free.
 */
#pragma once

#include "policy/place.h"

enum { MACHINE_MAX = 80 };

struct machine {
        struct gpu gpus[MACHINE_MAX];
        struct place_device v[MACHINE_MAX];
        size_t n;
};
void machine_make(struct machine *m, const char *text);
/* A random one of at most `max` devices, in random states, some of them out of service. */
void machine_random(struct machine *m, size_t max, uint64_t *seed);
/* The same devices in another order; to[i] is where device i has gone. */
void machine_shuffle(
        const struct machine *m, struct machine *ret, size_t to[MACHINE_MAX], uint64_t *seed);
/* "2", "1.0" */
void machine_slot(const struct machine *m, size_t at, char out[GPU_SLOT_SIZE]);

/* GPUs: num / den, slots, whole GPUs allowed; -1: no limit. Without ends. */
struct limits machine_limits(int64_t num, int64_t den, int slots, bool full);
/* "0.5", "3/7", "2": a fraction. */
struct frac machine_frac(const char *text);

/* 0 to below - 1; the same sequence for the same seed. */
uint64_t machine_dice(uint64_t *seed, uint64_t below);
/* Random order of n numbers from 0. */
void machine_deal(size_t *v, size_t n, uint64_t *seed);
