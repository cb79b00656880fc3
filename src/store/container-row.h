/* SPDX-License-Identifier: MIT */
/* A struct container as a row of the database: the two directions. Used by containers.c alone. */
#pragma once

#include "store/containers.h"
#include "store/db.h"

/* A reader for db_rows() with CONTAINER_COLUMNS: ctx is the struct container to replace. */
void container_read(struct db_row *row, void *ctx);
/* Inserts every field of *c but the id, which it fills in. */
int container_insert(struct db *db, struct container *c, struct err *e);
