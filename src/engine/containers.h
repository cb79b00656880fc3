/* SPDX-License-Identifier: MIT */
/*
 * Containers in the engine: create, start, signal, wait, remove, look at, list, read the logs.
 *
 * `id` is an id or an engine name throughout. Nothing here knows whose a container is.
 */
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "engine/engine.h"

#define ENGINE_ID_LEN 64 /* hexadecimal digits of a container, exec or network id */

struct engine_container {
        char id[ENGINE_ID_LEN + 1];
        char *name;     /* without the leading '/' */
        char *image;    /* as it was named at create */
        char *image_id; /* "sha256:…" */
        char state[16]; /* created running paused restarting removing exited dead */
        bool running, paused;
        json_t *labels; /* object */
        json_t *mounts; /* array of {Type, Source, Destination, RW, …} */
        int64_t created_at;

        /* Known to inspect only; zero or NULL in a listing. */
        bool tty, oom_killed;
        pid_t pid; /* on the host; 0 unless running */
        int exit_code;
        int64_t started_at, finished_at; /* 0 if it never was */
        char *error;                     /* why the last start failed; "" if it did not */
        char *user;                      /* as it was asked for: "1000:1000" */
        struct strv devices;             /* GPU UUIDs of all device requests */
};
void engine_container_done(struct engine_container *c);
#define cleanup_engine_container CLEANUP(engine_container_done)

/*
 * Creates a container from a whole create body. ERR_EXISTS: the name is taken; ERR_NO_IMAGE: the
 * image is not there.
 */
int engine_container_create(struct engine *en, const struct engine_wait *w, const char *name,
        const json_t *body, char ret_id[ENGINE_ID_LEN + 1], struct err *e);

/* Starts it; one that runs already is fine. ERR_NOT_FOUND. */
int engine_container_start(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e);

/* Sends its main process a signal ("TERM", "KILL"); one that does not run is fine. ERR_NOT_FOUND.
 */
int engine_container_kill(struct engine *en, const struct engine_wait *w, const char *id,
        const char *signal, struct err *e);

/* Freezes and thaws it; already so is fine. ERR_NOT_FOUND, ERR_NOT_RUNNING. */
int engine_container_pause(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e);
int engine_container_unpause(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e);

/* Kills and removes it with its anonymous volumes. Returns 0 only once the engine knows none of it.
 */
int engine_container_remove(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e);

/* Waits until it does not run, and tells its exit code. ERR_NOT_FOUND. */
int engine_container_wait(struct engine *en, const struct engine_wait *w, const char *id,
        int *ret_exit, struct err *e);

/* Looks at one; the caller ends *ret with engine_container_done(). ERR_NOT_FOUND. */
int engine_container_inspect(struct engine *en, const struct engine_wait *w, const char *id,
        struct engine_container *ret, struct err *e);

/* Takes one container of a listing, borrowed. 0 to go on. */
typedef int engine_container_fn(const struct engine_container *c, void *ctx);

/* Calls fn for each container, running or not, that has the label ("key" or "key=value"). */
int engine_container_each(struct engine *en, const struct engine_wait *w, const char *label,
        engine_container_fn *fn, void *ctx, struct err *e);

/* Takes a piece of output, raw. 0 to go on. */
typedef int engine_output_fn(const char *data, size_t n, bool is_stderr, void *ctx);

/*
 * What the main process wrote, from the last `tail` lines on (-1: all), and with `follow` until it
 * ends. `tty` must be the container's own (inspect): only without one are the two outputs apart.
 * ERR_NOT_FOUND.
 */
int engine_container_logs(struct engine *en, const struct engine_wait *w, const char *id, bool tty,
        bool follow, int tail, engine_output_fn *fn, void *ctx, struct err *e);
