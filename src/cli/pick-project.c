/* SPDX-License-Identifier: MIT */
#include "cli/pick-project.h"

#include "cli/prompt.h"
#include "project/find.h"

#include <stdio.h>

static int add_choice(const struct project_entry *seen, void *ctx)
{
        choices_add(ctx, seen->name, seen->broken ? "pyproject.toml can't be read" : seen->display);
        return 0;
}

int pick_project(struct cli *c, const char *title, char ret_name[41], struct err *e)
{
        cleanup_choices struct choices l = { 0 };
        size_t i;
        if (c->n_args > 0)
                return cli_name(c->args[0], ret_name, e);
        if (!c->tty)
                return cli_usage(c, e, "A name is needed where there is no terminal");
        if (project_each(add_choice, &l, e) < 0)
                return -1;
        if (l.n == 0) {
                err_set(e, ERR_NOT_FOUND, "You have no projects in ~/workspace");
                return err_fix(e, "project init my-project");
        }
        if (prompt_pick(c, title, &l, &i, e) < 0)
                return -1;
        snprintf(ret_name, 41, "%s", l.v[i].name);
        return 0;
}

int check_project_type(const struct cli *c, const char *type, struct err *e)
{
        cleanup_buf struct buf words = BUF_INIT(256);
        for (const char *const *t = project_types; *t; t++) {
                if (!type || str_eq(*t, type))
                        return 0;
                buf_printf(&words, " %s", *t);
        }
        cleanup_free char *safe = str_safe(type);
        return cli_usage(c, e, "Unknown type '%.40s', there are:%s", safe, buf_str(&words));
}
