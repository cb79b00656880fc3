/* SPDX-License-Identifier: MIT */
#include "cli/each.h"

#include "cli/out.h"

static int all_names(struct cli *c, const struct each *what, struct strv *ret, struct err *e)
{
        cleanup_choices struct choices l = { 0 };
        cleanup_buf struct buf names = BUF_INIT(1 << 16);
        bool go = true;
        if (pick_list(c, what->which, &l, e) < 0)
                return -1;
        if (l.n == 0) {
                out_say("%s.", pick_nothing(what->which));
                return 0;
        }
        for (size_t i = 0; i < l.n; i++)
                buf_printf(&names, "%s%s", i ? ", " : "", l.v[i].name);
        if (!cli_has(c, "force") &&
                prompt_yes(c, true, &go, e, "%s %zu container%s (%s)?", what->verb, l.n,
                        l.n == 1 ? "" : "s", buf_str(&names)) < 0)
                return -1;
        if (!go)
                out_say("Nothing was done.");
        for (size_t i = 0; i < l.n && go; i++)
                strv_add(ret, l.v[i].name);
        return 0;
}

static int given_names(struct cli *c, const struct each *what, struct strv *ret, struct err *e)
{
        char name[41];
        if (c->n_args == 0) {
                if (pick_container(c, what->title, what->which, name, e) < 0)
                        return -1;
                strv_add(ret, name);
        }
        for (int i = 0; i < c->n_args; i++) {
                if (cli_name(c->args[i], name, e) < 0)
                        return -1;
                if (!strv_has(ret, name))
                        strv_add(ret, name);
        }
        return 0;
}

int each_container(struct cli *c, const struct each *what, struct err *e)
{
        cleanup_strv struct strv names = { 0 };
        bool all = cli_has(c, "all");
        int status = 0;
        if (all && c->n_args > 0)
                return cli_usage(c, e, "Names and --all exclude each other");
        if ((all ? all_names(c, what, &names, e) : given_names(c, what, &names, e)) < 0)
                return -1;
        if (names.n == 1)
                return what->one(c, names.v[0], e);
        for (size_t i = 0; i < names.n; i++) {
                struct err failed = ERR_INIT;
                if (what->one(c, names.v[i], &failed) == 0)
                        continue;
                if (failed.code == ERR_INTERRUPTED || failed.code == ERR_DAEMON) {
                        *e = failed;
                        return -1;
                }
                out_error(&failed);
                if (status == 0)
                        status = err_exit_status(failed.code);
        }
        return status;
}
