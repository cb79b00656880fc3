/* SPDX-License-Identifier: MIT */
#include "daemon/launch-steps.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/operation.h"
#include "daemon/remove.h"
#include "daemon/root-inside.h"
#include "engine/containers.h"
#include "host/cgroup.h"
#include "host/identity.h"

#include <stdio.h>
#include <string.h>

enum {
        ALIVE_MS = 1000, /* a command that lives so long has started */
        /* All paths together: a row must fit in a frame, escaped six to one and with its last lines. */
        PATHS_MAX = 8 << 10,
};

static int check_paths(const struct launch_request *r, struct err *e)
{
        size_t n = strlen(str_or_empty(r->workspace));
        for (size_t i = 0; i < r->data_ro.n; i++)
                n += strlen(r->data_ro.v[i]);
        for (size_t i = 0; i < r->data_rw.n; i++)
                n += strlen(r->data_rw.v[i]);
        if (n <= PATHS_MAX)
                return 0;
        err_set(e, ERR_INVALID, "The paths of the folders are %zu bytes in all, more than %d", n,
                PATHS_MAX);
        return err_fix(e, "Name fewer folders, or one that holds them");
}

int launch_check_folders(struct launch *l, struct err *e)
{
        const struct launch_request *r = l->r;
        size_t n = 1 + r->data_ro.n + r->data_rw.n;
        if (check_paths(r, e) < 0)
                return -1;
        if (r->n_fds != n)
                return err_set(
                        e, ERR_INVALID, "%zu folders are named, %zu descriptors came", n, r->n_fds);
        if (mounts_check_workspace(r->fds[0], &l->who->peer, NULL, e) < 0)
                return err_wrap(e, "Workspace %s", str_or_empty(r->workspace));
        for (size_t i = 1; i < n; i++)
                if (mounts_check_dir(r->fds[i], NULL, e) < 0)
                        return err_wrap(e, "Data folder %s",
                                i <= r->data_ro.n ? r->data_ro.v[i - 1]
                                                  : r->data_rw.v[i - 1 - r->data_ro.n]);
        return 0;
}

static int attach_folder(struct launch *l, int fd, const char *what, const char *target,
        bool read_only, struct err *e)
{
        char *path = NULL;
        struct mounts m;
        /* Mounted since it joined the queue; that the mount is there is seen before the start. */
        if (fd < 0)
                path = xasprintf("%s/%s/%s", l->d->mounts.path, l->row.born_op, what);
        else if (root_inside_mounts(l, &m, e) < 0 ||
                 mounts_attach(&m, fd, l->row.born_op, what, read_only, &path, NULL, e) < 0)
                return -1;
        /* The mount itself is read-only already. If the engine were asked for that as well, runc would
         * remount it, and lose nosuid and nodev on the way. */
        create_add_mount(&l->create, path, target, false, true);
        return 0;
}

static int folder_fd(const struct launch *l, size_t i)
{
        return l->r->mounted ? -1 : l->r->fds[i];
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
                if (attach_folder(l, folder_fd(l, i + 1), what, target, read_only, e) < 0)
                        return err_wrap(e, "Data folder %s", path);
        }
        return 0;
}

/* Root inside keeps the image's own files: packages add accounts to them. */
static int put_identity(struct launch *l, struct err *e)
{
        if (l->row.root)
                return 0;
        cleanup_free char *passwd = create_passwd(&l->create, l->who);
        cleanup_free char *group = create_group(&l->create, l->who);
        const struct {
                const char *what, *target, *text;
        } files[] = { { "passwd", "/etc/passwd", passwd }, { "group", "/etc/group", group } };
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                char *path = NULL;
                if (mounts_put_file(&l->d->mounts, l->row.born_op, files[i].what, files[i].text,
                            &path, e) < 0)
                        return -1;
                create_add_mount(&l->create, path, files[i].target, true, false);
        }
        return 0;
}

int launch_mount_folders(struct launch *l, struct err *e)
{
        if (attach_folder(l, folder_fd(l, 0), "workspace", "/workspace", false, e) < 0)
                return err_wrap(e, "Workspace %s", l->row.workspace);
        return attach_data(l, e);
}

int launch_mount(struct launch *l, int home_fd, struct err *e)
{
        cleanup_free char *home = identity_home(l->who->peer.user);
        return launch_mount_folders(l, e) < 0 ||
                               attach_folder(l, home_fd, "home", home, false, e) < 0 ||
                               put_identity(l, e) < 0
                       ? -1
                       : 0;
}

int launch_unmount(struct launch *l, struct err *e)
{
        return mounts_detach_all(&l->d->mounts, l->row.born_op, e);
}

int launch_prepare_cgroup(struct launch *l, struct err *e)
{
        struct cgroup_limits limits = create_aggregate(&l->create);
        return cgroup_prepare(l->engine.cgroup_driver, l->row.uid, &limits, e);
}

/* ---- start ---- */

/* What the engine says where the NVIDIA hook is not installed helps nobody who doesn't know it. */
static int explain_start(const struct launch *l, struct err *e)
{
        if (l->row.gpus.n == 0 || !strstr(e->msg, "could not select device driver"))
                return -1;
        err_set(e, ERR_FAILED, "The container engine can't hand out GPUs: it has no NVIDIA hook");
        return err_fix(e,
                "Ask an administrator to install nvidia-container-toolkit and to restart the engine\n"
                "project launch %s --cpu-only",
                l->row.name);
}

int launch_start(struct launch *l, struct err *e)
{
        struct engine_wait w = daemon_wait(LAUNCH_ENGINE_S);
        for (size_t i = 0; i < l->create.n_mounts; i++)
                if (l->create.is_mount_point[i] &&
                        mounts_visible(l->create.mounts[i].source, engine_pid(l->d->engine),
                                l->row.root, e) < 0)
                        return -1;
        if (containers_move(l->d->store, l->row.id, l->row.op, LEDGER_STARTING, e) < 0)
                return -1;
        return engine_container_start(l->d->engine, &w, l->row.engine_id, e) < 0
                       ? explain_start(l, e)
                       : 0;
}

/* ---- look: does it still run? ---- */

static int explain_death(struct launch *l, const struct engine_container *now, struct err *e)
{
        cleanup_free char *lines = container_last_lines(l->d, l->row.engine_id);
        const char *cause = now->oom_killed         ? ": it ran out of memory"
                            : now->exit_code == 127 ? ": its command was not found in the image"
                            : now->exit_code == 126 ? ": its command can't be run"
                                                    : "";
        if (containers_stopped(l->d->store, l->row.id, l->row.op, now->finished_at, now->exit_code,
                    lines, e) < 0)
                return -1;
        container_unmount(l->d, &l->row);
        l->died = true;
        err_set(e, ERR_DIED, "Container %s ended at once (exit code %d)%s", l->row.name,
                now->exit_code, cause);
        err_detail(e, "%s", lines);
        return err_fix(e, "container-logs %s\ncontainer retire %s", l->row.name, l->row.name);
}

int launch_look(struct launch *l, struct err *e)
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
        struct engine_wait w = daemon_wait(LAUNCH_ENGINE_S);
        if (engine_container_inspect(l->d->engine, &w, l->row.engine_id, &now, e) < 0)
                return -1;
        int r = now.running ? containers_started(l->d->store, l->row.id, l->row.op, clock_unix(),
                                      l->d->boot, e)
                            : explain_death(l, &now, e);
        engine_container_done(&now);
        return r;
}

/* ---- lists of steps ---- */

void launch_done(struct launch *l)
{
        mem_closep(&l->root_map);
        create_done(&l->create);
        container_done(&l->row);
}

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
                        log_warning("undo of %s of uid %u: %s", l->row.name, (unsigned)l->row.uid,
                                e.msg);
                        operation_end(l->d, l->row.id, l->row.op);
                        return;
                }
                if (s->undoes_all)
                        return;
        }
}

int launch_run(struct launch *l, const struct step *steps, size_t n, struct err *e)
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

int launch_finish(struct launch *l, int result, struct container *ret_row, struct err *e)
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
