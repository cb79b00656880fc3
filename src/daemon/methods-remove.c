/* SPDX-License-Identifier: MIT */
/* Retire and Remove: the ways in which an owner lets a container go. */
#include "daemon/methods.h"

#include "base/json.h"
#include "base/log.h"
#include "daemon/gpus.h"
#include "daemon/images.h"
#include "daemon/named.h"
#include "daemon/operation.h"
#include "daemon/remove.h"
#include "daemon/stop.h"

/* What became of what it had; strings owned. */
struct gone {
        char *image_removed, *gpu_text, *drained;
};

static void gone_done(struct gone *g)
{
        free(g->image_removed);
        free(g->gpu_text);
        free(g->drained);
}

static bool is_active(const struct container *c)
{
        return c->state == LEDGER_RUNNING || c->state == LEDGER_PAUSED;
}

static int still_active(const struct container *c, struct err *e)
{
        err_set(e, ERR_FAILED, "Container %s is %s", c->name, ledger_wire(c->state));
        return err_fix(e, "container-stop %s\ncontainer-remove %s --stop", c->name, c->name);
}

/* The caller holds the operation; it has ended afterwards, however it went. */
static int stop_and_tear_down(struct daemon *d, const struct container *c, const json_t *params,
        bool may_stop, char **ret_drained, struct err *e)
{
        bool force = json_bool(params, "force", false);
        if ((!may_stop && is_active(c) && still_active(c, e) < 0) ||
                (!force && container_stop(d, c, container_grace(d, c, params), e) < 0)) {
                operation_end(d, c->id, c->op);
                return -1;
        }
        return container_teardown(d, c, ret_drained, e);
}

/* Whoever is in a hurry may find that the stop that it waited for was the beginning of a removal. */
static int take(struct daemon *d, struct container *c, const struct rpc_call *call, bool *ret_gone,
        struct err *e)
{
        bool waited;
        int grace = json_bool(call->params, "force", false) ? 0 : -1;
        *ret_gone = false;
        if (container_take_from_stop(d, c, grace, call, &waited, e) == 0)
                return 0;
        *ret_gone = waited && e->code == ERR_NOT_FOUND;
        return *ret_gone ? 0 : -1;
}

static int let_go(struct daemon *d, const struct target *target, const struct rpc_call *call,
        bool may_stop, struct container *c, struct gone *ret, struct err *e)
{
        const json_t *params = call->params;
        bool kept = true, gone;
        struct err not_removed = ERR_INIT;
        cleanup_leases struct leases held = { 0 };
        if (container_named(d, target->uid, json_str(params, "name"), c, e) < 0 ||
                daemon_engine(d, NULL, e) < 0 || take(d, c, call, &gone, e) < 0)
                return -1;
        (void)leases_of_container(d->store, c->id, &held, &not_removed);
        ret->gpu_text = gpus_text(held.v, held.n);
        if (!gone && stop_and_tear_down(d, c, params, may_stop, &ret->drained, e) < 0)
                return -1;
        if (!gone)
                log_info("removed %s of %s", c->name, c->user);
        bool image = json_bool(params, "image", false);
        if (image && images_remove(d, target->uid, c->image_ref, &kept, &not_removed) < 0)
                log_info("image %s stays: %s", c->image_ref, not_removed.msg);
        images_sweep(d);
        ret->image_removed = xstrdup(image && !kept ? c->image_ref : "");
        return 0;
}

static int answer(struct rpc_call *call, const struct container *c, const struct gone *g)
{
        /* c is as it was when its operation began. */
        return rpc_reply(
                call, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", c->name,
                              "image_removed", g->image_removed, "was", ledger_wire(c->state),
                              "workspace", str_or_empty(c->workspace), "project",
                              str_or_empty(c->project), "image", str_or_empty(c->image_ref),
                              "gpu_text", g->gpu_text, "drained", str_or_empty(g->drained)));
}

int containers_retire(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        cleanup_container struct container c = { 0 };
        CLEANUP(gone_done) struct gone gone = { 0 };
        if (caller_target(who, call->params, false, "retires a container", &target, e) < 0 ||
                let_go(d, &target, call, true, &c, &gone, e) < 0)
                return -1;
        return answer(call, &c, &gone);
}

int containers_remove(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target = { .uid = who->peer.uid };
        cleanup_container struct container c = { 0 };
        CLEANUP(gone_done) struct gone gone = { 0 };
        bool may_stop = json_bool(call->params, "stop", false);
        if (let_go(d, &target, call, may_stop, &c, &gone, e) < 0)
                return -1;
        return answer(call, &c, &gone);
}
