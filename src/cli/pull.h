/* SPDX-License-Identifier: MIT */
/* Fetching a catalogue image that is not on this machine yet. */
#pragma once

#include "cli/cli.h"

/* Has ds01d pull the image, with progress. Images that may not be used here fail with ERR_DENIED. */
int image_pull(struct cli *c, const char *image, struct err *e);
