/* SPDX-License-Identifier: MIT */
#include "daemon/methods.h"

#include "daemon/gpus.h"
#include "daemon/rules.h"
#include "daemon/usage.h"
#include "host/cgroup.h"
#include "store/containers.h"

#include <string.h>

/* What an account uses of everything that is counted for it as a whole; -1: not known. */
struct use {
        int64_t containers, running, cpu_percent;
        struct frac gpus;
        struct cgroup_use group;
};

static int count_running(const struct container *c, void *ctx)
{
        struct use *u = ctx;
        u->running += c->state == LEDGER_RUNNING;
        return 0;
}

static int gather(struct daemon *d, uid_t uid, struct use *u, struct err *e)
{
        struct engine_version engine = { 0 };
        struct err down = ERR_INIT;
        int containers = 0;
        cleanup_gpus_view struct gpus_view view = { 0 };
        *u = (struct use){ .cpu_percent = -1, .group = { -1, -1, -1 } };
        if (gpus_view(d, &view, e) < 0)
                return -1;
        u->gpus = gpus_held(&view, uid);
        if (containers_count(d->store, uid, &containers, e) < 0 ||
                containers_each(d->store, uid, false, count_running, u, e) < 0)
                return -1;
        u->containers = containers;
        /* Which groups there are depends on the engine; without it that much is not known. */
        if (daemon_engine(d, &engine, &down) == 0) {
                (void)cgroup_use(engine.cgroup_driver, uid, &u->group, &down);
                /* Asked for in any case: from now on it is noted more often. */
                u->cpu_percent = usage_cpu_percent(uid);
                if (u->running == 0)
                        u->cpu_percent = 0;
        }
        return 0;
}

static int64_t used(const struct use *u, enum limit_key key)
{
        switch ((int)key) {
        case LIMIT_CONTAINERS:
                return u->containers;
        case LIMIT_ALL_MEMORY:
        case LIMIT_ALL_MEMORY_HIGH:
                return u->group.memory_bytes;
        case LIMIT_ALL_CPUS:
                return u->cpu_percent;
        case LIMIT_ALL_TASKS:
                return u->group.pids;
        default:
                return -1;
        }
}

static const char *unit_word(enum limit_unit unit)
{
        static const char *const words[] = {
                [LIMIT_UNIT_GPUS] = "gpus",
                [LIMIT_UNIT_COUNT] = "count",
                [LIMIT_UNIT_BOOL] = "bool",
                [LIMIT_UNIT_MILLICPUS] = "millicpus",
                [LIMIT_UNIT_BYTES] = "bytes",
                [LIMIT_UNIT_PERCENT] = "percent",
                [LIMIT_UNIT_HOURS] = "seconds",
                [LIMIT_UNIT_SECONDS] = "seconds",
                [LIMIT_UNIT_VISIBILITY] = "word",
        };
        return words[unit];
}

static const char *source_word(enum limit_source source)
{
        static const char *const words[] = {
                [LIMIT_FROM_BUILTIN] = "builtin",
                [LIMIT_FROM_DEFAULTS] = "defaults",
                [LIMIT_FROM_GROUP] = "group",
                [LIMIT_FROM_USER] = "user",
        };
        return words[source];
}

static bool per_account(enum limit_key key)
{
        return limit_info(key)->aggregate || key == LIMIT_GPUS || key == LIMIT_CONTAINERS ||
               key == LIMIT_VISIBILITY;
}

/* Parts of GPUs: limit and use over one denominator, so that both are exact. */
static void share(struct frac held, bool set, int64_t *value, int64_t *den, int64_t *use)
{
        int64_t a = held.den, b = set ? *den : 1;
        int64_t x = a, y = b;
        while (y) {
                int64_t rest = x % y;
                x = y;
                y = rest;
        }
        *den = a / x * b;
        *use = held.num * (*den / a);
        if (set)
                *value *= *den / b;
}

static json_t *row(const struct limits *l, const struct use *u, enum limit_key key)
{
        const struct limit_info *info = limit_info(key);
        const struct limit *v = &l->v[key];
        char text[LIMIT_TEXT_SIZE];
        bool set = v->state == LIMIT_SET;
        int64_t value = set ? v->value : -1, den = set ? v->den : 1, use = used(u, key);
        if (info->unit == LIMIT_UNIT_GPUS)
                share(u->gpus, set, &value, &den, &use);
        bool enforced = info->enforced &&
                        (key != LIMIT_ALL_MEMORY_HIGH || !set || cgroup_has_memory_high());
        limit_text(key, v, text);
        return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:s, s:s, s:b, s:s}", "key",
                info->name, "scope", per_account(key) ? "account" : "container", "unit",
                unit_word(info->unit), "text", text, "limited", (int)set, "value",
                (json_int_t)value, "den", (json_int_t)den, "used", (json_int_t)use, "source",
                source_word(l->from[key].source), "from", l->from[key].text, "enforced",
                (int)enforced, "meaning", info->meaning);
}

int limits_get_all(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        struct limits l;
        struct use u;
        if (caller_target(who, call->params, false, "looks at the limits", &target, e) < 0 ||
                gather(d, target.uid, &u, e) < 0)
                return -1;
        if (target.uid == who->peer.uid)
                rules_limits_of_peer(d, &who->peer, &l);
        else
                rules_limits_of(d, target.uid, target.name, &l);
        if (rpc_reply_more(call, json_pack("{s:s, s:s, s:I, s:I}", "user", target.name, "group",
                                         l.group, "containers", (json_int_t)u.containers, "running",
                                         (json_int_t)u.running)) < 0)
                return rpc_reply(call, NULL);
        for (enum limit_key key = 0; key < LIMIT_COUNT; key++)
                if (rpc_reply_more(call, row(&l, &u, key)) < 0)
                        break;
        return rpc_reply(call, NULL);
}
