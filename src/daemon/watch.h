/* SPDX-License-Identifier: MIT */
/*
 * The two threads that no client started.
 *
 * The watcher connects to the engine, sees to networks and recovery, then follows the engine's
 * events; when the engine goes away it says so in struct daemon and tries again. The janitor comes by
 * every two seconds: sessions nobody claimed, removals that could not be finished, superseded images,
 * homes to delete, containers whose time is over.
 */
#pragma once

#include "daemon/daemon.h"

struct watch {
        pthread_t watcher, janitor;
};

/* Starts both; they end when d->stop_fd becomes readable. */
int watch_start(struct daemon *d, struct watch *ret, struct err *e);
void watch_join(struct watch *w);
