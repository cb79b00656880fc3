/* SPDX-License-Identifier: MIT */
/*
 * What launching a project means: its folder, its pyproject.toml, its image, the folders that go in and
 * how many GPUs. For `project launch`, and for `gpu-queue join --launch`, which has ds01d do it later.
 */
#pragma once

#include "cli/launch.h"
#include "project/pyproject.h"

struct plan {
        struct cli *c;
        char name[41];
        int dir_fd;
        char *path;
        struct pyproject py;
        json_t *image;     /* Images.Get of what the project runs on */
        json_t *container; /* Containers.Get, or NULL */
        bool dry_run;
        int gpus; /* -1: what is usual */
        struct wait wait;
};
#define cleanup_plan CLEANUP(plan_done)
#define PLAN_INIT(cli) ((struct plan){ .c = (cli), .dir_fd = -1, .py = PYPROJECT_INIT })
void plan_done(struct plan *p);

/*
 * With p->name set: reads the project and what the command line says about GPUs, and asks ds01d for the
 * image and for a container of that name.
 */
int plan_read(struct plan *p, struct err *e);

/* Where the container is yet to be made: whether ds01d would refuse it now (launch_check()). */
int plan_check(struct plan *p, struct err *e);

/* A project on a catalogue image is not built; it must only be there, or be fetched. */
int plan_catalogue_image(struct plan *p, struct err *e);

/* Opens the workspace and the data folders of --data, else of pyproject.toml. */
int plan_folders(const struct plan *p, struct folders *f, struct err *e);

/* What ds01d is to be asked; borrows from both. */
struct launch plan_launch(const struct plan *p, struct folders *f);
