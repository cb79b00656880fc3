/* SPDX-License-Identifier: MIT */
/*
 * The policy: resource-limits.yaml with its side files, and whose limits are whose.
 *
 *     defaults:                 what holds for everyone
 *     default_group: student    the group of accounts that are in none
 *     groups:
 *       student:
 *         unix_group: students  or `members: [...]`, or a file groups/student.members
 *         memory: 16g
 *         aggregate: { memory_max: 48g }
 *     queue: { half_life_h: 168, ageing: 1.0, turn_m: 10, max_tickets_per_user: 8 }
 *
 * Each limit is looked up by itself: the account's own line, then its group's, then the defaults,
 * then what is built in. An account is in the first group, in the file's order, that lists it or
 * whose Unix group it has. null means no limit; a missing key means "ask the next".
 *
 * An unknown key is a warning; a duplicate key or a bad value refuses the whole policy, and the
 * caller keeps the one it has. Immutable once loaded, so any thread may ask. No I/O: texts are the
 * caller's business.
 */
#pragma once

#include "policy/limits.h"
#include "policy/queue.h"

struct policy_file {
        const char *name; /* for messages and origins */
        const char *text; /* NULL: there is no such file */
        size_t n;
};

/* One groups/<group>.members: an account a line, # begins a comment. */
struct policy_members {
        const char *group;
        struct policy_file file;
};

struct policy_source {
        struct policy_file limits;    /* resource-limits.yaml */
        struct policy_file overrides; /* user-overrides.yaml: a map from account to limits */
        const struct policy_members *members;
        size_t n_members;
};

struct policy;

/*
 * Reads a whole policy. A source without texts gives the built-in one. What deserves an admin's
 * attention is appended to `warnings`. The caller owns *ret (policy_free).
 */
int policy_load(const struct policy_source *source, struct policy **ret, struct strv *warnings,
        struct err *e);
void policy_free(struct policy *p);
DEFINE_CLEANUP(struct policy *, policy_free)
#define cleanup_policy CLEANUP(policy_freep)

/* The limits of an account; unix_groups are the names of the groups it has (may be NULL). */
void policy_limits(const struct policy *p, const char *user, const struct strv *unix_groups,
        struct limits *ret);

/* What the file says about the queue; what it doesn't say is QUEUE_SETTINGS_DEFAULT. Borrowed. */
const struct queue_settings *policy_queue(const struct policy *p);

/* The Unix groups that the policy asks about. Borrowed. */
const struct strv *policy_unix_groups(const struct policy *p);
/* Lines of the files that are understood but change nothing (yet): "file:line:column: …". Borrowed.
 */
const struct strv *policy_ignored(const struct policy *p);
