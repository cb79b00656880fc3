/* SPDX-License-Identifier: MIT */
/* Which base image a framework means on this machine, by ds01d's catalogue. */
#pragma once

#include "cli/cli.h"

struct base {
        char *word;    /* "pytorch" */
        char *version; /* "2.8.0" */
        char *image;   /* what FROM names */
};
#define cleanup_base CLEANUP(base_done)
void base_done(struct base *b);

/*
 * "pytorch", "pytorch:2.8.0" or NULL: what is on this machine before what must be fetched, of that
 * PyTorch before others, a framework before none. `version` counts where `framework` holds none. An
 * unknown framework or version fails with ERR_INVALID and what there is.
 */
int base_choose(
        struct cli *c, const char *framework, const char *version, struct base *ret, struct err *e);

/*
 * The same, chosen on the terminal: a framework, then a version of it where there are several. Enter
 * takes what base_choose() would.
 */
int base_pick(struct cli *c, struct base *ret, struct err *e);
