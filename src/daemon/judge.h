/* SPDX-License-Identifier: MIT */
/*
 * What `ds01 doctor` makes of what it found: facts in, a finding out. Pure, so that a test can bring
 * any state of a machine; examine.h gathers the facts.
 *
 * Errors that come as facts are those of the functions that looked. A judge adds to a finding that is
 * zero, and never says "ok" about what could not be looked at.
 */
#pragma once

#include "base/err.h"
#include "daemon/finding.h"
#include "engine/engine.h"
#include "gpu/gpu.h"
#include "policy/place.h"

#include <sys/types.h>

/* ---- ds01 itself (judge-ds01.c) ---- */

/* `client` is the version of the program that asks, NULL if it didn't say. Times in Unix seconds. */
void judge_daemon(
        const char *client, const char *daemon, int64_t started_at, int64_t now, struct finding *f);
/* A settings file that ds01d reads at its next start. failed: why it would not. */
void judge_settings(const char *path, const struct err *failed, struct finding *f);
/* missing: there is no such file. failed (may be NULL): why the policy can't be read. */
void judge_policy(const char *path, bool missing, const struct strv *warnings,
        const struct err *failed, struct finding *f);

/* A group of the account database. */
struct group_facts {
        const char *name;
        bool exists;
        struct strv
                members;   /* those that the database lists, and those that have it as their own */
        struct err failed; /* why it could not be looked up; else ERR_NONE */
};
/* group NULL: everyone may use ds01. */
void judge_access(const struct group_facts *group, struct finding *f);

struct path_facts {
        const char *what, *path; /* "the database"; may be NULL: nothing is there */
        struct err failed;       /* whose hands it is in; ERR_NONE if root's alone */
};
void judge_paths(const struct path_facts *v, size_t n, struct finding *f);

/* `last`: the latest moment that is recorded; 0: none is. */
void judge_clock(int64_t now, int64_t last, struct finding *f);

/* ---- the machine (judge-host.c) ---- */

struct disk_facts {
        const char *what, *path;
        uint64_t device;      /* those on one device are told once */
        int64_t total, avail; /* bytes; what others than root can still take */
        mode_t mode;
        int error; /* errno, 0 if it could be looked at */
};
void judge_disks(const struct disk_facts *v, size_t n, struct finding *f);

/* release as uname(2) has it; max_namespaces: user.max_user_namespaces, -1 if unknown. */
void judge_kernel(const char *release, int64_t max_namespaces, struct finding *f);

struct idmap_facts {
        const char *what, *path;
        bool mapped;
        struct err failed; /* why it could not be tried; ERR_NONE if it was */
};
void judge_idmaps(const struct idmap_facts *v, size_t n, struct finding *f);

struct cgroup_facts {
        int version;            /* 0: no hierarchy was found */
        bool memory, cpu, pids; /* controllers */
};
void judge_cgroups(const struct cgroup_facts *c, struct finding *f);

/* The members of `docker`, who are root in effect. */
void judge_docker_group(const struct group_facts *g, struct finding *f);

/* ---- the engine (judge-engine.c) ---- */

/* failed: why it doesn't answer; NULL if it does. */
void judge_engine(const struct engine_version *v, const struct err *failed, struct finding *f);
/* apparmor: the kernel has it in use. */
void judge_engine_settings(const struct engine_version *v, const struct engine_details *d,
        bool apparmor, struct finding *f);
/* toolkit: the installed version, "" if there is none or it is not known. */
void judge_holes(const struct engine_version *v, const struct engine_details *d,
        const char *toolkit, struct finding *f);

struct engine_access {
        const char *socket;
        int error; /* errno of looking at it; 0 */
        uid_t uid;
        mode_t mode;
        const char *group; /* its name; NULL: root's */
        struct strv hosts; /* addresses of the network in its settings: "tcp://0.0.0.0:2375" */
        bool tls;          /* and they ask for certificates */
        bool open_2375, open_2376; /* something listens there */
        const char *root_dir;
        mode_t root_mode; /* 0: not known */
};
void judge_engine_access(const struct engine_access *a, struct finding *f);
/* True if a table in the form of /proc/net/tcp or tcp6 has a socket that listens on the port. */
bool judge_listens(const char *table, unsigned port);
/* The tcp:// hosts of a daemon.json, and whether it sets tlsverify; false if it is none. */
bool judge_engine_json(const char *text, size_t n, struct strv *ret_hosts, bool *ret_tls);

struct network_facts {
        const char *name, *bridge;
        struct err failed;  /* why it is not as it must be */
        const char *subnet; /* "172.18.0.0/16", NULL if not known */
};
/* routes: the text of /proc/net/route where the engine is, NULL if not known. */
void judge_networks(const struct network_facts *v, size_t n, const struct engine_details *d,
        const char *routes, struct finding *f);

/* ---- GPUs (judge-gpus.c) ---- */

struct gpu_facts {
        bool answering;
        const struct gpu_sample *sample;
        const struct place_device
                *devices; /* one for each of the sample's; NULL: states not known */
        char (*why)[200]; /* for each: why it is drained; NULL */
};
void judge_gpus(const struct gpu_facts *g, struct finding *f);

struct toolkit_facts {
        bool hook;    /* the engine finds nvidia-container-runtime-hook */
        bool runtime; /* it has a runtime of that name */
        bool cdi;     /* there is a description of the devices */
        const char *version;
};
/* real: the machine has GPUs, and not simulated ones. */
void judge_toolkit(bool real, const struct toolkit_facts *t, struct finding *f);
