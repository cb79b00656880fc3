/* SPDX-License-Identifier: MIT */
/*
 * Processes started inside a running container, and the raw stream to them.
 *
 * The engine ends nothing when the stream's other end goes away: whoever starts one also ends it.
 */
#pragma once

#include "base/json.h"
#include "engine/containers.h"

/* Prepares a process from a whole exec body. ERR_NOT_FOUND; ERR_NOT_RUNNING (stopped or paused). */
int engine_exec_create(struct engine *en, const struct engine_wait *w, const char *container_id,
        const json_t *body, char ret_exec[ENGINE_ID_LEN + 1], struct err *e);

/*
 * Starts it and returns the connection that carries its terminal (or, without `tty`, its outputs as
 * demux.h reads them): a descriptor of the caller's, blocking, close-on-exec, that can do nothing
 * else. It comes only after a literal 101, which does not mean that the program exists: that shows
 * as text and exit code 126 or 127. ERR_NOT_FOUND, ERR_NOT_RUNNING.
 */
int engine_exec_start(struct engine *en, const struct engine_wait *w, const char *exec_id, bool tty,
        int *ret_fd, struct err *e);

/*
 * Sets the terminal's size. To be called after the start, which it waits for: before it, the engine
 * lets 10 s pass. One that has ended, or not begun, is ERR_NOT_RUNNING. ERR_NOT_FOUND.
 */
int engine_exec_resize(struct engine *en, const struct engine_wait *w, const char *exec_id,
        int rows, int cols, struct err *e);

struct engine_exec {
        bool running;
        int exit_code; /* -1 until it has ended */
        pid_t pid;     /* on the host; 0 before the start; may be reused once it has ended */
        char container_id[ENGINE_ID_LEN + 1];
};

/* ERR_NOT_FOUND: the engine forgets execs with their container and some minutes after their end. */
int engine_exec_inspect(struct engine *en, const struct engine_wait *w, const char *exec_id,
        struct engine_exec *ret, struct err *e);
