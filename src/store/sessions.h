/* SPDX-License-Identifier: MIT */
/*
 * Sessions: the shells that people have open in containers, so that a client finds its own again
 * after ds01d was restarted. A session is an exec of the engine; its row goes when it ends, and
 * with its container's row at the latest. Adding and removing one does not wait for the disk: after
 * a reboot it means nothing, and somebody waits for a prompt.
 */
#pragma once

#include "store/store.h"

struct session {
        char exec_id[65]; /* the engine's, 64 hexadecimal digits */
        int64_t container_id;
        char engine_id[65]; /* the container's in the engine */
        uid_t uid;
        char boot_id[37]; /* the machine's when it began: after a reboot there is nothing to claim
                           */
        bool tty;
        int64_t created_at; /* Unix seconds */
};

/* ERR_NOT_FOUND if the container has no row. */
int sessions_add(struct store *s, const struct session *session, struct err *e);
/* Somebody else's session is not found. */
int sessions_find(struct store *s, const char *exec_id, uid_t uid, struct session *ret,
        bool *ret_found, struct err *e);
/* One that is not there is fine. */
int sessions_remove(struct store *s, const char *exec_id, struct err *e);
/* Calls fn for each session of a container, or of all (container_id 0), oldest first; fn returns <
 * 0 to stop early. */
int sessions_each(struct store *s, int64_t container_id,
        int (*fn)(const struct session *session, void *ctx), void *ctx, struct err *e);
