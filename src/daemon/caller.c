/* SPDX-License-Identifier: MIT */
#include "daemon/caller.h"

#include "base/json.h"
#include "base/log.h"
#include "daemon/attach.h"
#include "host/account.h"
#include "rpc/api.h"

#include <stdio.h>
#include <string.h>

static void caller_free(void *data)
{
        struct caller *who = data;
        attach_connection_closed(who);
        peer_done(&who->peer);
        free(who);
}

/* Group membership is what it was when the connection was made, as for any process. */
static int identify(struct rpc_call *call, struct daemon *d, struct caller **ret, struct err *e)
{
        struct caller *who = rpc_conn_data(call);
        if (!who) {
                struct peer peer = { 0 };
                if (peer_of_socket(call->conn_fd, &peer, e) < 0)
                        return -1;
                who = xcalloc(1, sizeof *who);
                who->daemon = d;
                who->peer = peer;
                /* From here on the name goes into replies, rows and logs, which are UTF-8. */
                if (!str_is_utf8(who->peer.user, strlen(who->peer.user))) {
                        char *safe = str_safe(who->peer.user);
                        free(who->peer.user);
                        who->peer.user = safe;
                }
                who->in_access_group = peer_in_named_group(&who->peer, d->config.access_group);
                who->in_admin_group = peer_in_named_group(&who->peer, d->config.admin_group);
                rpc_conn_set_data(call, who, caller_free);
        }
        *ret = who;
        return 0;
}

static struct access_caller as_access_caller(const struct caller *who)
{
        return (struct access_caller){ .uid = who->peer.uid,
                .gid = who->peer.gid,
                .name = who->peer.user,
                .in_access_group = who->in_access_group,
                .in_admin_group = who->in_admin_group };
}

static struct access_rule rule_of(const struct daemon *d)
{
        return (struct access_rule){ .group = d->config.access_group, .uid_min = host_uid_min() };
}

int caller_authorize(struct rpc_call *call, void *ctx, struct err *e)
{
        static const enum access_class classes[] = {
                [API_ANYONE] = ACCESS_ANYONE,
                [API_USER] = ACCESS_USER,
                [API_USER_OR_ADMIN] = ACCESS_USER_OR_ADMIN,
        };
        struct daemon *d = ctx;
        struct caller *who;
        if (identify(call, d, &who, e) < 0)
                return -1;
        struct access_caller c = as_access_caller(who);
        struct access_rule rule = rule_of(d);
        return access_check(&rule, &c, classes[call->method->who], e);
}

struct caller *caller_of(struct rpc_call *call)
{
        return rpc_conn_data(call);
}

int caller_of_account(struct daemon *d, uid_t uid, struct caller *ret, struct err *e)
{
        cleanup_account struct account account = { 0 };
        struct caller who = { .daemon = d };
        if (account_by_uid(uid, &account, e) < 0 ||
                account_groups(&account, &who.peer.groups, &who.peer.n_groups, e) < 0)
                return -1;
        who.peer.uid = account.uid;
        who.peer.gid = account.gid;
        who.peer.user = str_safe(account.user);
        who.peer.home = xstrdup(account.home);
        who.peer.shell = xstrdup(account.shell);
        who.in_access_group = peer_in_named_group(&who.peer, d->config.access_group);
        who.in_admin_group = peer_in_named_group(&who.peer, d->config.admin_group);
        if (caller_check_access(&who, e) < 0) {
                peer_done(&who.peer);
                return -1;
        }
        *ret = who;
        return 0;
}

bool caller_is_admin(const struct caller *who)
{
        struct access_caller c = as_access_caller(who);
        return access_is_admin(&c);
}

int caller_check_access(const struct caller *who, struct err *e)
{
        struct access_caller c = as_access_caller(who);
        struct access_rule rule = rule_of(who->daemon);
        return access_check_user(&rule, &c, e);
}

int caller_target(struct caller *who, const json_t *params, bool everyone_ok, const char *what,
        struct target *ret, struct err *e)
{
        const char *user = json_str(params, "user");
        bool root = who->peer.uid == 0;
        if (!user && !root) {
                ret->uid = who->peer.uid;
                snprintf(ret->name, sizeof ret->name, "%s", who->peer.user);
                return 0;
        }
        if (user && !caller_is_admin(who)) {
                err_set(e, ERR_DENIED, "Only admins may name another account");
                return err_fix(e, "Leave out --user");
        }
        if (everyone_ok && (!user || strcmp(user, "all") == 0)) {
                *ret = (struct target){ .uid = STORE_EVERYONE };
                return 0;
        }
        if (!user) {
                err_set(e, ERR_INVALID, "Root is an admin here and has no containers");
                return err_fix(e, "Name the account: --user=NAME");
        }
        struct account account = { 0 };
        if (account_by_name(user, &account, e) < 0)
                return -1;
        ret->uid = account.uid;
        snprintf(ret->name, sizeof ret->name, "%s", account.user);
        account_done(&account);
        log_info("admin %s (uid %u): %s of %s", who->peer.user, (unsigned)who->peer.uid, what,
                ret->name);
        return 0;
}
