/* SPDX-License-Identifier: MIT */
/*
 * The one way a container goes: for retire, for the undo of a launch, for recovery and the janitor.
 */
#pragma once

#include "daemon/daemon.h"
#include "store/containers.h"

/*
 * Removes a container whose operation the caller holds: REMOVING, then the engine until it says that
 * it is gone, then mounts, home and row. If the engine can't be had the row stays REMOVING and the
 * janitor goes on later: nothing of it is free until then. However it ends, the operation has ended.
 * *ret_drained (owned; may be NULL): why a GPU of it was taken out instead of being free, or "".
 */
int container_teardown(
        struct daemon *d, const struct container *c, char **ret_drained, struct err *e);

/* The last lines that the main process wrote, at most 20; owned, "" if there are none or no engine. */
char *container_last_lines(struct daemon *d, const char *engine_id);

/* Where a container's folders are mounted and its home lies: named after the operation that made it. */
void container_unmount(struct daemon *d, const struct container *c);
