/* SPDX-License-Identifier: MIT */
/* Leases inside a transaction, for leases.c and tickets.c alone. */
#pragma once

#include "store/db.h"
#include "store/leases.h"

/* Inserts leases for a container or a ticket; the other of the two ids is 0. */
int lease_rows_add(struct db *db, const struct lease *v, size_t n, uid_t uid, int64_t container_id,
        int64_t ticket_id, struct err *e);
/* Ends all leases of a container or ticket and books their use; of a container's, also how long they
 * lasted. None is fine. */
int lease_rows_end(struct db *db, int64_t container_id, int64_t ticket_id, const struct usage *use,
        struct err *e);
