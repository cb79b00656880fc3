/* SPDX-License-Identifier: MIT */
#include "cli/policy-files.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* Fills *ret with a text that `texts` owns; a missing side file leaves it without one. */
static int read_one(const char *path, bool may_be_missing, struct strv *texts,
        struct policy_file *ret, struct err *e)
{
        char *text;
        ret->name = path;
        if (may_be_missing && access(path, F_OK) < 0 && errno == ENOENT)
                return 0;
        if (fd_read_file(AT_FDCWD, path, YAML_TEXT_MAX, &text, &ret->n, e) < 0)
                return -1;
        strv_take(texts, text);
        ret->text = text;
        return 0;
}

/* "groups/student.members" is about the group student. */
static char *group_of(const char *path)
{
        const char *name = strrchr(path, '/') + 1;
        return xstrndup(name, strlen(name) - strlen(".members"));
}

static int load(const char *path, const char *overrides, const glob_t *files, struct policy **ret,
        struct strv *warnings, struct err *e)
{
        cleanup_strv struct strv texts = { 0 };
        cleanup_free struct policy_members *members = xcalloc(files->gl_pathc + 1, sizeof *members);
        struct policy_source source = { .members = members, .n_members = files->gl_pathc };
        if (read_one(path, false, &texts, &source.limits, e) < 0 ||
                read_one(overrides, true, &texts, &source.overrides, e) < 0)
                return -1;
        for (size_t i = 0; i < files->gl_pathc; i++) {
                char *group = group_of(files->gl_pathv[i]);
                strv_take(&texts, group);
                members[i].group = group;
                if (read_one(files->gl_pathv[i], false, &texts, &members[i].file, e) < 0)
                        return -1;
        }
        return policy_load(&source, ret, warnings, e);
}

/* A folder's name as a pattern that matches it alone. */
static char *literal(const char *dir)
{
        struct buf b = BUF_INIT(1 << 16);
        for (const char *p = dir; *p; p++) {
                if (strchr("*?[\\", *p))
                        buf_putc(&b, '\\');
                buf_putc(&b, *p);
        }
        return buf_take(&b);
}

int policy_files_load(const char *path, struct policy **ret, struct strv *warnings, struct err *e)
{
        const char *slash = strrchr(path, '/');
        cleanup_free char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("");
        cleanup_free char *overrides = xasprintf("%suser-overrides.yaml", dir);
        cleanup_free char *quoted = literal(dir);
        cleanup_free char *pattern = xasprintf("%sgroups/*.members", str_or_empty(quoted));
        glob_t files = { 0 };
        if (glob(pattern, 0, NULL, &files) != 0)
                files.gl_pathc = 0;
        int r = load(path, overrides, &files, ret, warnings, e);
        globfree(&files);
        return r;
}

void policy_files_groups(const struct policy *p, const char *user, struct strv *ret)
{
        enum { GROUPS_MAX = 65536 };
        const struct passwd *account = getpwnam(user);
        const struct strv *asked = policy_unix_groups(p);
        cleanup_free gid_t *gids = xcalloc(GROUPS_MAX, sizeof *gids);
        int n = GROUPS_MAX;
        if (!account || getgrouplist(user, account->pw_gid, gids, &n) < 0)
                return;
        for (size_t i = 0; i < asked->n; i++) {
                const struct group *group = getgrnam(asked->v[i]);
                for (int k = 0; group && k < n; k++)
                        if (gids[k] == group->gr_gid) {
                                strv_add(ret, asked->v[i]);
                                break;
                        }
        }
}
