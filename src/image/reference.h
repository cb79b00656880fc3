/* SPDX-License-Identifier: MIT */
/*
 * Image names: "debian", "aime/pytorch:2.8.0", "ghcr.io/org/tool:1".
 *
 * A reference is parsed once and then compared and printed in one form only, so that two spellings
 * of one image are one image: "debian", "debian:latest" and "docker.io/library/debian:latest" give
 * the same text. What names an image by content is refused, because it would reach images whose
 * names are not the caller's: digests, and the hexadecimal ids that the engine also accepts. The
 * text of a parsed reference always has a tag and is therefore never taken for the start of an id.
 *
 * Pure: no I/O, no clock. Callers own what they parse (reference_done).
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>

#define REFERENCE_MAX 200 /* bytes of a reference as people write it */

struct reference {
        char *registry; /* "docker.io" if none was given */
        char *path;     /* with "library/" where the engine adds it: "library/debian" */
        char *tag;      /* "latest" if none was given */
};
#define cleanup_reference CLEANUP(reference_done)

/*
 * Parses a name. ERR_INVALID for digests, bare ids (12 to 64 hexadecimal digits), upper case in
 * front of the tag, more than REFERENCE_MAX bytes, and anything else that the engine would not
 * take.
 */
int reference_parse(const char *text, struct reference *ret, struct err *e);
void reference_done(struct reference *r);
void reference_copy(const struct reference *r, struct reference *ret);

/*
 * The short form that the engine also prints, always with a tag: "debian:latest",
 * "aime/pytorch:2.8.0", "ghcr.io/org/tool:1". The caller owns it.
 */
char *reference_text(const struct reference *r);

bool reference_equal(const struct reference *a, const struct reference *b);

/*
 * True for an image of one of our users: "ds01-<owner>/<rest>" without a registry. The owner and
 * what follows it are copied for the caller where asked for (the pointers may be NULL).
 */
bool reference_is_ds01(const struct reference *r, char **ret_owner, char **ret_rest);

/*
 * True if a pattern of images.allow covers the image. '*' stands for any bytes, '/' included. A
 * pattern is held against the name with and without its tag, in the short form ("aime/pytorch") and
 * the long one ("docker.io/aime/pytorch"): "debian" allows every tag of it, "debian:12" one.
 */
bool reference_matches(const struct reference *r, const char *pattern);
