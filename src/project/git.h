/* SPDX-License-Identifier: MIT */
/*
 * A first Git commit for a new project. Runs the caller's own git, as the caller, with their
 * configuration; never a shell. A project is complete without it, so nothing here is an error.
 */
#pragma once

#include <stdbool.h>

enum git_outcome {
        GIT_COMMITTED,
        GIT_NOT_INSTALLED,
        GIT_NO_IDENTITY, /* the repository is there; user.name or user.email is not set */
        GIT_FAILED
};

/*
 * git init and a first commit of everything in the folder, whose absolute path must not change
 * meanwhile. With `lfs` (git_has_lfs()) its filter is set up for that repository, so that the files
 * that .gitattributes names go through it. Blocks until git is done (some 20 ms).
 */
enum git_outcome git_first_commit(const char *path, const char *message, bool lfs);

/* Are git and git-lfs installed? */
bool git_has_lfs(void);
