/* SPDX-License-Identifier: MIT */
/*
 * Building a project's image: the Dockerfile is checked, its images are seen to, and the engine gets
 * our own text of it in front of the caller's archive.
 *
 * One build at a time for an account and `build.parallel` for the machine; the others wait in line, first come first served.
 * Steps run on the network for builds, in the account's build cgroup, with a deadline. A caller that
 * hangs up ends the build, and what a failed build left behind is removed.
 */
#pragma once

#include "daemon/caller.h"

/*
 * Waits for the turn of an account to build, telling the caller that it waits. -1 if the caller hangs
 * up or we end. Each success is paired with build_leave().
 */
int build_enter(struct daemon *d, struct rpc_call *call, uid_t uid, struct err *e);
void build_leave(struct daemon *d, uid_t uid);

/* The engine's side of the caller's archive: our Dockerfile first, then theirs, counted and checked. */
struct context_source;
struct context_source *context_source_new(int archive_fd, const char *dockerfile_name,
        const char *dockerfile, uint64_t max_bytes, uint64_t max_entries);
void context_source_free(struct context_source *s);
/* For struct engine_source. */
ssize_t context_source_read(void *source, char *data, size_t n);
/* Why reading failed, if it did: -1 with *e filled; else 0. */
int context_source_error(const struct context_source *s, struct err *e);
