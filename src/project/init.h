/* SPDX-License-Identifier: MIT */
/*
 * `project init`: makes ~/workspace/NAME, or completes a folder that exists.
 *
 * A new project is built in a hidden folder beside its place and renamed there once it is whole: an
 * interrupted call leaves no half project. An existing folder is adopted: only missing files are
 * added, nothing is changed, and its Git state is left alone. Asks nothing; the command has done
 * so.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "project/template.h"

#include <stdbool.h>

struct init_options {
        /* created and author may be NULL: today, and the caller's account name. */
        struct template_values values;
        bool no_git;
};

struct init_report {
        char *path;         /* absolute */
        bool adopted;       /* the folder existed */
        struct strv added;  /* files and folders ("data/") that were made, relative */
        struct strv kept;   /* files that existed and were left as they are */
        struct strv notes;  /* sentences that the person should see, such as on Git */
        bool git_committed; /* there is a repository with a first commit */
};
#define cleanup_init_report CLEANUP(init_report_done)
void init_report_done(struct init_report *r);

/*
 * Fails with ERR_INVALID for values that can't be written, ERR_DENIED if the folder or the
 * workspace is a symbolic link to a folder of somebody else, ERR_EXISTS if the name is taken by a
 * file, and ERR_FAILED if a file can't be written; what this call had made is removed again.
 */
int project_init(const struct init_options *o, struct init_report *ret, struct err *e);
