/* SPDX-License-Identifier: MIT */
/*
 * The policy: resource-limits.yaml, then what follows a line "# overrides" as user-overrides.yaml, then what
 * follows a line "# members" as groups/student.members. A policy that is taken answers every question: each
 * limit of each account is a number within its bounds, or none where none is allowed, and says where it comes
 * from; the queue's numbers are within theirs. Read once more it is the same. One that is not taken is refused as
 * a whole, with a sentence that names the file.
 */
#include "policy/policy.h"

#include "calm.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_limit(const struct limits *l, enum limit_key key)
{
        const struct limit_info *info = limit_info(key);
        const struct limit *v = &l->v[key];
        char text[LIMIT_TEXT_SIZE];
        /* An admin may switch the aggregates off as a whole. */
        if (v->state == LIMIT_INHERIT || (v->state == LIMIT_UNLIMITED && !info->nullable))
                abort();
        if (v->state == LIMIT_SET &&
                (v->den < 1 || v->value < info->min * v->den || v->value > info->max * v->den))
                abort();
        if (v->state == LIMIT_SET && v->den != 1 && info->unit != LIMIT_UNIT_GPUS)
                abort();
        if (limits_get(l, key) != (v->state == LIMIT_UNLIMITED ? LIMIT_NONE : v->value / v->den))
                abort();
        limit_text(key, v, text);
        if (*text == '\0' || !calm(text, strlen(text), false, false) ||
                l->from[key].text[0] == '\0')
                abort();
}

static void check_account(const struct policy *p, const struct policy *again, const char *user,
        const struct strv *groups)
{
        struct limits l, m;
        policy_limits(p, user, groups, &l);
        policy_limits(again, user, groups, &m);
        for (enum limit_key key = 0; key < LIMIT_COUNT; key++) {
                check_limit(&l, key);
                if (l.v[key].state != m.v[key].state || l.v[key].value != m.v[key].value ||
                        l.v[key].den != m.v[key].den ||
                        strcmp(l.from[key].text, m.from[key].text) != 0)
                        abort();
        }
        if (strcmp(l.group, m.group) != 0)
                abort();
}

static void check_queue(const struct queue_settings *q)
{
        if (q->rules.half_life < 3600 || q->rules.half_life > 87600LL * 3600 ||
                !(q->rules.ageing > 0 && q->rules.ageing <= 1000) || q->turn_s < 60 ||
                q->turn_s > 1440 * 60 || q->rules.turn != q->turn_s || q->max_tickets < 1 ||
                q->max_tickets > 1000)
                abort();
}

static void check_lines(const struct strv *lines)
{
        for (size_t i = 0; i < lines->n; i++)
                if (!calm(lines->v[i], strlen(lines->v[i]), false, false))
                        abort();
}

/* Takes what stands behind the mark out of *f. */
static struct policy_file split(struct policy_file *f, const char *mark, const char *name)
{
        const char *at = f->text ? memmem(f->text, f->n, mark, strlen(mark)) : NULL;
        if (!at)
                return (struct policy_file){ .name = name };
        struct policy_file rest = { .name = name, .text = at + strlen(mark) };
        rest.n = (size_t)(f->text + f->n - rest.text);
        f->n = (size_t)(at - f->text);
        return rest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct policy_source source = {
                .limits = { .name = "/e/resource-limits.yaml", .text = (const char *)data, .n = n }
        };
        source.overrides = split(&source.limits, "\n# overrides\n", "/e/user-overrides.yaml");
        struct policy_members members = { .group = "student",
                .file = split(source.overrides.text ? &source.overrides : &source.limits,
                        "\n# members\n", "/e/groups/student.members") };
        source.members = &members;
        source.n_members = 1;
        cleanup_policy struct policy *p = NULL, *again = NULL;
        cleanup_strv struct strv warnings = { 0 }, warnings_again = { 0 };
        struct err e = ERR_INIT;
        if (policy_load(&source, &p, &warnings, &e) < 0) {
                if (p || e.code != ERR_INVALID || e.msg[0] != '/' ||
                        !calm_sentence(e.msg, sizeof e.msg))
                        abort();
                return 0;
        }
        if (policy_load(&source, &again, &warnings_again, &e) < 0 || warnings_again.n != warnings.n)
                abort();
        check_lines(&warnings);
        check_lines(policy_ignored(p));
        check_queue(policy_queue(p));
        static const char *const users[] = { "alice", "bob", "root", "" };
        for (size_t i = 0; i < ARRAY_LEN(users); i++) {
                check_account(p, again, users[i], NULL);
                check_account(p, again, users[i], policy_unix_groups(p));
        }
        return 0;
}
