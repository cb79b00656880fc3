/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/policy-files.h"

#include <stdio.h>
#include <string.h>

static void print_table(const struct limits *l)
{
        static const char *const heads[] = { "LIMIT", "VALUE", "FROM" };
        cleanup_table struct table t;
        table_init(&t, heads, ARRAY_LEN(heads), 2);
        for (enum limit_key key = 0; key < LIMIT_COUNT; key++) {
                char text[LIMIT_TEXT_SIZE];
                limit_text(key, &l->v[key], text);
                cleanup_free char *value = xasprintf(
                        "%s%s", text, limit_info(key)->enforced ? "" : " (not enforced yet)");
                table_cell(&t, limit_info(key)->name);
                table_cell(&t, value);
                table_cell(&t, l->from[key].text);
        }
        table_print(&t, stdout);
}

static json_t *strings(const struct strv *l)
{
        json_t *a = json_array();
        for (size_t i = 0; i < l->n; i++)
                json_array_append_new(a, json_string(l->v[i]));
        return a;
}

static void print_json(const char *file, const char *user, const struct limits *l,
        const struct strv *warnings, const struct strv *ignored)
{
        json_t *rows = json_array();
        for (enum limit_key key = 0; key < LIMIT_COUNT; key++) {
                char text[LIMIT_TEXT_SIZE];
                limit_text(key, &l->v[key], text);
                json_array_append_new(
                        rows, json_pack("{s:s, s:s, s:s, s:b, s:s}", "key", limit_info(key)->name,
                                      "text", text, "from", l->from[key].text, "enforced",
                                      (int)limit_info(key)->enforced, "meaning",
                                      limit_info(key)->meaning));
        }
        cleanup_json json_t *j = json_pack("{s:i, s:s, s:s?, s:s, s:o, s:o, s:o}", "schema", 1,
                "file", file, "user", user, "group", l->group, "limits", rows, "warnings",
                strings(warnings), "ignored", strings(ignored));
        out_json(stdout, j);
}

static int run(struct cli *c, struct err *e)
{
        cleanup_policy struct policy *p = NULL;
        cleanup_strv struct strv warnings = { 0 }, groups = { 0 };
        struct limits l;
        const char *user = c->n_args > 1 ? c->args[1] : NULL;
        if (c->n_args < 1)
                return cli_usage(c, e, "Which file?");
        if (policy_files_load(c->args[0], &p, &warnings, e) < 0) {
                /* The command was used rightly: it is the file that is wrong. */
                e->code = ERR_FAILED;
                return -1;
        }
        const struct strv *ignored = policy_ignored(p);
        if (user)
                policy_files_groups(p, user, &groups);
        policy_limits(p, user ? user : "", &groups, &l);
        if (cli_has(c, "json")) {
                print_json(c->args[0], user, &l, &warnings, ignored);
                return 0;
        }
        for (size_t i = 0; i < warnings.n; i++)
                out_say("Warning: %s", warnings.v[i]);
        for (size_t i = 0; i < ignored->n; i++)
                out_say("Note: %s", ignored->v[i]);
        cleanup_free char *who = str_safe(user ? user : "an account that no group has"),
                          *group = str_safe(l.group);
        printf("Limits of %s%s%s:\n\n", who, *group ? ", by group " : "", group);
        print_table(&l);
        return 0;
}

const struct command cmd_policy_check = {
        .noun = "policy",
        .verb = "check",
        .args = "FILE [USER]",
        .max_args = 2,
        .names = { NAMES_FILES },
        .flags = CMD_JSON,
        .summary = "Checks a policy file and shows what it means",
        .details =
                "  Reads the file as ds01d would, with user-overrides.yaml and groups/*.members beside it, and\n"
                "  shows each limit of USER (without USER: of an account that no group has) and the line that\n"
                "  it comes from. What is unknown or without effect is told with its place. Needs no daemon and\n"
                "  changes nothing; exit status 1 says that ds01d would refuse the file.\n"
                "  After a change: systemctl reload ds01d.\n",
        .examples = "ds01 policy check /etc/ds01/resource-limits.yaml\n"
                    "ds01 policy check ./new-limits.yaml alice",
        .topic = "containers",
        .run = run,
};
