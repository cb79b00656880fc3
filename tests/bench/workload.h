/* SPDX-License-Identifier: MIT */
/*
 * A month on a shared machine, made up from a seed: 200 users of three classes, and when they ask for
 * GPUs, for how many, for how long. Weekdays and daytime are busier. Each user has lengths of their
 * own, so that former leases tell something about the next.
 *
 *   light   120  a session now and then, part of a GPU or one; half of them may have parts only
 *   medium   60  daily work, one GPU or two
 *   heavy    20  bursts of long jobs on one to four GPUs; a quarter of them without max_runtime_h
 */
#pragma once

#include "policy/limits.h"

#include <stddef.h>
#include <stdint.h>

enum user_class { LIGHT, MEDIUM, HEAVY, CLASSES };
enum { USERS = 200, DAY = 86400 };

struct user {
        enum user_class class;
        struct limits limits;
        double pace; /* how long theirs take, against others of the class */
};

struct job {
        size_t user;
        int slots;
        int64_t at;      /* when it is asked for; seconds from the start, a Monday at 0:00 */
        int64_t delay;   /* from its turn to its start */
        int64_t seconds; /* that it runs; within max_runtime_h */
        int64_t hold;    /* from its end until its GPUs are given back */
};

struct workload {
        struct user users[USERS];
        struct job *jobs; /* owned; by time */
        size_t n;
        int64_t end; /* after the last day */
};

void workload_make(struct workload *w, uint64_t seed, int days);
void workload_done(struct workload *w);
const char *workload_class(enum user_class c);
