/* SPDX-License-Identifier: MIT */
#include "project/init.h"

#include "base/fd.h"
#include "project/find.h"
#include "project/git.h"
#include "project/pyproject.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void init_report_done(struct init_report *r)
{
        free(r->path);
        strv_done(&r->added);
        strv_done(&r->kept);
        strv_done(&r->notes);
        *r = (struct init_report){ 0 };
}

/* Creates one file if it is not there. 1 if it was made, 0 if the name is taken, -1. */
static int write_new(int dirfd, const char *path, const char *text, struct err *e)
{
        cleanup_close int fd =
                openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST)
                return 0;
        if (fd < 0)
                return err_sys(e, errno, "Can't write %s", path);
        if (fd_write_all(fd, text, strlen(text), -1)) {
                int failed = errno;
                unlinkat(dirfd, path, 0);
                return err_sys(e, failed, "Can't write %s", path);
        }
        return 1;
}

/*
 * Makes the folder that a file of the table stands in. 1 if it was made or the file stands at the
 * top, 0 if the folder existed, -1.
 */
static int make_folder(int dirfd, const char *path, struct strv *added, struct err *e)
{
        const char *slash = strchr(path, '/');
        if (!slash)
                return 1;
        cleanup_free char *folder = xstrndup(path, (size_t)(slash - path));
        if (mkdirat(dirfd, folder, 0777) == 0) {
                strv_take(added, xasprintf("%s/", folder));
                return 1;
        }
        return errno == EEXIST ? 0 : err_sys(e, errno, "Can't make the folder %s", folder);
}

static int write_files(
        int dirfd, const struct template_values *v, struct init_report *r, struct err *e)
{
        for (const struct template_file *f = template_files; f->path; f++) {
                if (!f->wanted(v))
                        continue;
                int made = make_folder(dirfd, f->path, &r->added, e);
                if (made < 0)
                        return -1;
                /* .gitkeep is for folders that we made: one that existed is not touched. */
                bool placeholder = str_ends(f->path, "/.gitkeep");
                if (placeholder && made == 0)
                        continue;
                cleanup_free char *text = f->make(v);
                int written = write_new(dirfd, f->path, text, e);
                if (written < 0)
                        return -1;
                if (written == 0)
                        strv_add(&r->kept, f->path);
                else if (!placeholder)
                        strv_add(&r->added, f->path);
        }
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

/* Removes the hidden folder of this call. It holds only what we wrote; links are not followed. */
static void remove_tree(const char *path)
{
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Takes back what an adoption that failed had added, newest first. */
static void undo_added(int dirfd, const struct strv *added)
{
        for (size_t i = added->n; i-- > 0;) {
                const char *path = added->v[i];
                if (!str_ends(path, "/")) {
                        unlinkat(dirfd, path, 0);
                        continue;
                }
                cleanup_free char *folder = xstrndup(path, strlen(path) - 1);
                cleanup_free char *keep = xasprintf("%s.gitkeep", path);
                unlinkat(dirfd, keep, 0);
                unlinkat(dirfd, folder, AT_REMOVEDIR);
        }
}

static void add_git(
        const char *path, const char *name, bool no_git, bool lfs, struct init_report *r)
{
        if (no_git)
                return;
        cleanup_free char *message = xasprintf("Start %s", name);
        switch (git_first_commit(path, message, lfs)) {
        case GIT_COMMITTED:
                r->git_committed = true;
                break;
        case GIT_NOT_INSTALLED:
                strv_add(&r->notes, "No Git repository: git is not installed");
                break;
        case GIT_NO_IDENTITY:
                strv_add(&r->notes, "Git repository without a commit: set user.name and user.email "
                                    "with git config --global, then git commit");
                break;
        case GIT_FAILED:
                strv_add(&r->notes,
                        "No first Git commit: git failed; the project is complete without");
                break;
        }
}

static int create_new(const char *root, const struct init_options *o,
        const struct template_values *v, struct init_report *r, struct err *e)
{
        char suffix[RANDOM_HEX_LEN + 1];
        random_hex(suffix);
        cleanup_free char *tmp = xasprintf("%s/.%s.%.12s~", root, v->name, suffix);
        if (mkdir(tmp, 0777))
                return err_sys(e, errno, "Can't make a folder in %s", root);
        cleanup_close int dirfd = open(tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dirfd < 0) {
                err_sys(e, errno, "Can't open %s", tmp);
                remove_tree(tmp);
                return -1;
        }
        if (write_files(dirfd, v, r, e)) {
                remove_tree(tmp);
                return -1;
        }
        add_git(tmp, v->name, o->no_git, v->git_lfs && !v->blank, r);
        /* Fails if somebody made the place meanwhile and put something into it. */
        if (rename(tmp, r->path)) {
                int failed = errno;
                remove_tree(tmp);
                if (failed == EEXIST || failed == ENOTEMPTY || failed == ENOTDIR)
                        return err_set(e, ERR_EXISTS, "~/workspace/%s exists already", v->name);
                return err_sys(e, failed, "Can't make ~/workspace/%s", v->name);
        }
        return 0;
}

/* A link in place of a folder must not lead our files into a folder of somebody else. */
static int check_owner(const char *path, const char *shown, struct err *e)
{
        struct stat link, target;
        if (lstat(path, &link))
                return err_sys(e, errno, "Can't look at %s", shown);
        if (!S_ISLNK(link.st_mode))
                return S_ISDIR(link.st_mode) ? 0
                                             : err_set(e, ERR_EXISTS, "%s is not a folder", shown);
        if (stat(path, &target))
                return err_sys(e, errno, "Can't follow the symbolic link %s", shown);
        if (!S_ISDIR(target.st_mode))
                return err_set(e, ERR_EXISTS, "%s is not a folder", shown);
        if (target.st_uid != geteuid())
                return err_set(
                        e, ERR_DENIED, "%s is a symbolic link to a folder that isn't yours", shown);
        return 0;
}

/* The existing pyproject.toml decides what the added files say; it is not rewritten. */
static int read_existing(int dirfd, const char *name, struct template_values *v,
        struct pyproject *p, struct init_report *r, struct err *e)
{
        bool exists;
        cleanup_free char *shown = project_shown(name);
        if (pyproject_load(dirfd, shown, p, &exists, e))
                return -1;
        if (exists && !p->has_ds01)
                strv_add(&r->notes,
                        "pyproject.toml has no [tool.ds01]: add type and framework there");
        if (p->type)
                v->type = p->type;
        if (p->description)
                v->description = p->description;
        if (p->framework && !str_eq(p->framework, v->framework) &&
                faccessat(dirfd, "Dockerfile", F_OK, 0))
                strv_take(
                        &r->notes, xasprintf("pyproject.toml says framework %s, the new Dockerfile "
                                             "is for %s",
                                           p->framework, v->framework));
        return 0;
}

static int adopt(struct template_values *v, struct init_report *r, struct err *e)
{
        cleanup_free char *shown = project_shown(v->name);
        if (check_owner(r->path, shown, e))
                return -1;
        cleanup_close int dirfd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dirfd < 0)
                return err_sys(e, errno, "Can't open %s", shown);
        cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
        if (read_existing(dirfd, v->name, v, &p, r, e) || template_check(v, e))
                return -1;
        r->adopted = true;
        if (write_files(dirfd, v, r, e)) {
                undo_added(dirfd, &r->added);
                return err_wrap(e, "%s", shown);
        }
        return 0;
}

static int make_workspace(const char *root, struct err *e)
{
        struct stat st;
        if (lstat(root, &st) == 0)
                return check_owner(root, "~/workspace", e);
        if (fd_mkdir_all(root, 0777))
                return err_sys(e, errno, "Can't make ~/workspace");
        return 0;
}

static int build(const struct init_options *o, struct template_values *v, struct init_report *r,
        struct err *e)
{
        cleanup_free char *root = NULL;
        struct stat st;
        if (project_root(&root, e) || make_workspace(root, e))
                return -1;
        r->path = xasprintf("%s/%s", root, v->name);
        if (lstat(r->path, &st) == 0)
                return adopt(v, r, e);
        if (errno != ENOENT)
                return err_sys(e, errno, "Can't look at ~/workspace/%s", v->name);
        return create_new(root, o, v, r, e);
}

int project_init(const struct init_options *o, struct init_report *ret, struct err *e)
{
        struct template_values v = o->values;
        char today[16] = "";
        if (!v.created) {
                struct tm local;
                time_t now = time(NULL);
                if (localtime_r(&now, &local))
                        strftime(today, sizeof today, "%Y-%m-%d", &local);
                v.created = today;
        }
        if (!v.author) {
                const struct passwd *pw = getpwuid(geteuid());
                v.author = pw ? pw->pw_name : "";
        }
        if (template_check(&v, e))
                return -1;
        struct init_report r = { 0 };
        if (build(o, &v, &r, e)) {
                init_report_done(&r);
                return -1;
        }
        *ret = r;
        return 0;
}
