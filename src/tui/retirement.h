/* SPDX-License-Identifier: MIT */
/*
 * Retiring a container while the view goes on: the request in a thread of its own, as it lasts until
 * the container's processes have ended.
 */
#pragma once

#include "cli/cli.h"

struct retirement;

/* `user` is its owner where an admin does it, else NULL. The image is kept. */
int retirement_start(const char *name, const char *user, struct retirement **ret, struct err *e);
/* Readable once it is over; borrowed. */
int retirement_fd(const struct retirement *r);
const char *retirement_name(const struct retirement *r);
/* What came of it, in lines, owned; NULL with *e filled. Only once it is over. */
char *retirement_told(struct retirement *r, struct err *e);
/* Frees it. One that isn't over goes on at ds01d without us. NULL does nothing. */
void retirement_end(struct retirement *r);
