/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a socket, said by the kernel and never by a message.
 *
 * ds01d calls peer_of_socket() once for each connection, right after accept. A peer owns its
 * strings. What a peer may do is decided elsewhere; here only those are turned away who can't be a
 * person of this machine: processes of a container, ids without an account, system accounts. Root
 * passes: it is an admin, which the daemon settles.
 */
#pragma once

#include "base/str.h"
#include "host/account.h"

#include <stdbool.h>
#include <sys/types.h>

struct peer {
        uid_t uid;
        gid_t gid; /* the process's own, which newgrp(1) may have changed */
        pid_t pid;
        gid_t *groups; /* supplementary, as they were when it connected */
        size_t n_groups;
        char *user, *home, *shell; /* the account's */
};
#define cleanup_peer CLEANUP(peer_done)
void peer_done(struct peer *p);

/* Fills *ret from a connected Unix socket. ERR_DENIED with a sentence for the person if refused. */
int peer_of_socket(int fd, struct peer *ret, struct err *e);

/* True if gid is the peer's primary or a supplementary group. */
bool peer_in_group(const struct peer *p, gid_t gid);

/* The same for a group's name; no such group, or NULL, is false. May ask the network (account.h). */
bool peer_in_named_group(const struct peer *p, const char *name);

/*
 * The supplementary groups that a container of this peer gets: its own groups from GID_MIN up, and
 * those of its own groups that `allowed_names` lists. Never the primary group (it goes with the
 * user id), 0 or 65534. Names that no group has are passed over. The caller frees *ret_gids, which
 * is never NULL.
 */
void peer_container_groups(
        const struct peer *p, const struct strv *allowed_names, gid_t **ret_gids, size_t *ret_n);
