/* SPDX-License-Identifier: MIT */
/* A request that takes a while: shows what goes on, and ends with Ctrl-C without undoing anything. */
#pragma once

#include "cli/cli.h"

/*
 * As cli_call(), with `what` ("Stopping its processes") shown meanwhile. On Ctrl-C it fails with
 * ERR_INTERRUPTED and "Interrupted; <still>": ds01d goes on.
 */
int slow_call(struct cli *c, const char *what, const char *still, const char *method,
        json_t *params, json_t **ret, struct err *e);
