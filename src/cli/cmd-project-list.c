/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/rows.h"
#include "project/find.h"

#include <stdio.h>
#include <string.h>

/* Two answers of ds01d, by name: one round trip each, however many projects there are. */
struct known {
        json_t *containers, *images; /* objects: name or project → row */
        json_t *rows;
};

static int keep_container(const json_t *row, void *ctx)
{
        struct known *k = ctx;
        return json_object_set_new(
                k->containers, str_or_empty(json_str(row, "name")), json_deep_copy(row));
}

static int keep_image(const json_t *row, void *ctx)
{
        struct known *k = ctx;
        return json_object_set_new(
                k->images, str_or_empty(json_str(row, "project")), json_deep_copy(row));
}

static int add_project(const struct project_entry *seen, void *ctx)
{
        struct known *k = ctx;
        const json_t *container = json_object_get(k->containers, seen->name);
        const json_t *image = json_object_get(k->images, seen->name);
        json_array_append_new(
                k->rows, json_pack("{s:s, s:s, s:s?, s:s}", "name", seen->name, "framework",
                                 seen->broken ? "pyproject.toml can't be read" : seen->display,
                                 "image", json_str(image, "image"), "container",
                                 container ? str_or_empty(json_str(container, "state")) : "none"));
        return 0;
}

static void print_table(const json_t *rows)
{
        static const char *const heads[] = { "PROJECT", "FRAMEWORK", "IMAGE", "CONTAINER" };
        static const char *const keys[] = { "name", "framework", "image", "container" };
        cleanup_table struct table t;
        size_t i;
        json_t *row;
        table_init(&t, heads, ARRAY_LEN(heads), 2);
        json_array_foreach (rows, i, row)
                for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
                        const char *text = json_str(row, keys[k]);
                        table_cell(&t, k == 2 && !text ? "not built" : text);
                }
        table_print(&t, stdout);
}

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *containers = json_object(), *images = json_object(),
                            *rows = json_array();
        struct known k = { containers, images, rows };
        if (cli_connect(c, e) < 0 ||
                rpc_stream(c->rpc, "io.ds01.Containers.List", json_pack("{s:b}", "all", 1), NULL, 0,
                        keep_container, &k, e) < 0 ||
                rpc_stream(c->rpc, "io.ds01.Images.List", json_object(), NULL, 0, keep_image, &k,
                        e) < 0 ||
                project_each(add_project, &k, e) < 0)
                return -1;
        if (cli_has(c, "json")) {
                rows_print("projects", rows);
        } else if (json_array_size(rows) == 0) {
                out_say("You have no projects in ~/workspace. Make one: project init my-project");
        } else {
                print_table(rows);
        }
        return 0;
}

const struct command cmd_project_list = {
        .noun = "project",
        .verb = "list",
        .args = "",
        .max_args = 0,
        .flags = CMD_JSON | CMD_ACCOUNT,
        .summary = "Lists your projects",
        .details = "",
        .examples = "project list",
        .topic = "workspaces",
        .run = run,
};
