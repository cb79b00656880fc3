/* SPDX-License-Identifier: MIT */
/*
 * Launching, for `project launch` and `container deploy`: which folders go in, what ds01d is asked,
 * what is said afterwards. Folders are opened here, with the caller's rights; ds01d gets descriptors.
 */
#pragma once

#include "cli/wait.h"

struct folders {
        char *workspace; /* absolute path, as recorded */
        struct strv data_ro, data_rw;
        int fds[16]; /* workspace, then data_ro, then data_rw */
        size_t n_fds;
};
#define cleanup_folders CLEANUP(folders_done)
#define FOLDERS_INIT ((struct folders){ 0 })
void folders_done(struct folders *f);

/*
 * Opens the workspace; it must come first. A missing one fails with ERR_NOT_FOUND. Here and in data
 * folders a leading "~/" is the caller's home; what errors name is the path that was tried.
 */
int folders_workspace(struct folders *f, const char *path, struct err *e);
/* Adds "DIR" or "DIR:rw". Once all are added, folders_open() opens them. */
int folders_data(struct folders *f, const char *spec, struct err *e);
int folders_open(struct folders *f, struct err *e);

struct launch {
        const char *name, *project, *image; /* image: "" = the project's own */
        const char *interface;              /* "orchestration" or "atomic" */
        struct folders *folders;
        int gpus;                /* how many; -1: what is usual */
        const struct wait *wait; /* for a GPU, where none is free; NULL: not at all */
};

/*
 * Asks ds01d; *ret_reply is owned by the caller. A container of that name fails with ERR_EXISTS. Where
 * no GPU is free and l->wait says so, it waits in the queue and asks again.
 */
int launch_request(struct cli *c, const struct launch *l, json_t **ret_reply, struct err *e);
/* The same without starting it. */
int launch_create(struct cli *c, const struct launch *l, json_t **ret_reply, struct err *e);

/*
 * Whether ds01d would refuse it now: asked before an image is built or fetched for it, and for
 * --dry-run. That no GPU is free is said only for the latter, and not to who would wait: it may be
 * another matter once the image is there.
 */
int launch_check(struct cli *c, const char *name, int gpus, const struct wait *wait, struct err *e);

/* Joins the queue: ds01d launches it by itself when its turn comes. *ret_ticket is owned. */
int launch_join(struct cli *c, const struct launch *l, json_t **ret_ticket, struct err *e);

/*
 * Starts a container that exists but does not run, with fresh descriptors of the folders recorded
 * for it (`row` is its row from Containers.Get). Says so if its limits are older than the policy's.
 * Where its own GPUs are somebody else's now, `wait` (may be NULL) says whether to wait for them.
 * *ret_reply (owned) is the answer.
 */
int launch_start(struct cli *c, const json_t *row, const struct wait *wait, json_t **ret_reply,
        struct err *e);

/* "Launched x on GPU 2 (A100 40 GB). Attach: … · Done: …"; `reply` is the answer to the launch. */
void launch_say(const char *verb, const char *name, const json_t *reply);

/* Fills *e: a container of that name exists, in that state, and what can be done about it. Returns -1. */
int launch_say_exists(const char *name, const char *state, struct err *e);

/* The error of contract.md 3 for a container that runs; on a terminal: opens it if the user wants. */
int launch_exists(struct cli *c, const char *name, int *ret_status, struct err *e);
