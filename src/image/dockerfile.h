/* SPDX-License-Identifier: MIT */
/*
 * A user's Dockerfile, checked before the engine sees it.
 *
 * The engine builds as root, with its own network for ADD and with every local image in reach. So a
 * Dockerfile is read here first; what the classic builder would fetch, pull or trust on its own is
 * refused with the line and a way out; and every image it names is returned, so that the caller can
 * ask whether the user may have it. What the engine then gets is not the user's text but
 * dockerfile_text(), written from what was read: one line for each step, no comments, no
 * continuations, image names in full and with a tag. So the engine can't read it differently.
 *
 * Refused: parser directives, ADD of URLs, options of BuildKit (RUN --mount …), heredocs, ONBUILD,
 * labels of ds01, images behind variables that the file gives no value, more than the limits below.
 * Whether an image may be used is not decided here. Pure: no I/O.
 */
#pragma once

#include "base/str.h"
#include "image/reference.h"
#include "image/step.h"

struct dockerfile_rules {
        size_t max_bytes;
        size_t max_stages;
};
#define DOCKERFILE_RULES_DEFAULT                                                                   \
        ((struct dockerfile_rules){ .max_bytes = 64 * 1024, .max_stages = 64 })

/* An image that the Dockerfile takes from outside itself. */
struct dockerfile_image {
        struct reference reference; /* after expansion */
        unsigned line;
        bool copied; /* by COPY --from; else by FROM */
        size_t step; /* the step that names it, and that step's text on both sides of the name */
        char *before, *after;
};

struct dockerfile_stage {
        char *name;   /* "AS name" in lower case, or NULL */
        int parent;   /* the earlier stage it is built from, or -1 */
        bool scratch; /* FROM scratch; without parent and scratch it has an image */
        unsigned line;
};

struct dockerfile {
        struct dockerfile_stage *stages;
        size_t n_stages;
        struct dockerfile_image
                *images; /* in the order of the lines; not empty unless all scratch */
        size_t n_images;
        struct steps steps;
};
#define cleanup_dockerfile CLEANUP(dockerfile_done)
void dockerfile_done(struct dockerfile *d);

/*
 * Reads and checks n bytes. `rules` may be NULL for the defaults. ERR_INVALID "Dockerfile line N:
 * …" with a fix. On success *ret is the caller's (dockerfile_done).
 */
int dockerfile_check(const char *text, size_t n, const struct dockerfile_rules *rules,
        struct dockerfile *ret, struct err *e);

/* Lets images[i] be another one in dockerfile_text(): what an alias of the catalogue stands for. */
void dockerfile_use(struct dockerfile *d, size_t i, const struct reference *reference);

/*
 * The text for the engine. Line numbers stay those of the user's file, but for `pairs`: each
 * "NAME=value" becomes a line ARG NAME="value" after every FROM, so that RUN steps see it; the
 * Dockerfile's own ARG or ENV of that name wins. `pairs` may be NULL. ERR_INVALID for a pair whose
 * name is not a variable's or whose value has control characters. The caller owns *ret.
 */
int dockerfile_text(
        const struct dockerfile *d, const struct strv *pairs, char **ret, struct err *e);

/* dockerfile_check() and dockerfile_text() in one, for callers that know the images are allowed. */
int dockerfile_with_args(
        const char *text, size_t n, const struct strv *pairs, char **ret, struct err *e);
