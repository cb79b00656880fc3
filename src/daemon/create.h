/* SPDX-License-Identifier: MIT */
/*
 * What goes into a container of one caller: gathers the facts that policy/spec.h turns into the
 * engine's create body. Decides nothing about rights: those are constants there.
 */
#pragma once

#include "daemon/images.h"
#include "host/cgroup.h"
#include "policy/limits.h"
#include "policy/mainproc.h"
#include "policy/spec.h"
#include "store/containers.h"

enum { CREATE_MOUNTS_MAX = 24 };

struct create {
        struct usable_image image;
        struct image_facts facts;
        struct mainproc main;
        struct limits limits;
        gid_t gid;     /* the account's own, not what newgrp(1) made of it */
        gid_t *groups; /* supplementary groups inside */
        size_t n_groups;
        struct spec_mount mounts[CREATE_MOUNTS_MAX];
        bool is_mount_point
                [CREATE_MOUNTS_MAX]; /* must be visible to the engine before each start */
        size_t n_mounts;
        struct strv paths; /* owns what mounts point to */
};
void create_done(struct create *c);

/* Fills limits, groups and main process from the image and the caller. */
void create_decide(struct create *c, struct daemon *d, struct caller *who);
/* The same for a container that exists: its image may be gone from the caller's list by now. */
int create_for_existing(struct create *c, struct daemon *d, struct caller *who,
        const struct container *row, struct err *e);

/* Adds a mount; the source path is taken. */
void create_add_mount(
        struct create *c, char *source, const char *target, bool read_only, bool mount_point);
/* "/data/<the folder's name>", with "-2" and so on where that is taken; owned. */
char *create_data_target(const struct create *c, const char *path);

/* The container's passwd and group; owned. */
char *create_passwd(const struct create *c, const struct caller *who);
char *create_group(const struct create *c, const struct caller *who);

int create_max_containers(const struct create *c); /* -1: no limit */
struct cgroup_limits create_aggregate(const struct create *c);

/* The create body; a new reference, NULL if policy/spec.h refuses it. */
json_t *create_body(const struct create *c, struct daemon *d, const struct container *row,
        const struct engine_version *engine);

/*
 * Has the engine create it, under the row's name. A container of a former operation that has the name
 * and was never started is removed first. The caller holds the row's operation.
 */
int create_in_engine(struct daemon *d, const struct container *row, const json_t *body,
        char ret_id[65], struct err *e);
