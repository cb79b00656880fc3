/* SPDX-License-Identifier: MIT */
/*
 * Who is calling, and for whom. Identity comes from the kernel once a connection; what the caller may
 * do is asked of policy/access.h for every request.
 */
#pragma once

#include "daemon/daemon.h"
#include "host/peer.h"
#include "policy/access.h"

/* A connection's own data, made with its first request. */
struct caller {
        struct daemon *daemon;
        struct peer peer;
        bool in_access_group, in_admin_group;
        struct session_ref *sessions; /* the shells whose client this connection is; attach.h */
};

/* The rpc server's authorize callback; ctx is the struct daemon. */
int caller_authorize(struct rpc_call *call, void *ctx, struct err *e);
/* The caller of an authorized call; borrowed, lives with the connection. */
struct caller *caller_of(struct rpc_call *call);

/*
 * An account that is not connected, for what it asked to be done later: looked up anew, groups as the
 * account database has them, and refused if it may no longer use ds01. Only the peer is owned
 * (peer_done).
 */
int caller_of_account(struct daemon *d, uid_t uid, struct caller *ret, struct err *e);

bool caller_is_admin(const struct caller *who);
/* ERR_DENIED with whom to ask, or 0. */
int caller_check_access(const struct caller *who, struct err *e);

struct target {
        uid_t uid;      /* STORE_EVERYONE for all */
        char name[256]; /* the account's name; "" for everyone */
};
/*
 * Whose containers or images a request is about: the caller's own, or, for an admin, those of the
 * account that `user` names ("all" only if `everyone_ok`, and for root without a name). What an admin
 * does to others is logged with `what`.
 */
int caller_target(struct caller *who, const json_t *params, bool everyone_ok, const char *what,
        struct target *ret, struct err *e);
