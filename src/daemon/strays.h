/* SPDX-License-Identifier: MIT */
/*
 * What recovery finds that no row tells of, or that only rows tell of: containers without a record,
 * mounts without a container, an engine without any of our containers. For recovery.c alone.
 */
#pragma once

#include "daemon/daemon.h"

/*
 * An engine that comes up on an empty data folder (a disk not mounted yet) knows none of our
 * containers. Taken at its word, every record and every home would go. One container may have been
 * removed by hand; several at once were not: ERR_ENGINE with what to do.
 */
int strays_check_engine(struct daemon *d, struct err *e);

/*
 * Containers that carry our label: those made to be read go, if `first` (later a thread of ours may be
 * reading one); others are told of in the log, unless `again`, and their GPUs are nobody's to have.
 */
int strays_containers(struct daemon *d, bool first, bool again, struct err *e);

/* Detaches mounts whose container has no row, or does not run. */
void strays_mounts(struct daemon *d);
