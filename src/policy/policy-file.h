/* SPDX-License-Identifier: MIT */
/*
 * What a policy is made of, and the half of its loading that reads YAML. For policy.c alone:
 * everyone else includes policy.h.
 */
#pragma once

#include "base/json.h"
#include "policy/policy.h"

/* The limits that one place of a file sets. */
struct block {
        struct limit v[LIMIT_COUNT];
        unsigned line[LIMIT_COUNT];
        bool weak[LIMIT_COUNT]; /* by an old name or from `policies`: a direct line goes before */
};

struct group {
        char *name;
        char *unix_group; /* or NULL */
        struct strv listed;
        struct block limits;
};

struct policy {
        char *limits_file, *overrides_file; /* last part of their names, for origins */
        struct block defaults;
        struct group *groups; /* in the file's order */
        size_t n_groups;
        size_t default_group; /* an index, or n_groups for none */
        struct block *overrides;
        size_t n_overrides;
        json_t *members;    /* account → index of its group */
        json_t *exceptions; /* account → index of its override */
        struct queue_settings queue;
        bool no_aggregates; /* enforcement.aggregate_limits: false */
        struct strv unix_groups, ignored;
};

/* Reads resource-limits.yaml into an empty policy. A missing text changes nothing. */
int policy_file_limits(
        struct policy *p, const struct policy_file *f, struct strv *warnings, struct err *e);
/* Reads user-overrides.yaml. */
int policy_file_overrides(
        struct policy *p, const struct policy_file *f, struct strv *warnings, struct err *e);
