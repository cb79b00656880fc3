/* SPDX-License-Identifier: MIT */
/*
 * Root inside a container (policy key root_in_container): who has it, and the id map of its mounts.
 *
 * It is decided once, when a container is made (or joins the queue to be made), and stands in its row.
 * It is had whole or not at all: if the file system of one of the folders takes no id map, the container
 * is like everybody's, and its owner is told. One that has it is not started where it can't have it any
 * more, and never as anything else. The body is policy/spec.h's, the map host/idmap.h's.
 */
#pragma once

#include "daemon/launch-steps.h"

/* For a new container: sets l->row.root, and *l->r->ret_notice if the policy allows what can't be had. */
int root_inside_decide(struct launch *l, struct err *e);

/* For one that exists. ERR_DENIED if its owner may not have it any more. */
int root_inside_check(struct launch *l, struct err *e);

/* Where to mount this launch's folders, with the map that they need. Borrowed from *l. */
int root_inside_mounts(struct launch *l, struct mounts *ret, struct err *e);
