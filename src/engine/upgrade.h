/* SPDX-License-Identifier: MIT */
/*
 * The one request that turns its connection into a raw stream. libcurl takes the stream's first
 * bytes for a body, so this is a socket of our own.
 *
 * A descriptor comes out only after an answer whose status is literally 101 and that names the
 * upgrade; the answer's head is read byte by byte, so that what follows it is still in the socket.
 * Any other answer leaves a connection that speaks the whole API as root: it is closed here, never
 * handed out. Internal to the engine layer.
 */
#pragma once

#include "engine/wait.h"

/*
 * POSTs a JSON body to target ("/v1.41/exec/…/start") and returns the upgraded connection, blocking
 * and close-on-exec. On another answer fails with its status in *ret_status and, if its body has
 * one, the engine's message in message. ERR_ENGINE, ERR_BUSY, ERR_INTERRUPTED, ERR_FAILED
 * (refused).
 */
int upgrade_post(const char *socket_path, const struct engine_wait *limits, const char *what,
        const char *target, const char *json, int *ret_fd, int *ret_status, char *message,
        size_t message_size, struct err *e);
