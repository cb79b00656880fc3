/* SPDX-License-Identifier: MIT */
/*
 * ds01d: what its threads share.
 *
 * One struct daemon for the life of the process. Each connection has a thread of its own, which
 * serves one request after the other in straight-line code; a watcher follows the engine's events and
 * a janitor mends what was left over. The store, the engine client and the mounts take calls from
 * any thread. What is guarded by `lock` says so; the lock is never held across a call to the engine,
 * the store or the disk.
 */
#pragma once

#include "base/err.h"
#include "daemon/config.h"
#include "engine/engine.h"
#include "host/boot.h"
#include "host/mounts.h"
#include "rpc/server.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct daemon {
        struct config config;
        const char *config_path; /* of the file it came from; NULL: of none that was named */
        int64_t started_at;      /* Unix seconds */
        struct store *store;
        struct engine *engine;
        struct mounts mounts;
        struct rpc_server *server;
        char boot[BOOT_ID_LEN + 1];
        const char *gpu_arch;        /* word of the catalogue; "": not known */
        struct gpus *gpus;           /* by gpus.h alone */
        struct scheduler *scheduler; /* by scheduler.h alone */
        int stop_fd;                 /* readable once we are ending */
        atomic_bool stopping; /* sessions and containers outlive us: nobody is "vanished" now */

        pthread_mutex_t lock;
        struct rules *rules;         /* lock: policy and catalogue; by rules.h alone */
        pthread_cond_t engine_asked; /* lock: the first attempt to reach the engine is over */
        bool engine_tried;           /* lock: that it is */
        bool engine_ready;           /* lock: it answers, and recovery has been through */
        struct err engine_error;     /* lock: why it isn't ready */
        struct engine_version engine_version; /* lock */
};

/*
 * 0 once the engine answers and what a former process left behind is dealt with; else ERR_ENGINE
 * with the reason. Every operation that changes something asks first. Right after our start, or after
 * the engine was lost, it waits until the engine has been asked once more, at most some seconds.
 * ret_version may be NULL.
 */
int daemon_engine(struct daemon *d, struct engine_version *ret_version, struct err *e);

/* No wait for the engine that begins from now on is longer than this. Called before threads exist. */
void daemon_set_patience(int seconds);
/* A wait of so many seconds that nobody can cut short: for operations past the point of no return. */
struct engine_wait daemon_wait(int seconds);
/* Also ended by the caller's hang-up, and as long as it says: for builds and pulls. */
struct engine_wait daemon_wait_call(const struct rpc_call *call, int seconds);

/* Labels every container and network of ours with this daemon's instance; "ds01.instance=<hex>". */
void daemon_instance_label(const struct daemon *d, char out[64]);
