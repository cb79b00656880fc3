/* SPDX-License-Identifier: MIT */
#include "policy/policy-file.h"

#include <string.h>

/* What takers get: where to put values, and the lists that belong to the whole load. */
struct target {
        struct policy *p;
        struct block *block;
        struct group *group;
        struct strv *warnings;
        char **default_group;
        const struct yaml_node **default_group_at;
};

/* ---- one block of limits ---- */

static int put(const struct yaml_node *value, enum limit_key key, bool weak, struct target *t,
        struct err *e)
{
        struct limit l;
        if (limit_read(key, value, &l, e))
                return -1;
        struct block *b = t->block;
        if (weak && b->v[key].state != LIMIT_INHERIT && !b->weak[key])
                return 0;
        b->v[key] = l;
        b->line[key] = value->line;
        b->weak[key] = weak;
        if (!limit_info(key)->enforced)
                yaml_warn(value, &t->p->ignored, "'%s' is not enforced yet", limit_info(key)->name);
        return 0;
}

static int take_limit(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return put(value, (enum limit_key)key->offset, false, obj, e);
}

/* The same limit from `policies`, where older files keep it. */
static int take_policy_limit(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return put(value, (enum limit_key)key->offset, true, obj, e);
}

static int take_old_name(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct target *t = obj;
        yaml_warn(value, t->warnings, "'%s' is an old name: write '%s'", key->name,
                limit_info((enum limit_key)key->offset)->name);
        return put(value, (enum limit_key)key->offset, true, t, e);
}

static const struct yaml_key aggregate_keys[] = {
#define LIMIT(...)
#define AGGREGATE(id, key, ...) { .name = key, .take = take_limit, .offset = id },
#include "policy/limits.def"
        { 0 },
};

/* `aggregate: null` lifts all of them, where an absent one would inherit. */
static int take_aggregate(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct target *t = obj;
        if (!yaml_is_null(value))
                return yaml_walk(
                        value, key->name, aggregate_keys, t, t->warnings, &t->p->ignored, e);
        for (const struct yaml_key *k = aggregate_keys; k->name; k++)
                if (put(value, (enum limit_key)k->offset, false, t, e))
                        return -1;
        return 0;
}

static const struct yaml_key policies_keys[] = {
        { .name = "sigterm_grace_s", .take = take_policy_limit, .offset = LIMIT_GRACE },
        { .name = "high_demand_threshold" },
        { .name = "high_demand_idle_reduction" },
        { .name = "gpu_idle_threshold" },
        { .name = "cpu_idle_threshold" },
        { .name = "network_idle_threshold" },
        { .name = "idle_detection_window" },
        { .name = "grace_period_m" },
        { .name = "keepalive_max_duration_h" },
        { .name = "gpu_hold_after_manual_stop_m" },
        { .name = "created_container_timeout_m" },
        { .name = "auto_stop_idle" },
        { .name = "checkpoint_warning" },
        { .name = "require_workspace_mount" },
        { .name = "enforce_storage_quotas" },
        { .name = "soft_limit_threshold" },
        { .name = "graceful_errors" },
        { .name = "suggest_alternatives" },
        { 0 },
};

static int take_policies(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct target *t = obj;
        return yaml_walk(value, key->name, policies_keys, t, t->warnings, &t->p->ignored, e);
}

static int take_members(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_read_list(value, key->name, &((struct target *)obj)->group->listed, e);
}

static int take_unix_group(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_read_text(value, key->name, &((struct target *)obj)->group->unix_group, e);
}

/* Keys of defaults, a group and a user; the first rows are a group's alone. */
enum { GROUP_ONLY_KEYS = 2 };
static const struct yaml_key group_keys[] = {
        { .name = "members", .take = take_members },
        { .name = "unix_group", .take = take_unix_group },
#define LIMIT(id, key, ...) { .name = key, .take = take_limit, .offset = id },
#define AGGREGATE(...)
#include "policy/limits.def"
        { .name = "aggregate", .take = take_aggregate },
        { .name = "policies", .take = take_policies },
        { .name = "max_gpu_slots", .take = take_old_name, .offset = LIMIT_GPUS },
        { .name = "max_gpus_per_user", .take = take_old_name, .offset = LIMIT_GPUS },
        { .name = "max_mig_instances", .take = take_old_name, .offset = LIMIT_GPUS },
        { .name = "max_gpus_per_container", .take = take_old_name, .offset = LIMIT_GPU_SLOTS },
        { .name = "max_mig_per_container", .take = take_old_name, .offset = LIMIT_GPU_SLOTS },
        { .name = "max_tasks" },
        { .name = "priority" },
        { .name = "gpu_memory" },
        { .name = "io_read_bps" },
        { .name = "io_write_bps" },
        { .name = "ulimit_nofile" },
        { .name = "storage_*" },
        { 0 },
};
static const struct yaml_key *const limit_keys = group_keys + GROUP_ONLY_KEYS;

/* ---- the file ---- */

static int take_defaults(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct target *t = obj;
        return yaml_walk(value, key->name, limit_keys, t, t->warnings, &t->p->ignored, e);
}

static int take_default_group(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct target *t = obj;
        *t->default_group_at = value;
        return yaml_is_null(value) ? 0 : yaml_read_text(value, key->name, t->default_group, e);
}

static int take_group(const struct yaml_node *name, const struct yaml_node *value, struct target *t,
        struct err *e)
{
        struct policy *p = t->p;
        if (!*name->text || strlen(name->text) > 64)
                return yaml_refuse(name, e, "A group needs a name of 1 to 64 characters");
        p->groups = xrealloc(p->groups, p->n_groups + 1, sizeof *p->groups);
        struct group *g = &p->groups[p->n_groups++];
        *g = (struct group){ .name = xstrdup(name->text) };
        struct target inner = { .p = p, .block = &g->limits, .group = g, .warnings = t->warnings };
        cleanup_free char *what = xasprintf("group %s", name->text);
        if (yaml_walk(value, what, group_keys, &inner, t->warnings, &p->ignored, e))
                return -1;
        if (g->unix_group)
                strv_add(&p->unix_groups, g->unix_group);
        return 0;
}

static int take_groups(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        if (yaml_is_null(value))
                return 0;
        if (value->kind != YAML_KIND_MAP)
                return yaml_refuse(value, e, "'%s' needs a map from names to limits", key->name);
        for (size_t i = 0; i < value->n; i++)
                if (take_group(value->keys[i], value->v[i], obj, e))
                        return -1;
        return 0;
}

static int take_aggregate_switch(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        bool on;
        if (yaml_read_bool(value, key->name, &on, e))
                return -1;
        ((struct target *)obj)->p->no_aggregates = !on;
        return 0;
}

static const struct yaml_key enforcement_keys[] = {
        { .name = "aggregate_limits", .take = take_aggregate_switch },
        { .name = "cgroup_driver" },
        { 0 },
};

static int take_enforcement(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct target *t = obj;
        return yaml_walk(value, key->name, enforcement_keys, t, t->warnings, &t->p->ignored, e);
}

/* ---- the queue ---- */

static int take_half_life(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct yaml_decimal d;
        if (yaml_read_decimal(value, key->name, key->max, &d, e))
                return -1;
        if (d.num < key->min * d.den)
                return yaml_refuse(value, e, "'%s' can't be %.60s: it goes from %lld to %lld",
                        key->name, value->text, (long long)key->min, (long long)key->max);
        ((struct target *)obj)->p->queue.rules.half_life = d.num * 3600 / d.den;
        return 0;
}

static int take_ageing(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct yaml_decimal d;
        if (yaml_read_decimal(value, key->name, key->max, &d, e))
                return -1;
        if (d.num == 0)
                return yaml_refuse(
                        value, e, "'%s' can't be 0: who waits would never come first", key->name);
        ((struct target *)obj)->p->queue.rules.ageing = (double)d.num / (double)d.den;
        return 0;
}

static int take_turn(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct queue_settings *q = &((struct target *)obj)->p->queue;
        int64_t minutes;
        if (yaml_read_int(value, key->name, key->min, key->max, &minutes, e))
                return -1;
        q->turn_s = q->rules.turn = minutes * 60;
        return 0;
}

static int take_max_tickets(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        int64_t n;
        if (yaml_read_int(value, key->name, key->min, key->max, &n, e))
                return -1;
        ((struct target *)obj)->p->queue.max_tickets = (int)n;
        return 0;
}

static const struct yaml_key queue_keys[] = {
        { .name = "half_life_h", .take = take_half_life, .min = 1, .max = 87600 },
        { .name = "ageing", .take = take_ageing, .max = 1000 },
        { .name = "turn_m", .take = take_turn, .min = 1, .max = 1440 },
        { .name = "max_tickets_per_user", .take = take_max_tickets, .min = 1, .max = 1000 },
        { 0 },
};

static int take_queue(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct target *t = obj;
        return yaml_walk(value, key->name, queue_keys, t, t->warnings, &t->p->ignored, e);
}

/* ---- the sections ---- */

/* The sections without a taker belong to programs that ds01 replaces. */
static const struct yaml_key file_keys[] = {
        { .name = "defaults", .take = take_defaults },
        { .name = "default_group", .take = take_default_group },
        { .name = "groups", .take = take_groups },
        { .name = "policies", .take = take_policies },
        { .name = "enforcement", .take = take_enforcement },
        { .name = "queue", .take = take_queue },
        { .name = "gpu_allocation" },
        { .name = "container_types" },
        { .name = "monitoring" },
        { .name = "bare_metal_access" },
        { .name = "access_control" },
        { 0 },
};

static int find_default_group(
        struct policy *p, const char *name, const struct yaml_node *at, struct err *e)
{
        p->default_group = p->n_groups;
        if (!name)
                return 0;
        for (size_t i = 0; i < p->n_groups; i++)
                if (strcmp(p->groups[i].name, name) == 0)
                        p->default_group = i;
        return p->default_group < p->n_groups
                       ? 0
                       : yaml_refuse(at, e, "There is no group '%.64s' for default_group", name);
}

int policy_file_limits(
        struct policy *p, const struct policy_file *f, struct strv *warnings, struct err *e)
{
        cleanup_yaml struct yaml_node *root = NULL;
        cleanup_free char *default_group = NULL;
        const struct yaml_node *at = NULL;
        struct target t = { .p = p,
                .block = &p->defaults,
                .warnings = warnings,
                .default_group = &default_group,
                .default_group_at = &at };
        if (!f->text)
                return 0;
        if (yaml_tree_parse(f->name, f->text, f->n, &root, e) ||
                yaml_walk(root, "the policy", file_keys, &t, warnings, &p->ignored, e))
                return -1;
        return find_default_group(p, default_group, at, e);
}

/* ---- exceptions ---- */

int policy_file_overrides(
        struct policy *p, const struct policy_file *f, struct strv *warnings, struct err *e)
{
        cleanup_yaml struct yaml_node *root = NULL;
        if (!f->text)
                return 0;
        if (yaml_tree_parse(f->name, f->text, f->n, &root, e))
                return -1;
        if (root->kind != YAML_KIND_MAP)
                return yaml_refuse(root, e, "A map from accounts to limits is needed here");
        p->overrides = xcalloc(root->n, sizeof *p->overrides);
        p->n_overrides = root->n;
        for (size_t i = 0; i < root->n; i++) {
                const char *user = root->keys[i]->text;
                struct target t = { .p = p, .block = &p->overrides[i], .warnings = warnings };
                cleanup_free char *what = xasprintf("user %s", user);
                if (yaml_walk(root->v[i], what, limit_keys, &t, warnings, &p->ignored, e))
                        return -1;
                json_object_set_new_nocheck(p->exceptions, user, json_integer((json_int_t)i));
        }
        return 0;
}
