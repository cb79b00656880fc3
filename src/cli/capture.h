/* SPDX-License-Identifier: MIT */
/* The output of a command in a running container, for what ds01 itself wants to know of it. */
#pragma once

#include "cli/cli.h"

/*
 * Runs `command` (NULL-terminated) in the caller's container, without terminal and input. *ret_text
 * (owned) is what it wrote to its standard output; its errors are dropped. Fails with ERR_LIMIT for
 * more than max bytes and with ERR_BUSY after seconds; the command is then hung up.
 */
int capture_run(struct cli *c, const char *container, const char *const *command, size_t max,
        int seconds, char **ret_text, int *ret_status, struct err *e);
