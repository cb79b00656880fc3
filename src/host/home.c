/* SPDX-License-Identifier: MIT */
#include "host/home.h"

#include "base/fd.h"
#include "base/str.h"
#include "host/key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRASH ".trash-"

static const char profile_text[] = "# Read by login shells.\n"
                                   "if [ -n \"$BASH_VERSION\" ] && [ -f \"$HOME/.bashrc\" ]; then\n"
                                   "        . \"$HOME/.bashrc\"\n"
                                   "fi\n";

static int check_key(const char *key, struct err *e)
{
        return key_ok(key) ? 0 : err_set(e, ERR_INVALID, "'%s' can't be a home folder's name", key);
}

/* The base folder, which nobody but root may have a hand in. */
static int open_base(const char *base, bool make, int *ret_fd, struct err *e)
{
        if (make) {
                cleanup_free char *parent = xstrdup(base);
                char *slash = strrchr(parent, '/');
                if (slash && slash != parent) {
                        *slash = '\0';
                        if (fd_mkdir_all(parent, 0755))
                                return err_sys(e, errno, "Can't make the folder %s", parent);
                }
                if (mkdir(base, 0700) && errno != EEXIST)
                        return err_sys(e, errno, "Can't make the folder for homes %s", base);
        }
        cleanup_close int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                bool missing = errno == ENOENT;
                err_sys(e, errno, "Can't open the folder for homes %s", base);
                if (missing)
                        e->code = ERR_NOT_FOUND;
                return -1;
        }
        struct stat st;
        if (fstat(fd, &st))
                return err_sys(e, errno, "Can't look at the folder for homes %s", base);
        if (st.st_uid != 0 || (st.st_mode & 077)) {
                err_set(e, ERR_FAILED, "The folder for homes %s is open to others than root", base);
                return err_fix(e, "chown root:root %s && chmod 0700 %s", base, base);
        }
        *ret_fd = take_fd(&fd);
        return 0;
}

int home_open_base(const char *base, int *ret_fd, struct err *e)
{
        return open_base(base, true, ret_fd, e);
}

static int open_dir_at(int dir_fd, const char *name)
{
        return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int write_file(
        int dir_fd, const char *name, const char *text, uid_t uid, gid_t gid, struct err *e)
{
        cleanup_close int fd =
                openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0 || fchmod(fd, 0644) || fd_write_all(fd, text, strlen(text), -1) ||
                fchown(fd, uid, gid))
                return err_sys(e, errno, "Can't write %s of a new home", name);
        return 0;
}

static int fill(int dir_fd, uid_t uid, gid_t gid, const char *prompt_name, struct err *e)
{
        cleanup_free char *bashrc =
                xasprintf("# Read by interactive shells. It is yours to change.\n"
                          "case $- in\n"
                          "*i*) PS1='\\u@%s:\\w\\$ ' ;;\n"
                          "esac\n",
                        prompt_name && key_ok(prompt_name) ? prompt_name : "\\h");
        if (write_file(dir_fd, ".bashrc", bashrc, uid, gid, e) ||
                write_file(dir_fd, ".profile", profile_text, uid, gid, e))
                return -1;
        if (fchmod(dir_fd, 0700) || fchown(dir_fd, uid, gid))
                return err_sys(e, errno, "Can't give a new home to user id %u", uid);
        return 0;
}

int home_create(const char *base, const char *key, uid_t uid, gid_t gid, const char *prompt_name,
        int *ret_dirfd, struct err *e)
{
        cleanup_close int base_fd = -1;
        if (check_key(key, e) || open_base(base, true, &base_fd, e))
                return -1;
        if (mkdirat(base_fd, key, 0700)) {
                if (errno == EEXIST)
                        return err_set(
                                e, ERR_EXISTS, "The home folder %s/%s exists already", base, key);
                return err_sys(e, errno, "Can't make the home folder %s/%s", base, key);
        }
        cleanup_close int fd = open_dir_at(base_fd, key);
        if (fd < 0)
                err_sys(e, errno, "Can't open the home folder %s/%s", base, key);
        if (fd < 0 || fill(fd, uid, gid, prompt_name, e)) {
                struct err ignored = ERR_INIT; /* the first failure is the one to tell */
                (void)home_remove(base, key, &ignored);
                return -1;
        }
        *ret_dirfd = take_fd(&fd);
        return 0;
}

int home_open(const char *base, const char *key, int *ret_dirfd, struct err *e)
{
        cleanup_close int base_fd = -1;
        if (check_key(key, e) || open_base(base, false, &base_fd, e))
                return -1;
        int fd = open_dir_at(base_fd, key);
        if (fd < 0 && errno == ENOENT)
                return err_set(e, ERR_NOT_FOUND, "No home folder %s/%s", base, key);
        if (fd < 0)
                return err_sys(e, errno, "Can't open the home folder %s/%s", base, key);
        *ret_dirfd = fd;
        return 0;
}

/*
 * Moves <key> to a free .trash-<key> name. *ret_name is that name (owned), NULL if there was no
 * home.
 */
static int discard(int base_fd, const char *base, const char *key, char **ret_name, struct err *e)
{
        char random[RANDOM_HEX_LEN + 1];
        random_hex(random);
        cleanup_free char *name = xasprintf(TRASH "%s-%.12s", key, random);
        if (renameat(base_fd, key, base_fd, name)) {
                if (errno != ENOENT)
                        return err_sys(
                                e, errno, "Can't move the home folder %s/%s away", base, key);
                *ret_name = NULL;
                return 0;
        }
        *ret_name = take_ptr(name);
        return 0;
}

/* The walk that deletes one tree: where it stands, and what the next folder that moves up is
 * called. */
struct removal {
        int top_fd;
        unsigned long counter;
        bool progress;
};

/* O_PATH would do for renames, but readdir needs to read. Mount points give EXDEV, links ELOOP. */
static int open_inside(int dir_fd, const char *name)
{
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS |
                           RESOLVE_NO_MAGICLINKS,
        };
        return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
}

/* Calls fn for every entry of an open folder; takes over dir_fd. 0, or -1 with errno. */
static int each_entry(
        int dir_fd, int (*fn)(struct removal *, int dir_fd, const char *name), struct removal *rm)
{
        DIR *dir = fdopendir(dir_fd);
        if (!dir) {
                int saved = errno;
                close(dir_fd);
                errno = saved;
                return -1;
        }
        int r = 0, saved = 0;
        const struct dirent *d;
        while ((d = readdir(dir))) {
                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                        continue;
                if (fn(rm, dirfd(dir), d->d_name)) {
                        saved = errno;
                        r = -1;
                }
        }
        closedir(dir);
        errno = saved;
        return r;
}

/* In a folder below the top: a file goes, a folder moves up to the top, where a later round meets
 * it. */
static int lift_or_unlink(struct removal *rm, int dir_fd, const char *name)
{
        if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR)
                return -1;
        char up[32];
        int r;
        do {
                snprintf(up, sizeof up, ".%lu~", rm->counter++);
                r = renameat2(dir_fd, name, rm->top_fd, up, RENAME_NOREPLACE);
        } while (r && errno == EEXIST);
        if (r)
                return -1;
        rm->progress = true;
        return 0;
}

/* In the top folder: a file goes; a folder is emptied, its own folders becoming neighbours, and
 * goes. */
static int clear_one(struct removal *rm, int top_fd, const char *name)
{
        if (unlinkat(top_fd, name, 0) == 0) {
                rm->progress = true;
                return 0;
        }
        if (errno != EISDIR)
                return errno == ENOENT ? 0 : -1;
        int fd = open_inside(top_fd, name);
        if (fd < 0 || each_entry(fd, lift_or_unlink, rm) || unlinkat(top_fd, name, AT_REMOVEDIR))
                return -1;
        rm->progress = true;
        return 0;
}

/*
 * Deletes <base>/<name> and all that is in it. Not by recursion: every folder met moves up to the
 * top of the tree first, so depth costs nothing. Rounds go on while they get somewhere.
 */
static int delete_tree(int base_fd, const char *base, const char *name, struct err *e)
{
        if (unlinkat(base_fd, name, 0) == 0)
                return 0;
        cleanup_close int top_fd = open_inside(base_fd, name);
        if (top_fd < 0)
                return errno == ENOENT
                               ? 0
                               : err_sys(e, errno, "Can't open %s/%s to delete it", base, name);
        struct removal rm = { .top_fd = top_fd };
        int last = 0;
        do {
                rm.progress = false;
                int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0 || each_entry(fd, clear_one, &rm))
                        last = errno;
                if (unlinkat(base_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
                        return 0;
                if (last == 0)
                        last = errno;
        } while (rm.progress);
        return err_sys(e, last, "Can't delete all of %s/%s", base, name);
}

int home_discard(const char *base, const char *key, struct err *e)
{
        cleanup_close int base_fd = -1;
        if (check_key(key, e))
                return -1;
        if (open_base(base, false, &base_fd, e))
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        cleanup_free char *name = NULL;
        return discard(base_fd, base, key, &name, e);
}

int home_remove(const char *base, const char *key, struct err *e)
{
        cleanup_close int base_fd = -1;
        if (check_key(key, e))
                return -1;
        if (open_base(base, false, &base_fd, e))
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        cleanup_free char *name = NULL;
        if (discard(base_fd, base, key, &name, e))
                return -1;
        return name ? delete_tree(base_fd, base, name, e) : 0;
}

int home_sweep(const char *base, struct err *e)
{
        cleanup_close int base_fd = -1;
        if (open_base(base, false, &base_fd, e))
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        int list_fd = openat(base_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
        if (!dir) {
                err_sys(e, errno, "Can't list the folder for homes %s", base);
                mem_closep(&list_fd);
                return -1;
        }
        int r = 0;
        const struct dirent *d;
        while ((d = readdir(dir)))
                if (str_starts(d->d_name, TRASH) && delete_tree(base_fd, base, d->d_name, e))
                        r = -1;
        closedir(dir);
        return r;
}
