/* SPDX-License-Identifier: MIT */
/* The examination of a machine where ds01d does not run: `ds01d --doctor`, with the caller's rights. */
#pragma once

#include "base/err.h"

#include <jansson.h>

/*
 * Starts the ds01d that is installed beside this program and hands each of its findings, as the protocol
 * has them, to fn; the row is borrowed. `config` names the settings, NULL for the usual ones. -1 if it
 * can't be started, or says nothing for too long; what came till then has been handed on.
 */
int alone_examine(const char *config, void (*fn)(void *ctx, json_t *row), void *ctx, struct err *e);

/* The folder of this program, without links; owned. NULL if it can't be told. */
char *alone_folder(void);
