/* SPDX-License-Identifier: MIT */
#include "daemon/launch-steps.h"

#include "base/log.h"
#include "daemon/images.h"
#include "daemon/lease.h"
#include "daemon/remove.h"
#include "daemon/root-inside.h"
#include "daemon/rules.h"
#include "host/home.h"
#include "policy/limits.h"
#include "policy/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- decide: everything that can be refused without having done anything ---- */

static int by_number(const void *x, const void *y)
{
        const gid_t *a = x, *b = y;
        return (*a > *b) - (*a < *b);
}

/* What a launch that waits was asked for on: the image, the groups, the limits. Owned. */
static char *footing(const struct launch *l)
{
        struct buf b = BUF_INIT(1 << 20);
        size_t n = l->create.n_groups;
        /* A connection has them by number, the account database in an order of its own. */
        cleanup_free gid_t *groups = xcalloc(n ? n : 1, sizeof *groups);
        for (size_t i = 0; i < n; i++)
                groups[i] = l->create.groups[i];
        qsort(groups, n, sizeof *groups, by_number);
        buf_printf(&b, "image %s\nuser %s %u %u\ngroups", l->create.image.engine.id,
                l->who->peer.user, (unsigned)l->who->peer.uid, (unsigned)l->create.gid);
        for (size_t i = 0; i < n; i++)
                buf_printf(&b, " %u", (unsigned)groups[i]);
        for (enum limit_key k = 0; k < LIMIT_COUNT; k++) {
                char text[LIMIT_TEXT_SIZE];
                limit_text(k, &l->create.limits.v[k], text);
                buf_printf(&b, "\n%s %s", limit_info(k)->name, text);
        }
        return buf_take(&b);
}

/* A mount holds on to a folder that has been removed: what is written there would be gone. */
static int check_mounted(const struct launch *l, struct err *e)
{
        size_t n = l->row.data_ro.n + l->row.data_rw.n;
        for (size_t i = 0; i <= n; i++) {
                struct stat st;
                char what[32] = "workspace";
                if (i > 0)
                        snprintf(what, sizeof what, "data%zu", i - 1);
                cleanup_free char *path =
                        xasprintf("%s/%s/%s", l->d->mounts.path, l->row.born_op, what);
                if (stat(path, &st) == 0 && st.st_nlink == 0)
                        return err_set(e, ERR_STALE,
                                "a folder of it was removed since it joined the queue");
        }
        return 0;
}

static int check_footing(const struct launch *l, struct err *e)
{
        cleanup_free char *now = l->r->footing ? footing(l) : NULL;
        if (!now)
                return 0;
        if (strcmp(now, l->r->footing) == 0)
                return check_mounted(l, e);
        /* The first line that differs says what it is about. */
        size_t line = 0, i = 0;
        for (; now[i] && now[i] == l->r->footing[i]; i++)
                if (now[i] == '\n')
                        line = i + 1;
        const char *what =
                str_starts(now + line, "image") ? "its image has changed"
                : line < 1 || str_starts(now + line, "user") || str_starts(now + line, "groups")
                        ? "your groups have changed"
                        : "your limits have changed";
        return err_set(e, ERR_STALE, "%s since it joined the queue", what);
}

static int decide(struct launch *l, struct err *e)
{
        char name[NAME_SIZE], project[NAME_SIZE];
        const struct launch_request *r = l->r;
        if (name_check(r->name, name, NULL, e) < 0 ||
                name_check(*str_or_empty(r->project) ? r->project : r->name, project, NULL, e) <
                        0 ||
                (!r->mounted && launch_check_folders(l, e) < 0) ||
                daemon_engine(l->d, &l->engine, e) < 0)
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
        if (lease_slots(l->d, &l->create.limits, r->gpus, &l->slots, e) < 0)
                return -1;

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
        if (r->mounted)
                snprintf(c->born_op, sizeof c->born_op, "%s", r->mounted);
        else
                random_hex(c->born_op);
        return root_inside_decide(l, e) < 0 ? -1 : check_footing(l, e);
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

/* That the name is taken is the better answer, where both are in the way. */
static int reserve_with_gpus(struct launch *l, int max, enum reserve_verdict *ret, struct err *e)
{
        cleanup_container struct container there = { 0 };
        bool found = false;
        if (containers_find(l->d->store, l->row.uid, l->row.name, &there, &found, e) < 0)
                return -1;
        if (found) {
                *ret = RESERVE_EXISTS;
                return 0;
        }
        return lease_reserve(
                l->d, &l->row, &l->create.limits, l->slots, l->r->mounted != NULL, max, ret, e);
}

static int refuse_one_more(int max, struct err *e)
{
        err_set(e, ERR_LIMIT, "Container limit reached (%d/%d in use)", max, max);
        return err_fix(e, "container-list --all\ncontainer retire NAME");
}

static int reserve(struct launch *l, struct err *e)
{
        enum reserve_verdict verdict;
        int max = create_max_containers(&l->create);
        if ((l->slots > 0 ? reserve_with_gpus(l, max, &verdict, e)
                          : containers_reserve(l->d->store, &l->row, max, &verdict, e)) < 0)
                return -1;
        if (verdict == RESERVE_EXISTS)
                return already_there(l, e);
        if (verdict == RESERVE_LIMIT)
                return refuse_one_more(max, e);
        if (l->r->ret_reserved)
                *l->r->ret_reserved = true;
        return 0;
}

static int unreserve(struct launch *l, struct err *e)
{
        return lease_lapse(l->d, &l->row, "its launch failed", e) < 0 ||
                               containers_move(
                                       l->d->store, l->row.id, l->row.op, LEDGER_REMOVING, e) < 0
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
        return container_teardown(l->d, &l->row, NULL, e);
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
        struct launch l = { .d = d, .who = who, .r = r, .root_map = -1 };
        int result = launch_run(&l, steps_new, ARRAY_LEN(steps_new), e);
        if (result == 0)
                log_info("launched %s of %s from %s", l.row.name, l.row.user, l.row.image_ref);
        return launch_finish(&l, result, ret_row, e);
}

/* ---- in the queue ---- */

static char *request_text(const struct launch *l)
{
        const struct container *c = &l->row;
        json_t *ro = json_array(), *rw = json_array();
        for (size_t i = 0; i < c->data_ro.n; i++)
                json_array_append_new(ro, json_string(c->data_ro.v[i]));
        for (size_t i = 0; i < c->data_rw.n; i++)
                json_array_append_new(rw, json_string(c->data_rw.v[i]));
        cleanup_json json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:i, s:b}", "name",
                c->name, "project", c->project, "image", str_or_empty(l->r->image), "interface",
                c->interface, "workspace", c->workspace, "data_ro", ro, "data_rw", rw, "gpus",
                l->slots, "root", (int)c->root);
        return json_text(j);
}

/* Before it waits, not after: nobody should learn in two hours that the name was taken. */
static int check_free(struct launch *l, struct err *e)
{
        cleanup_container struct container there = { 0 };
        bool found = false;
        if (containers_find(l->d->store, l->row.uid, l->row.name, &there, &found, e) < 0)
                return -1;
        return found ? already_there(l, e) : 0;
}

static int abandon(struct launch *l, struct err *e)
{
        return mounts_detach_all(&l->d->mounts, l->row.born_op, e);
}

static const struct step steps_join[] = {
        { .perform = decide, .atomic = true },
        { .perform = check_free, .atomic = true },
        { .perform = launch_mount_folders, .undo = abandon },
};

int launch_join(struct daemon *d, struct caller *who, const struct launch_request *r,
        char ret_op[RANDOM_HEX_LEN + 1], int *ret_slots, char **ret_request, char **ret_footing,
        struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r, .root_map = -1 };
        int result = launch_run(&l, steps_join, ARRAY_LEN(steps_join), e);
        if (result == 0) {
                memcpy(ret_op, l.row.born_op, sizeof l.row.born_op);
                *ret_slots = l.slots;
                *ret_request = request_text(&l);
                *ret_footing = footing(&l);
        }
        launch_done(&l);
        return result;
}

static void add_strings(const json_t *array, struct strv *ret)
{
        size_t i;
        json_t *s;
        json_array_foreach (array, i, s)
                strv_add(ret, str_or_empty(json_string_value(s)));
}

int launch_queued(struct daemon *d, struct caller *who, const char *op, const char *request,
        const char *footing_then, bool *ret_reserved, struct container *ret_row, struct err *e)
{
        cleanup_json json_t *j = NULL;
        if (json_parse(request, strlen(request), 3, &j, e) < 0)
                return -1;
        struct launch_request r = { .name = json_str(j, "name"),
                .project = json_str(j, "project"),
                .image = json_str(j, "image"),
                .interface = str_or_empty(json_str(j, "interface")),
                .workspace = json_str(j, "workspace"),
                .gpus = json_int(j, "gpus", -1),
                .mounted = op,
                .root = json_bool(j, "root", false),
                .footing = footing_then,
                .ret_reserved = ret_reserved };
        add_strings(json_object_get(j, "data_ro"), &r.data_ro);
        add_strings(json_object_get(j, "data_rw"), &r.data_rw);
        int result = launch_new(d, who, &r, ret_row, e);
        strv_done(&r.data_ro);
        strv_done(&r.data_rw);
        return result;
}

/* ---- beforehand ---- */

static int check(struct launch *l, const char *given, int64_t gpus, bool may_wait, bool *ret_waits,
        struct err *e)
{
        char name[NAME_SIZE];
        int slots, n;
        if (name_check(given, name, NULL, e) < 0)
                return -1;
        rules_limits_of_peer(l->d, &l->who->peer, &l->create.limits);
        l->row.uid = l->who->peer.uid;
        l->row.name = xstrdup(name);
        int max = create_max_containers(&l->create);
        if (check_free(l, e) < 0 || containers_count(l->d->store, l->row.uid, &n, e) < 0)
                return -1;
        if (max >= 0 && n >= max)
                return refuse_one_more(max, e);
        if (lease_slots(l->d, &l->create.limits, gpus, &slots, e) < 0)
                return -1;
        *ret_waits = false;
        return slots > 0 ? lease_check(
                                   l->d, &l->row, &l->create.limits, slots, may_wait, ret_waits, e)
                         : 0;
}

int launch_check(struct daemon *d, struct caller *who, const char *name, int64_t gpus,
        bool may_wait, bool *ret_waits, struct err *e)
{
        struct launch l = { .d = d, .who = who, .root_map = -1 };
        int result = check(&l, name, gpus, may_wait, ret_waits, e);
        launch_done(&l);
        return result;
}

int launch_create(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r, .root_map = -1 };
        int result = launch_run(&l, steps_create, ARRAY_LEN(steps_create), e);
        if (result == 0)
                log_info("created %s of %s from %s", l.row.name, l.row.user, l.row.image_ref);
        return launch_finish(&l, result, ret_row, e);
}
