/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/out.h"
#include "cli/rows.h"

#include <stdio.h>

static int on_row(const json_t *row, void *ctx)
{
        return json_array_append_new(ctx, json_deep_copy(row));
}

static char *describe_size(int64_t bytes)
{
        return bytes >= 1LL << 30 ? xasprintf("%.1f GiB", (double)bytes / (double)(1LL << 30))
                                  : xasprintf("%.0f MiB", (double)bytes / (double)(1LL << 20));
}

static void print_table(const json_t *rows)
{
        static const char *const heads[] = { "IMAGE", "FRAMEWORK", "SIZE", "BUILT", "IN USE" };
        cleanup_table struct table t;
        size_t i;
        json_t *row;
        table_init(&t, heads, ARRAY_LEN(heads), 0);
        json_array_foreach (rows, i, row) {
                char ago[CLOCK_DURATION_LEN];
                clock_duration(clock_unix() - json_int(row, "built_at", 0), ago);
                cleanup_free char *size = describe_size(json_int(row, "size", 0));
                cleanup_free char *built = xasprintf("%s ago", ago);
                table_cell(&t, json_str(row, "image"));
                table_cell(&t, json_str(row, "framework"));
                table_cell(&t, size);
                table_cell(&t, built);
                table_cell(&t, json_bool(row, "in_use", false) ? "yes" : "no");
        }
        table_print(&t, stdout);
}

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        json_t *params = json_pack("{s:b}", "all", (int)cli_has(c, "all"));
        cli_for_user(c, params);
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        if (rpc_stream(c->rpc, "io.ds01.Images.List", params, NULL, 0, on_row, rows, e) < 0)
                return -1;
        if (cli_has(c, "json")) {
                size_t i;
                json_t *row;
                json_array_foreach (rows, i, row)
                        rows_time(row, "built_at");
                rows_print("images", rows);
        } else if (json_array_size(rows) == 0) {
                out_say("You have no images. Build one: project launch my-project");
        } else {
                print_table(rows);
        }
        return 0;
}

static const struct opt opts[] = {
        { 'a', "all", OPT_FLAG, NULL, "Also the catalogue images on this machine" },
        { 0 },
};

const struct command cmd_image_list = {
        .noun = "image",
        .verb = "list",
        .args = "",
        .max_args = 0,
        .flags = CMD_JSON | CMD_ADMIN,
        .summary = "Lists your images",
        .details = "",
        .examples = "image-list\nimage-list --json",
        .topic = "images",
        .opts = opts,
        .run = run,
};
