/* SPDX-License-Identifier: MIT */
/* Stop, Pause and Unpause. Asking for what is already so is fine, and the answer says that it was. */
#include "daemon/methods.h"

#include "base/json.h"
#include "base/log.h"
#include "daemon/expire.h"
#include "daemon/gpus.h"
#include "daemon/named.h"
#include "daemon/operation.h"
#include "daemon/rules.h"
#include "daemon/stop.h"

static int say_stopped(
        struct daemon *d, struct rpc_call *call, const struct container *c, bool already)
{
        struct limits l;
        cleanup_leases struct leases held = { 0 };
        struct err ignored = ERR_INIT;
        rules_limits_of(d, c->uid, c->user, &l);
        (void)leases_of_container(d->store, c->id, &held, &ignored);
        cleanup_free char *text = gpus_text(held.v, held.n);
        int64_t until = held.n ? expire_gpus_until(&l, c) : 0;
        return rpc_reply(
                call, json_pack("{s:s, s:s, s:b, s:i, s:I, s:s, s:I}", "name", c->name, "state",
                              ledger_wire(c->state), "already", (int)already, "exit_code",
                              c->exit_code, "kept_until", (json_int_t)expire_kept_until(&l, c),
                              "gpu_text", text, "gpu_until", (json_int_t)until));
}

/* Ends the operation, and leaves in *c what the row says then. */
static int finish(struct daemon *d, struct container *c, int result, struct err *e)
{
        bool found = false;
        int64_t id = c->id;
        cleanup_free char *op = xstrdup(c->op);
        if (result == 0)
                result = containers_get(d->store, id, c, &found, e);
        operation_end(d, id, op);
        return result;
}

/* What an operation that was given up left half made or half gone is the janitor's to finish, and the
 * engine may not even have it. */
static int check_whole(const struct container *c, struct err *e)
{
        if (c->state != LEDGER_CREATING && c->state != LEDGER_REMOVING)
                return 0;
        err_set(e, ERR_BUSY, "Container %s is still being %s", c->name,
                c->state == LEDGER_CREATING ? "created" : "removed");
        return err_fix(e, "Try again in a moment");
}

static char *reason_of(const struct caller *who, const struct container *c)
{
        return who->peer.uid == c->uid ? xstrdup(API_ON_REQUEST)
                                       : xasprintf("%s, an admin, stopped it", who->peer.user);
}

static int stop(struct daemon *d, const struct caller *who, struct container *c,
        struct rpc_call *call, bool *ret_already, struct err *e)
{
        const json_t *params = call->params;
        bool timed = json_object_get(params, "time"), waited;
        bool force = json_bool(params, "force", false) && !timed;
        int grace = force ? 0 : container_grace(d, c, params);
        if (container_take_from_stop(d, c, force || timed ? grace : -1, call, &waited, e) < 0)
                return -1;
        bool active = c->state != LEDGER_STOPPED && c->state != LEDGER_CREATED;
        cleanup_free char *reason = reason_of(who, c);
        int r = check_whole(c, e);
        if (r == 0 && active)
                r = container_halt(d, c, grace, reason, e);
        *ret_already = !active && !waited;
        return finish(d, c, r, e);
}

int containers_stop(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        cleanup_container struct container c = { 0 };
        bool already;
        if (caller_target(who, call->params, false, "stops a container", &target, e) < 0 ||
                container_named(d, target.uid, json_str(call->params, "name"), &c, e) < 0 ||
                daemon_engine(d, NULL, e) < 0 || stop(d, who, &c, call, &already, e) < 0)
                return -1;
        if (!already)
                log_info("stopped %s of %s", c.name, c.user);
        return say_stopped(d, call, &c, already);
}

static int freeze(
        struct daemon *d, struct container *c, bool frozen, bool *ret_already, struct err *e)
{
        if (container_take(d, c, e) < 0)
                return -1;
        int r = 0;
        *ret_already = c->state == (frozen ? LEDGER_PAUSED : LEDGER_RUNNING);
        if (c->state == LEDGER_RUNNING || c->state == LEDGER_PAUSED) {
                r = *ret_already ? 0 : container_freeze(d, c, frozen, e);
        } else {
                err_set(e, ERR_NOT_RUNNING, "Container %s is not running (%s)", c->name,
                        ledger_wire(c->state));
                r = err_fix(e, "container-start %s", c->name);
        }
        return finish(d, c, r, e);
}

static int set_frozen(
        struct daemon *d, struct caller *who, struct rpc_call *call, bool frozen, struct err *e)
{
        cleanup_container struct container c = { 0 };
        bool already;
        if (container_named(d, who->peer.uid, json_str(call->params, "name"), &c, e) < 0 ||
                daemon_engine(d, NULL, e) < 0 || freeze(d, &c, frozen, &already, e) < 0)
                return -1;
        return rpc_reply(call, json_pack("{s:s, s:s, s:b}", "name", c.name, "state",
                                       ledger_wire(c.state), "already", (int)already));
}

int containers_pause(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        return set_frozen(d, who, call, true, e);
}

int containers_unpause(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        return set_frozen(d, who, call, false, e);
}
