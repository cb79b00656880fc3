/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/row.h"

#include <stdio.h>
#include <string.h>

enum { BAR = 20, RULE = 40 };

static int on_reply(const json_t *reply, void *ctx)
{
        json_array_append(ctx, (json_t *)(uintptr_t)reply);
        return 0;
}

static const json_t *find(const json_t *rows, const char *key)
{
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row)
                if (str_eq(json_str(row, "key"), key))
                        return row;
        return NULL;
}

/* ---- for people ---- */

static void repeat(const char *s, int n)
{
        for (int i = 0; i < n; i++)
                fputs(s, stdout);
}

static void head(const char *title)
{
        printf("\n%s%s%s\n", out_style(stdout, OUT_BOLD), title, out_style(stdout, OUT_PLAIN));
}

/* "2", "2.5", "0.4": as many digits as say something. */
static void number(double value, char out[32])
{
        snprintf(out, 32, "%.*f", value >= 100 ? 0 : value >= 10 ? 1 : 2, value);
        if (strchr(out, '.'))
                for (size_t n = strlen(out); out[n - 1] == '0' || out[n - 1] == '.'; n--) {
                        bool point = out[n - 1] == '.';
                        out[n - 1] = '\0';
                        if (point)
                                break;
                }
}

/* Not "0%" for something, nor "100%" for a little less than all. */
static void percent_text(double part, char out[16])
{
        if (part > 0 && part < 0.01)
                snprintf(out, 16, "<1%%");
        else
                snprintf(out, 16, "%d%%", (int)(part * 100 + 1e-9));
}

static void bar(double used, double limit, const char *unit)
{
        char a[32], b[32], p[16];
        double part = limit > 0 ? used / limit : used > 0 ? 1 : 0;
        int full = part >= 1 ? BAR : (int)(part * BAR);
        if (used > 0 && full == 0)
                full = 1;
        enum out_style style = part >= 0.85 ? OUT_RED : part >= 0.7 ? OUT_YELLOW : OUT_GREEN;
        number(used, a);
        number(limit, b);
        percent_text(part, p);
        printf("  %s", out_style(stdout, style));
        repeat(row_utf8() ? "━" : "#", full);
        fputs(out_style(stdout, OUT_PLAIN), stdout);
        repeat(row_utf8() ? "─" : "-", BAR - full);
        printf("  %s/%s %s (%s)\n", a, b, unit, p);
}

/* A row with a limit and a use: the bar; without a limit the use alone. `scale` turns the row's unit
 * into the one that is shown. */
static void show_use(const json_t *row, double scale, const char *unit)
{
        char text[32];
        double den = (double)json_int(row, "den", 1);
        int64_t used = json_int(row, "used", -1);
        const char *note = json_bool(row, "enforced", true) ? "" : " (not enforced yet)";
        number((double)(used < 0 ? 0 : used) / den / scale, text);
        if (!json_bool(row, "limited", false)) {
                if (used >= 0)
                        printf("  %s %s used, no limit\n", text, unit);
                return;
        }
        double limit = (double)json_int(row, "value", 0) / den / scale;
        if (used >= 0) {
                bar((double)used / den / scale, limit, unit);
        } else {
                number(limit, text);
                printf("  Aggregate limit: %s %s\n", text, unit);
        }
        if (*note)
                printf("  %s\n", note + 1);
}

static void show_each(const json_t *rows, const char *key, const char *before, const char *after)
{
        const json_t *row = find(rows, key);
        bool limited = json_bool(row, "limited", false);
        printf("  Per container: %s%s%s%s\n", limited ? before : "",
                limited ? str_or_empty(json_str(row, "text")) : "no limit", limited ? after : "",
                json_bool(row, "enforced", true) ? "" : " (not enforced yet)");
}

static double memory_scale(const json_t *row, const char **ret_unit)
{
        bool small = json_bool(row, "limited", false) && json_int(row, "value", 0) < 1 << 30;
        *ret_unit = small ? "MB" : "GB";
        return small ? 1 << 20 : 1 << 30;
}

static void show_time(const json_t *rows, const char *title, const char *key, const char *then)
{
        const json_t *row = find(rows, key);
        bool limited = json_bool(row, "limited", false),
             enforced = json_bool(row, "enforced", true);
        printf("  %-24s %s%s%s%s\n", title, limited ? str_or_empty(json_str(row, "text")) : "never",
                limited ? " (" : "",
                !limited   ? ""
                : enforced ? then
                           : "not enforced yet",
                limited ? ")" : "");
}

/* Whoever may have none has reached nothing: there is nothing to free. */
static bool reached(const json_t *rows, const char *key)
{
        const json_t *row = find(rows, key);
        int64_t limit = json_int(row, "value", 0);
        return json_bool(row, "limited", false) && json_bool(row, "enforced", true) && limit > 0 &&
               json_int(row, "used", -1) >= limit;
}

static void show_verdict(const json_t *rows)
{
        printf("\n%s\n", row_utf8() ? "────" : "----");
        bool containers = reached(rows, "max_containers_per_user"),
             gpus = reached(rows, "max_gpu_equivalents");
        if (containers)
                printf("Container limit reached - remove unused containers: container-list --all, container retire "
                       "NAME\n");
        if (gpus)
                printf("GPU limit reached - retire a container to free GPUs: container retire NAME\n");
        if (reached(rows, "aggregate.memory_max"))
                printf("Memory limit reached - processes in your containers may be ended\n");
        else if (!containers && !gpus)
                printf("%sAll resources available%s\n", out_style(stdout, OUT_GREEN),
                        out_style(stdout, OUT_PLAIN));
}

static void show_origins(const json_t *rows)
{
        static const char *const heads[] = { "LIMIT", "VALUE", "FROM" };
        cleanup_table struct table t;
        size_t i;
        json_t *row;
        table_init(&t, heads, ARRAY_LEN(heads), 2);
        json_array_foreach (rows, i, row) {
                cleanup_free char *value = xasprintf("%s%s", str_or_empty(json_str(row, "text")),
                        json_bool(row, "enforced", true) ? "" : " (not enforced)");
                table_cell(&t, json_str(row, "key"));
                table_cell(&t, value);
                table_cell(&t, json_str(row, "from"));
        }
        printf("\n");
        table_print(&t, stdout);
}

static void show(const json_t *about, const json_t *rows, bool verbose)
{
        const char *unit;
        const json_t *memory = find(rows, "aggregate.memory_max");
        double scale = memory_scale(memory, &unit);
        cleanup_free char *user = str_safe(str_or_empty(json_str(about, "user")));
        cleanup_free char *group = str_safe(str_or_empty(json_str(about, "group")));
        printf("%sDS01 Resource Limits%s %s %s%s%s%s\n", out_style(stdout, OUT_BOLD),
                out_style(stdout, OUT_PLAIN), row_utf8() ? "—" : "-", user, *group ? " (" : "",
                group, *group ? ")" : "");
        repeat(row_utf8() ? "═" : "=", RULE);
        head("Containers");
        show_use(find(rows, "max_containers_per_user"), 1, "containers");
        printf("  %lld running\n", (long long)json_int(about, "running", 0));
        head("GPUs");
        show_use(find(rows, "max_gpu_equivalents"), 1, "GPUs");
        show_each(rows, "max_gpu_slots_per_container", "up to ", "");
        head("CPUs");
        show_use(find(rows, "aggregate.cpu_quota"), 100, "cores");
        show_each(rows, "max_cpus", "", " cores");
        head("Memory");
        show_use(memory, scale, unit);
        show_each(rows, "memory", "", "");
        head("Processes");
        show_use(find(rows, "aggregate.tasks_max"), 1, "processes and threads");
        show_each(rows, "pids_limit", "", "");
        head("Lifecycle");
        show_time(rows, "Idle timeout:", "idle_timeout_h", "then stopped");
        show_time(rows, "Max runtime:", "max_runtime_h", "then stopped; warnings at 75% and 90%");
        show_time(rows, "GPU hold after stop:", "gpu_hold_after_stop_h", "then freed");
        show_time(rows, "Container hold:", "container_hold_after_stop_h", "then removed");
        if (verbose)
                show_origins(rows);
        show_verdict(rows);
}

/* ---- for programs ---- */

/* Over the row's denominator: a part of a GPU is no whole number. */
static void set_number(json_t *out, const char *key, const json_t *row)
{
        int64_t value = json_int(row, key, -1), den = json_int(row, "den", 1);
        if (value < 0)
                json_object_set_new(out, key, json_null());
        else if (str_eq(json_str(row, "unit"), "gpus"))
                json_object_set_new(out, key, json_real((double)value / (double)den));
}

static void print_json(const json_t *about, const json_t *rows)
{
        size_t i;
        json_t *row;
        json_t *limits = json_array();
        json_array_foreach (rows, i, row) {
                json_t *out = json_copy(row);
                set_number(out, "value", row);
                set_number(out, "used", row);
                json_object_del(out, "den");
                json_array_append_new(limits, out);
        }
        cleanup_json json_t *j = json_pack("{s:i, s:O, s:O, s:O, s:O, s:o}", "schema", 1, "user",
                json_object_get(about, "user"), "group", json_object_get(about, "group"),
                "containers", json_object_get(about, "containers"), "running",
                json_object_get(about, "running"), "limits", limits);
        out_json(stdout, j);
}

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        json_t *params = json_object();
        cli_for_user(c, params);
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        if (rpc_stream(c->rpc, "io.ds01.Limits.Get", params, NULL, 0, on_reply, rows, e) < 0)
                return -1;
        if (json_array_size(rows) < 2)
                return err_set(e, ERR_FAILED, "The answer of ds01d about limits is incomplete");
        cleanup_json json_t *about = json_incref(json_array_get(rows, 0));
        json_array_remove(rows, 0);
        if (cli_has(c, "json"))
                print_json(about, rows);
        else
                show(about, rows, cli_has(c, "verbose"));
        return 0;
}

static const struct opt opts[] = {
        { 'v', "verbose", OPT_FLAG, NULL, "Also every limit and where it comes from" },
        { 0 },
};

static const char *const also[] = { "get", "ds01", NULL };

const struct command cmd_check_limits = {
        .noun = "check",
        .verb = "limits",
        .also = also,
        .args = "",
        .max_args = 0,
        .flags = CMD_JSON | CMD_ADMIN,
        .summary = "Shows your limits and how much of them you use",
        .details =
                "  Also called get-limits and `ds01 limits`. Memory and processes are those of all your\n"
                "  containers together, at this moment; cores are an average of at most half a minute. Each limit\n"
                "  is looked up by itself: an exception for you, then your group, then the defaults.\n",
        .examples = "check-limits\n"
                    "check-limits --verbose  where each limit comes from\n"
                    "check-limits --json",
        .topic = "containers",
        .opts = opts,
        .run = run,
};
