/* SPDX-License-Identifier: MIT */
/* The container that a request names: finding it, and taking its operation. */
#pragma once

#include "daemon/daemon.h"
#include "store/containers.h"

/*
 * The container of that account and name (as the user typed it, checked here). ERR_NOT_FOUND says the
 * same for one that isn't there and one that is somebody else's.
 */
int container_named(
        struct daemon *d, uid_t uid, const char *given, struct container *ret, struct err *e);

/* Takes its operation and reads the row again; ERR_BUSY if another one is under way. */
int container_take(struct daemon *d, struct container *c, struct err *e);

/* Seconds that its processes get to end: `time` of the request, else what the policy says. */
int container_grace(struct daemon *d, const struct container *c, const json_t *params);
