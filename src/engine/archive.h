/* SPDX-License-Identifier: MIT */
/*
 * Files out of a container, running or only created: the engine's archive calls. Links are resolved
 * by the engine inside the container's own tree, so none leads to the host.
 */
#pragma once

#include "engine/engine.h"

#include <stddef.h>

/* Whether something is at the absolute path, a dangling link included. ERR_NOT_FOUND: no container.
 */
int engine_container_has_path(struct engine *en, const struct engine_wait *w, const char *id,
        const char *path, bool *ret, struct err *e);

/*
 * A file or folder as a tar of at most max bytes, which the caller owns. ERR_NOT_FOUND: no
 * container or no such path.
 */
int engine_container_copy_out(struct engine *en, const struct engine_wait *w, const char *id,
        const char *path, size_t max, char **ret_tar, size_t *ret_len, struct err *e);

/*
 * The content of one regular file of at most max bytes, NUL-terminated and owned by the caller; a
 * link as the last part of the path is followed. A path that does not exist is no error:
 * *ret_exists is false and *ret_text an empty string. Anything but a regular file, or a larger one,
 * is ERR_FAILED.
 */
int engine_container_read_file(struct engine *en, const struct engine_wait *w, const char *id,
        const char *path, size_t max, char **ret_text, bool *ret_exists, struct err *e);
