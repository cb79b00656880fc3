/* SPDX-License-Identifier: MIT */
/*
 * Limits: what each one is called, in which unit it is kept, how it is read and shown.
 *
 * The table is limits.def. Where limits come from, and whose holds for whom, is policy.h. Pure.
 */
#pragma once

#include "base/err.h"
#include "base/yaml.h"

#include <stdbool.h>
#include <stdint.h>

/* Stands for "no limit" in the table and in what limits_get() returns. */
#define LIMIT_NONE ((int64_t)-1)

enum limit_key {
#define LIMIT(id, ...) id,
#define AGGREGATE(id, ...) id,
#include "policy/limits.def"
        LIMIT_COUNT
};

enum limit_unit {
        LIMIT_UNIT_GPUS, /* a fraction, value / den */
        LIMIT_UNIT_COUNT,
        LIMIT_UNIT_BOOL,      /* 0 or 1 */
        LIMIT_UNIT_MILLICPUS, /* thousandths of a CPU; written in CPUs */
        LIMIT_UNIT_BYTES,
        LIMIT_UNIT_PERCENT, /* of one CPU */
        LIMIT_UNIT_HOURS,   /* kept in seconds; written in hours */
        LIMIT_UNIT_SECONDS,
        LIMIT_UNIT_VISIBILITY, /* enum limit_visibility; written as a word */
};

enum limit_visibility { LIMIT_SEES_COUNTS, LIMIT_SEES_USERS, LIMIT_SEES_ALL };

enum limit_state { LIMIT_INHERIT, LIMIT_UNLIMITED, LIMIT_SET };

struct limit {
        enum limit_state state;
        int64_t value; /* in the key's unit */
        int64_t den;   /* GPUs: value / den in lowest terms; 1 elsewhere */
};

struct limit_info {
        const char *name; /* as in the file, with "aggregate." before an aggregate's */
        const char *key;  /* without it */
        bool aggregate;
        enum limit_unit unit;
        int64_t min, max, builtin;
        bool nullable, enforced;
        const char *meaning;
};

/* Facts about a limit. */
const struct limit_info *limit_info(enum limit_key key);
/* What holds if no file says anything; never LIMIT_INHERIT. */
struct limit limit_builtin(enum limit_key key);

/* Reads a limit's value as the file has it; null becomes LIMIT_UNLIMITED where that is allowed. */
int limit_read(enum limit_key key, const struct yaml_node *node, struct limit *ret, struct err *e);

#define LIMIT_TEXT_SIZE 40
/* For people: "none", "2", "0.5", "32g", "1h 30m", "9600%", "yes", "users". */
void limit_text(enum limit_key key, const struct limit *l, char out[LIMIT_TEXT_SIZE]);

enum limit_source { LIMIT_FROM_BUILTIN, LIMIT_FROM_DEFAULTS, LIMIT_FROM_GROUP, LIMIT_FROM_USER };

/* The limits of one account; owns everything it shows. */
struct limits {
        struct limit v[LIMIT_COUNT]; /* never LIMIT_INHERIT */
        struct {
                enum limit_source source;
                char text[160]; /* "group student (resource-limits.yaml:31)", "built-in" */
        } from[LIMIT_COUNT];
        char group[65]; /* the group that applied, or "" */
};

/* A value in its key's unit, or LIMIT_NONE. GPUs: rounded down; compare fractions with limits.v. */
int64_t limits_get(const struct limits *l, enum limit_key key);
