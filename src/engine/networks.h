/* SPDX-License-Identifier: MIT */
/* Bridge networks of our own in the engine. */
#pragma once

#include "base/json.h"
#include "engine/engine.h"

/*
 * Makes sure that a bridge network of this name exists, and that its containers reach each other
 * only if `icc`. `bridge` names the kernel's bridge (NULL: the engine chooses), `subnet` is
 * "10.1.0.0/16" (NULL: the engine chooses); both count only when it is made. Another's creation at
 * the same moment is fine. ERR_FAILED: it exists as something else, or with `icc` the other way.
 */
int engine_network_ensure(struct engine *en, const struct engine_wait *w, const char *name,
        const char *bridge, bool icc, const json_t *labels, const char *subnet, struct err *e);

/*
 * 0 if it is what engine_network_ensure() would make: a bridge, with that `icc`. ERR_NOT_FOUND: there is
 * none; ERR_FAILED: it is another, with what helps. ret_subnet (may be NULL) gets its IPv4 subnet,
 * "172.18.0.0/16", NULL if it has none; the caller owns it.
 */
int engine_network_check(struct engine *en, const struct engine_wait *w, const char *name, bool icc,
        char **ret_subnet, struct err *e);

/* One of its labels; the caller owns *ret, which is NULL if it has no such label. ERR_NOT_FOUND. */
int engine_network_label(struct engine *en, const struct engine_wait *w, const char *name,
        const char *label, char **ret, struct err *e);

/* Removes it; one that is not there is fine. ERR_FAILED while containers are on it. */
int engine_network_remove(
        struct engine *en, const struct engine_wait *w, const char *name, struct err *e);
