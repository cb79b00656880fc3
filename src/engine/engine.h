/* SPDX-License-Identifier: MIT */
/*
 * The container engine (dockerd) as typed calls. This header has the engine as a whole;
 * containers.h, archive.h, exec.h, images.h, build.h, events.h and networks.h have what it keeps
 * and does.
 *
 * The only layer that knows HTTP and the engine's JSON. It never logs, never decides what is
 * allowed, and keeps no state but idle connections and the API version agreed on. Any thread may
 * call, and calls run side by side. Only the daemon uses it.
 *
 * What holds for every call:
 * - `w` says how long it may last (wait.h); NULL is for ever.
 * - Names, ids and references go into URLs percent-encoded; one that would change the path's shape
 *   ("..", an empty part) is refused with ERR_INVALID before anything is sent.
 * - ERR_ENGINE: no engine, or an answer that is no answer. ERR_BUSY: the deadline passed.
 *   ERR_INTERRUPTED: the caller hung up, or a callback returned non-zero. ERR_FAILED: the engine
 *   refused, with its own message in the sentence. Other codes are named at each call.
 * - Answers are capped; a callback's pointers are borrowed for the time of the call to it.
 */
#pragma once

#include "engine/wait.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct engine;

/* A client of the engine's socket. Nothing is sent yet. The caller frees it after its last call. */
struct engine *engine_new(const char *socket_path);
void engine_free(struct engine *en);

/*
 * Have `fn` called after every request but attachments, in the thread that made it: the target with
 * its query, the status (0: no answer), and the microseconds it took, its answer read. Before the
 * first request.
 */
typedef void engine_told(void *ctx, const char *method, const char *target, int status, int64_t us);
void engine_tell(struct engine *en, engine_told *fn, void *ctx);

/* 0 if the engine answers. */
int engine_ping(struct engine *en, const struct engine_wait *w, struct err *e);

struct engine_version {
        char version[64];       /* "20.10.24" */
        char api[16];           /* agreed on by both sides: "1.41" */
        char cgroup_driver[16]; /* "cgroupfs" or "systemd" */
        int cgroup_version;     /* 1 or 2 */
        char storage_driver[32];
        char default_runtime[64];
        char root_dir[256]; /* where the engine keeps its data */
        char security[256]; /* "name=seccomp,profile=default name=cgroupns …" */
        bool userns_remap, rootless, live_restore;
        bool nvidia_runtime; /* a runtime "nvidia" is configured; says nothing about --gpus */
        int cpus;
        int64_t memory_bytes;
};

/* What the engine is: GET /version and /info. */
int engine_version(
        struct engine *en, const struct engine_wait *w, struct engine_version *ret, struct err *e);

/* What only an examination of the machine wants to know; "" where the engine doesn't tell. */
struct engine_details {
        char containerd[64], runc[64]; /* versions of what it starts containers with: "1.1.5+ds1" */
        bool authorization;            /* plugins of it decide who may what */
        bool ipv4_forwarding;
        char warnings[1024]; /* its own, one on a line */
};

/* From GET /version and /info. Of warnings that don't fit the last are left out. */
int engine_details(
        struct engine *en, const struct engine_wait *w, struct engine_details *ret, struct err *e);

/*
 * The process id of the engine that listens on the socket, whose mount table decides what bind
 * mounts mean; 0 if unknown. Where systemd listens in its place, the engine's pid file is believed
 * if the process of that number is a dockerd.
 */
pid_t engine_pid(const struct engine *en);
