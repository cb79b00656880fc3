/* SPDX-License-Identifier: MIT */
#include "cli/pick-project.h"

#include "base/json.h"
#include "cli/prompt.h"
#include "project/find.h"

#include <stdio.h>

static int add_choice(const struct project_entry *seen, void *ctx)
{
        const char *image = seen->pyproject->image;
        choices_add(ctx, seen->name,
                seen->broken               ? "pyproject.toml can't be read"
                : !*seen->display && image ? image
                                           : seen->display);
        return 0;
}

static int note_image(const json_t *row, void *ctx)
{
        struct choices *l = ctx;
        const char *framework = json_str(row, "framework");
        for (size_t i = 0; i < l->n && framework; i++)
                if (!*l->v[i].note && str_eq(l->v[i].name, json_str(row, "project")))
                        choices_note(l, i, framework);
        return 0;
}

/*
 * Where pyproject.toml says nothing, the image does; without ds01d the choice is made without.
 */
static void note_images(struct cli *c, struct choices *l)
{
        struct err ignored = ERR_INIT;
        bool silent = false;
        for (size_t i = 0; i < l->n; i++)
                silent = silent || !*l->v[i].note;
        if (silent && cli_connect(c, &ignored) == 0)
                (void)rpc_stream(c->rpc, "io.ds01.Images.List", json_object(), NULL, 0, note_image,
                        l, &ignored);
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
        note_images(c, &l);
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
