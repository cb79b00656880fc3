/* SPDX-License-Identifier: MIT */
/*
 * What the engine is asked for: the body of a container create and of an exec.
 *
 * This is the only place where either is built, from constants and from what ds01d has decided. No
 * field of a client's request goes in unseen, and none that widens rights can be expressed. Golden
 * files (tests/unit/policy/golden) pin the result byte for byte, with the reason for each line.
 * Pure.
 */
#pragma once

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spec_mount {
        const char *source; /* absolute, below a folder of ds01d's */
        const char *target; /* absolute, in the container */
        bool read_only;
};

/* -1 is unlimited in each. */
struct spec_limits {
        int64_t memory;    /* bytes; swap is the same number, so there is none on top */
        int64_t nano_cpus; /* 1e-9 CPU */
        int64_t shm;       /* bytes; without a limit of its own, as much as memory */
        int64_t pids;
};

/* Everything is borrowed; a NULL text becomes "". */
struct spec {
        const char *name, *user, *project, *op, *instance;
        const char *image_id;  /* what runs: the id, so that a moved tag changes nothing */
        const char *image_ref; /* what it was called, for the label */
        const char *framework, *interface, *hostname;
        const char *workspace_path, *data_label, *created_at, *version, *build_label;
        uid_t uid;
        gid_t gid;
        /* Root inside: 0:0 with the capabilities that packages need, and seccomp.h's filter. Only if each
         * mount has the user's id map (host/idmap.h), without which it would be root outside. */
        bool root;
        const gid_t *groups; /* supplementary; 0 and the primary one are left out */
        size_t n_groups;
        const json_t *entrypoint, *cmd; /* arrays from mainproc_choose() */
        const json_t *image_env; /* the image's Env, or NULL: tells whether it sets a locale */
        const struct spec_mount *mounts;
        size_t n_mounts;
        /* Uuids of the GPUs that it gets, NULL or none: it sees no GPU. Simulated ones are told to the
         * container and not asked of the engine, which knows none. */
        const struct strv *gpus;
        const char *cgroup_parent, *network;
        struct spec_limits limits;
        int stop_grace_s;
        int64_t nofile_hard;      /* dockerd's own; <= 0: leave its default */
        const char *lang_default; /* NULL: C.UTF-8 */
};

/*
 * The body of POST /containers/create: a new reference, or NULL if it must not exist (uid or gid 0,
 * or -1; a network that is built into the engine or is another container's; a mount that is not
 * absolute, or is the engine's socket; a GPU that is no uuid). Callers have checked all that before; this is the last
 * gate.
 */
json_t *spec_create_body(const struct spec *s);
/* Whether the "User" of a container, as the engine tells it, is that of root inside. */
bool spec_user_is_root(const char *user);

struct spec_exec {
        uid_t uid;
        gid_t gid;
        bool root;                   /* the container has root inside, and so has this */
        const char *user, *hostname; /* for the prompt */
        const json_t *cmd;           /* array of strings */
        bool tty;                    /* a terminal: then stdin is attached too */
        bool with_stdin;             /* attach stdin without a terminal */
        const char *term;            /* the caller's TERM; NULL or odd ones become xterm */
};

/* The body of POST /containers/{id}/exec: a new reference, or NULL as above. */
json_t *spec_exec_body(const struct spec_exec *x);
