/* SPDX-License-Identifier: MIT */
/*
 * Projects: the folders of ~/workspace.
 *
 * Runs as the ordinary user. Symbolic links are followed, because home and workspace folders often
 * live on another disk. Nothing here writes.
 */
#pragma once

#include "base/err.h"
#include "project/pyproject.h"

#include <stdbool.h>

/* True if name_check() of policy/name.h takes the name as it is. */
bool project_name_ok(const char *name);

/*
 * The caller's home, without a slash at its end ("" where it is /): $HOME if that folder is the
 * caller's own, else what the account database says. Owned by the caller.
 */
int project_home(char **ret_path, struct err *e);
/* The absolute path of ~/workspace, owned by the caller; the folder may be missing. */
int project_root(char **ret_path, struct err *e);
/* The absolute path of a project's folder, which may be missing; owned. NULL with *e on failure. */
char *project_path(const char *name, struct err *e);
/* "~/workspace/NAME", for sentences; owned by the caller. */
char *project_shown(const char *name);

/*
 * Opens a project's folder. *ret_path is its absolute path; the caller owns both. A missing one is
 * ERR_NOT_FOUND with the nearest existing name and the command that makes it.
 */
int project_open(const char *name, int *ret_dirfd, char **ret_path, struct err *e);

/* What project_each() shows of one project; borrowed, gone when the function returns. */
struct project_entry {
        const char *name;
        const char *display; /* "PyTorch 2.8.0"; "" if pyproject.toml names no framework */
        int dirfd;
        bool has_pyproject, has_dockerfile;
        const struct pyproject *pyproject; /* PYPROJECT_INIT if there is none or it is broken */
        const struct err *broken;          /* why pyproject.toml can't be read; NULL if it can */
};

/*
 * Calls fn for every folder of ~/workspace with a valid name that has a pyproject.toml or a
 * Dockerfile, sorted by name. A non-zero result of fn ends the walk and is returned; 0 at the end,
 * also when there is no ~/workspace; -1 with *e if it can't be read.
 */
int project_each(int (*fn)(const struct project_entry *entry, void *ctx), void *ctx, struct err *e);
