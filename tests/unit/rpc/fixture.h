/* SPDX-License-Identifier: MIT */
/*
 * A server with handlers whose behaviour the request names, for the tests of both sides.
 *
 * - Containers.Get: by name: "fail" io.ds01.Died with detail and fix; "silent" no answer; "twice"
 * two answers; "unknown" a field that isn't in the table; "large" more than a frame; "block" until
 *   released or stopped; "keep" counts the connection's own data; anything else: {name, uid}
 * - Containers.List: three rows; with `all`, a last reply that is not empty
 * - Containers.Logs: rows until the caller is gone or the server stops; by name: "flood" as fast as
 *   they go; "loyal" watches the caller only; "null", "unknown", "large": one that can't be sent
 * - Containers.Launch: writes the number of descriptors to the first one, keeps the second
 * - Containers.Attach: replies with a descriptor that says "hello"; name "none" without it
 * - Containers.Retire: not authorized
 */
#pragma once

#include "rpc/client.h"
#include "rpc/server.h"

#include <stdatomic.h>

struct fixture {
        char folder[64], path[96];
        struct rpc_server *server;
        int release_fd; /* eventfd: readable lets "block" go on */
        atomic_int running, kept, freed, hung_up, second_final, authorized;
        atomic_int kept_fd;
};

/* A folder of root's for a socket, without a server; and its end. */
void fixture_folder(struct fixture *f);
void fixture_remove(struct fixture *f);

/* Starts it; limits that are 0 in *config are the built-in ones. */
void fixture_start(struct fixture *f, const struct rpc_server_config *config);
/* Stops it, and fails the test if a call still runs. */
void fixture_stop(struct fixture *f);

/* A connected client; a raw connection, made with the rights of another account if uid is not 0. */
struct rpc_client *fixture_client(struct fixture *f);
int fixture_connect(struct fixture *f, unsigned uid);

/* Waits up to 5 s until the value is reached. */
void fixture_wait(atomic_int *value, int wanted);
void fixture_wait_connections(struct fixture *f, size_t wanted);

/* How many descriptors this process has open. */
size_t fixture_open_fds(void);
