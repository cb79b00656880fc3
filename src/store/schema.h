/* SPDX-License-Identifier: MIT */
/*
 * What the database looks like, and how an older one becomes one of today. The steps are in
 * schema.def; each is a transaction of its own together with the version number, so that a
 * migration that is interrupted goes on where it was. Used by store.c at open.
 */
#pragma once

#include "store/db.h"

/*
 * Looks whether the file is sound, ours, and not newer than this program. Reads only. A damaged
 * file fails with the way to rebuild it.
 */
int schema_check(struct db *db, struct err *e);
/* Brings a sound database to the newest version, beginning from 0 (empty). */
int schema_migrate(struct db *db, struct err *e);
