/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: which image holds which framework, in which version, for which GPUs.
 *
 * The text is that of AIME's ml_images.repo, one entry a line, '#' starts a comment:
 *
 *     Framework, version, [ARCH;ARCH...], image
 *
 * A catalogue is filled from several texts, the most important first: of two entries for the same
 * framework, version and architecture the earlier counts. A bad line is reported as a warning and
 * left out; the others stay, because one typing mistake must not take every image from everyone.
 *
 * Architectures are words: CUDA_BLACKWELL, CUDA_ADA, CUDA_AMPERE, CUDA (older GPUs), ROCM6, ROCM5,
 * CPU. "" means that the machine's is not known. Pure: the texts are given, nothing is read here.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "image/reference.h"

struct catalogue_entry {
        char *framework; /* lower case: "pytorch" */
        char *version;   /* as written: "2.8.0", "2.8.0-aime" */
        struct strv archs;
        struct reference image;
        size_t order; /* position over all texts; smaller wins */
};

struct catalogue {
        struct catalogue_entry *entries; /* by framework, newest version first, then order */
        size_t n;
};
#define cleanup_catalogue CLEANUP(catalogue_done)

void catalogue_done(struct catalogue *c);

/*
 * Adds the entries of one text. `name` (a path, say) is what the warnings call it: each is
 * "NAME:LINE: what is wrong". Call it for the most important text first.
 */
void catalogue_add(
        struct catalogue *c, const char *text, size_t n, const char *name, struct strv *warnings);

/*
 * Finds the image for "pytorch", "pytorch:2.8.0", "pytorch:2.8", "aime/pytorch" or
 * "aime/pytorch:2.8.0" on a machine with this GPU architecture. Upper and lower case are the same.
 * Without a version it is the newest there is for the architecture; a version that is not there
 * exactly stands for the newest that begins with it ("2.8" for 2.8.0, "2.8.0" for 2.8.0-aime).
 * Where the architecture is "CPU" or "" an entry for CPU is preferred, also to newer versions, else
 * any will do. The result is borrowed. ERR_NO_IMAGE names what there is instead.
 */
int catalogue_resolve(const struct catalogue *c, const char *what, const char *arch,
        const struct catalogue_entry **ret, struct err *e);

/* True for "aime/<anything>", the form of image name that is looked up here. */
bool catalogue_is_alias(const char *image);

/* The first entry for this image, borrowed, or NULL: what a container's or a FROM's image holds. */
const struct catalogue_entry *catalogue_find_image(
        const struct catalogue *c, const struct reference *image);

/*
 * What to offer on this machine: one entry for each framework and version that has an image for the
 * architecture, by framework, newest first. The array is the caller's (free), NULL if empty; the
 * entries are borrowed.
 */
size_t catalogue_choices(
        const struct catalogue *c, const char *arch, const struct catalogue_entry ***ret);

/* The words that `project init --framework=` takes, NULL-terminated: pytorch tensorflow jax none.
 */
extern const char *const catalogue_frameworks[];
/*
 * The name to print for a framework word: "PyTorch", "TensorFlow", "JAX". For "none" it is what the
 * version counts: "Debian", "Python", …, if the image's name says so; else Python for its versions
 * (3.x) and where there is none, and "None", as catalogues write it, for any other. image and version
 * may be NULL. Another word is printed as it is.
 */
const char *catalogue_pretty(
        const char *framework, const char *version, const struct reference *image);

/* Compares versions by their numbers ("2.10" > "2.9"), then by length: <0, 0 or >0. A suffix after
 * '-' does not count. */
int catalogue_compare_versions(const char *a, const char *b);
