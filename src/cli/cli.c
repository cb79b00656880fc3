/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "cli/out.h"
#include "policy/name.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool cli_has(const struct cli *c, const char *option)
{
        for (size_t i = 0; i < c->n_given; i++)
                if (strcmp(c->given[i].opt->name, option) == 0)
                        return true;
        return false;
}

const char *cli_value(const struct cli *c, const char *option)
{
        for (size_t i = c->n_given; i > 0; i--)
                if (strcmp(c->given[i - 1].opt->name, option) == 0)
                        return c->given[i - 1].value;
        return NULL;
}

void cli_values(const struct cli *c, const char *option, struct strv *ret)
{
        for (size_t i = 0; i < c->n_given; i++)
                if (strcmp(c->given[i].opt->name, option) == 0)
                        strv_add(ret, c->given[i].value);
}

const char *cli_socket_path(void)
{
        const char *path = getenv("DS01_SOCKET");
        return path && *path ? path : RPC_SOCKET_PATH;
}

int cli_connect(struct cli *c, struct err *e)
{
        return c->rpc ? 0 : rpc_connect(cli_socket_path(), &c->rpc, e);
}

void cli_for_user(const struct cli *c, json_t *params)
{
        const char *user = cli_value(c, "user");
        if (user)
                json_object_set_new(params, "user", json_string(user));
}

int cli_call(struct cli *c, const char *method, json_t *params, json_t **ret, struct err *e)
{
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        return rpc_call(c->rpc, method, params, NULL, 0, ret, NULL, e);
}

char *cli_command(const struct command *cmd)
{
        bool own = strcmp(cmd->noun, "ds01") == 0;
        if (cmd->flags & CMD_PROGRAM)
                return xstrdup(cmd->verb);
        return xasprintf("%s%s%s", cmd->noun, own ? " " : "-", cmd->verb);
}

/* The guides write "project launch" and "container deploy", but "container-list" and "image-create". */
static bool is_spaced(const struct command *cmd)
{
        static const char *const nouns[] = { "project", "gpu-queue", "ds01" };
        for (size_t i = 0; i < ARRAY_LEN(nouns); i++)
                if (strcmp(cmd->noun, nouns[i]) == 0)
                        return true;
        return strcmp(cmd->noun, "container") == 0 &&
               (strcmp(cmd->verb, "deploy") == 0 || strcmp(cmd->verb, "retire") == 0);
}

char *cli_usage_line(const struct command *cmd)
{
        if (cmd->flags & CMD_PROGRAM)
                return xasprintf("%s%s%s", cmd->verb, *cmd->args ? " " : "", cmd->args);
        return xasprintf("%s%s%s%s%s", cmd->noun, is_spaced(cmd) ? " " : "-", cmd->verb,
                *cmd->args ? " " : "", cmd->args);
}

int cli_usage(const struct cli *c, struct err *e, const char *fmt, ...)
{
        char msg[512];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(msg, sizeof msg, fmt, ap);
        va_end(ap);
        cleanup_free char *usage = cli_usage_line(c->cmd);
        cleanup_free char *command = cli_command(c->cmd);
        err_set(e, ERR_INVALID, "%s", msg);
        return err_fix(e, "Usage: %s\nMore: %s --help", usage, command);
}

int cli_name(const char *given, char ret_name[41], struct err *e)
{
        bool folded = false;
        if (name_check(given, ret_name, &folded, e) < 0)
                return -1;
        if (folded)
                out_say("Names are lower case: using %s.", ret_name);
        return 0;
}
