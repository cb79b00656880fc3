/* SPDX-License-Identifier: MIT */
#include "host/account.h"

#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LOGIN_DEFS "/etc/login.defs"
/* A group line carries its members: an entry of an LDAP directory can be long, but not endless. */
#define ENTRY_MAX (4u << 20)

void account_done(struct account *a)
{
        free(a->user);
        free(a->home);
        free(a->shell);
        *a = (struct account){ 0 };
}

/* Doubles the work space after ERANGE; false once it would pass the maximum. */
static bool grow(int errnum, char **space, size_t *size)
{
        if (errnum == EINTR)
                return true;
        if (errnum != ERANGE || *size >= ENTRY_MAX)
                return false;
        *size *= 2;
        *space = xrealloc(*space, *size, 1);
        return true;
}

static int lookup_user(uid_t uid, const char *name, struct account *ret, struct err *e)
{
        size_t size = 1024;
        cleanup_free char *space = xcalloc(size, 1);
        struct passwd entry, *found = NULL;
        int r;
        do {
                r = name ? getpwnam_r(name, &entry, space, size, &found)
                         : getpwuid_r(uid, &entry, space, size, &found);
        } while (!found && grow(r, &space, &size));

        /* glibc says 0 for "no such name"; any number, ENOENT too, is that of a source that failed. */
        if (!found && r)
                return name ? err_sys(e, r, "Can't look up user %s", name)
                            : err_sys(e, r, "Can't look up user id %u", uid);
        if (!found)
                return name ? err_set(e, ERR_NOT_FOUND, "No user %s on this machine", name)
                            : err_set(e, ERR_NOT_FOUND, "No user with id %u on this machine", uid);
        *ret = (struct account){
                .uid = found->pw_uid,
                .gid = found->pw_gid,
                .user = xstrdup(found->pw_name),
                .home = xstrdup(str_or_empty(found->pw_dir)),
                .shell = xstrdup(str_or_empty(found->pw_shell)),
        };
        return 0;
}

int account_by_uid(uid_t uid, struct account *ret, struct err *e)
{
        return lookup_user(uid, NULL, ret, e);
}

int account_by_name(const char *name, struct account *ret, struct err *e)
{
        return lookup_user(0, name, ret, e);
}

/* The group's name is copied out, because its entry lives in the work space. */
static int lookup_group(gid_t gid, const char *name, gid_t *ret_gid, char **ret_name,
        struct strv *ret_members, struct err *e)
{
        size_t size = 1024;
        cleanup_free char *space = xcalloc(size, 1);
        struct group entry, *found = NULL;
        int r;
        do {
                r = name ? getgrnam_r(name, &entry, space, size, &found)
                         : getgrgid_r(gid, &entry, space, size, &found);
        } while (!found && grow(r, &space, &size));

        if (!found && r)
                return name ? err_sys(e, r, "Can't look up group %s", name)
                            : err_sys(e, r, "Can't look up group id %u", gid);
        if (!found)
                return name ? err_set(e, ERR_NOT_FOUND, "No group %s on this machine", name)
                            : err_set(e, ERR_NOT_FOUND, "No group with id %u on this machine", gid);
        if (ret_gid)
                *ret_gid = found->gr_gid;
        if (ret_name)
                *ret_name = xstrdup(found->gr_name);
        for (char **m = found->gr_mem; ret_members && m && *m; m++)
                strv_add(ret_members, *m);
        return 0;
}

int host_group_gid(const char *name, gid_t *ret_gid, struct err *e)
{
        return lookup_group(0, name, ret_gid, NULL, NULL, e);
}

int host_group_name(gid_t gid, char **ret_name, struct err *e)
{
        return lookup_group(gid, NULL, NULL, ret_name, NULL, e);
}

/* Lines "name:x:uid:gid:…" with that gid. */
static void add_own_group(const char *passwd, gid_t gid, struct strv *ret)
{
        for (const char *line = passwd; *line; line += *line == '\n') {
                size_t n = strcspn(line, "\n"), name = strcspn(line, ":\n");
                unsigned its;
                cleanup_free char *user = xstrndup(line, name);
                if (sscanf(line + name, ":%*[^:\n]:%*[0-9]:%u:", &its) == 1 && its == gid &&
                        !strv_has(ret, user))
                        strv_add(ret, user);
                line += n;
        }
}

int host_group_members(const char *name, struct strv *ret, struct err *e)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *passwd = NULL;
        gid_t gid;
        if (lookup_group(0, name, &gid, NULL, ret, e) < 0)
                return -1;
        if (fd_read_file(AT_FDCWD, "/etc/passwd", 16u << 20, &passwd, NULL, &ignored) == 0)
                add_own_group(passwd, gid, ret);
        return 0;
}

int account_groups(const struct account *a, gid_t **ret_gids, size_t *ret_n, struct err *e)
{
        enum { GROUPS_MAX = 65536 };
        for (int room = 64; room <= GROUPS_MAX; room *= 4) {
                int n = room;
                cleanup_free gid_t *gids = xcalloc((size_t)room, sizeof *gids);
                if (getgrouplist(a->user, a->gid, gids, &n) < 0)
                        continue;
                *ret_gids = take_ptr(gids);
                *ret_n = (size_t)n;
                return 0;
        }
        return err_set(e, ERR_FAILED, "Account %s is in more than %d groups", a->user, GROUPS_MAX);
}

/* The last line "KEY  NUMBER" wins, as login(1) has it. */
static unsigned login_defs(const char *key, unsigned fallback)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *text = NULL;
        if (fd_read_file(AT_FDCWD, LOGIN_DEFS, 1u << 20, &text, NULL, &ignored))
                return fallback;
        unsigned found = fallback;
        char *save_line = NULL;
        for (char *line = strtok_r(text, "\n", &save_line); line;
                line = strtok_r(NULL, "\n", &save_line)) {
                char *save = NULL;
                const char *word = strtok_r(line, " \t", &save);
                const char *value = word ? strtok_r(NULL, " \t\r", &save) : NULL;
                long long n;
                if (value && strcmp(word, key) == 0 && str_to_int(value, 1, UINT32_MAX - 1, &n))
                        found = (unsigned)n;
        }
        return found;
}

uid_t host_uid_min(void)
{
        return login_defs("UID_MIN", 1000);
}

gid_t host_gid_min(void)
{
        return login_defs("GID_MIN", 1000);
}
