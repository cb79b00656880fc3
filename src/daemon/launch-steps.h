/* SPDX-License-Identifier: MIT */
/*
 * What launching a new container (launch.c) and starting an old one (launch-again.c) share: one launch
 * under way, the steps that both have, and how a list of steps is performed and undone.
 */
#pragma once

#include "daemon/create.h"
#include "daemon/launch.h"

enum {
        LAUNCH_ENGINE_S = 120, /* how long the engine may take for one step */
};

struct launch {
        struct daemon *d;
        struct caller *who;
        const struct launch_request *r;
        struct container row;
        struct engine_version engine;
        struct create create;
        int root_map; /* the id map of root inside, once it is needed; -1: not yet */
        int slots;    /* GPUs that a new one gets */
        bool leased;  /* one that exists got its GPUs again just now */
        bool asked;   /* the engine was asked to start it, and that failed */
        bool runs;    /* the start of one that exists came about all the same */
        bool died; /* the main process ended while we looked: kept as STOPPED, with its last words */
};

struct step {
        int (*perform)(struct launch *l, struct err *e);
        int (*undo)(struct launch *l, struct err *e); /* NULL: nothing to undo */
        bool undoes_all; /* this undo takes the earlier steps with it */
        bool atomic;     /* a failed perform has done nothing */
};

/*
 * Performs the steps in order. At the first that fails, undoes from there backwards: a create or start
 * that failed may still have happened, so its own undo comes first, unless it is atomic. If an undo
 * fails, the row keeps what is held, and recovery or the janitor goes on from there.
 */
int launch_run(struct launch *l, const struct step *steps, size_t n, struct err *e);

/* Frees what *l holds; by launch_finish(), and for one that ends otherwise. */
void launch_done(struct launch *l);

/* Ends the operation, reads the row for the reply if `result` is 0, frees *l. Returns the result. */
int launch_finish(struct launch *l, int result, struct container *ret_row, struct err *e);

/* The folders' descriptors: as many as are named, directories that may be handed over. */
int launch_check_folders(struct launch *l, struct err *e);

/* Mounts workspace and data, or finds them mounted by launch_join(). */
int launch_mount_folders(struct launch *l, struct err *e);
/* Mounts workspace, data and home, and writes passwd and group; the other detaches all of it. */
int launch_mount(struct launch *l, int home_fd, struct err *e);
int launch_unmount(struct launch *l, struct err *e);

/* The account's cgroup parent with its aggregate. */
int launch_prepare_cgroup(struct launch *l, struct err *e);

/* STARTING, durably, then the engine's start; and whether it is alive: RUNNING or STOPPED. */
int launch_start(struct launch *l, struct err *e);
int launch_look(struct launch *l, struct err *e);
