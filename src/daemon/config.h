/* SPDX-License-Identifier: MIT */
/*
 * Settings of ds01d: /etc/ds01/ds01d.yaml, and the reading of the policy's files.
 *
 * Every key is optional; data/ds01d.yaml.in shows each with its default. An unknown key, a duplicate
 * or a bad value is an error, so that a typing mistake can't open what it was meant to close. A
 * settings file decides who is root's equal here, so it is read only if nobody but root can change
 * it or a folder above it. Loaded once at start; read-only afterwards.
 */
#pragma once

#include "base/str.h"
#include "policy/policy.h"

#include <stdint.h>

#define CONFIG_DEFAULT_PATH "/etc/ds01/ds01d.yaml"

struct config {
        char *socket;                        /* where ds01 connects */
        char *engine_socket;                 /* the engine's API */
        int64_t engine_timeout_s;            /* the longest that one request to it may take */
        char *state_dir;                     /* database, homes */
        char *runtime_dir;                   /* mounts, identity files; gone after a reboot */
        char *network_name, *network_bridge; /* of containers; bridge: host interface */
        char *network_build_name, *network_build_bridge; /* of builds */
        char *access_group;                              /* NULL: `access: all` */
        char *admin_group;
        struct strv images_allow; /* patterns of references that may be pulled */
        char *homes_path;
        int64_t build_memory;      /* bytes, -1: no limit */
        int64_t build_cpus_milli;  /* thousandths of a CPU, -1: no limit */
        int64_t build_pids;        /* -1: no limit */
        int64_t build_timeout_m;   /* minutes */
        int64_t build_max_context; /* bytes */
        int64_t build_max_entries; /* files and folders in a context */
        int64_t build_parallel;    /* builds on the machine at once */
        struct strv build_env;     /* "NAME=value" */
        struct strv groups_allow;  /* Unix groups below GID_MIN that containers may have */
        char *policy_path;
        struct strv catalogue; /* files, later ones win */
        char *probe_command;   /* reads the GPUs */
        char *probe_simulate;  /* NULL, or what it is to simulate instead: "4xA100-40G" */
        char *probe_world;     /* NULL, or the file that changes a simulation */
};
#define cleanup_config CLEANUP(config_done)

/* Fills *ret with the defaults. The caller owns it (config_done). */
void config_defaults(struct config *ret);
/* Reads settings from text; `file` is for messages. Missing keys get their defaults. */
int config_parse(const char *file, const char *text, size_t n, struct config *ret, struct err *e);
/*
 * Reads a settings file after config_path_check(). A NULL path is CONFIG_DEFAULT_PATH, which may
 * be missing; a path that was given may not.
 */
int config_load(const char *path, struct config *ret, struct err *e);
void config_done(struct config *c);
/* The known keys, with their sections in `sub`. Borrowed. */
const struct yaml_key *config_key_table(void);

/*
 * ERR_FAILED with a chmod or chown line unless `path`, each folder above it, and each symbolic link
 * on the way belong to root and can't be changed by anyone else. A folder above it with the sticky
 * bit (/tmp) passes: others can add to it, not replace what root has there. The path must exist.
 */
int config_path_check(const char *path, struct err *e);

/*
 * Reads the policy file with user-overrides.yaml and groups/<group>.members beside it, each after
 * config_path_check(). Without a policy file the built-in limits hold, with a warning. The caller
 * owns *ret (policy_free); on failure it keeps the policy it has.
 */
int config_policy_load(
        const struct config *c, struct policy **ret, struct strv *warnings, struct err *e);
