/* SPDX-License-Identifier: MIT */
#include "daemon/launch.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/create.h"
#include "daemon/images.h"
#include "daemon/named.h"
#include "daemon/operation.h"
#include "daemon/remove.h"
#include "engine/containers.h"
#include "host/cgroup.h"
#include "host/home.h"
#include "host/identity.h"
#include "policy/limits.h"
#include "policy/name.h"

#include <string.h>
#include <unistd.h>

enum {
        START_S = 120,
        ALIVE_MS = 1000, /* a command that lives so long has started */
        /* All paths together: a row must fit in a frame, escaped six to one and with its last lines. */
        PATHS_MAX = 8 << 10,
};

struct launch {
        struct daemon *d;
        struct caller *who;
        const struct launch_request *r;
        struct container row;
        struct engine_version engine;
        struct create create;
        bool died; /* the main process ended while we looked: kept as STOPPED, with its last words */
};

static void launch_done(struct launch *l)
{
        create_done(&l->create);
        container_done(&l->row);
}

/* ---- decide: everything that can be refused without having done anything ---- */

static int check_paths(const struct launch_request *r, struct err *e)
{
        size_t n = strlen(str_or_empty(r->workspace));
        for (size_t i = 0; i < r->data_ro.n; i++)
                n += strlen(r->data_ro.v[i]);
        for (size_t i = 0; i < r->data_rw.n; i++)
                n += strlen(r->data_rw.v[i]);
        if (n <= PATHS_MAX)
                return 0;
        err_set(e, ERR_INVALID, "The paths of the folders are %zu bytes in all, more than %d", n, PATHS_MAX);
        return err_fix(e, "Name fewer folders, or one that holds them");
}

static int check_folders(struct launch *l, struct err *e)
{
        const struct launch_request *r = l->r;
        size_t n = 1 + r->data_ro.n + r->data_rw.n;
        if (check_paths(r, e) < 0)
                return -1;
        if (r->n_fds != n)
                return err_set(e, ERR_INVALID, "%zu folders are named, %zu descriptors came", n, r->n_fds);
        if (mounts_check_workspace(r->fds[0], &l->who->peer, NULL, e) < 0)
                return err_wrap(e, "Workspace %s", str_or_empty(r->workspace));
        for (size_t i = 1; i < n; i++)
                if (mounts_check_dir(r->fds[i], NULL, e) < 0)
                        return err_wrap(e, "Data folder %s",
                                i <= r->data_ro.n ? r->data_ro.v[i - 1] : r->data_rw.v[i - 1 - r->data_ro.n]);
        return 0;
}

static int decide(struct launch *l, struct err *e)
{
        char name[NAME_SIZE], project[NAME_SIZE];
        const struct launch_request *r = l->r;
        if (name_check(r->name, name, NULL, e) < 0 ||
                name_check(*str_or_empty(r->project) ? r->project : r->name, project, NULL, e) < 0 ||
                check_folders(l, e) < 0 || daemon_engine(l->d, &l->engine, e) < 0)
                return -1;
        if (strcmp(r->interface, "orchestration") != 0 && strcmp(r->interface, "atomic") != 0 &&
                strcmp(r->interface, "api") != 0)
                return err_set(e, ERR_INVALID, "Unknown interface '%s'", r->interface);
        if (images_resolve(l->d, l->who, str_or_empty(r->image), project, &l->create.image, e) < 0 ||
                images_facts(l->d, l->create.image.engine.id, &l->create.facts, e) < 0)
                return -1;
        create_decide(&l->create, l->d, l->who);
        if (!l->create.facts.has_shell && l->create.main.is_shell) {
                err_set(e, ERR_FAILED, "Image %s has neither a command nor a shell to run", l->create.image.ref);
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
                state == LEDGER_RUNNING || state == LEDGER_PAUSED ? "container-attach" : "project launch", name,
                name);
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

/* ---- mount ---- */

static int attach_folder(struct launch *l, int fd, const char *what, const char *target, bool read_only,
        struct err *e)
{
        char *path = NULL;
        if (mounts_attach(&l->d->mounts, fd, l->row.born_op, what, read_only, &path, NULL, e) < 0)
                return -1;
        /* The mount itself is read-only already. If the engine were asked for that as well, runc would
         * remount it, and lose nosuid and nodev on the way. */
        create_add_mount(&l->create, path, target, false, true);
        return 0;
}

static int attach_data(struct launch *l, struct err *e)
{
        size_t n_ro = l->row.data_ro.n, n = n_ro + l->row.data_rw.n;
        for (size_t i = 0; i < n; i++) {
                bool read_only = i < n_ro;
                const char *path = read_only ? l->row.data_ro.v[i] : l->row.data_rw.v[i - n_ro];
                char what[32];
                snprintf(what, sizeof what, "data%zu", i);
                cleanup_free char *target = create_data_target(&l->create, path);
                if (attach_folder(l, l->r->fds[i + 1], what, target, read_only, e) < 0)
                        return err_wrap(e, "Data folder %s", path);
        }
        return 0;
}

static int put_identity(struct launch *l, struct err *e)
{
        cleanup_free char *passwd = create_passwd(&l->create, l->who);
        cleanup_free char *group = create_group(&l->create, l->who);
        const struct {
                const char *what, *target, *text;
        } files[] = { { "passwd", "/etc/passwd", passwd }, { "group", "/etc/group", group } };
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                char *path = NULL;
                if (mounts_put_file(&l->d->mounts, l->row.born_op, files[i].what, files[i].text, &path, e) < 0)
                        return -1;
                create_add_mount(&l->create, path, files[i].target, true, false);
        }
        return 0;
}

static int mount_with_home(struct launch *l, int home_fd, struct err *e)
{
        cleanup_free char *home = identity_home(l->who->peer.user);
        if (attach_folder(l, l->r->fds[0], "workspace", "/workspace", false, e) < 0)
                return err_wrap(e, "Workspace %s", l->row.workspace);
        return attach_data(l, e) < 0 || attach_folder(l, home_fd, "home", home, false, e) < 0 ||
                               put_identity(l, e) < 0
                       ? -1
                       : 0;
}

static int unmount(struct launch *l, struct err *e)
{
        return mounts_detach_all(&l->d->mounts, l->row.born_op, e);
}

static int mount_new(struct launch *l, struct err *e)
{
        char hostname[NAME_SIZE];
        cleanup_close int home_fd = -1;
        name_hostname(l->row.name, hostname);
        if (home_create(l->d->config.homes_path, l->row.born_op, l->row.uid, l->row.gid, hostname, &home_fd, e) < 0)
                return -1;
        return mount_with_home(l, home_fd, e);
}

static int unmount_new(struct launch *l, struct err *e)
{
        return unmount(l, e) < 0 ? -1 : home_discard(l->d->config.homes_path, l->row.born_op, e);
}

static int mount_again(struct launch *l, struct err *e)
{
        cleanup_close int home_fd = -1;
        if (home_open(l->d->config.homes_path, l->row.born_op, &home_fd, e) < 0)
                return -1;
        return mount_with_home(l, home_fd, e);
}

/* ---- create ---- */

static int prepare_cgroup(struct launch *l, struct err *e)
{
        struct cgroup_limits limits = create_aggregate(&l->create);
        return cgroup_prepare(l->engine.cgroup_driver, l->row.uid, &limits, e);
}

static int create(struct launch *l, struct err *e)
{
        char id[65];
        if (prepare_cgroup(l, e) < 0)
                return -1;
        cleanup_json json_t *body = create_body(&l->create, l->d, &l->row, &l->engine);
        if (!body)
                return err_set(e, ERR_DENIED, "A container for uid %u would have rights that it must not have",
                        (unsigned)l->row.uid);
        if (create_in_engine(l->d, &l->row, body, id, e) < 0)
                return -1;
        l->row.engine_id = xstrdup(id);
        return containers_created(l->d->store, l->row.id, l->row.op, id, e);
}

/* ---- start ---- */

static int start(struct launch *l, struct err *e)
{
        struct engine_wait w = daemon_wait(START_S);
        for (size_t i = 0; i < l->create.n_mounts; i++)
                if (l->create.is_mount_point[i] &&
                        mounts_visible(l->create.mounts[i].source, engine_pid(l->d->engine), e) < 0)
                        return -1;
        return containers_move(l->d->store, l->row.id, l->row.op, LEDGER_STARTING, e) < 0
                       ? -1
                       : engine_container_start(l->d->engine, &w, l->row.engine_id, e);
}

/* ---- look: does it still run? ---- */

static int explain_death(struct launch *l, const struct engine_container *now, struct err *e)
{
        cleanup_free char *lines = container_last_lines(l->d, l->row.engine_id);
        const char *cause = now->oom_killed        ? " It ran out of memory."
                            : now->exit_code == 127 ? " Its command was not found in the image."
                            : now->exit_code == 126 ? " Its command can't be run."
                                                    : "";
        if (containers_stopped(l->d->store, l->row.id, l->row.op, now->finished_at, now->exit_code, lines, e) < 0)
                return -1;
        container_unmount(l->d, &l->row);
        l->died = true;
        err_set(e, ERR_DIED, "Container %s ended at once (exit code %d).%s", l->row.name, now->exit_code, cause);
        err_detail(e, "%s", lines);
        return err_fix(e, "container-logs %s\ncontainer retire %s", l->row.name, l->row.name);
}

static int look(struct launch *l, struct err *e)
{
        struct engine_container now = { 0 };
        if (!l->create.main.is_shell) {
                struct engine_wait w = { .hangup_fd = -1, .deadline = clock_mono_ms() + ALIVE_MS };
                struct err alive = ERR_INIT;
                int code;
                if (engine_container_wait(l->d->engine, &w, l->row.engine_id, &code, &alive) < 0 &&
                        alive.code != ERR_BUSY) {
                        *e = alive;
                        return -1;
                }
        }
        struct engine_wait w = daemon_wait(START_S);
        if (engine_container_inspect(l->d->engine, &w, l->row.engine_id, &now, e) < 0)
                return -1;
        int r = now.running ? containers_started(l->d->store, l->row.id, l->row.op, clock_unix(), l->d->boot, e)
                            : explain_death(l, &now, e);
        engine_container_done(&now);
        return r;
}

/* ---- the lists ---- */

static int discard(struct launch *l, struct err *e)
{
        return container_teardown(l->d, &l->row, e);
}

/* A container that was there before is never removed: it is as stopped as it was. */
static int back_to_stopped(struct launch *l, struct err *e)
{
        struct engine_container now = { 0 };
        struct engine_wait w = daemon_wait(START_S);
        bool found = false;
        if (containers_get(l->d->store, l->row.id, &l->row, &found, e) < 0)
                return -1;
        /* The engine was not asked yet. */
        if (l->row.state != LEDGER_STARTING)
                return 0;
        /* "Not answered" is not "not started": only the engine can say that it doesn't run. */
        if (engine_container_inspect(l->d->engine, &w, l->row.engine_id, &now, e) < 0)
                return -1;
        int r = now.running ? containers_started(l->d->store, l->row.id, l->row.op, now.started_at, l->d->boot, e)
                            : containers_move(l->d->store, l->row.id, l->row.op, LEDGER_STOPPED, e);
        engine_container_done(&now);
        return r;
}

struct step {
        int (*perform)(struct launch *l, struct err *e);
        int (*undo)(struct launch *l, struct err *e); /* NULL: nothing to undo */
        bool undoes_all; /* this undo takes the earlier steps with it */
        bool atomic;     /* a failed perform has done nothing */
};

static const struct step steps_new[] = {
        { .perform = decide, .atomic = true },
        { .perform = reserve, .undo = unreserve, .atomic = true },
        { .perform = mount_new, .undo = unmount_new },
        { .perform = create, .undo = discard, .undoes_all = true },
        { .perform = start, .undo = discard, .undoes_all = true },
        { .perform = look, .undo = discard, .undoes_all = true },
};

static const struct step steps_create[] = {
        { .perform = decide, .atomic = true },
        { .perform = reserve, .undo = unreserve, .atomic = true },
        { .perform = mount_new, .undo = unmount_new },
        { .perform = create, .undo = discard, .undoes_all = true },
        { .perform = unmount, .undo = discard, .undoes_all = true },
};

/*
 * Undoes from the step that failed backwards. A create or start that failed may still have happened,
 * so the failed step's own undo comes first. If an undo fails, the row keeps what is held and recovery
 * or the janitor goes on from there.
 */
static void undo(struct launch *l, const struct step *steps, size_t failed)
{
        struct err e = ERR_INIT;
        for (size_t i = steps[failed].atomic ? failed : failed + 1; i > 0; i--) {
                const struct step *s = &steps[i - 1];
                if (!s->undo)
                        continue;
                if (s->undo(l, &e) < 0) {
                        log_warning("undo of %s of uid %u: %s", l->row.name, (unsigned)l->row.uid, e.msg);
                        operation_end(l->d, l->row.id, l->row.op);
                        return;
                }
                if (s->undoes_all)
                        return;
        }
}

static int run(struct launch *l, const struct step *steps, size_t n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (steps[i].perform(l, e) == 0)
                        continue;
                if (!l->died)
                        undo(l, steps, i);
                return -1;
        }
        return 0;
}

static int finish(struct launch *l, int result, struct container *ret_row, struct err *e)
{
        bool found = false, started = result == 0;
        /* While it is still ours: afterwards somebody may retire it before we have looked. */
        if (result == 0)
                result = containers_get(l->d->store, l->row.id, ret_row, &found, e);
        if (started || l->died)
                operation_end(l->d, l->row.id, l->row.op);
        launch_done(l);
        return result;
}

int launch_new(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r };
        int result = run(&l, steps_new, ARRAY_LEN(steps_new), e);
        if (result == 0)
                log_info("launched %s of %s from %s", l.row.name, l.row.user, l.row.image_ref);
        return finish(&l, result, ret_row, e);
}

int launch_create(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r };
        int result = run(&l, steps_create, ARRAY_LEN(steps_create), e);
        if (result == 0)
                log_info("created %s of %s from %s", l.row.name, l.row.user, l.row.image_ref);
        return finish(&l, result, ret_row, e);
}

/* ---- starting what exists ---- */

/* The folders go where they went at the launch, so there must be as many of each kind. */
static int check_same_folders(const struct launch *l, struct err *e)
{
        const struct container *c = &l->row;
        if (l->r->data_ro.n == c->data_ro.n && l->r->data_rw.n == c->data_rw.n)
                return 0;
        return err_set(e, ERR_INVALID, "Container %s has %zu data folders to read and %zu to write, not %zu and %zu",
                c->name, c->data_ro.n, c->data_rw.n, l->r->data_ro.n, l->r->data_rw.n);
}

static int check_state(struct launch *l, struct err *e)
{
        const struct container *c = &l->row;
        if (c->state == LEDGER_STOPPED || c->state == LEDGER_CREATED)
                return 0;
        err_set(e, ERR_EXISTS, "Container %s already exists (%s)", c->name, ledger_wire(c->state));
        return err_fix(e, "container-attach %s\ncontainer retire %s", c->name, c->name);
}

static int decide_again(struct launch *l, struct err *e)
{
        if (check_folders(l, e) < 0 || daemon_engine(l->d, &l->engine, e) < 0 ||
                container_named(l->d, l->who->peer.uid, l->r->name, &l->row, e) < 0 || check_state(l, e) < 0 ||
                check_same_folders(l, e) < 0 || container_take(l->d, &l->row, e) < 0)
                return -1;
        if (check_state(l, e) < 0 || create_for_existing(&l->create, l->d, l->who, &l->row, e) < 0) {
                operation_end(l->d, l->row.id, l->row.op);
                return -1;
        }
        return 0;
}

static int release(struct launch *l, struct err *e)
{
        (void)e;
        operation_end(l->d, l->row.id, l->row.op);
        return 0;
}

static int start_again(struct launch *l, struct err *e)
{
        return prepare_cgroup(l, e) < 0 ? -1 : start(l, e);
}

static const struct step steps_again[] = {
        { .perform = decide_again, .undo = release, .atomic = true },
        { .perform = mount_again, .undo = unmount },
        { .perform = start_again, .undo = back_to_stopped },
        { .perform = look },
};

int launch_again(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r };
        int result = run(&l, steps_again, ARRAY_LEN(steps_again), e);
        return finish(&l, result, ret_row, e);
}
