/* SPDX-License-Identifier: MIT */
#include "policy/access.h"

#include "base/str.h"

/* The kernel's overflow uid, which stands for "somebody unknown", and setuid(2)'s "no change". */
#define UID_NOBODY ((uid_t)65534)
#define UID_NONE ((uid_t)-1)

bool access_is_admin(const struct access_caller *c)
{
        return c->uid == 0 || (c->in_admin_group && c->uid != UID_NOBODY && c->uid != UID_NONE);
}

static int refuse_root(struct err *e)
{
        err_set(e, ERR_INVALID, "Root is an admin here, not a user");
        return err_fix(e, "sudo -u NAME …");
}

int access_check_user(const struct access_rule *rule, const struct access_caller *c, struct err *e)
{
        if (c->uid == 0)
                return refuse_root(e);
        cleanup_free char *name = str_safe(c->name && *c->name ? c->name : "NAME");
        bool real = c->uid != UID_NOBODY && c->uid != UID_NONE;
        if (real && c->gid == 0) {
                err_set(e, ERR_DENIED,
                        "You may not use ds01 on this machine: your primary group is root's");
                return err_fix(e, "Ask an admin: sudo usermod -g GROUP %s", name);
        }
        bool member = rule->group ? c->in_access_group : c->uid >= rule->uid_min;
        if (real && (member || c->in_admin_group))
                return 0;
        err_set(e, ERR_DENIED, "You may not use ds01 on this machine");
        if (!real || !rule->group)
                return err_fix(e,
                        "Ask an admin: it is open to the accounts of people, from uid %u up",
                        rule->uid_min);
        return err_fix(e,
                "Ask an admin: sudo usermod -aG %s %s\n"
                "Then log out and in again",
                rule->group, name);
}

int access_check(const struct access_rule *rule, const struct access_caller *c,
        enum access_class class, struct err *e)
{
        switch (class) {
        case ACCESS_ANYONE:
                return 0;
        case ACCESS_USER_OR_ADMIN:
                return access_is_admin(c) ? 0 : access_check_user(rule, c, e);
        case ACCESS_USER:
        default:
                return access_check_user(rule, c, e);
        }
}

int access_check_owner(const struct access_caller *c, uid_t owner, struct err *e)
{
        if (c->uid == owner || access_is_admin(c))
                return 0;
        err_set(e, ERR_DENIED, "Only an admin may name another user");
        return err_fix(e, "Leave out --user");
}
