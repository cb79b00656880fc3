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

/* ---- GPUs ---- */

/* Gives each of the caller's containers its GPUs, of Gpus.List's replies. */
static void add_gpus(json_t *rows, const json_t *gpus)
{
        size_t i, k;
        json_t *row, *gpu;
        json_array_foreach (rows, i, row) {
                json_t *own = json_array();
                json_array_foreach (gpus, k, gpu)
                        if (json_bool(gpu, "mine", false) && !json_bool(gpu, "turn", false) &&
                                str_eq(json_str(gpu, "container"), json_str(row, "name")))
                                json_array_append(own, gpu);
                json_object_set_new(row, "gpus", own);
        }
}

static int ask_gpus(struct cli *c, json_t *rows, struct err *e)
{
        cleanup_json json_t *gpus = json_array();
        json_t *params = json_pack("{s:b}", "watch", (int)cli_has(c, "watch"));
        if (rpc_stream(c->rpc, "io.ds01.Gpus.List", params, NULL, 0, on_row, gpus, e) < 0)
                return -1;
        add_gpus(rows, gpus);
        return 0;
}

static bool any_gpu(const json_t *rows)
{
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row)
                if (json_array_size(json_object_get(row, "gpus")) > 0)
                        return true;
        return false;
}

static void add_gpu_cells(struct table *t, const json_t *row)
{
        cleanup_buf struct buf slots = BUF_INIT(1024), use = BUF_INIT(1024);
        int64_t used = 0, total = 0;
        size_t i;
        json_t *gpu;
        json_array_foreach (json_object_get(row, "gpus"), i, gpu) {
                int64_t percent = json_int(gpu, "utilisation", -1);
                int64_t memory = json_int(gpu, "memory_used", -1);
                buf_printf(&slots, "%s%s", i ? ", " : "", str_or_empty(json_str(gpu, "slot")));
                buf_str_add(&use, i ? ", " : "");
                if (percent < 0)
                        buf_str_add(&use, "-");
                else
                        buf_printf(&use, "%lld%%", (long long)percent);
                used = used < 0 || memory < 0 ? -1 : used + memory;
                total += json_int(gpu, "memory_total", 0);
        }
        cleanup_free char *a = describe_bytes(used), *b = describe_bytes(total);
        cleanup_free char *memory = total > 0 ? xasprintf("%s / %s", a, b) : xstrdup("-");
        table_cell(t, buf_str(&slots));
        table_cell(t, buf_str(&use));
        table_cell(t, memory);
}

/* For programs: of each GPU its number and what is used of it. */
static json_t *gpus_json(const json_t *gpus)
{
        static const char *const keys[] = { "slot", "utilisation", "memory_used", "memory_total" };
        json_t *out = json_array(), *gpu;
        size_t i;
        json_array_foreach (gpus, i, gpu) {
                json_t *j = json_object();
                for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
                        json_t *value = json_object_get(gpu, keys[k]);
                        bool known =
                                value && !(json_is_integer(value) && json_integer_value(value) < 0);
                        json_object_set_new(j, keys[k], known ? json_incref(value) : json_null());
                }
                json_array_append_new(out, j);
        }
        return out;
}

/* ---- all of it ---- */

static void print_table(const json_t *rows, bool gpu)
{
        static const char *const heads[] = { "NAME", "STATUS", "CPU", "MEMORY", "PROCESSES", "GPU",
                "GPU USE", "GPU MEMORY" };
        cleanup_table struct table t;
        size_t i;
        json_t *row;
        table_init(&t, heads, gpu ? 8 : 5, 0);
        json_array_foreach (rows, i, row) {
                cleanup_free char *cpu = describe_cpu(row), *memory = describe_memory(row);
                cleanup_free char *pids = describe_pids(row);
                table_cell(&t, json_str(row, "name"));
                table_cell(&t, json_str(row, "state"));
                table_cell(&t, cpu);
                table_cell(&t, memory);
                table_cell(&t, pids);
                if (gpu)
                        add_gpu_cells(&t, row);
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
                json_t *gpus = json_object_get(row, "gpus");
                if (gpus)
                        json_object_set_new(row, "gpus", gpus_json(gpus));
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
        if (cli_has(c, "gpu") && ask_gpus(c, rows, e) < 0)
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
                if (cli_has(c, "gpu") && !again && !any_gpu(rows))
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
        .names = { NAMES_RUNNING },
        .flags = CMD_JSON | CMD_ACCOUNT,
        .summary = "Shows what containers use of what they may use",
        .details =
                "  Memory is without cached files that would make room at once. 100% of CPU is one processor. A\n"
                "  dash stands for no limit, or for what this machine doesn't count. With --gpu: its GPUs by number,\n"
                "  how busy each is, and the memory used of all of them; dashboard gpu shows everybody's.\n",
        .examples = "container-stats\n"
                    "container-stats --gpu\n"
                    "container-stats my-thesis --watch\n"
                    "container-stats --json",
        .topic = "states",
        .opts = opts,
        .run = run,
};
