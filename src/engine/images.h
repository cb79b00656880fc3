/* SPDX-License-Identifier: MIT */
/*
 * Images in the engine: look at, tag, remove, pull. A reference is a name with a tag or digest, or
 * an id. Nothing here knows whose an image is.
 */
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "engine/engine.h"

#define ENGINE_IMAGE_ID_SIZE 80 /* "sha256:", 64 digits, NUL, and room */

struct engine_image {
        char id[ENGINE_IMAGE_ID_SIZE]; /* "sha256:…" */
        struct strv tags;              /* every name it has; none: dangling */
        json_t *entrypoint, *cmd;      /* array or NULL */
        json_t *env;                   /* array of "KEY=value", or NULL */
        json_t *labels;                /* object or NULL */
        char *user, *workdir;          /* "" if the image sets none */
        bool has_triggers;             /* ONBUILD steps, which a build on top of it would run */
        int64_t created, size;         /* Unix seconds; bytes, shared layers included */
        struct strv layers;            /* digests, lowest first */
        char *os, *arch;               /* "linux", "amd64" */
};
void engine_image_done(struct engine_image *i);
#define cleanup_engine_image CLEANUP(engine_image_done)

/* Looks at one; the caller ends *ret with engine_image_done(). ERR_NO_IMAGE. */
int engine_image_inspect(struct engine *en, const struct engine_wait *w, const char *ref,
        struct engine_image *ret, struct err *e);

/* Takes one image of a listing, borrowed; only id, tags, labels, created and size are filled in. 0
 * to go on. */
typedef int engine_image_fn(const struct engine_image *i, void *ctx);

/* Calls fn for each image that has the label ("key" or "key=value"). */
int engine_image_each(struct engine *en, const struct engine_wait *w, const char *label,
        engine_image_fn *fn, void *ctx, struct err *e);

/*
 * Removes a name, and the image with its last name; an id removes the image if it has at most one
 * name. Never by force: if containers, other names or other images need it, *ret_in_use is true and
 * it stays. One that is not there is fine.
 */
int engine_image_remove(struct engine *en, const struct engine_wait *w, const char *ref,
        bool *ret_in_use, struct err *e);

/* Gives an image a further name; a name that another image had moves. ERR_NO_IMAGE. */
int engine_image_tag(struct engine *en, const struct engine_wait *w, const char *id,
        const char *repo, const char *tag, struct err *e);

struct engine_progress {
        const char *layer;      /* short id, or the tag in the first and last lines; may be "" */
        const char *status;     /* "Downloading" */
        int64_t current, total; /* bytes; 0 if the engine gives none */
};

/* Takes one step of progress, borrowed. 0 to go on. */
typedef int engine_progress_fn(const struct engine_progress *p, void *ctx);

/*
 * Pulls an image; a name without tag or digest gets ":latest". Returns 0 only if it is complete.
 * ERR_NO_IMAGE: its registry can't be reached or does not have it; err.detail is the engine's
 * message.
 */
int engine_image_pull(struct engine *en, const struct engine_wait *w, const char *ref,
        engine_progress_fn *fn, void *ctx, struct err *e);

/*
 * Turns the engine's message about a failed pull of `ref` into an error, as above. For builds,
 * whose FROM pulls too.
 */
int engine_image_pull_error(const char *ref, const char *message, struct err *e);
