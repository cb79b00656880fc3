/* SPDX-License-Identifier: MIT */
/*
 * Shells and commands in running containers.
 *
 * The stream goes straight between the client and the engine: its descriptor is handed over, and only
 * after the engine's literal 101. What stays here is a session: a row in the store, and a reference in
 * the connection that attached or claimed it. When that connection ends before the process does, the
 * client has vanished and the session's processes are hung up. When ds01d itself ends, nobody has
 * vanished: the client comes back and claims its session.
 */
#pragma once

#include "daemon/caller.h"
#include "store/sessions.h"

struct session_ref {
        struct session_ref *next;
        struct session session;
        int stream_fd; /* our copy of the stream, to cut it; -1 after a claim */
};

int attach_start(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e);
int attach_resize(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e);
int attach_wait(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e);
int attach_claim(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e);

/* The connection has gone: sessions that still run are hung up, unless we are ending ourselves. */
void attach_connection_closed(struct caller *who);

/* After a start: which sessions of the former process are waiting to be claimed. */
void attach_recover(struct daemon *d);
/* Called now and then: hangs up those that nobody claimed within ten seconds. */
void attach_sweep(struct daemon *d);
