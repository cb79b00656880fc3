/* SPDX-License-Identifier: MIT */
/*
 * The machine's accounts: users and groups as getpwuid(3) and friends know them (files, LDAP, ...),
 * and the borders between people and system accounts from /etc/login.defs.
 *
 * Every call may ask the network (NSS), so nobody calls these with a lock held. Nothing is cached.
 * Safe from any thread.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

#define ACCOUNT_NOBODY                                                                             \
        65534 /* what unmapped ids turn into: never a person, never a group to give */

struct account {
        uid_t uid;
        gid_t gid;
        char *user, *home, *shell;
};
#define cleanup_account CLEANUP(account_done)
void account_done(struct account *a);

/* The account of a user id or name. ERR_NOT_FOUND if there is none, ERR_FAILED if that can't be
 * told. */
int account_by_uid(uid_t uid, struct account *ret, struct err *e);
int account_by_name(const char *name, struct account *ret, struct err *e);

/* Every group that the account database puts the account in, its own one included; the caller frees
 * *ret_gids. */
int account_groups(const struct account *a, gid_t **ret_gids, size_t *ret_n, struct err *e);

/* A group's id and name; the caller owns *ret_name. Errors as above. */
int host_group_gid(const char *name, gid_t *ret_gid, struct err *e);
int host_group_name(gid_t gid, char **ret_name, struct err *e);

/*
 * The accounts of a group, in no order: those that its entry lists, and those of /etc/passwd that have it
 * as their own group. Others' own groups can't be told without reading a whole directory.
 */
int host_group_members(const char *name, struct strv *ret, struct err *e);

/* UID_MIN and GID_MIN of /etc/login.defs; 1000 where it doesn't say. */
uid_t host_uid_min(void);
gid_t host_gid_min(void);
