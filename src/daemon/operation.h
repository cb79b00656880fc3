/* SPDX-License-Identifier: MIT */
/*
 * Giving a row's operation back. A row that stays held can't be started, retired or mended until
 * ds01d starts again, so where the store can't be written (a full disk) the debt is kept in memory
 * and paid by the janitor.
 */
#pragma once

#include "daemon/daemon.h"

/* Ends an operation. One that is over already, or whose row is gone, is fine. */
void operation_end(struct daemon *d, int64_t id, const char *op);

/* Called now and then: ends those that could not be ended. */
void operation_end_owed(struct daemon *d);
