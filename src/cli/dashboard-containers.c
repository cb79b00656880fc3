/* SPDX-License-Identifier: MIT */
/* The caller's containers; everyone's for root. */
#include "cli/dashboard.h"

#include "base/clock.h"
#include "cli/grid.h"

/* "running 3h 5m", "stopped 2m ago" */
static void add_status(struct grid *g, const json_t *row, int64_t now)
{
        const char *state = str_or_empty(json_str(row, "state"));
        bool running = str_eq(state, "running"), stopped = str_eq(state, "stopped");
        int64_t since = json_int(row, running ? "started_at" : "stopped_at", 0);
        char time[CLOCK_DURATION_LEN];
        clock_duration(now - since, time);
        if ((running || stopped) && since)
                grid_addf(g, running ? OUT_GREEN : OUT_PLAIN, "%s %s%s", state, time,
                        running ? "" : " ago");
        else
                grid_add(g, OUT_PLAIN, state);
}

static void add_gpus(struct grid *g, const json_t *row)
{
        cleanup_buf struct buf text = BUF_INIT(1024);
        size_t i;
        json_t *slot;
        json_array_foreach (json_object_get(row, "gpus"), i, slot)
                buf_printf(&text, "%s%s", i ? ", " : "", str_or_empty(json_string_value(slot)));
        grid_add(g, OUT_PLAIN, buf_str(&text));
}

static void none(const struct board *b, const struct sheet *s)
{
        cleanup_row struct row r = row_begin(s);
        row_add(&r, OUT_PLAIN,
                b->everyone ? "No containers"
                            : "You have no containers: project launch starts one");
        row_end(&r);
}

void board_container_rows(const struct board *b, const struct sheet *s, size_t n)
{
        static const struct grid_column columns[] = {
                { .head = "CONTAINER", .least = 8 },
                { .head = "STATUS", .least = 8 },
                { .head = "GPU", .least = 3 },
                { .head = "IMAGE", .least = 12, .rank = 2 },
                { .head = "USER", .least = 8, .rank = 1 },
        };
        cleanup_grid struct grid g = grid_begin(columns, b->everyone ? 5 : 4);
        size_t i;
        json_t *row;
        if (json_array_size(b->containers) == 0) {
                none(b, s);
                return;
        }
        json_array_foreach (b->containers, i, row) {
                grid_add(&g, OUT_PLAIN, json_str(row, "name"));
                add_status(&g, row, b->now);
                add_gpus(&g, row);
                grid_add(&g, OUT_PLAIN, json_str(row, "image"));
                if (b->everyone)
                        grid_add(&g, OUT_PLAIN, json_str(row, "user"));
        }
        grid_show(&g, s, n);
}

/* "GPUs 2 of 3", "" without a limit. */
static void add_limit(
        struct row *r, const struct board *b, const char *key, const char *one, const char *many)
{
        const json_t *row = json_object_get(b->limits, key);
        double den = (double)json_int(row, "den", 1);
        int64_t used = json_int(row, "used", -1), value = json_int(row, "value", -1);
        if (json_bool(row, "limited", false) && used >= 0 && den > 0)
                row_printf(r, OUT_PLAIN, "%s%g of %g %s", row_dot(), (double)used / den,
                        (double)value / den, value == (int64_t)den ? one : many);
}

void board_container_section(const struct board *b, const struct sheet *s)
{
        cleanup_row struct row r = row_begin(s);
        row_add(&r, OUT_BOLD, b->everyone ? "Containers" : "Your containers");
        if (!b->everyone) {
                add_limit(&r, b, "max_containers_per_user", "container", "containers");
                add_limit(&r, b, "max_gpu_equivalents", "GPU", "GPUs");
        }
        row_end(&r);
        board_container_rows(b, s, json_array_size(b->containers));
}
