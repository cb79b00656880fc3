/* SPDX-License-Identifier: MIT */
/*
 * Images: which ones a user built, which ones ds01d pulled, and which ones nobody will ask for
 * again.
 *
 * A row is the only proof that an image is a user's (labels can be forged). An engine id that a
 * rebuild takes the tag from becomes stale in the same transaction; the janitor deletes stale ids
 * once nothing uses them. Nothing here talks to the engine. An output `struct image *` must be
 * zeroed or hold an earlier row, which is freed when it is filled.
 */
#pragma once

#include "base/mem.h"
#include "store/store.h"

struct image { /* one row; strings owned, NULL where unset */
        int64_t id;
        uid_t uid;
        char *ref; /* "ds01-alice/my-thesis:latest" */
        char *project;
        char *image_id; /* the engine's: "sha256:..." */
        char *framework;
        char *dockerfile_sha, *requirements_sha; /* of what it was built from */
        char *base_ref, *base_id;                /* what its FROM named, and was then */
        int64_t built_at;                        /* Unix seconds */
        int64_t size_bytes;
};
#define cleanup_image CLEANUP(image_done)
void image_done(struct image *i);

/*
 * Inserts the row of i->ref or replaces it (i->id is not read). *ret_replaced is the engine id that
 * the ref had before and that is stale now; NULL if there was none or it stays the same. The caller
 * owns it. ERR_DENIED if the ref is another uid's.
 */
int images_put(struct store *s, const struct image *i, char **ret_replaced, struct err *e);
/* The image of that ref if it is this uid's; anybody's. */
int images_find(struct store *s, uid_t uid, const char *ref, struct image *ret, bool *ret_found,
        struct err *e);
int images_find_any(
        struct store *s, const char *ref, struct image *ret, bool *ret_found, struct err *e);
/* Calls fn for each image of a uid or of STORE_EVERYONE, by ref; fn returns < 0 to stop early. */
int images_each(struct store *s, uid_t uid, int (*fn)(const struct image *i, void *ctx), void *ctx,
        struct err *e);
/* Forgets the row; one that is not there is fine. */
int images_delete(struct store *s, uid_t uid, const char *ref, struct err *e);

/* Foreign images that ds01d itself pulled, by the ref that it asked for. */
int images_pulled_put(struct store *s, const char *ref, struct err *e);
int images_pulled_has(struct store *s, const char *ref, bool *ret, struct err *e);

/*
 * Engine ids to delete. _each calls fn for those that neither a container's row nor an image's uses
 * any more, oldest first; fn returns < 0 to stop early, and may call images_stale_remove().
 */
int images_stale_add(struct store *s, const char *image_id, struct err *e);
int images_stale_each(
        struct store *s, int (*fn)(const char *image_id, void *ctx), void *ctx, struct err *e);
int images_stale_remove(struct store *s, const char *image_id, struct err *e);
