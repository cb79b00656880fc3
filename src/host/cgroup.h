/* SPDX-License-Identifier: MIT */
/*
 * Control groups: the group that holds all containers of a user, and the processes of one
 * container.
 *
 * The engine makes a group for each container under a parent that we name. The parent carries what
 * the user's containers may use together, and is made and limited here before the engine creates a
 * container in it. Works with cgroup v1, v2 and both at once; the engine's driver ("cgroupfs" or
 * "systemd", from its /info) decides who makes the groups.
 *
 * The second half finds a container's processes and signals them. A pid is only ever a hint: before
 * a signal, the process is pinned by a pidfd and looked up again in the container's group, which
 * must carry the container's whole id. Nothing is cached; safe from any thread.
 */
#pragma once

#include "base/err.h"
#include "host/mountinfo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PARENT_LEN 64

/* What a group may use in all; negative is without limit. */
struct cgroup_limits {
        int64_t memory_bytes;      /* memory, and with v1 also memory plus swap */
        int64_t cpu_quota_percent; /* 100 is one whole CPU */
        int64_t pids;
        /* Above it the group is slowed down; 0 is without limit too. Cgroup v1 has nothing of the
         * kind: it has no effect there. */
        int64_t memory_high_bytes;
};
#define CGROUP_UNLIMITED ((struct cgroup_limits){ -1, -1, -1, -1 })

/* What to give the engine as CgroupParent: "/ds01/1000" or "ds01-1000.slice". */
void cgroup_parent(const char *driver, uid_t uid, char out[CGROUP_PARENT_LEN]);
/* The same for builds: "/ds01/1000/build" or "ds01-1000-build.slice". Counts towards the user's. */
void cgroup_build_parent(const char *driver, uid_t uid, char out[CGROUP_PARENT_LEN]);

/*
 * Makes the parent (and those above it) if missing and sets its limits, which replace earlier ones.
 * ERR_LIMIT if more memory is in use than the new limit (v1), ERR_FAILED if a limit is asked for
 * that this machine has no controller for.
 */
int cgroup_prepare(const char *driver, uid_t uid, const struct cgroup_limits *l, struct err *e);
int cgroup_prepare_build(
        const char *driver, uid_t uid, const struct cgroup_limits *l, struct err *e);
/* With cgroupfs and the hierarchies of a given mountinfo; the others rest on it. */
int cgroup_prepare_at(const struct mountinfo *mi, const char *parent, const struct cgroup_limits *l,
        struct err *e);

/* True if this machine's hierarchies have a place for memory_high_bytes. */
bool cgroup_has_memory_high(void);

/* What the containers and builds of a user use together; -1 in each: not known. */
struct cgroup_use {
        int64_t memory_bytes; /* without files that the kernel could drop at once */
        int64_t cpu_ns;       /* since the group was made */
        int64_t pids;
};
/* Reads the user's parent. One that does not exist uses nothing. */
int cgroup_use(const char *driver, uid_t uid, struct cgroup_use *ret, struct err *e);
/*
 * The same for n users into as many places. Finding the hierarchies means reading all mounts of the machine,
 * several for each container that runs: here that is done once for all.
 */
int cgroup_use_of(
        const char *driver, const uid_t *uids, size_t n, struct cgroup_use *ret, struct err *e);
/* With the hierarchies of a given mountinfo. `path` begins with "/". */
void cgroup_use_at(const struct mountinfo *mi, const char *path, struct cgroup_use *ret);

/* What a container itself may use; negative: without limit, or the machine doesn't limit it. */
struct cgroup_bounds {
        int64_t memory_bytes;
        int64_t cpu_milli; /* thousandths of a CPU */
        int64_t pids;
};
/*
 * What one container of a user uses and may use; container_id is the engine's whole id. One that
 * does not run uses nothing.
 */
int cgroup_container_use(const char *driver, uid_t uid, const char *container_id,
        struct cgroup_use *ret, struct cgroup_bounds *ret_bounds, struct err *e);
/* With the hierarchies of a given mountinfo. `path` begins with "/". */
void cgroup_bounds_at(const struct mountinfo *mi, const char *path, struct cgroup_bounds *ret);

/*
 * Removes a user's parents where nothing is in them any more. Best effort, cgroupfs only: systemd
 * forgets an empty slice itself, and stopping one that isn't empty would stop the containers. Not
 * while a container of the same user is being made: its parent could go between prepare and create.
 */
void cgroup_remove(const char *driver, uid_t uid);

/* True if the process exists and is in the container's group or one below. */
bool cgroup_process_in(pid_t pid, const char *container_id);

/* How many processes the container has, found by way of its first one; 0 if that has gone. */
size_t cgroup_procs(pid_t container_init_pid, const char *container_id);

/*
 * Who is still there when a container is asked to end. Its first process is the engine's init, whose
 * oldest child is the main process, the image's own: when that ends, everything ends. The init process
 * is left out here: it only passes signals on.
 *
 * An interactive shell ignores SIGTERM and goes on SIGHUP. It is told by ignoring SIGTERM and SIGQUIT
 * and catching SIGINT, which bash, dash and busybox do at a prompt; what merely ignores SIGTERM has its
 * reasons, and is no shell.
 */
struct cgroup_counts {
        size_t others;     /* processes besides init and main */
        size_t shells;     /* of those, interactive shells */
        bool main_shell;   /* main is one */
        bool main_catches; /* main has a handler for SIGTERM */
};
/* ERR_NOT_RUNNING if container_init_pid is not a process of the container (any more). */
int cgroup_count(pid_t container_init_pid, const char *container_id, struct cgroup_counts *ret,
        struct err *e);

enum cgroup_who {
        CGROUP_ALL,    /* the init process too */
        CGROUP_MAIN,   /* the main process */
        CGROUP_OTHERS, /* all but init and main */
};
/*
 * Signals processes of the container. SIGKILL goes on until no process is left that has not got it;
 * after SIGTERM those that were frozen by hand are continued, so that they can act on it.
 * ERR_NOT_RUNNING if container_init_pid is not a process of the container.
 */
int cgroup_signal(pid_t container_init_pid, const char *container_id, enum cgroup_who who, int sig,
        struct err *e);

/*
 * For a shell whose terminal vanished: signals every process of the container that is in the
 * session of exec_pid, then continues those that were stopped. nohup and setsid'ed ones live on.
 * ERR_NOT_RUNNING if exec_pid is no process of the container (any more).
 */
int cgroup_end_session(pid_t exec_pid, const char *container_id, int sig, struct err *e);

/* SIGKILL to this one process, if it is the container's; otherwise ERR_NOT_RUNNING. */
int cgroup_kill_process(pid_t exec_pid, const char *container_id, struct err *e);
