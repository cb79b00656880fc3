/* SPDX-License-Identifier: MIT */
/*
 * Changes of a container's row inside somebody else's transaction: leases.c reserves and deletes rows
 * together with what they hold. Implemented in containers.c; nobody outside store/ includes this.
 */
#pragma once

#include "store/container-row.h"

/* Fills *row, a copy of *c that owns nothing, as a reservation has it. ERR_INVALID without a born_op. */
int container_reserve_prepare(const struct container *c, struct container *row, struct err *e);
/* Checks name and number, and inserts the row if both are fine. */
int container_reserve_in(struct db *db, struct container *row, int max_containers,
        enum reserve_verdict *ret, struct err *e);
/* ERR_STALE unless `op` holds the row. */
int container_check_op(struct db *db, int64_t id, const char *op, struct err *e);
/* As containers_delete(). */
int container_delete_in(struct db *db, int64_t id, const char *op, struct err *e);
