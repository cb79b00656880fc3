/* SPDX-License-Identifier: MIT */
#include "policy/policy.h"

#include "policy/policy-file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- who is in which group ---- */

static void warn_line(struct strv *warnings, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
static void warn_line(struct strv *warnings, const char *fmt, ...)
{
        char text[512];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        if (warnings)
                strv_take(warnings, str_safe(text));
}

/* The first group in the file's order that lists an account has it. */
static void add_member(
        struct policy *p, const char *user, size_t group, const char *where, struct strv *warnings)
{
        const json_t *has = json_object_get(p->members, user);
        if (!has) {
                json_object_set_new_nocheck(p->members, user, json_integer((json_int_t)group));
                return;
        }
        size_t first = (size_t)json_integer_value(has);
        if (first != group)
                warn_line(warnings, "%s: %.64s is in group %s already, which counts", where, user,
                        p->groups[first].name);
}

static int load_member_lines(struct policy *p, size_t group, const struct policy_file *f,
        struct strv *warnings, struct err *e)
{
        static const char blank[] = " \t\r";
        const char *end = f->text + f->n;
        unsigned line = 1;
        for (const char *s = f->text; s < end; line++) {
                const char *eol = memchr(s, '\n', (size_t)(end - s));
                size_t len = (size_t)((eol ? eol : end) - s);
                cleanup_free char *text = xstrndup(s, len);
                s += len + 1;
                text[strcspn(text, "#")] = '\0';
                char *user = text + strspn(text, blank);
                size_t n = strcspn(user, blank);
                cleanup_free char *where = xasprintf("%s:%u", f->name, line);
                if (user[n + strspn(user + n, blank)])
                        return err_set(e, ERR_INVALID, "%s: One account a line is needed", where);
                user[n] = '\0';
                if (!str_is_utf8(user, n) || n > 256)
                        return err_set(e, ERR_INVALID, "%s: That is no account's name", where);
                if (n)
                        add_member(p, user, group, where, warnings);
        }
        return 0;
}

static int load_members(
        struct policy *p, const struct policy_source *src, struct strv *warnings, struct err *e)
{
        for (size_t g = 0; g < p->n_groups; g++) {
                const struct group *group = &p->groups[g];
                for (size_t i = 0; i < group->listed.n; i++)
                        add_member(p, group->listed.v[i], g, src->limits.name, warnings);
                for (size_t i = 0; i < src->n_members; i++)
                        if (strcmp(src->members[i].group, group->name) == 0 &&
                                src->members[i].file.text &&
                                load_member_lines(p, g, &src->members[i].file, warnings, e))
                                return -1;
        }
        for (size_t i = 0; i < src->n_members; i++) {
                bool known = false;
                for (size_t g = 0; g < p->n_groups; g++)
                        known |= strcmp(src->members[i].group, p->groups[g].name) == 0;
                if (!known)
                        warn_line(warnings, "%s: there is no group '%.64s'",
                                src->members[i].file.name, src->members[i].group);
        }
        return 0;
}

/* ---- the whole ---- */

static char *last_part(const char *path)
{
        const char *slash = path ? strrchr(path, '/') : NULL;
        return xstrdup(slash ? slash + 1 : str_or_empty(path));
}

int policy_load(const struct policy_source *source, struct policy **ret, struct strv *warnings,
        struct err *e)
{
        cleanup_policy struct policy *p = xcalloc(1, sizeof *p);
        p->limits_file = last_part(source->limits.name);
        p->overrides_file = last_part(source->overrides.name);
        p->members = json_object();
        p->exceptions = json_object();
        p->queue = QUEUE_SETTINGS_DEFAULT;
        if (policy_file_limits(p, &source->limits, warnings, e) ||
                policy_file_overrides(p, &source->overrides, warnings, e) ||
                load_members(p, source, warnings, e))
                return -1;
        *ret = take_ptr(p);
        return 0;
}

void policy_free(struct policy *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n_groups; i++) {
                free(p->groups[i].name);
                free(p->groups[i].unix_group);
                strv_done(&p->groups[i].listed);
        }
        free(p->groups);
        free(p->overrides);
        free(p->limits_file);
        free(p->overrides_file);
        json_decref(p->members);
        json_decref(p->exceptions);
        strv_done(&p->unix_groups);
        strv_done(&p->ignored);
        free(p);
}

static const struct group *group_of(
        const struct policy *p, const char *user, const struct strv *unix_groups)
{
        const json_t *listed = json_object_get(p->members, user);
        size_t at = listed ? (size_t)json_integer_value(listed) : p->n_groups;
        for (size_t i = 0; unix_groups && i < at; i++)
                if (p->groups[i].unix_group && strv_has(unix_groups, p->groups[i].unix_group))
                        at = i;
        if (at == p->n_groups)
                at = p->default_group;
        return at < p->n_groups ? &p->groups[at] : NULL;
}

/* Copies a limit from the block and says whence, unless the block says nothing or one before did.
 */
static void pick(struct limits *l, enum limit_key key, const struct block *b,
        enum limit_source source, const char *whose, const char *file)
{
        if (!b || b->v[key].state == LIMIT_INHERIT || l->v[key].state != LIMIT_INHERIT)
                return;
        l->v[key] = b->v[key];
        l->from[key].source = source;
        snprintf(l->from[key].text, sizeof l->from[key].text, "%.90s (%.50s:%u)", whose, file,
                b->line[key]);
}

void policy_limits(const struct policy *p, const char *user, const struct strv *unix_groups,
        struct limits *ret)
{
        *ret = (struct limits){ 0 };
        const json_t *own = json_object_get(p->exceptions, user);
        const struct block *mine = own ? &p->overrides[json_integer_value(own)] : NULL;
        const struct group *group = group_of(p, user, unix_groups);
        cleanup_free char *user_text = xasprintf("user %s", user);
        cleanup_free char *group_text = xasprintf("group %s", group ? group->name : "");
        if (group)
                snprintf(ret->group, sizeof ret->group, "%s", group->name);
        for (enum limit_key k = 0; k < LIMIT_COUNT; k++) {
                struct limit builtin = limit_builtin(k);
                if (p->no_aggregates && limit_info(k)->aggregate) {
                        ret->v[k] = (struct limit){ LIMIT_UNLIMITED, 0, 1 };
                        ret->from[k].source = LIMIT_FROM_DEFAULTS;
                        snprintf(ret->from[k].text, sizeof ret->from[k].text,
                                "enforcement.aggregate_limits (%.50s)", p->limits_file);
                        continue;
                }
                pick(ret, k, mine, LIMIT_FROM_USER, user_text, p->overrides_file);
                if (group)
                        pick(ret, k, &group->limits, LIMIT_FROM_GROUP, group_text, p->limits_file);
                pick(ret, k, &p->defaults, LIMIT_FROM_DEFAULTS, "defaults", p->limits_file);
                if (ret->v[k].state == LIMIT_INHERIT) {
                        ret->v[k] = builtin;
                        snprintf(ret->from[k].text, sizeof ret->from[k].text, "built-in");
                }
        }
}

const struct queue_settings *policy_queue(const struct policy *p)
{
        return &p->queue;
}

const struct strv *policy_unix_groups(const struct policy *p)
{
        return &p->unix_groups;
}

const struct strv *policy_ignored(const struct policy *p)
{
        return &p->ignored;
}
