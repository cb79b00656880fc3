/* SPDX-License-Identifier: MIT */
/*
 * Which images a caller may use, and what is known about them.
 *
 * Yours are those with a row that a build of yours wrote; a label proves nothing. Besides there are the
 * catalogue's, and what images.allow matches and ds01d itself has pulled. Every other image on this
 * machine does not exist for the caller: the same sentence as for one that isn't there.
 */
#pragma once

#include "daemon/caller.h"
#include "engine/images.h"
#include "store/facts.h"

struct usable_image {
        char *ref;       /* as it is shown and recorded */
        char *framework; /* "PyTorch 2.8.0" or NULL */
        bool own, catalogue;
        struct engine_image engine; /* id and configuration, as the engine has it */
};
#define cleanup_usable_image CLEANUP(usable_image_done)
void usable_image_done(struct usable_image *i);

/*
 * Resolves what a caller named: "" is the project's own image, else one of theirs, a catalogue alias
 * or a plain name. ERR_NO_IMAGE if it may not be used or is not on this machine.
 */
int images_resolve(struct daemon *d, struct caller *who, const char *named, const char *project,
        struct usable_image *ret, struct err *e);

/* What the catalogue says that an image holds ("PyTorch 2.8.0"), "" if it isn't there; owned. */
char *images_framework(struct daemon *d, const char *ref);

/* "ds01-alice/thesis:latest"; owned. */
int images_own_ref(
        struct daemon *d, struct caller *who, const char *project, char **ret, struct err *e);

/* Called while an image is pulled, with a line of progress; non-zero ends the pull. */
typedef int images_progress(const char *line, void *ctx);
/*
 * Sees to it that an image that isn't the caller's own may be used and is here: as `named` in a
 * Dockerfile's FROM or by `deploy`. Pulls it if need be. *ret_id (owned) is the engine's id.
 */
int images_ensure(struct daemon *d, struct caller *who, const char *named,
        const struct engine_wait *w, images_progress *progress, void *ctx, char **ret_ref,
        char **ret_id, struct err *e);

/* passwd, group and whether there is a shell: read once per image id, from a container that never runs. */
int images_facts(struct daemon *d, const char *image_id, struct image_facts *ret, struct err *e);

/*
 * Deletes one of the caller's images: the row, and in the engine unless something uses it. *ret_kept
 * tells that a container still does.
 */
int images_remove(struct daemon *d, uid_t uid, const char *ref, bool *ret_kept, struct err *e);
/* Deletes superseded images that no container uses any more. */
void images_sweep(struct daemon *d);
