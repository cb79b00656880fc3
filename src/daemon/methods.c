/* SPDX-License-Identifier: MIT */
#include "daemon/methods.h"

#include "base/log.h"
#include "daemon/attach.h"
#include "daemon/audit.h"
#include "daemon/spans.h"
#include "rpc/api.h"
#include "store/users.h"

static method_fn *const table[API_METHOD_COUNT] = {
#define X(id, fn) [API_##id] = fn,
#include "daemon/methods.def"
#undef X
};

void methods_dispatch(struct rpc_call *call, void *ctx)
{
        struct err e = ERR_INIT;
        struct audit audit;
        struct span span = span_begin();
        struct caller *who = caller_of(call);
        method_fn *fn = table[call->method->id];
        audit_begin(ctx, who, call, &audit);
        int r = fn ? fn(ctx, who, call, &e)
                   : err_set(&e, ERR_FAILED, "%s has no answer here", call->method->name);
        span_end(&span, call->method->name, call->peer.uid);
        /* Without an error it was done, and only its answer found nobody any more. */
        audit_end(ctx, who, call, &audit, r < 0 && e.code != ERR_NONE ? &e : NULL);
        if (r == 0)
                return;
        /* Streams end with us: to their callers that is no hang-up of theirs. */
        if (e.code == ERR_INTERRUPTED && atomic_load(&((struct daemon *)ctx)->stopping)) {
                err_set(&e, ERR_DAEMON, "ds01d is being stopped");
                err_fix(&e, "Try again in a moment");
        }
        /* Whoever failed knew no way out; but what is wrong with an engine can be found out. */
        if (e.code == ERR_ENGINE && !e.fix[0])
                err_fix(&e, "Try again in a moment, then: ds01 doctor");
        if (e.code == ERR_FAILED)
                log_warning("uid %u: %s: %s", (unsigned)call->peer.uid, call->method->name, e.msg);
        rpc_fail(call, &e);
}

int system_info(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct engine_version engine = { 0 };
        struct err down = ERR_INIT, why = ERR_INIT;
        cleanup_free char *prefix = NULL;
        bool access = caller_check_access(who, &why) == 0;
        (void)daemon_engine(d, &engine, &down);
        if (users_image_prefix(d->store, who->peer.uid, who->peer.user, &prefix, e) < 0)
                return -1;
        return rpc_reply(
                call, json_pack("{s:s, s:s, s:I, s:b, s:b, s:s, s:s, s:s, s:s, s:s, s:s}",
                              "version", DS01_VERSION, "user", who->peer.user, "uid",
                              (json_int_t)who->peer.uid, "admin", (int)caller_is_admin(who),
                              "access", (int)access, "access_why", why.msg, "image_prefix", prefix,
                              "engine", engine.version, "engine_error", down.msg, "network",
                              d->config.network_name, "instance", store_instance(d->store)));
}
