/* SPDX-License-Identifier: MIT */
/*
 * Exact fractions, for parts of GPUs: 3/7 and 4/7 are one GPU, which no float says. Pure.
 *
 * Denominators are products of what GPUs are cut into (7, 4) and of powers of ten, so numbers stay
 * small; what would not fit in 64 bits aborts, because it can only be a mistake.
 */
#pragma once

#include <stdint.h>

struct frac {
        int64_t num, den; /* den >= 1, lowest terms */
};

#define FRAC_ZERO ((struct frac){ 0, 1 })

struct frac frac_make(int64_t num, int64_t den); /* den != 0 */
struct frac frac_add(struct frac a, struct frac b);
struct frac frac_sub(struct frac a, struct frac b);
int frac_compare(struct frac a, struct frac b); /* <0, 0, >0 */
double frac_double(struct frac f);              /* for bars and averages, never for a decision */

#define FRAC_TEXT_SIZE 48
/* "2", "0.5", "3/7", "1 3/7", "-1 3/7": a decimal where it ends within two digits, else a fraction. */
void frac_text(struct frac f, char out[FRAC_TEXT_SIZE]);
