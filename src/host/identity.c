/* SPDX-License-Identifier: MIT */
#include "host/identity.h"

#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define FIELDS_MAX 7
#define LINE_MAX_LEN 4096

static const char name_bytes[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";

char *identity_name(const char *name)
{
        char *out = xstrndup(name, NAME_MAX_LEN);
        for (char *s = out; *s; s++)
                if (!strchr(name_bytes, *s))
                        *s = '_';
        if (*out == '.' || *out == '-')
                *out = '_';
        if (*out == '\0')
                str_replace(&out, "_");
        return out;
}

char *identity_home(const char *user)
{
        cleanup_free char *name = identity_name(user);
        return xasprintf("/home/%s", name);
}

static bool shell_ok(const char *shell)
{
        if (!shell || shell[0] != '/' || strlen(shell) > 255)
                return false;
        for (const char *s = shell; *s; s++)
                if (!strchr(name_bytes, *s) && *s != '/' && *s != '+')
                        return false;
        return true;
}

/* Leading '+' and '-' would be NIS entries. */
static bool image_name_ok(const char *name)
{
        return *name && *name != '-' && *name != '+' && name[strspn(name, name_bytes)] == '\0';
}

/* Splits one line (modified) at its colons. True if there are exactly `want` fields. */
static bool split_fields(char *line, char *field[FIELDS_MAX], size_t want)
{
        size_t n = 0;
        for (char *rest = line, *f; (f = strsep(&rest, ":"));) {
                if (n == want)
                        return false;
                field[n++] = f;
        }
        return n == want;
}

static bool has_control(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                        return true;
        return false;
}

static bool id_ok(const char *s, long long *ret)
{
        return str_to_int(s, 0, UINT32_MAX - 1, ret);
}

/* What the caller's own lines take; the image's lines must stay clear of it. */
struct taken {
        struct strv names;
        long long *ids;
        size_t n_ids;
};

static void take(struct taken *t, const char *name, long long id)
{
        strv_add(&t->names, name);
        t->ids = xrealloc(t->ids, t->n_ids + 1, sizeof *t->ids);
        t->ids[t->n_ids++] = id;
}

static void taken_done(struct taken *t)
{
        strv_done(&t->names);
        free(t->ids);
}

static bool id_taken(const struct taken *t, long long id)
{
        for (size_t i = 0; i < t->n_ids; i++)
                if (t->ids[i] == id)
                        return true;
        return false;
}

/* Appends the image's lines that may stay. `fields` is 7 for passwd and 4 for group. */
static void add_image_lines(struct buf *out, const char *text, size_t fields, const struct taken *t)
{
        for (const char *s = str_or_empty(text); *s;) {
                size_t n = strcspn(s, "\n");
                const char *start = s;
                s += n + (s[n] == '\n');
                if (n == 0 || n > LINE_MAX_LEN || has_control(start, n))
                        continue;
                cleanup_free char *line = xstrndup(start, n);
                char *f[FIELDS_MAX];
                long long id, gid = 0;
                if (!split_fields(line, f, fields) || !image_name_ok(f[0]) || !id_ok(f[2], &id) ||
                        (fields == 7 && !id_ok(f[3], &gid)))
                        continue;
                if (strv_has(&t->names, f[0]) || id_taken(t, id))
                        continue;
                /* Whole lines only: once one doesn't fit, a shorter one may. */
                if (out->len + n + 1 > out->max)
                        continue;
                if (fields == 7)
                        buf_printf(out, "%s:%s:%lld:%lld:%s:%s:%s\n", f[0], f[1], id, gid, f[4],
                                f[5], f[6]);
                else
                        buf_printf(out, "%s:%s:%lld:\n", f[0], f[1], id);
        }
}

char *identity_passwd(
        const char *image_passwd, uid_t uid, gid_t gid, const char *user, const char *shell)
{
        cleanup_free char *name = identity_name(user);
        cleanup_free char *home = identity_home(user);
        CLEANUP(taken_done) struct taken t = { 0 };
        cleanup_buf struct buf out = BUF_INIT(IDENTITY_MAX);
        take(&t, name, uid);
        buf_printf(&out, "%s:x:%u:%u:%s:%s:%s\n", name, uid, gid, name, home,
                shell_ok(shell) ? shell : "/bin/sh");
        add_image_lines(&out, image_passwd, 7, &t);
        return buf_take(&out);
}

char *identity_group(
        const char *image_group, const char *user, const struct identity_group *groups, size_t n)
{
        cleanup_free char *member = identity_name(user);
        CLEANUP(taken_done) struct taken t = { 0 };
        cleanup_buf struct buf out = BUF_INIT(IDENTITY_MAX);
        for (size_t i = 0; i < n; i++) {
                if (id_taken(&t, groups[i].gid))
                        continue;
                cleanup_free char *name = groups[i].name ? identity_name(groups[i].name) : NULL;
                /* Two names can become one; the number tells them apart. */
                if (!name || strv_has(&t.names, name)) {
                        free(name);
                        name = xasprintf("g%u", groups[i].gid);
                }
                cleanup_free char *line =
                        xasprintf("%s:x:%u:%s\n", name, groups[i].gid, i ? member : "");
                if (out.len + strlen(line) > out.max)
                        break;
                buf_str_add(&out, line);
                take(&t, name, groups[i].gid);
        }
        add_image_lines(&out, image_group, 4, &t);
        return buf_take(&out);
}
