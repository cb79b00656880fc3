/* SPDX-License-Identifier: MIT */
/*
 * What an admin can change while ds01d runs: the policy and the catalogue. SIGHUP reads both anew
 * and exchanges them as one; whoever is in the middle of something goes on with those that it began
 * with. Any thread may call these.
 */
#pragma once

#include "daemon/daemon.h"
#include "image/catalogue.h"
#include "policy/policy.h"

#include <stdatomic.h>

struct rules {
        struct policy *policy;
        struct catalogue catalogue;
        atomic_size_t holders;
};

/* Reads both from the files that the settings name. Warnings go to the log. The caller holds *ret. */
int rules_load(const struct config *config, struct rules **ret, struct err *e);

/* Those that hold now; the caller gives them back. */
struct rules *rules_get(struct daemon *d);
void rules_put(struct rules *r);
DEFINE_CLEANUP(struct rules *, rules_put)
#define cleanup_rules CLEANUP(rules_putp)

/*
 * Reads both anew. If that fails those that held go on to hold. What accounts may use together is
 * set again for those that have something running.
 */
int rules_reload(struct daemon *d, struct err *e);

/* The limits of who is connected, by the groups that the kernel says it has. */
void rules_limits_of_peer(struct daemon *d, const struct peer *peer, struct limits *ret);
/*
 * The limits of an account that need not be connected. May ask the network who is in which group, and
 * remembers the answer for a minute. -1 if nobody can tell: what can't be undone must wait then.
 */
int rules_limits_known(
        struct daemon *d, uid_t uid, const char *user, struct limits *ret, struct err *e);
/* The same to show or to begin with: while nobody can tell, the account is in no group. */
void rules_limits_of(struct daemon *d, uid_t uid, const char *user, struct limits *ret);
/*
 * The same from what is remembered, however long ago: asks nobody, so that it can be called under a
 * lock that others wait for. rules_limits_of() before that has the memory brought up to date.
 */
void rules_limits_recall(struct daemon *d, uid_t uid, const char *user, struct limits *ret);

/* What the containers of an account may use together. */
struct cgroup_limits rules_aggregate(const struct limits *l);
