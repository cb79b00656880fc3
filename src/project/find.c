/* SPDX-License-Identifier: MIT */
#include "project/find.h"

#include "base/str.h"
#include "policy/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool project_name_ok(const char *name)
{
        char out[NAME_SIZE];
        bool folded = false;
        struct err ignored = ERR_INIT;
        return name_check(name, out, &folded, &ignored) == 0 && !folded;
}

/* $HOME if it is really the caller's: sudo and su often leave another account's in place. */
static const char *home_from_environment(void)
{
        const char *home = getenv("HOME");
        struct stat st;
        if (!home || *home != '/' || stat(home, &st) || !S_ISDIR(st.st_mode) ||
                st.st_uid != geteuid())
                return NULL;
        return home;
}

int project_home(char **ret_path, struct err *e)
{
        const char *home = home_from_environment();
        if (!home) {
                const struct passwd *pw = getpwuid(geteuid());
                home = pw && pw->pw_dir && *pw->pw_dir == '/' ? pw->pw_dir : NULL;
        }
        if (!home) {
                err_set(e, ERR_FAILED, "No home folder is known for uid %u", geteuid());
                return -1;
        }
        size_t n = strlen(home);
        while (n > 0 && home[n - 1] == '/')
                n--;
        *ret_path = xstrndup(home, n);
        return 0;
}

int project_root(char **ret_path, struct err *e)
{
        cleanup_free char *home = NULL;
        if (project_home(&home, e))
                return -1;
        *ret_path = xasprintf("%s/workspace", home);
        return 0;
}

char *project_path(const char *name, struct err *e)
{
        char folded[NAME_SIZE];
        cleanup_free char *root = NULL;
        if (name_check(name, folded, NULL, e) || project_root(&root, e))
                return NULL;
        return xasprintf("%s/%s", root, folded);
}

char *project_shown(const char *name)
{
        return xasprintf("~/workspace/%s", name);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The valid names in the workspace, sorted, projects or not. A missing workspace has none. */
static int list_names(const char *root, struct strv *ret, struct err *e)
{
        DIR *d = opendir(root);
        if (!d && errno == ENOENT)
                return 0;
        if (!d)
                return err_sys(e, errno, "Can't read %s", root);
        for (struct dirent *entry; (entry = readdir(d));)
                if (project_name_ok(entry->d_name) && entry->d_type != DT_REG)
                        strv_add(ret, entry->d_name);
        closedir(d);
        if (ret->n > 1)
                qsort(ret->v, ret->n, sizeof *ret->v, compare_names);
        return 0;
}

static bool has_file(int dirfd, const char *name)
{
        return faccessat(dirfd, name, F_OK, 0) == 0;
}

static bool is_project(const char *root, const char *name)
{
        cleanup_free char *path = xasprintf("%s/%s", root, name);
        cleanup_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd >= 0 && (has_file(fd, "pyproject.toml") || has_file(fd, "Dockerfile"));
}

static int not_found(const char *root, const char *name, struct err *e)
{
        cleanup_strv struct strv names = { 0 };
        cleanup_strv struct strv projects = { 0 };
        struct err ignored = ERR_INIT;
        /* Only help is lost if the list can't be had. */
        (void)list_names(root, &names, &ignored);
        for (size_t i = 0; i < names.n; i++)
                if (is_project(root, names.v[i]))
                        strv_add(&projects, names.v[i]);
        const char *nearest =
                projects.n ? str_nearest(name, (const char *const *)projects.v) : NULL;
        err_set(e, ERR_NOT_FOUND, "Project %s not found in ~/workspace", name);
        if (nearest) {
                err_detail(e, "Did you mean '%s'?", nearest);
                return err_fix(e, "project launch %s\nproject init %s", nearest, name);
        }
        return err_fix(e, "project init %s", name);
}

int project_open(const char *name, int *ret_dirfd, char **ret_path, struct err *e)
{
        char folded[NAME_SIZE];
        if (name_check(name, folded, NULL, e))
                return -1;
        cleanup_free char *root = NULL;
        if (project_root(&root, e))
                return -1;
        cleanup_free char *path = xasprintf("%s/%s", root, folded);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return not_found(root, folded, e);
        if (fd < 0 && errno == ENOTDIR)
                return err_set(e, ERR_NOT_FOUND, "~/workspace/%s is not a folder", folded);
        if (fd < 0)
                return err_sys(e, errno, "Can't open ~/workspace/%s", folded);
        *ret_dirfd = fd;
        *ret_path = take_ptr(path);
        return 0;
}

static int show_one(int dirfd, const char *name,
        int (*fn)(const struct project_entry *entry, void *ctx), void *ctx)
{
        char display[PYPROJECT_DISPLAY_LEN];
        cleanup_free char *shown = project_shown(name);
        cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
        struct project_entry entry = { .name = name,
                .display = display,
                .dirfd = dirfd,
                .has_pyproject = has_file(dirfd, "pyproject.toml"),
                .has_dockerfile = has_file(dirfd, "Dockerfile"),
                .pyproject = &p };
        struct err why = ERR_INIT;
        bool exists;
        if (!entry.has_pyproject && !entry.has_dockerfile)
                return 0;
        if (pyproject_load(dirfd, shown, &p, &exists, &why))
                entry.broken = &why;
        pyproject_display(&p, display);
        return fn(&entry, ctx);
}

int project_each(int (*fn)(const struct project_entry *entry, void *ctx), void *ctx, struct err *e)
{
        cleanup_free char *root = NULL;
        cleanup_strv struct strv names = { 0 };
        if (project_root(&root, e) || list_names(root, &names, e))
                return -1;
        for (size_t i = 0; i < names.n; i++) {
                cleanup_free char *path = xasprintf("%s/%s", root, names.v[i]);
                cleanup_close int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                /* Folders that were removed meanwhile or can't be entered are no projects of ours.
                 */
                if (dirfd < 0)
                        continue;
                int r = show_one(dirfd, names.v[i], fn, ctx);
                if (r)
                        return r;
        }
        return 0;
}
