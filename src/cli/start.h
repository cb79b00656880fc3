/* SPDX-License-Identifier: MIT */
/* Starting a container that exists, for container-start and container-run. */
#pragma once

#include "cli/cli.h"

/*
 * Starts the caller's container; one that is frozen goes on. *ret_already is true for one that ran
 * already, which is fine. A missing one fails with ERR_NOT_FOUND and tells how to create it.
 */
int start_container(struct cli *c, const char *name, bool *ret_already, struct err *e);
