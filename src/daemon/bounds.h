/* SPDX-License-Identifier: MIT */
/*
 * What one container uses, and what it may use: the limits that it was made with, which the kernel
 * has, not those that the policy would give it today.
 */
#pragma once

#include "daemon/caller.h"
#include "host/cgroup.h"
#include "store/containers.h"

/* Of a container that runs. */
int bounds_read(struct daemon *d, const struct container *c, struct cgroup_use *ret_use,
        struct cgroup_bounds *ret_bounds, struct err *e);

/* True if the policy would give the caller's container (running) other limits today. */
bool bounds_outdated(struct daemon *d, const struct caller *who, const struct container *c);
