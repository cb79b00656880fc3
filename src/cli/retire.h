/* SPDX-License-Identifier: MIT */
/* Retiring a container, for `container retire` and for the question after a shell. */
#pragma once

#include "cli/cli.h"

/*
 * Stops and removes the caller's container (or, for an admin with --user, that account's) and says
 * what was freed and what is kept. With `force` its processes are killed at once; with `image` its
 * image goes too, unless something else uses it.
 */
int retire_container(struct cli *c, const char *name, bool force, bool image, struct err *e);

/*
 * What the answer of Containers.Retire means, in lines: what is kept, what is free again and, where it was
 * one's own, how to have it again; owned.
 */
char *retire_told(const char *name, bool own, const json_t *reply);
