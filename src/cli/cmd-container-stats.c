/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/rows.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { WATCH_MS = 2000 };

static int on_row(const json_t *row, void *ctx)
{
        return json_array_append_new(ctx, json_deep_copy(row));
}

static char *describe_bytes(int64_t bytes)
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        double n = (double)bytes;
        size_t i = 0;
        if (bytes < 0)
                return xstrdup("-");
        for (; n >= 1024 && i + 1 < ARRAY_LEN(units); i++)
                n /= 1024;
        return xasprintf("%.*f %s", i > 0 && n < 100 ? 1 : 0, n, units[i]);
}

/* "1.3 GiB / 8.0 GiB"; "/ -" is without a limit. */
static char *describe_memory(const json_t *row)
{
        cleanup_free char *used = describe_bytes(json_int(row, "memory", -1));
        cleanup_free char *limit = describe_bytes(json_int(row, "memory_limit", -1));
        return xasprintf("%s / %s", used, limit);
}

/* "134% / 400%": of one processor, as top(1) counts. */
static char *describe_cpu(const json_t *row)
{
        int64_t used = json_int(row, "cpu_milli", -1), limit = json_int(row, "cpu_limit_milli", -1);
        cleanup_free char *a = used < 0 ? xstrdup("-") : xasprintf("%.1f%%", (double)used / 10);
        cleanup_free char *b = limit < 0 ? xstrdup("-") : xasprintf("%.0f%%", (double)limit / 10);
        return xasprintf("%s / %s", a, b);
}

static char *describe_pids(const json_t *row)
{
        int64_t used = json_int(row, "pids", -1), limit = json_int(row, "pids_limit", -1);
        cleanup_free char *a = used < 0 ? xstrdup("-") : xasprintf("%lld", (long long)used);
        cleanup_free char *b = limit < 0 ? xstrdup("-") : xasprintf("%lld", (long long)limit);
        return xasprintf("%s / %s", a, b);
}

static void print_table(const json_t *rows, bool gpu)
{
        static const char *const heads[] = { "NAME", "STATUS", "CPU", "MEMORY", "PROCESSES",
                "GPU" };
        cleanup_table struct table t;
        size_t i;
        json_t *row;
        table_init(&t, heads, gpu ? 6 : 5, 0);
        json_array_foreach (rows, i, row) {
                cleanup_free char *cpu = describe_cpu(row), *memory = describe_memory(row);
                cleanup_free char *pids = describe_pids(row);
                table_cell(&t, json_str(row, "name"));
                table_cell(&t, json_str(row, "state"));
                table_cell(&t, cpu);
                table_cell(&t, memory);
                table_cell(&t, pids);
                if (gpu)
                        table_cell(&t, "-");
        }
        table_print(&t, stdout);
}

static void print_json(json_t *rows)
{
        static const char *const unlimited[] = { "memory", "memory_limit", "cpu_milli",
                "cpu_limit_milli", "cpu_ns", "pids", "pids_limit" };
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row) {
                for (size_t k = 0; k < ARRAY_LEN(unlimited); k++)
                        if (json_int(row, unlimited[k], -1) < 0)
                                json_object_set_new(row, unlimited[k], json_null());
                rows_time(row, "started_at");
        }
        rows_print("containers", rows);
}

static int show(struct cli *c, const char *name, bool again, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        json_t *params = name ? json_pack("{s:s}", "name", name) : json_object();
        if (rpc_stream(c->rpc, "io.ds01.Containers.Stats", params, NULL, 0, on_row, rows, e) < 0)
                return -1;
        /* In place on a terminal that can; elsewhere one table after the other. */
        if (again && *out_style(stdout, OUT_BOLD))
                fputs("\033[H\033[J", stdout);
        if (cli_has(c, "json")) {
                print_json(rows);
        } else if (json_array_size(rows) == 0) {
                out_say("None of your containers runs. Show all: container-list --all · Start one: project launch");
        } else {
                print_table(rows, cli_has(c, "gpu"));
                if (cli_has(c, "gpu") && !again)
                        out_say("None of these containers has a GPU.");
        }
        fflush(stdout);
        return 0;
}

static int watch(struct cli *c, const char *name, struct err *e)
{
        struct interrupt interrupt;
        int r = 0;
        interrupt_begin(&interrupt, c);
        struct pollfd left = { .fd = interrupt.fd, .events = POLLIN };
        for (bool again = false; r == 0 && !ferror(stdout); again = true) {
                r = show(c, name, again || cli_has(c, "watch"), e);
                if (r == 0 && poll(&left, 1, WATCH_MS) != 0)
                        r = err_set(e, ERR_INTERRUPTED, "Left");
        }
        interrupt_end(&interrupt);
        /* That is how one leaves it: nothing to complain about. */
        return r < 0 && e->code == ERR_INTERRUPTED ? err_exit_status(ERR_INTERRUPTED) : r;
}

static int run(struct cli *c, struct err *e)
{
        char name[41];
        if ((c->n_args > 0 && cli_name(c->args[0], name, e) < 0) || cli_connect(c, e) < 0)
                return -1;
        const char *one = c->n_args > 0 ? name : NULL;
        return cli_has(c, "watch") ? watch(c, one, e) : show(c, one, false, e);
}

static const struct opt opts[] = {
        { 'w', "watch", OPT_FLAG, NULL, "Show it anew every two seconds until Ctrl-C" },
        { 'g', "gpu", OPT_FLAG, NULL, "Also what they use of GPUs" },
        { 0 },
};

const struct command cmd_container_stats = {
        .noun = "container",
        .verb = "stats",
        .args = "[name]",
        .max_args = 1,
        .flags = CMD_JSON | CMD_ACCOUNT,
        .summary = "Shows what containers use of what they may use",
        .details =
                "  Memory is without cached files that would make room at once. 100% of CPU is one processor. A\n"
                "  dash stands for no limit, or for what this machine doesn't count.\n",
        .examples = "container-stats\n"
                    "container-stats my-thesis --watch\n"
                    "container-stats --json",
        .topic = "states",
        .opts = opts,
        .run = run,
};
