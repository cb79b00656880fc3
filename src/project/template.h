/* SPDX-License-Identifier: MIT */
/*
 * Every file that we ever write into a project folder, from one place.
 *
 * A table of files, each with the function that makes its text from the project's values. `project
 * init` writes them all, `image-create` only a Dockerfile and requirements.txt. Pure: no I/O, no
 * clock. The values are checked once, by template_check(); after that every text is safe: no value
 * reaches a shell line, and TOML and JSON values are quoted.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* What the files are made from. All borrowed. */
struct template_values {
        const char *name;        /* the project */
        const char *description; /* one line; NULL or "" for none */
        const char *type;        /* one of project_types */
        const char
                *framework; /* "pytorch", "tensorflow", "jax", "none" or another of the catalogue */
        const char *version;    /* of the framework; NULL if it has none */
        const char *base_image; /* what FROM names */
        const char
                *image; /* a catalogue image to launch without a build; NULL: the image is built */
        const char *author;     /* account name */
        const char *created;    /* "2026-11-23" */
        const struct strv *pip; /* further requirements; may be NULL */
        const struct strv *apt; /* further Debian packages; may be NULL */
        int gpus;               /* -1: not written */
        bool cpu_only;
        bool jupyter;      /* JupyterLab among the requirements */
        bool git_lfs;      /* model weights through Git LFS */
        bool devcontainer; /* .devcontainer/devcontainer.json */
        bool blank;        /* only what a build needs */
};

/* ERR_INVALID with the value that can't be written: control characters, several lines, bad UTF-8.
 */
int template_check(const struct template_values *v, struct err *e);

struct template_file {
        const char *path;                               /* relative to the project */
        char *(*make)(const struct template_values *v); /* the text; the caller owns it */
        bool (*wanted)(const struct template_values *v);
};
/* In the order of writing; ends with a NULL path. */
extern const struct template_file template_files[];
/* Folders of a project that is not blank, each born with an empty .gitkeep; NULL-terminated. */
extern const char *const template_folders[];

/* The texts that other commands write too. The caller owns them. */
char *template_pyproject(const struct template_values *v);
char *template_dockerfile(const struct template_values *v);
char *template_requirements(const struct template_values *v);
