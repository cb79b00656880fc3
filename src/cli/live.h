/* SPDX-License-Identifier: MIT */
/*
 * The way to the live view (src/tui), which is a module (cli/module.h) because of curses.
 */
#pragma once

#include "cli/cli.h"

/* What the module has under the name LIVE_ENTRY: shows `parts` of a board until its user leaves. */
typedef int live_fn(struct cli *c, unsigned parts, struct err *e);
#define LIVE_ENTRY "ds01_live"

/* Runs it. An exit status, or -1. ERR_INVALID without a terminal that can show it. */
int live_run(struct cli *c, unsigned parts, struct err *e);
