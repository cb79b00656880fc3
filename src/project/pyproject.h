/* SPDX-License-Identifier: MIT */
/*
 * pyproject.toml, as far as it concerns us: [project] name and description, and [tool.ds01].
 *
 * Reads, never writes. Every other table belongs to other tools and is not looked at. Under
 * [tool.ds01] an unknown key or a value of the wrong type is an error with its place in the file: a
 * typing mistake in `cpu-only` must not quietly hold a GPU. There are no keys that widen rights.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct pyproject {
        char *name, *description;                   /* from [project]; NULL if absent */
        char *type, *framework, *framework_version; /* "cv", "pytorch", "2.8.0"; NULL if absent */
        char *image;                                /* a catalogue image: no build; NULL: built */
        char *author, *created;                     /* NULL if absent */
        struct strv data;                           /* "DIR" or "DIR:rw", as --data takes them */
        bool has_ds01;                              /* there is a [tool.ds01] */
        bool cpu_only;
        int gpus;          /* -1 if absent */
        int64_t shm_bytes; /* -1 if absent */
};
#define PYPROJECT_INIT ((struct pyproject){ .gpus = -1, .shm_bytes = -1 })
#define cleanup_pyproject CLEANUP(pyproject_done)
void pyproject_done(struct pyproject *p);

/*
 * Reads a text. `shown_path` ("~/workspace/x/pyproject.toml") is what errors call it. Fails with
 * ERR_INVALID and "PATH:LINE:COLUMN: reason"; the nearest or the known keys are in the detail.
 */
int pyproject_parse(
        const char *text, size_t n, const char *shown_path, struct pyproject *ret, struct err *e);

/*
 * Reads pyproject.toml of a project folder. `shown_folder` is what errors call the folder:
 * "~/workspace/x". A folder without the file is fine: *ret_exists is false and *ret is
 * PYPROJECT_INIT. On success the caller calls pyproject_done().
 */
int pyproject_load(int project_dirfd, const char *shown_folder, struct pyproject *ret,
        bool *ret_exists, struct err *e);

/* For people: "PyTorch 2.8.0", "JAX", "Python" for none; "" if the file names none. */
#define PYPROJECT_DISPLAY_LEN 64
void pyproject_display(const struct pyproject *p, char out[PYPROJECT_DISPLAY_LEN]);
/* The same from the two words alone; version may be NULL. */
void framework_display(const char *framework, const char *version, char out[PYPROJECT_DISPLAY_LEN]);

/* The eight project types, NULL-terminated: ml, cv, nlp, rl, audio, ts, llm, custom. */
extern const char *const project_types[];
/* What each of them is about, in the same order: "machine learning". */
extern const char *const project_type_subjects[];
