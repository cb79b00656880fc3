/* SPDX-License-Identifier: MIT */
/*
 * Who may ask for what: the one place where "may they" is decided.
 *
 * The caller of these functions has looked up what the kernel and the account database know; here
 * is only the decision and the sentence that people read. Pure.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* What a method asks of its caller. */
enum access_class {
        ACCESS_ANYONE,        /* even without access: to learn that there is none */
        ACCESS_USER,          /* an ordinary account with access, for itself; never root */
        ACCESS_USER_OR_ADMIN, /* as above; or an admin, who may act for another account */
};

/* How the machine is set up. */
struct access_rule {
        const char *group; /* its members have access; NULL: every account from uid_min up */
        uid_t uid_min;     /* UID_MIN of login.defs; matters only where group is NULL */
};

struct access_caller {
        uid_t uid;
        gid_t gid;        /* the primary group */
        const char *name; /* the account's name, for the sentences */
        bool in_access_group, in_admin_group;
};

/* True for uid 0 and members of the admin group. */
bool access_is_admin(const struct access_caller *c);

/*
 * May this account have containers here: members of the access group, admins other than root, and
 * with no group set every account from uid_min up. Never root, nobody, an account without a valid
 * uid, or one whose primary group is root's. ERR_DENIED with whom to ask; root gets ERR_INVALID,
 * because the fix is to name an account.
 */
int access_check_user(const struct access_rule *rule, const struct access_caller *c, struct err *e);

/* May the caller use a method of this class. `rule` as above. */
int access_check(const struct access_rule *rule, const struct access_caller *c,
        enum access_class class, struct err *e);

/*
 * May the caller, who passed access_check() with ACCESS_USER_OR_ADMIN, act on what belongs to
 * `owner`. For itself always; for another account as an admin only.
 */
int access_check_owner(const struct access_caller *c, uid_t owner, struct err *e);
