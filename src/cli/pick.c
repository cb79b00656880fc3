/* SPDX-License-Identifier: MIT */
#include "cli/pick.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

static const struct {
        const char *states; /* words between blanks; NULL: any */
        bool all;           /* more than ds01d lists without being asked */
        const char *nothing, *fix;
} kinds[] = {
        [PICK_RUNNING] = { " running ", false, "None of your containers runs", "project launch" },
        [PICK_PAUSED] = { " paused ", false, "None of your containers is paused",
                "container-list" },
        [PICK_ACTIVE] = { " running paused ", false, "None of your containers runs",
                "container-list --all" },
        [PICK_IDLE] = { " stopped created paused ", true, "None of your containers is stopped",
                "container-list --all" },
        [PICK_ALL] = { NULL, true, "You have no containers", "project launch" },
};

const char *pick_nothing(enum pick_which which)
{
        return kinds[which].nothing;
}

struct picking {
        const char *states;
        struct choices *choices;
};

static int on_row(const json_t *row, void *ctx)
{
        struct picking *p = ctx;
        const char *state = str_or_empty(json_str(row, "state"));
        const char *framework = str_or_empty(json_str(row, "framework"));
        const char *from = *framework ? framework : str_or_empty(json_str(row, "image"));
        cleanup_free char *word = xasprintf(" %s ", state);
        if (p->states && !strstr(p->states, word))
                return 0;
        cleanup_free char *note =
                strcmp(state, "running") == 0 ? xstrdup(from) : xasprintf("%s, %s", from, state);
        choices_add(p->choices, str_or_empty(json_str(row, "name")), note);
        return 0;
}

int pick_list(struct cli *c, enum pick_which which, struct choices *ret, struct err *e)
{
        struct picking p = { kinds[which].states, ret };
        json_t *params = json_pack("{s:b}", "all", (int)kinds[which].all);
        cli_for_user(c, params);
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        return rpc_stream(c->rpc, "io.ds01.Containers.List", params, NULL, 0, on_row, &p, e) < 0
                       ? -1
                       : 0;
}

int pick_container(
        struct cli *c, const char *title, enum pick_which which, char ret_name[41], struct err *e)
{
        if (c->n_args > 0)
                return cli_name(c->args[0], ret_name, e);
        if (!c->tty)
                return cli_usage(c, e, "A name is needed where there is no terminal");
        cleanup_choices struct choices l = { 0 };
        size_t i;
        if (pick_list(c, which, &l, e) < 0)
                return -1;
        if (l.n == 0) {
                err_set(e, ERR_NOT_FOUND, "%s", pick_nothing(which));
                return err_fix(e, "%s", kinds[which].fix);
        }
        if (prompt_pick(c, title, &l, &i, e) < 0)
                return -1;
        snprintf(ret_name, 41, "%s", l.v[i].name);
        return 0;
}
