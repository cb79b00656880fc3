/* SPDX-License-Identifier: MIT */
#include "daemon/create.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/rules.h"
#include "engine/containers.h"
#include "host/account.h"
#include "host/identity.h"
#include "policy/name.h"

#include <stdio.h>
#include <string.h>

enum { CREATE_S = 120 };

void create_done(struct create *c)
{
        usable_image_done(&c->image);
        facts_done(&c->facts);
        mainproc_done(&c->main);
        free(c->groups);
        strv_done(&c->paths);
        *c = (struct create){ 0 };
}

static void decide_for(struct create *c, struct daemon *d, struct caller *who)
{
        struct account account = { 0 };
        struct err ignored = ERR_INIT;
        rules_limits_of_peer(d, &who->peer, &c->limits);
        c->gid = who->peer.gid;
        if (account_by_uid(who->peer.uid, &account, &ignored) == 0)
                c->gid = account.gid;
        account_done(&account);
        peer_container_groups(&who->peer, &d->config.groups_allow, &c->groups, &c->n_groups);
}

void create_decide(struct create *c, struct daemon *d, struct caller *who)
{
        decide_for(c, d, who);
        mainproc_choose(c->image.engine.entrypoint, c->image.engine.cmd, &c->main);
}

int create_for_existing(struct create *c, struct daemon *d, struct caller *who,
        const struct container *row, struct err *e)
{
        struct engine_wait w = daemon_wait(30);
        struct err gone = ERR_INIT;
        decide_for(c, d, who);
        if (images_facts(d, row->image_id, &c->facts, e) < 0)
                return -1;
        /* Only to know how to watch the start; a container outlives its image's name. */
        if (engine_image_inspect(d->engine, &w, row->image_id, &c->image.engine, &gone) < 0 &&
                gone.code != ERR_NO_IMAGE) {
                *e = gone;
                return -1;
        }
        mainproc_choose(c->image.engine.entrypoint, c->image.engine.cmd, &c->main);
        return 0;
}

void create_add_mount(
        struct create *c, char *source, const char *target, bool read_only, bool mount_point)
{
        strv_take(&c->paths, source);
        strv_add(&c->paths, target);
        c->mounts[c->n_mounts] = (struct spec_mount){ .source = c->paths.v[c->paths.n - 2],
                .target = c->paths.v[c->paths.n - 1],
                .read_only = read_only };
        c->is_mount_point[c->n_mounts++] = mount_point;
}

static bool target_taken(const struct create *c, const char *target)
{
        for (size_t i = 0; i < c->n_mounts; i++)
                if (strcmp(c->mounts[i].target, target) == 0)
                        return true;
        return false;
}

char *create_data_target(const struct create *c, const char *path)
{
        const char *slash = strrchr(path, '/');
        const char *name = slash && slash[1] ? slash + 1 : "root";
        /* The name becomes part of a path in the container: dots alone would lead elsewhere. */
        if (strcmp(name, ".") == 0 || strncmp(name, "..", 2) == 0)
                name = "data";
        char *target = xasprintf("/data/%s", name);
        for (int i = 2; target_taken(c, target); i++) {
                free(target);
                target = xasprintf("/data/%s-%d", name, i);
        }
        return target;
}

char *create_passwd(const struct create *c, const struct caller *who)
{
        return identity_passwd(c->facts.passwd, who->peer.uid, c->gid, who->peer.user, "/bin/sh");
}

char *create_group(const struct create *c, const struct caller *who)
{
        struct identity_group groups[1 + 64];
        cleanup_strv struct strv names = { 0 };
        size_t n = 0;
        for (size_t i = 0; i <= c->n_groups && n < ARRAY_LEN(groups); i++) {
                gid_t gid = i == 0 ? c->gid : c->groups[i - 1];
                struct err ignored = ERR_INIT;
                char *name = NULL;
                if (host_group_name(gid, &name, &ignored) == 0)
                        strv_take(&names, name);
                groups[n++] = (struct identity_group){ .gid = gid, .name = name };
        }
        return identity_group(c->facts.group, who->peer.user, groups, n);
}

int create_max_containers(const struct create *c)
{
        return (int)limits_get(&c->limits, LIMIT_CONTAINERS);
}

struct cgroup_limits create_aggregate(const struct create *c)
{
        return rules_aggregate(&c->limits);
}

static int64_t nano_cpus(const struct limits *l)
{
        int64_t milli = limits_get(l, LIMIT_CPUS);
        return milli < 0 ? -1 : milli * 1000000;
}

/* "ro:/a\nrw:/b": for people who look at labels, and for rebuilding the ledger from them. */
static char *data_label(const struct container *row)
{
        struct buf b = BUF_INIT(1 << 16);
        for (size_t i = 0; i < row->data_ro.n; i++)
                buf_printf(&b, "ro:%s\n", row->data_ro.v[i]);
        for (size_t i = 0; i < row->data_rw.n; i++)
                buf_printf(&b, "rw:%s\n", row->data_rw.v[i]);
        return buf_take(&b);
}

json_t *create_body(const struct create *c, struct daemon *d, const struct container *row,
        const struct engine_version *engine)
{
        char hostname[NAME_SIZE], parent[CGROUP_PARENT_LEN], created[CLOCK_RFC3339_LEN];
        name_hostname(row->name, hostname);
        cgroup_parent(engine->cgroup_driver, row->uid, parent);
        clock_rfc3339(row->created_at, created);
        cleanup_free char *data = data_label(row);
        /* As in the container's passwd: HOME must be where the home is mounted. */
        cleanup_free char *user = identity_name(row->user);
        /* Asking for more processors than there are is refused by the engine; all of them is no limit. */
        int64_t cpus = nano_cpus(&c->limits);
        if (engine->cpus > 0 && cpus > (int64_t)engine->cpus * 1000000000)
                cpus = -1;
        struct spec s = { .name = row->name,
                .user = user,
                .project = row->project,
                .op = row->born_op,
                .instance = store_instance(d->store),
                .image_id = row->image_id,
                .image_ref = row->image_ref,
                .framework = row->framework,
                .interface = row->interface,
                .hostname = hostname,
                .workspace_path = row->workspace,
                .data_label = data,
                .created_at = created,
                .version = DS01_VERSION,
                .build_label = "",
                .uid = row->uid,
                .gid = row->gid,
                .root = row->root,
                .groups = c->groups,
                .n_groups = c->n_groups,
                .entrypoint = c->main.entrypoint,
                .cmd = c->main.cmd,
                .image_env = c->image.engine.env,
                .mounts = c->mounts,
                .n_mounts = c->n_mounts,
                .gpus = &row->gpus,
                .cgroup_parent = parent,
                .network = d->config.network_name,
                .limits = { .memory = limits_get(&c->limits, LIMIT_MEMORY),
                        .nano_cpus = cpus,
                        .shm = limits_get(&c->limits, LIMIT_SHM),
                        .pids = limits_get(&c->limits, LIMIT_PIDS) },
                .stop_grace_s = (int)limits_get(&c->limits, LIMIT_GRACE),
                .nofile_hard = 0 };
        return spec_create_body(&s);
}

/*
 * A create that a former operation of ours gave up on may have landed later. The row that we hold is
 * the only one that can own the name, so what has it is nobody's; never started, it holds no work.
 */
static int remove_late_create(struct daemon *d, const struct container *row,
        const char *engine_name, bool *ret_removed, struct err *e)
{
        struct engine_container there = { 0 };
        struct engine_wait w = daemon_wait(CREATE_S);
        cleanup_free char *uid = xasprintf("%u", (unsigned)row->uid);
        *ret_removed = false;
        if (engine_container_inspect(d->engine, &w, engine_name, &there, e) < 0)
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        bool ours = str_eq(json_str(there.labels, "ds01.instance"), store_instance(d->store)) &&
                    str_eq(json_str(there.labels, "ds01.uid"), uid) &&
                    str_eq(there.state, "created") && there.started_at == 0;
        int r = 0;
        if (ours) {
                log_info(
                        "removing %s: its creation was given up, and came about late", engine_name);
                r = engine_container_remove(d->engine, &w, there.id, e);
                *ret_removed = r == 0;
        }
        engine_container_done(&there);
        return r;
}

int create_in_engine(struct daemon *d, const struct container *row, const json_t *body,
        char ret_id[65], struct err *e)
{
        char engine_name[NAME_ENGINE_SIZE];
        bool removed = false;
        struct engine_wait w = daemon_wait(CREATE_S);
        name_engine(row->name, row->uid, engine_name);
        if (engine_container_create(d->engine, &w, engine_name, body, ret_id, e) == 0)
                return 0;
        if (e->code != ERR_EXISTS || remove_late_create(d, row, engine_name, &removed, e) < 0)
                return -1;
        w = daemon_wait(CREATE_S);
        if (removed && engine_container_create(d->engine, &w, engine_name, body, ret_id, e) == 0)
                return 0;
        if (removed && e->code != ERR_EXISTS)
                return -1;
        err_set(e, ERR_FAILED, "The engine already has a container %s that ds01 doesn't know",
                engine_name);
        return err_fix(e, "Ask an administrator to look at it: docker inspect %s", engine_name);
}
