/* SPDX-License-Identifier: MIT */
#include "daemon/root-inside.h"

#include "engine/containers.h"
#include "host/account.h"
#include "host/home.h"
#include "host/idmap.h"
#include "policy/seccomp.h"

#include <sys/stat.h>

enum { INSPECT_S = 30 };

/* Else root inside could take files by giving them to a group that packages and people share. */
_Static_assert(
        IDMAP_GROUP_MIN == SECCOMP_GROUP_MIN, "the map and the filter speak of other groups");

static bool may_have(const struct launch *l)
{
        return limits_get(&l->create.limits, LIMIT_ROOT) == 1;
}

int root_inside_mounts(struct launch *l, struct mounts *ret, struct err *e)
{
        if (!l->row.root) {
                *ret = l->d->mounts;
                return 0;
        }
        if (l->root_map < 0)
                l->root_map = idmap_root_fd(
                        l->row.uid, l->row.gid, l->create.groups, l->create.n_groups, e);
        if (l->root_map < 0)
                return -1;
        *ret = mounts_with_map(&l->d->mounts, l->root_map);
        return 0;
}

static const char *folder_path(const struct launch *l, size_t i)
{
        const struct launch_request *r = l->r;
        if (i == 0)
                return str_or_empty(r->workspace);
        return i <= r->data_ro.n ? r->data_ro.v[i - 1] : r->data_rw.v[i - 1 - r->data_ro.n];
}

/* Tries one folder: *ret is what is in the way (owned), if something is; else it is left alone. */
static int try_folder(const struct mounts *m, int fd, const char *path, char **ret, struct err *e)
{
        struct mount_source source = { 0 };
        bool mapped = false;
        if (mounts_try(m, fd, &mapped, e) < 0)
                return -1;
        if (mapped || *ret)
                return 0;
        if (mounts_check_dir(fd, &source, e) < 0)
                return -1;
        *ret = xasprintf("%s is on %s, which takes no id maps", path, source.fstype);
        return 0;
}

/* A setuid program that root inside makes lies there, root's outside: nobody may come by. */
static bool engine_data_is_open(const struct launch *l)
{
        struct stat st;
        return stat(l->engine.root_dir, &st) < 0 || (st.st_mode & S_IRWXO) ||
               (st.st_gid != 0 && (st.st_mode & S_IRWXG));
}

/* The same for all of them, and the homes of containers; before that, what concerns the whole machine. */
static int try_folders(struct launch *l, char **ret, struct err *e)
{
        struct mounts m;
        cleanup_close int homes = -1;
        const char *path = l->d->config.homes_path;
        if (!seccomp_root_suits(host_uid_min()))
                *ret = xasprintf("people's ids begin below %d on this machine", SECCOMP_USER_MIN);
        else if (engine_data_is_open(l))
                *ret = xasprintf("the engine's data (%s) is open to everyone", l->engine.root_dir);
        if (root_inside_mounts(l, &m, e) < 0 || home_open_base(path, &homes, e) < 0)
                return -1;
        for (size_t i = 0; i < l->r->n_fds; i++)
                if (try_folder(&m, l->r->fds[i], folder_path(l, i), ret, e) < 0)
                        return err_wrap(e, "Folder %s", folder_path(l, i));
        return try_folder(&m, homes, path, ret, e);
}

int root_inside_decide(struct launch *l, struct err *e)
{
        cleanup_free char *where = NULL;
        if (l->r->mounted)
                l->row.root = l->r->root;
        if (l->row.root && engine_data_is_open(l))
                return err_set(e, ERR_STALE,
                        "the engine's data has been opened to others since it joined the queue");
        if (l->r->mounted || !may_have(l))
                return 0;
        l->row.root = true;
        if (try_folders(l, &where, e) < 0)
                return -1;
        l->row.root = where == NULL;
        if (where && l->r->ret_notice)
                *l->r->ret_notice = xasprintf(
                        "Container %s has no root inside: %s.\n"
                        "Put packages into its image instead: image-update %s --add-system=PACKAGE",
                        l->row.name, where, l->row.project);
        return 0;
}

static int refuse_start(const char *name, struct err *e)
{
        return err_fix(e, "container retire %s\nproject launch %s", name, name);
}

/* The engine keeps the filter that a container was made with, and one may have a hole that is known now. */
static int check_body(const struct launch *l, struct err *e)
{
        struct engine_wait w = daemon_wait(INSPECT_S);
        struct engine_container now = { 0 };
        char mark[SECCOMP_MARK_SIZE];
        if (engine_container_inspect(l->d->engine, &w, l->row.engine_id, &now, e) < 0)
                return -1;
        seccomp_root_mark(mark);
        bool same =
                spec_user_is_root(now.user) && str_eq(json_str(now.labels, "ds01.filter"), mark);
        engine_container_done(&now);
        if (same)
                return 0;
        err_set(e, ERR_FAILED, "Container %s was made with an older filter of system calls",
                l->row.name);
        return refuse_start(l->row.name, e);
}

int root_inside_check(struct launch *l, struct err *e)
{
        cleanup_free char *where = NULL;
        const char *name = l->row.name;
        if (!l->row.root)
                return 0;
        if (!may_have(l)) {
                err_set(e, ERR_DENIED,
                        "Container %s has root inside, which your limits no longer allow", name);
                return refuse_start(name, e);
        }
        if (check_body(l, e) < 0 || try_folders(l, &where, e) < 0)
                return -1;
        if (!where)
                return 0;
        err_set(e, ERR_FAILED, "Container %s has root inside, but %s", name, where);
        return refuse_start(name, e);
}
