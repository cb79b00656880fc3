/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/mountinfo as rows. What a process sees mounted is the only truth about mounts: mounts.h
 * asks it what a descriptor stands on and what the engine sees, cgroup.h where the hierarchies are.
 * A snapshot: nothing here is kept up to date.
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mountinfo_row {
        int id;
        const char *dev;     /* "254:0" */
        const char *root;    /* the folder of the file system that is mounted */
        const char *path;    /* where, as that process sees it */
        const char *options; /* of the mount: "rw,nosuid" */
        const char *fstype;
        const char *super; /* options of the file system: "rw,cpu,cpuacct" */
};

struct mountinfo {
        char *text; /* the rows point into it */
        struct mountinfo_row *rows;
        size_t n;
};
#define cleanup_mountinfo CLEANUP(mountinfo_done)
void mountinfo_done(struct mountinfo *mi);

/* Reads what a process sees; pid 0 is the calling process. ERR_FAILED if it has gone. */
int mountinfo_read(pid_t pid, struct mountinfo *ret, struct err *e);
/* The same from a text in the kernel's form. Rows that don't have it are left out. */
void mountinfo_parse(const char *text, struct mountinfo *ret);

/* NULL if there is none. Several mounts on one path: the last, which hides the others. */
const struct mountinfo_row *mountinfo_by_id(const struct mountinfo *mi, int id);
const struct mountinfo_row *mountinfo_by_path(const struct mountinfo *mi, const char *path);

/* True if a comma-separated list has this very word. */
bool mountinfo_has_option(const char *options, const char *word);
