/* SPDX-License-Identifier: MIT */
#include "host/mounts.h"

#include "base/fd.h"
#include "host/idmap.h"
#include "host/key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK_MAX 64 /* mounts on top of each other that we are ready to take away */

void mounts_done(struct mounts *m)
{
        free(m->path);
        mem_closep(&m->dir_fd);
        mem_closep(&m->userns_fd);
        *m = MOUNTS_INIT;
}

static int make_parents(const char *path, struct err *e)
{
        cleanup_free char *parent = xstrdup(path);
        char *slash = strrchr(parent, '/');
        if (!slash || path[0] != '/' || slash[1] == '\0')
                return err_set(
                        e, ERR_INVALID, "The runtime folder %s is not an absolute path", path);
        *slash = '\0';
        if (*parent && fd_mkdir_all(parent, 0755))
                return err_sys(e, errno, "Can't make the folder %s", parent);
        return 0;
}

int mounts_open(const char *path, struct mounts *ret, struct err *e)
{
        CLEANUP(mounts_done) struct mounts m = MOUNTS_INIT;
        if (make_parents(path, e))
                return -1;
        if (mkdir(path, 0700) && errno != EEXIST)
                return err_sys(e, errno, "Can't make the runtime folder %s", path);
        m.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (m.dir_fd < 0)
                return err_sys(e, errno, "Can't open the runtime folder %s", path);
        struct stat st;
        if (fstat(m.dir_fd, &st))
                return err_sys(e, errno, "Can't look at the runtime folder %s", path);
        if (st.st_uid != 0 || (st.st_mode & 077)) {
                err_set(e, ERR_FAILED, "The runtime folder %s is open to others than root", path);
                return err_fix(e, "chown root:root %s && chmod 0700 %s", path, path);
        }
        m.path = realpath(path, NULL);
        if (!m.path)
                return err_sys(e, errno, "Can't tell where the runtime folder %s is", path);
        m.userns_fd = idmap_userns_fd(e);
        if (m.userns_fd < 0)
                return -1;
        *ret = m;
        m = MOUNTS_INIT;
        return 0;
}

struct mounts mounts_with_map(const struct mounts *m, int userns_fd)
{
        struct mounts other = *m;
        other.userns_fd = userns_fd;
        other.map_required = true;
        return other;
}

/* Clones the folder's mount, alone and detached: it has no name yet, and nobody else sees it. */
static int clone_tree(int dir_fd, struct err *e)
{
        int fd = open_tree(dir_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        if (fd >= 0)
                return fd;
        if (errno != EINVAL)
                return err_sys(e, errno, "Can't clone the mount of the folder");
        err_set(e, ERR_FAILED,
                "The folder is in a mount namespace of its own, which the engine can't see");
        return err_fix(e, "Run the command outside of sandboxes and containers (not in unshare, "
                          "bwrap or a snap)");
}

/*
 * MS_PRIVATE takes the clone out of its source's peer group: what is mounted inside the source
 * later on doesn't show up in a container.
 */
static int restrict_tree(
        const struct mounts *m, int tree_fd, bool read_only, bool *ret_mapped, struct err *e)
{
        struct mount_attr attr = {
                .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_IDMAP |
                            (read_only ? MOUNT_ATTR_RDONLY : 0u),
                .propagation = MS_PRIVATE,
                .userns_fd = (unsigned)m->userns_fd,
        };
        *ret_mapped = true;
        if (mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0)
                return 0;
        /* EPERM: the source is idmapped already, and then keeps its own map. */
        if (errno != EINVAL && errno != EOPNOTSUPP && errno != EPERM)
                return err_sys(e, errno, "Can't restrict the mount of the folder");
        if (m->map_required)
                return err_set(e, ERR_FAILED, "The folder's file system takes no id map");
        attr.attr_set &= ~(uint64_t)MOUNT_ATTR_IDMAP;
        attr.userns_fd = 0;
        *ret_mapped = false;
        if (mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof attr))
                return err_sys(e, errno, "Can't restrict the mount of the folder");
        return 0;
}

static int detach_path(const char *path, struct err *e)
{
        for (int i = 0; i < STACK_MAX; i++) {
                if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
                        continue;
                /* EINVAL: no mount (any more). */
                return errno == EINVAL || errno == ENOENT
                               ? 0
                               : err_sys(e, errno, "Can't unmount %s", path);
        }
        return err_set(
                e, ERR_FAILED, "Can't unmount %s: too many mounts on top of each other", path);
}

static int check_names(const char *key, const char *what, struct err *e)
{
        if (!key_ok(key) || !key_ok(what))
                return err_set(e, ERR_INVALID, "'%s/%s' can't be a mount's name", key, what);
        return 0;
}

static int make_dir_at(int dir_fd, const char *name, const char *path, struct err *e)
{
        if (mkdirat(dir_fd, name, 0700) && errno != EEXIST)
                return err_sys(e, errno, "Can't make the folder %s", path);
        return 0;
}

/* Makes the empty folder <key>/<what> with nothing mounted on it. */
static int make_target(
        const struct mounts *m, const char *key, const char *what, const char *path, struct err *e)
{
        cleanup_free char *name = xasprintf("%s/%s", key, what);
        if (make_dir_at(m->dir_fd, key, path, e) || detach_path(path, e))
                return -1;
        return make_dir_at(m->dir_fd, name, path, e);
}

static void drop_target(const struct mounts *m, const char *key, const char *what)
{
        cleanup_free char *name = xasprintf("%s/%s", key, what);
        /* The key's folder goes only if nothing else is in it. */
        (void)unlinkat(m->dir_fd, name, AT_REMOVEDIR);
        (void)unlinkat(m->dir_fd, key, AT_REMOVEDIR);
}

int mounts_attach(const struct mounts *m, int dir_fd, const char *key, const char *what,
        bool read_only, char **ret_path, bool *ret_mapped, struct err *e)
{
        if (check_names(key, what, e))
                return -1;
        cleanup_close int tree_fd = clone_tree(dir_fd, e);
        bool mapped = false;
        if (tree_fd < 0 || restrict_tree(m, tree_fd, read_only, &mapped, e))
                return -1;
        cleanup_free char *path = xasprintf("%s/%s/%s", m->path, key, what);
        if (make_target(m, key, what, path, e))
                return -1;
        if (move_mount(tree_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)) {
                err_sys(e, errno, "Can't mount the folder at %s", path);
                drop_target(m, key, what);
                return -1;
        }
        *ret_path = take_ptr(path);
        if (ret_mapped)
                *ret_mapped = mapped;
        return 0;
}

int mounts_try(const struct mounts *m, int dir_fd, bool *ret_mapped, struct err *e)
{
        cleanup_close int tree_fd = clone_tree(dir_fd, e);
        const struct mounts lenient = { .userns_fd = m->userns_fd };
        bool mapped = false;
        if (tree_fd < 0 || restrict_tree(&lenient, tree_fd, true, &mapped, e))
                return -1;
        *ret_mapped = mapped;
        return 0;
}

int mounts_put_file(const struct mounts *m, const char *key, const char *what, const char *text,
        char **ret_path, struct err *e)
{
        if (check_names(key, what, e))
                return -1;
        cleanup_free char *path = xasprintf("%s/%s/%s", m->path, key, what);
        cleanup_free char *name = xasprintf("%s/%s", key, what);
        if (make_dir_at(m->dir_fd, key, path, e))
                return -1;
        if (fd_replace_file(m->dir_fd, name, text, strlen(text), 0644, e))
                return err_wrap(e, "In %s", m->path);
        *ret_path = take_ptr(path);
        return 0;
}

static bool same_mount(const struct mountinfo_row *a, const struct mountinfo_row *b)
{
        return strcmp(a->dev, b->dev) == 0 && strcmp(a->root, b->root) == 0;
}

int mounts_visible(const char *path, pid_t engine_pid, bool mapped, struct err *e)
{
        cleanup_mountinfo struct mountinfo ours = { 0 };
        cleanup_mountinfo struct mountinfo theirs = { 0 };
        if (mountinfo_read(0, &ours, e))
                return -1;
        /* A process that has ended shows nothing: that is the engine's failure, not the folder's. */
        if (mountinfo_read(engine_pid, &theirs, e)) {
                if (engine_pid != 0)
                        e->code = ERR_ENGINE;
                return err_wrap(e, "Can't see the engine's mounts");
        }
        const struct mountinfo_row *a = mountinfo_by_path(&ours, path);
        const struct mountinfo_row *b = mountinfo_by_path(&theirs, path);
        if (!a)
                return err_set(e, ERR_FAILED, "Nothing is mounted at %s", path);
        if (!b || !same_mount(a, b)) {
                err_set(e, ERR_FAILED, "The engine does not see %s: it has mounts of its own",
                        path);
                return err_fix(e, "Run ds01d in the engine's mount namespace: in ds01d.service no "
                                  "PrivateTmp=, ProtectSystem=, ProtectHome=, PrivateMounts=");
        }
        if (!mountinfo_has_option(b->options, "nosuid") ||
                !mountinfo_has_option(b->options, "nodev"))
                return err_set(
                        e, ERR_FAILED, "%s is mounted without nosuid,nodev for the engine", path);
        if (mapped && !mountinfo_has_option(b->options, "idmapped"))
                return err_set(
                        e, ERR_FAILED, "%s is mounted without an id map for the engine", path);
        return 0;
}

/* The names in a folder, but "." and "..". Takes over dir_fd. */
static int list_names(int dir_fd, struct strv *ret, struct err *e)
{
        DIR *dir = fdopendir(dir_fd);
        if (!dir) {
                int saved = errno;
                close(dir_fd);
                return err_sys(e, saved, "Can't list a folder of mounts");
        }
        const struct dirent *d;
        while ((d = readdir(dir)))
                if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
                        strv_add(ret, d->d_name);
        closedir(dir);
        return 0;
}

static int detach_one(const struct mounts *m, const char *key, const char *what, struct err *e)
{
        cleanup_free char *path = xasprintf("%s/%s/%s", m->path, key, what);
        cleanup_free char *name = xasprintf("%s/%s", key, what);
        if (detach_path(path, e))
                return -1;
        /* A mount point is an empty folder; whatever else is here is a file of mounts_put_file().
         */
        if (unlinkat(m->dir_fd, name, AT_REMOVEDIR) && errno == ENOTDIR)
                (void)unlinkat(m->dir_fd, name, 0);
        return 0;
}

int mounts_detach_all(const struct mounts *m, const char *key, struct err *e)
{
        if (check_names(key, "x", e))
                return -1;
        int fd = openat(m->dir_fd, key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : err_sys(e, errno, "Can't open %s/%s", m->path, key);
        cleanup_strv struct strv names = { 0 };
        if (list_names(fd, &names, e))
                return -1;
        int r = 0;
        for (size_t i = 0; i < names.n; i++)
                if (detach_one(m, key, names.v[i], e))
                        r = -1;
        if (r == 0 && unlinkat(m->dir_fd, key, AT_REMOVEDIR) && errno != ENOENT)
                r = err_sys(e, errno, "Can't remove %s/%s", m->path, key);
        return r;
}

int mounts_each_key(
        const struct mounts *m, void (*fn)(void *arg, const char *key), void *arg, struct err *e)
{
        int fd = openat(m->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return err_sys(e, errno, "Can't open %s", m->path);
        cleanup_strv struct strv names = { 0 };
        if (list_names(fd, &names, e))
                return -1;
        for (size_t i = 0; i < names.n; i++)
                if (key_ok(names.v[i]))
                        fn(arg, names.v[i]);
        return 0;
}
