/* SPDX-License-Identifier: MIT */
#include "daemon/launch-steps.h"

#include "base/log.h"
#include "daemon/images.h"
#include "daemon/remove.h"
#include "host/home.h"
#include "policy/limits.h"
#include "policy/name.h"

#include <string.h>

/* ---- decide: everything that can be refused without having done anything ---- */

static int decide(struct launch *l, struct err *e)
{
        char name[NAME_SIZE], project[NAME_SIZE];
        const struct launch_request *r = l->r;
        if (name_check(r->name, name, NULL, e) < 0 ||
                name_check(*str_or_empty(r->project) ? r->project : r->name, project, NULL, e) <
                        0 ||
                launch_check_folders(l, e) < 0 || daemon_engine(l->d, &l->engine, e) < 0)
                return -1;
        if (strcmp(r->interface, "orchestration") != 0 && strcmp(r->interface, "atomic") != 0 &&
                strcmp(r->interface, "api") != 0)
                return err_set(e, ERR_INVALID, "Unknown interface '%s'", r->interface);
        if (images_resolve(l->d, l->who, str_or_empty(r->image), project, &l->create.image, e) <
                        0 ||
                images_facts(l->d, l->create.image.engine.id, &l->create.facts, e) < 0)
                return -1;
        create_decide(&l->create, l->d, l->who);
        if (!l->create.facts.has_shell && l->create.main.is_shell) {
                err_set(e, ERR_FAILED, "Image %s has neither a command nor a shell to run",
                        l->create.image.ref);
                return err_fix(e, "Add a CMD to its Dockerfile");
        }

        struct container *c = &l->row;
        c->uid = l->who->peer.uid;
        c->gid = l->create.gid;
        c->name = xstrdup(name);
        c->user = xstrdup(l->who->peer.user);
        c->project = xstrdup(project);
        c->image_ref = xstrdup(l->create.image.ref);
        c->image_id = xstrdup(l->create.image.engine.id);
        c->framework = xstrdup(l->create.image.framework);
        c->interface = xstrdup(r->interface);
        c->workspace = xstrdup(r->workspace);
        for (size_t i = 0; i < r->data_ro.n; i++)
                strv_add(&c->data_ro, r->data_ro.v[i]);
        for (size_t i = 0; i < r->data_rw.n; i++)
                strv_add(&c->data_rw, r->data_rw.v[i]);
        random_hex(c->born_op);
        return 0;
}

/* ---- reserve ---- */

static int already_there(struct launch *l, struct err *e)
{
        struct container there = { 0 };
        bool found = false;
        const char *name = l->row.name;
        if (containers_find(l->d->store, l->row.uid, name, &there, &found, e) < 0)
                return -1;
        enum ledger_state state = found ? there.state : LEDGER_NONE;
        container_done(&there);
        if (state == LEDGER_CREATING || state == LEDGER_STARTING) {
                err_set(e, ERR_EXISTS, "Container %s is already being created", name);
                return err_fix(e, "container-list --all");
        }
        if (state == LEDGER_REMOVING) {
                err_set(e, ERR_BUSY, "Container %s is still being removed", name);
                return err_fix(e, "Try again in a moment");
        }
        if (state == LEDGER_NONE) {
                err_set(e, ERR_BUSY, "Container %s was there until a moment ago", name);
                return err_fix(e, "Try again");
        }
        err_set(e, ERR_EXISTS, "Container %s already exists (%s)", name, ledger_wire(state));
        return err_fix(e, "%s %s\ncontainer retire %s",
                state == LEDGER_RUNNING || state == LEDGER_PAUSED ? "container-attach"
                                                                  : "project launch",
                name, name);
}

static int reserve(struct launch *l, struct err *e)
{
        enum reserve_verdict verdict;
        int max = create_max_containers(&l->create);
        if (containers_reserve(l->d->store, &l->row, max, &verdict, e) < 0)
                return -1;
        if (verdict == RESERVE_EXISTS)
                return already_there(l, e);
        if (verdict == RESERVE_LIMIT) {
                err_set(e, ERR_LIMIT, "Container limit reached (%d/%d in use)", max, max);
                return err_fix(e, "container-list --all\ncontainer retire NAME");
        }
        return 0;
}

static int unreserve(struct launch *l, struct err *e)
{
        return containers_move(l->d->store, l->row.id, l->row.op, LEDGER_REMOVING, e) < 0
                       ? -1
                       : containers_delete(l->d->store, l->row.id, l->row.op, e);
}

/* ---- mount, create ---- */

static int mount_new(struct launch *l, struct err *e)
{
        char hostname[NAME_SIZE];
        cleanup_close int home_fd = -1;
        name_hostname(l->row.name, hostname);
        if (home_create(l->d->config.homes_path, l->row.born_op, l->row.uid, l->row.gid, hostname,
                    &home_fd, e) < 0)
                return -1;
        return launch_mount(l, home_fd, e);
}

static int unmount_new(struct launch *l, struct err *e)
{
        return launch_unmount(l, e) < 0 ? -1
                                        : home_discard(l->d->config.homes_path, l->row.born_op, e);
}

static int create(struct launch *l, struct err *e)
{
        char id[65];
        if (launch_prepare_cgroup(l, e) < 0)
                return -1;
        cleanup_json json_t *body = create_body(&l->create, l->d, &l->row, &l->engine);
        if (!body)
                return err_set(e, ERR_DENIED,
                        "A container for uid %u would have rights that it must not have",
                        (unsigned)l->row.uid);
        if (create_in_engine(l->d, &l->row, body, id, e) < 0)
                return -1;
        l->row.engine_id = xstrdup(id);
        return containers_created(l->d->store, l->row.id, l->row.op, id, e);
}

/* ---- the lists ---- */

static int discard(struct launch *l, struct err *e)
{
        return container_teardown(l->d, &l->row, e);
}

static const struct step steps_new[] = {
        { .perform = decide, .atomic = true },
        { .perform = reserve, .undo = unreserve, .atomic = true },
        { .perform = mount_new, .undo = unmount_new },
        { .perform = create, .undo = discard, .undoes_all = true },
        { .perform = launch_start, .undo = discard, .undoes_all = true },
        { .perform = launch_look, .undo = discard, .undoes_all = true },
};

static const struct step steps_create[] = {
        { .perform = decide, .atomic = true },
        { .perform = reserve, .undo = unreserve, .atomic = true },
        { .perform = mount_new, .undo = unmount_new },
        { .perform = create, .undo = discard, .undoes_all = true },
        { .perform = launch_unmount, .undo = discard, .undoes_all = true },
};

int launch_new(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r };
        int result = launch_run(&l, steps_new, ARRAY_LEN(steps_new), e);
        if (result == 0)
                log_info("launched %s of %s from %s", l.row.name, l.row.user, l.row.image_ref);
        return launch_finish(&l, result, ret_row, e);
}

int launch_create(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r };
        int result = launch_run(&l, steps_create, ARRAY_LEN(steps_create), e);
        if (result == 0)
                log_info("created %s of %s from %s", l.row.name, l.row.user, l.row.image_ref);
        return launch_finish(&l, result, ret_row, e);
}
