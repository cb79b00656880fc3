/* SPDX-License-Identifier: MIT */
/* The half of daemon/config.h that looks at the file system: whose files, and which policy files.
 */
#include "daemon/config.h"

#include "base/fd.h"
#include "base/yaml.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many symbolic links as the kernel follows. */
#define LINKS_MAX 40

static int check_chain(const char *path, unsigned links, struct err *e);

/* Where the link at `path` leads, made absolute; owned. NULL if it can't be read. */
static char *link_target(const char *path)
{
        char target[PATH_MAX];
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n <= 0)
                return NULL;
        target[n] = '\0';
        if (target[0] == '/')
                return xstrdup(target);
        return xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, target);
}

/* One name on the way: `last` for what the path is about, otherwise a folder above it. */
static int check_one(const char *path, bool last, unsigned links, struct err *e)
{
        struct stat st;
        if (lstat(path, &st))
                return err_sys(e, errno, "Can't look at %s", path);
        if (st.st_uid != 0) {
                err_set(e, ERR_FAILED, "%s belongs to uid %u, not to root", path, st.st_uid);
                return err_fix(e, "sudo chown %sroot %s", S_ISLNK(st.st_mode) ? "-h " : "", path);
        }
        if (S_ISLNK(st.st_mode)) {
                cleanup_free char *target = link_target(path);
                if (!target || links >= LINKS_MAX)
                        return err_set(e, ERR_FAILED, "Can't follow the link %s", path);
                return check_chain(target, links + 1, e);
        }
        bool sticky_parent = !last && (st.st_mode & S_ISVTX);
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !sticky_parent) {
                err_set(e, ERR_FAILED, "%s can be changed by others than root", path);
                return err_fix(e, "sudo chmod go-w %s", path);
        }
        return 0;
}

static int check_chain(const char *path, unsigned links, struct err *e)
{
        size_t i = 0;
        if (check_one("/", false, links, e))
                return -1;
        for (;;) {
                i += strspn(path + i, "/");
                if (!path[i])
                        return 0;
                i += strcspn(path + i, "/");
                bool last = path[i + strspn(path + i, "/")] == '\0';
                cleanup_free char *prefix = xstrndup(path, i);
                if (check_one(prefix, last, links, e))
                        return -1;
        }
}

int config_path_check(const char *path, struct err *e)
{
        if (path[0] != '/') {
                char cwd[PATH_MAX];
                if (!getcwd(cwd, sizeof cwd))
                        return err_sys(e, errno, "Can't tell the working directory");
                cleanup_free char *whole = xasprintf("%s/%s", cwd, path);
                return check_chain(whole, 0, e);
        }
        return check_chain(path, 0, e);
}

/* ---- the policy's files ---- */

/* Texts of one load; they must outlive policy_load() only. */
struct texts {
        struct strv owned;
        struct policy_members *members;
        size_t n_members;
};

static void texts_done(struct texts *t)
{
        strv_done(&t->owned);
        free(t->members);
}

/* A missing file leaves *ret without a text. */
static int read_checked(struct texts *t, const char *path, struct policy_file *ret, struct err *e)
{
        char *text;
        size_t n;
        *ret = (struct policy_file){ .name = path };
        if (access(path, F_OK) != 0 && errno == ENOENT)
                return 0;
        if (config_path_check(path, e) || fd_read_file(AT_FDCWD, path, YAML_TEXT_MAX, &text, &n, e))
                return -1;
        strv_take(&t->owned, text);
        ret->text = text;
        ret->n = n;
        return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_members_file(const struct dirent *d)
{
        return d->d_name[0] != '.' && strlen(d->d_name) > strlen(".members") &&
               str_ends(d->d_name, ".members");
}

static int read_members_file(struct texts *t, const char *dir, const char *name, struct err *e)
{
        char *path = xasprintf("%s/%s", dir, name);
        strv_take(&t->owned, path);
        char *group = xstrndup(name, strlen(name) - strlen(".members"));
        strv_take(&t->owned, group);
        t->members = xrealloc(t->members, t->n_members + 1, sizeof *t->members);
        struct policy_members *m = &t->members[t->n_members++];
        m->group = group;
        return read_checked(t, path, &m->file, e);
}

static int read_members(struct texts *t, const char *dir, struct err *e)
{
        struct dirent **list;
        int n = scandir(dir, &list, is_members_file, by_name);
        if (n < 0)
                return errno == ENOENT ? 0 : err_sys(e, errno, "Can't read %s", dir);
        int r = 0;
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = read_members_file(t, dir, list[i]->d_name, e);
                free(list[i]);
        }
        free(list);
        return r;
}

int config_policy_load(
        const struct config *c, struct policy **ret, struct strv *warnings, struct err *e)
{
        CLEANUP(texts_done) struct texts t = { 0 };
        struct policy_source source = { 0 };
        const char *slash = strrchr(c->policy_path, '/');
        cleanup_free char *dir = xstrndup(c->policy_path, (size_t)(slash - c->policy_path));
        cleanup_free char *overrides = xasprintf("%s/user-overrides.yaml", dir);
        cleanup_free char *groups = xasprintf("%s/groups", dir);
        cleanup_free char *exemptions = xasprintf("%s/lifecycle-exemptions.yaml", dir);
        if (read_checked(&t, c->policy_path, &source.limits, e) ||
                read_checked(&t, overrides, &source.overrides, e) || read_members(&t, groups, e))
                return -1;
        source.members = t.members;
        source.n_members = t.n_members;
        if (!source.limits.text)
                strv_take(warnings,
                        xasprintf("%s is missing: the built-in limits hold", c->policy_path));
        if (access(exemptions, F_OK) == 0)
                strv_take(warnings,
                        xasprintf("%s is not read: write exemptions to user-overrides.yaml",
                                exemptions));
        return policy_load(&source, ret, warnings, e);
}
