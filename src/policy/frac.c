/* SPDX-License-Identifier: MIT */
#include "policy/frac.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t times(int64_t a, int64_t b)
{
        int64_t r;
        if (__builtin_mul_overflow(a, b, &r))
                abort();
        return r;
}

static int64_t plus(int64_t a, int64_t b)
{
        int64_t r;
        if (__builtin_add_overflow(a, b, &r))
                abort();
        return r;
}

/* b > 0; the result is > 0. */
static int64_t gcd(int64_t a, int64_t b)
{
        while (b) {
                int64_t rest = a % b;
                a = b;
                b = rest;
        }
        return a < 0 ? -a : a;
}

struct frac frac_make(int64_t num, int64_t den)
{
        if (den == 0)
                abort();
        if (den < 0) {
                num = times(num, -1);
                den = times(den, -1);
        }
        int64_t d = den == 1 ? 1 : gcd(num, den);
        return (struct frac){ num / d, den / d };
}

struct frac frac_add(struct frac a, struct frac b)
{
        if (a.den == b.den)
                return frac_make(plus(a.num, b.num), a.den);
        int64_t d = gcd(a.den, b.den);
        return frac_make(
                plus(times(a.num, b.den / d), times(b.num, a.den / d)), times(a.den, b.den / d));
}

struct frac frac_sub(struct frac a, struct frac b)
{
        b.num = times(b.num, -1);
        return frac_add(a, b);
}

int frac_compare(struct frac a, struct frac b)
{
        int64_t x = times(a.num, b.den), y = times(b.num, a.den);
        return (x > y) - (x < y);
}

double frac_double(struct frac f)
{
        return (double)f.num / (double)f.den;
}

void frac_text(struct frac f, char out[FRAC_TEXT_SIZE])
{
        const char *sign = f.num < 0 ? "-" : "";
        uint64_t num = f.num < 0 ? -(uint64_t)f.num : (uint64_t)f.num, den = (uint64_t)f.den;
        unsigned long long whole = num / den, rest = num % den;
        if (!rest)
                snprintf(out, FRAC_TEXT_SIZE, "%s%llu", sign, whole);
        else if (10 % den == 0)
                snprintf(out, FRAC_TEXT_SIZE, "%s%llu.%llu", sign, whole, rest * (10 / den));
        else if (100 % den == 0)
                snprintf(out, FRAC_TEXT_SIZE, "%s%llu.%02llu", sign, whole, rest * (100 / den));
        else if (whole)
                snprintf(out, FRAC_TEXT_SIZE, "%s%llu %llu/%lld", sign, whole, rest,
                        (long long)f.den);
        else
                snprintf(out, FRAC_TEXT_SIZE, "%s%llu/%lld", sign, rest, (long long)f.den);
}
