/* SPDX-License-Identifier: MIT */
/* What a play of queue_sim comes to, and how it is told. */
#pragma once

#include "policy/eta.h"
#include "workload.h"

struct tally {
        int64_t *waits[CLASSES]; /* owned */
        size_t n[CLASSES];
        double idle,
                wanted; /* GPU-seconds unused, and all there were, while somebody waited for one */
        size_t told, open, hits, before, after; /* estimates; whose start came before, after them */
        double width;                           /* of the intervals with an end, in seconds */
};

void tally_init(struct tally *t, size_t jobs);
void tally_done(struct tally *t);

/* Somebody got what they waited for, for so many seconds; and an estimate met its truth. */
void tally_wait(struct tally *t, enum user_class c, int64_t seconds);
void tally_estimate(struct tally *t, const struct eta *eta, int64_t start);

/* Before anything is told. */
void tally_sort(struct tally *t);
void tally_print(const struct workload *w, const struct tally *first, const struct tally *ours);
void tally_json(const struct workload *w, uint64_t seed, const struct tally *first,
        const struct tally *ours);
/* What must be so with any seed; says on stderr what isn't. */
bool tally_sane(const struct tally *t);

/* For qsort() of int64_t. */
int tally_compare(const void *x, const void *y);
