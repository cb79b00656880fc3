/* SPDX-License-Identifier: MIT */
#include "cli/pick.h"

#include "base/json.h"
#include "cli/prompt.h"

#include <stdio.h>
#include <string.h>

static int on_row(const json_t *row, void *ctx)
{
        const char *state = str_or_empty(json_str(row, "state"));
        const char *image = str_or_empty(json_str(row, "image"));
        cleanup_free char *note = strcmp(state, "running") == 0 ? xstrdup(image)
                                                                : xasprintf("%s, %s", image, state);
        choices_add(ctx, str_or_empty(json_str(row, "name")), note);
        return 0;
}

int pick_container(struct cli *c, const char *title, enum pick_which which, char ret_name[41], struct err *e)
{
        if (c->n_args > 0)
                return cli_name(c->args[0], ret_name, e);
        if (!c->tty)
                return cli_usage(c, e, "A name is needed where there is no terminal");
        cleanup_choices struct choices l = { 0 };
        size_t i;
        json_t *params = json_pack("{s:b}", "all", which == PICK_ALL);
        if (cli_value(c, "user"))
                json_object_set_new(params, "user", json_string(cli_value(c, "user")));
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        if (rpc_stream(c->rpc, "io.ds01.Containers.List", params, NULL, 0, on_row, &l, e) < 0)
                return -1;
        if (l.n == 0) {
                err_set(e, ERR_NOT_FOUND, which == PICK_ALL ? "You have no containers" : "None of your containers runs");
                return err_fix(e, "project launch");
        }
        if (prompt_pick(c, title, &l, &i, e) < 0)
                return -1;
        snprintf(ret_name, 41, "%s", l.v[i].name);
        return 0;
}
