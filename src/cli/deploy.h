/* SPDX-License-Identifier: MIT */
/*
 * What `container deploy` and `container-create` have in common: from the command line to a name, an
 * image that is there and the folders that go in.
 */
#pragma once

#include "cli/gpus.h"
#include "cli/launch.h"

struct deploy {
        struct cli *c;
        const char *title; /* of the picker */
        char name[41], project[41];
        char *image;             /* as asked for: "" for the project's own */
        json_t *info;            /* Images.Get; once deploy_folders() was called */
        int gpus;                /* -1: what is usual */
        const struct wait *wait; /* for a GPU; NULL: not at all */
};
void deploy_done(struct deploy *d);

/* The options that both take; for the table of a command. */
#define DEPLOY_OPTS                                                                                \
        { 0, "project", OPT_VALUE, "NAME", "Use this project's folder and image" },                \
                { 0, "image", OPT_VALUE, "IMAGE", "Use this image" },                              \
                { 0, "framework", OPT_VALUE, "NAME[:VERSION]",                                     \
                        "Use this framework's image from the catalogue" },                         \
                { 'w', "workspace", OPT_VALUE, "DIR", "Use this folder as /workspace" },           \
                { 'd', "data", OPT_LIST, "DIR[:rw]", "Also mount a folder, as /data/<its name>" }, \
                GPU_OPTS,                                                                          \
        {                                                                                          \
                0, "dry-run", OPT_FLAG, NULL, "Say what would be done, do nothing"                 \
        }

/* Name, project and image from the command line, or from the picker. */
int deploy_arguments(struct deploy *d, struct err *e);

/*
 * ERR_EXISTS if there is a container of that name; *ret_state is then "running" for one that runs, ""
 * otherwise, and NULL for any other outcome.
 */
int deploy_check_name(struct deploy *d, const char **ret_state, struct err *e);

/*
 * Sees to the image (one of the catalogue is fetched) and to the workspace (made, as the user, for an
 * image of the catalogue), and notes the folders in *f, which folders_open() then opens.
 */
int deploy_folders(struct deploy *d, struct folders *f, struct err *e);
