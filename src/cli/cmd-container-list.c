/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/out.h"
#include "cli/rows.h"
#include "rpc/api.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum format { FORMAT_TABLE, FORMAT_SIMPLE, FORMAT_JSON, FORMAT_QUIET };

static int on_row(const json_t *row, void *ctx)
{
        json_array_append(ctx, (json_t *)(uintptr_t)row);
        return 0;
}

static int get_format(const struct cli *c, enum format *ret, struct err *e)
{
        const char *f = cli_value(c, "format");
        *ret = FORMAT_TABLE;
        if (f && strcmp(f, "simple") == 0)
                *ret = FORMAT_SIMPLE;
        else if (f && strcmp(f, "json") == 0)
                *ret = FORMAT_JSON;
        else if (f && strcmp(f, "table") != 0)
                return cli_usage(c, e, "Option --format takes table, simple or json");
        if (cli_has(c, "quiet"))
                *ret = FORMAT_QUIET;
        if (cli_has(c, "json"))
                *ret = FORMAT_JSON;
        return 0;
}

/* ", 2h left" or ", removed in 20m", where the policy sets an end. */
static char *describe_end(const json_t *row)
{
        char left[CLOCK_DURATION_LEN];
        int64_t runs = json_int(row, "runs_until", 0), kept = json_int(row, "kept_until", 0);
        clock_duration((runs ? runs : kept) - clock_unix(), left);
        return runs   ? xasprintf(", %s left", left)
               : kept ? xasprintf(", removed in %s", left)
                      : xstrdup("");
}

/* Why it is stopped where that is neither plain nor a failure of its own: one or two words, or NULL. */
static const char *why_stopped(const json_t *row)
{
        const char *reason = str_or_empty(json_str(row, "stop_reason"));
        return !*reason || strcmp(reason, API_ON_REQUEST) == 0 ? NULL
               : strstr(reason, "max_runtime_h")               ? "time is over"
                                                               : "see below";
}

/* "running 3h 5m", "stopped (exit code 1) 2m ago". */
static char *describe_state(const json_t *row)
{
        const char *state = str_or_empty(json_str(row, "state"));
        char ago[CLOCK_DURATION_LEN];
        bool running = strcmp(state, "running") == 0, stopped = strcmp(state, "stopped") == 0;
        int64_t since = json_int(row, running ? "started_at" : "stopped_at", 0);
        clock_duration(clock_unix() - since, ago);
        int64_t code = json_int(row, "exit_code", -1);
        cleanup_free char *end = describe_end(row);
        bool ended = !*str_or_empty(json_str(row, "stop_reason"));
        cleanup_free char *how = stopped && why_stopped(row)
                                         ? xasprintf("stopped (%s)", why_stopped(row))
                                 : stopped && ended && code > 0
                                         ? xasprintf("stopped (exit code %lld)", (long long)code)
                                         : xstrdup(state);
        return since ? xasprintf("%s %s%s%s", how, ago, running ? "" : " ago", end) : take_ptr(how);
}

/* "2", "2,3", "1.0"; "lapsed" for one that had some and gave them back; "-". */
static char *describe_gpus(const json_t *row)
{
        struct buf b = BUF_INIT(1024);
        size_t i;
        json_t *slot;
        json_array_foreach (json_object_get(row, "gpus"), i, slot)
                buf_printf(&b, "%s%s", i ? "," : "", str_or_empty(json_string_value(slot)));
        if (b.len == 0)
                buf_str_add(&b, json_bool(row, "gpu_lapsed", false) ? "lapsed" : "-");
        return buf_take(&b);
}

/* What a word in the table can't say: who or what stopped it. */
static void tell_reasons(const json_t *rows)
{
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row)
                if (why_stopped(row))
                        out_say("%s was stopped: %s.", str_or_empty(json_str(row, "name")),
                                json_str(row, "stop_reason"));
}

static void print_table(const json_t *rows, bool simple, bool everyone)
{
        static const char *const heads[] = { "NAME", "STATUS", "IMAGE", "GPU", "USER" };
        cleanup_table struct table t;
        size_t i;
        json_t *row;
        size_t n_cols = everyone ? 5 : 4;
        table_init(&t, simple ? NULL : heads, n_cols, 2);
        json_array_foreach (rows, i, row) {
                cleanup_free char *state = describe_state(row);
                table_cell(&t, json_str(row, "name"));
                table_cell(&t, state);
                table_cell(&t, json_str(row, "image"));
                cleanup_free char *gpus = describe_gpus(row);
                table_cell(&t, gpus);
                if (everyone)
                        table_cell(&t, json_str(row, "user"));
        }
        table_print(&t, stdout);
}

static void print_json(json_t *rows)
{
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row) {
                rows_time(row, "created_at");
                rows_time(row, "started_at");
                rows_time(row, "stopped_at");
                rows_time(row, "runs_until");
                rows_time(row, "kept_until");
                rows_time(row, "gpu_until");
        }
        rows_print("containers", rows);
}

static int run(struct cli *c, struct err *e)
{
        enum format format;
        bool all = cli_has(c, "all");
        cleanup_json json_t *rows = json_array();
        json_t *params = json_pack("{s:b}", "all", (int)all);
        const char *user = cli_value(c, "user");
        cli_for_user(c, params);
        if (get_format(c, &format, e) < 0 || cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        if (rpc_stream(c->rpc, "io.ds01.Containers.List", params, NULL, 0, on_row, rows, e) < 0)
                return -1;
        if (format == FORMAT_JSON) {
                print_json(rows);
        } else if (format == FORMAT_QUIET) {
                size_t i;
                json_t *row;
                json_array_foreach (rows, i, row)
                        printf("%s\n", str_or_empty(json_str(row, "name")));
        } else if (json_array_size(rows) == 0) {
                out_say(user  ? "No containers."
                        : all ? "You have no containers. Start one: project launch"
                              : "No running containers. Show all: container-list --all · Start one: project launch");
        } else {
                /* Root, who has none, sees everyone's. */
                bool everyone = user ? strcmp(user, "all") == 0 : geteuid() == 0;
                print_table(rows, format == FORMAT_SIMPLE, everyone);
                tell_reasons(rows);
        }
        return 0;
}

static const struct opt opts[] = {
        { 'a', "all", OPT_FLAG, NULL, "Also those that don't run" },
        { 0, "format", OPT_VALUE, "FORMAT", "table, simple (no head line) or json" },
        { 'q', "quiet", OPT_FLAG, NULL, "Only names" },
        { 0 },
};

const struct command cmd_container_list = {
        .noun = "container",
        .verb = "list",
        .args = "",
        .max_args = 0,
        .flags = CMD_JSON | CMD_ADMIN,
        .summary = "Lists your containers",
        .details =
                "  Without --all only those that run. An admin sees another account's with --user=NAME, and\n"
                "  everyone's with --user=all.\n",
        .examples = "container-list\n"
                    "container-list --all\n"
                    "container-list --format=json",
        .topic = "containers",
        .opts = opts,
        .run = run,
};
