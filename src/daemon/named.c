/* SPDX-License-Identifier: MIT */
#include "daemon/named.h"

#include "base/json.h"
#include "daemon/rules.h"
#include "policy/limits.h"
#include "policy/name.h"

enum { GRACE_MAX_S = 3600 };

int container_named(
        struct daemon *d, uid_t uid, const char *given, struct container *ret, struct err *e)
{
        char name[NAME_SIZE];
        bool found = false;
        if (name_check(given, name, NULL, e) < 0 ||
                containers_find(d->store, uid, name, ret, &found, e) < 0)
                return -1;
        if (found)
                return 0;
        /* One text for "not yours" and "not there": which of the two is nobody's business. */
        err_set(e, ERR_NOT_FOUND, "No container '%s' of yours", name);
        return err_fix(e, "container-list --all");
}

int container_take(struct daemon *d, struct container *c, struct err *e)
{
        char op[RANDOM_HEX_LEN + 1];
        bool taken = false;
        random_hex(op);
        if (containers_begin(d->store, c->id, op, &taken, c, e) < 0)
                return e->code == ERR_NOT_FOUND
                               ? err_set(e, ERR_NOT_FOUND, "No container '%s' of yours",
                                         str_or_empty(c->name))
                               : -1;
        if (taken)
                return 0;
        err_set(e, ERR_BUSY, "Another operation on %s is under way (%s)", c->name,
                ledger_wire(c->state));
        return err_fix(e, "Try again in a moment");
}

int container_grace(struct daemon *d, const struct container *c, const json_t *params)
{
        struct limits l;
        rules_limits_of(d, c->uid, c->user, &l);
        int64_t asked = json_int(params, "time", -1);
        int64_t grace = asked < 0 ? limits_get(&l, LIMIT_GRACE) : asked;
        return grace > GRACE_MAX_S ? GRACE_MAX_S : (int)grace;
}
