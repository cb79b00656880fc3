/* SPDX-License-Identifier: MIT */
/*
 * Building a project's image: packs the folder with the caller's rights into a pipe whose other end
 * ds01d reads, and shows what the build says.
 */
#pragma once

#include "cli/cli.h"
#include "project/pyproject.h"

/* Builds the project in `project_fd`. On failure the whole log has been shown. */
int build_project(struct cli *c, const char *project, int project_fd, const struct pyproject *py,
        bool no_cache, struct err *e);

enum build_need { BUILD_CURRENT, BUILD_MISSING, BUILD_STALE };
/*
 * Is a build needed, and why? `image` is the answer of Images.Get for the project. *ret_why (owned)
 * is a clause such as "requirements.txt changed since the build".
 */
int build_needed(
        int project_fd, const json_t *image, enum build_need *ret, char **ret_why, struct err *e);
