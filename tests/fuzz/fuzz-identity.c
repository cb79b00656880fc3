/* SPDX-License-Identifier: MIT */
/*
 * An image's passwd and group, which anybody can write and ds01d reads as root. The first line of the input is the
 * caller's name, the rest both files. What comes of it: the caller's own lines first, and nobody else of that
 * name, with that id, or in a group; whole lines of the right number of fields, ids as plain numbers, no control
 * characters, no more than the maximum. Read again as an image's file it loses nothing.
 */
#include "host/identity.h"

#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { UID = 1000, GID = 1001, FIELDS_MAX = 8 };

static const struct identity_group groups[] = { { GID, "alice" }, { 27, "video" }, { 5000, NULL } };

static size_t split(char *line, char *field[FIELDS_MAX])
{
        size_t n = 0;
        for (char *f; (f = strsep(&line, ":"));)
                if (n < FIELDS_MAX)
                        field[n++] = f;
        return n;
}

static void check_name(const char *name)
{
        static const char allowed[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
        size_t n = strlen(name);
        if (n == 0 || n > 64 || strspn(name, allowed) != n || *name == '.' || *name == '-')
                abort();
}

static unsigned number(const char *s)
{
        char again[16];
        unsigned long v = strtoul(s, NULL, 10);
        snprintf(again, sizeof again, "%lu", v);
        if (v >= UINT32_MAX || strcmp(s, again) != 0)
                abort();
        return (unsigned)v;
}

static void check_passwd_line(size_t i, char *line, const char *user)
{
        char *f[FIELDS_MAX];
        if (split(line, f) != 7)
                abort();
        unsigned uid = number(f[2]), gid = number(f[3]);
        bool own = strcmp(f[0], user) == 0 && uid == UID && gid == GID;
        bool others = strcmp(f[0], user) != 0 && uid != UID;
        if (i == 0 ? !own || f[5][0] != '/' || f[6][0] != '/' : !others)
                abort();
}

static void check_group_line(size_t i, char *line, const char *user)
{
        char *f[FIELDS_MAX];
        if (split(line, f) != 4)
                abort();
        unsigned gid = number(f[2]);
        bool mine = i < ARRAY_LEN(groups);
        if (mine && (gid != groups[i].gid || strcmp(f[3], i ? user : "") != 0))
                abort();
        for (size_t k = 0; !mine && k < ARRAY_LEN(groups); k++)
                if (gid == groups[k].gid || *f[3] || str_eq(f[0], groups[k].name) ||
                        strcmp(f[0], "g5000") == 0)
                        abort();
}

static void check_file(
        const char *text, const char *user, void (*check_line)(size_t, char *, const char *))
{
        size_t n = strlen(text);
        if (n == 0 || n > IDENTITY_MAX || text[n - 1] != '\n')
                abort();
        cleanup_free char *copy = xstrdup(text);
        char *rest = copy;
        for (size_t i = 0; rest && *rest; i++) {
                char *line = strsep(&rest, "\n");
                for (const char *s = line; *s; s++)
                        if ((unsigned char)*s < 0x20 || *s == 0x7f)
                                abort();
                check_line(i, line, user);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_free char *name = xstrndup((const char *)data, n);
        char *text = strchr(name, '\n');
        if (!text)
                return 0;
        *text++ = '\0';
        cleanup_free char *user = identity_name(name);
        cleanup_free char *passwd = identity_passwd(text, UID, GID, name, name);
        cleanup_free char *group = identity_group(text, name, groups, ARRAY_LEN(groups));
        check_name(user);
        check_file(passwd, user, check_passwd_line);
        check_file(group, user, check_group_line);
        cleanup_free char *passwd_again = identity_passwd(passwd, UID, GID, name, name);
        cleanup_free char *group_again = identity_group(group, name, groups, ARRAY_LEN(groups));
        if (strcmp(passwd, passwd_again) != 0 || strcmp(group, group_again) != 0)
                abort();
        return 0;
}
