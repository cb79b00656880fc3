/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a container that runs comes to rest without going: stopped, or frozen. The caller
 * holds its operation throughout, and ends it.
 */
#pragma once

#include "daemon/daemon.h"
#include "store/containers.h"

/*
 * Stops its processes: SIGTERM to all but the main process; once they have gone, SIGTERM to that too,
 * and SIGHUP to shells, which ignore SIGTERM; done as soon as nothing runs, at most grace_s seconds,
 * then SIGKILL. A frozen container is thawed first, unless it is to be killed at once. Not running is
 * fine. Records nothing.
 */
int container_stop(struct daemon *d, const struct container *c, int grace_s, struct err *e);

/* The same, and once it has stopped: the row says how it ended, and its folders are unmounted. */
int container_halt(struct daemon *d, const struct container *c, int grace_s, struct err *e);

/* Freezes or thaws it; the row says so. ERR_NOT_RUNNING if it has ended meanwhile. */
int container_freeze(struct daemon *d, const struct container *c, bool frozen, struct err *e);
