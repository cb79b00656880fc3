/* SPDX-License-Identifier: MIT */
/*
 * Builds an image with the engine's classic builder: the only one that heeds limits.
 *
 * The context is a tar from a source, usually a pipe from the CLI, and is passed on as it comes.
 * Leaving the call early, for whatever reason, closes the connection, which ends the running step.
 */
#pragma once

#include "engine/http.h"
#include "engine/images.h"

struct engine_build {
        const char *tag;          /* the name it gets, or NULL */
        const char *dockerfile;   /* its path in the context, or NULL for "Dockerfile" */
        const char *network_mode; /* of RUN steps */
        const char *cgroup_parent;
        int64_t memory_bytes; /* of a RUN step, swap included; 0 no limit, as the others */
        int64_t cpu_quota_us, cpu_period_us;
        int64_t shm_bytes;
        const json_t *labels; /* object of strings, or NULL */
        const json_t *args;   /* object of strings for ARG, or NULL */
        const char *
                cache_from; /* the only image whose steps may be reused; NULL: any on the machine */
        bool no_cache;
};

enum engine_build_kind {
        BUILD_STREAM, /* text: output, raw, not by lines; may hold control characters */
        BUILD_STEP, /* text: "Step 2/6 : RUN …" without its line's end, which comes as BUILD_STREAM
                     */
        BUILD_IMAGE, /* text: short id of a step's image */
        BUILD_PULL,  /* progress: of a base image */
        BUILD_ERROR, /* text: why it failed; the call then fails with the same */
};

/*
 * Printing the text of every STREAM and STEP is the builder's own output. An IMAGE comes after the
 * STREAM that it was found in, and is a hint, not proof: a RUN step can print the same words.
 * Before removing such an image, see that it has no name.
 */
struct engine_build_event {
        enum engine_build_kind kind;
        const char *text; /* n bytes and a NUL, UTF-8; "" for BUILD_PULL */
        size_t n;
        int step, steps; /* BUILD_STEP */
        struct engine_progress progress;
};

/* Takes one event, borrowed. 0 to go on; anything else ends the build. */
typedef int engine_build_fn(const struct engine_build_event *event, void *ctx);

/*
 * Builds and tells the image's id. Success is an answer that is complete and names an image.
 * ERR_NO_IMAGE: FROM names an image that can't be had. ERR_FAILED: a step failed, the Dockerfile is
 * wrong, or the source can't be read.
 */
int engine_build(struct engine *en, const struct engine_wait *w, const struct engine_build *build,
        struct engine_source *source, engine_build_fn *fn, void *ctx,
        char ret_image_id[ENGINE_IMAGE_ID_SIZE], struct err *e);
