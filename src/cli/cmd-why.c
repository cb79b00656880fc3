/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/rows.h"

#include <stdio.h>
#include <time.h>

struct listing {
        json_t *rows;
        struct strv told; /* containers whose latest decision is there already */
        bool all;
};

/* The latest come first; how it stands now is no decision and always shown. */
static int on_row(const json_t *row, void *ctx)
{
        struct listing *l = ctx;
        const char *name = str_or_empty(json_str(row, "name"));
        bool now = json_int(row, "at", 0) == 0;
        if (!l->all && !now && strv_has(&l->told, name))
                return 0;
        if (!now)
                strv_add(&l->told, name);
        return json_array_append_new(l->rows, json_deep_copy(row));
}

static void describe_at(int64_t at, char out[32])
{
        struct tm tm;
        time_t t = (time_t)at;
        if (at == 0 || !localtime_r(&t, &tm) || strftime(out, 32, "%F %H:%M", &tm) == 0)
                snprintf(out, 32, "now");
}

/* Sentences are for reading: they are not cut, as the cells of a table are. */
static void print_rows(const json_t *rows)
{
        size_t i, width = 0;
        json_t *row;
        json_array_foreach (rows, i, row) {
                cleanup_free char *name = str_safe(str_or_empty(json_str(row, "name")));
                if (str_width(name) > width)
                        width = str_width(name);
        }
        json_array_foreach (rows, i, row) {
                char at[32];
                cleanup_free char *name = str_safe(str_or_empty(json_str(row, "name")));
                cleanup_free char *text = str_safe(str_or_empty(json_str(row, "text")));
                describe_at(json_int(row, "at", 0), at);
                printf("%-16s  %s%*s%s%s\n", at, name, (int)(width - str_width(name)), "",
                        width ? "  " : "", text);
        }
}

static void print_json(json_t *rows)
{
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row)
                rows_time(row, "at");
        rows_print("decisions", rows);
}

static int run(struct cli *c, struct err *e)
{
        char name[41];
        cleanup_json json_t *rows = json_array();
        struct listing l = { .rows = rows, .all = cli_has(c, "all") };
        if ((c->n_args > 0 && cli_name(c->args[0], name, e) < 0) || cli_connect(c, e) < 0)
                return -1;
        json_t *params = c->n_args > 0 ? json_pack("{s:s}", "name", name) : json_object();
        cli_for_user(c, params);
        int r = rpc_stream(c->rpc, "io.ds01.Queue.Why", params, NULL, 0, on_row, &l, e);
        strv_done(&l.told);
        if (r < 0)
                return -1;
        if (cli_has(c, "json"))
                print_json(rows);
        else if (json_array_size(rows) == 0)
                out_say("Nothing was decided about GPUs of %s yet.",
                        c->n_args > 0 ? name : "your containers");
        else
                print_rows(rows);
        return 0;
}

static const struct opt opts[] = {
        { 'a', "all", OPT_FLAG, NULL, "Every decision, the latest first" },
        { 0 },
};

const struct command cmd_why = {
        .noun = "ds01",
        .verb = "why",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_CONTAINERS },
        .flags = CMD_JSON | CMD_ADMIN,
        .summary = "Tells the reason for what was decided about your GPUs",
        .details =
                "  Why a container waits, was refused, got its GPU, lost it, or did not start when its turn came:\n"
                "  how it stands now, and the latest decision about each container. --all shows those before.\n",
        .examples = "ds01 why\n"
                    "ds01 why my-thesis --all",
        .topic = "gpus",
        .opts = opts,
        .run = run,
};
