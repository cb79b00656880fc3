/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a container that runs comes to rest without going: stopped, or frozen. The caller
 * holds its operation throughout, and ends it.
 */
#pragma once

#include "daemon/daemon.h"
#include "rpc/call.h"
#include "store/containers.h"

/*
 * Stops its processes: SIGTERM to all but the main process; once they have gone, SIGTERM to that too,
 * and SIGHUP to shells, which ignore SIGTERM; done as soon as nothing runs, at most grace_s seconds,
 * then SIGKILL. A frozen container is thawed first, unless it is to be killed at once. Not running is
 * fine. Records nothing.
 */
int container_stop(struct daemon *d, const struct container *c, int grace_s, struct err *e);

/*
 * Takes the operation of a container as container_take() does. If a stop holds it that still waits for
 * processes, that one has grace_s seconds more at most, and its end is waited for: *ret_waited. Negative:
 * nobody is in a hurry; ERR_BUSY then says that it is being stopped. ERR_INTERRUPTED if the caller hung
 * up or we are ending.
 */
int container_take_from_stop(struct daemon *d, struct container *c, int grace_s,
        const struct rpc_call *call, bool *ret_waited, struct err *e);

/* As container_stop(), and once it has stopped: the row says how it ended, and why (`reason`), and its folders are unmounted. */
int container_halt(struct daemon *d, const struct container *c, int grace_s, const char *reason,
        struct err *e);

/* Freezes or thaws it; the row says so. ERR_NOT_RUNNING if it has ended meanwhile. */
int container_freeze(struct daemon *d, const struct container *c, bool frozen, struct err *e);
