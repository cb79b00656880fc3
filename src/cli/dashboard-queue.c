/* SPDX-License-Identifier: MIT */
/* Who waits for GPUs, in order. */
#include "cli/dashboard.h"

#include "base/clock.h"
#include "cli/grid.h"
#include "cli/moment.h"

static bool has_turn(const json_t *t)
{
        return str_eq(json_str(t, "state"), "turn");
}

/* "turn until 16:30 (3m left)", "16:30 to 17:10", "after 16:30", "not known" */
static void add_when(struct grid *g, const json_t *t, int64_t now)
{
        char end[MOMENT_END_LEN], early[MOMENT_LEN], late[MOMENT_LEN];
        int64_t a = json_int(t, "eta_early", 0), z = json_int(t, "eta_late", 0);
        moment_end(json_int(t, "turn_until", 0), now, end);
        moment_clock(a, now, early);
        moment_clock(z, now, late);
        if (has_turn(t) && json_int(t, "turn_until", 0) == 0)
                grid_add(g, OUT_GREEN, "turn");
        else if (has_turn(t))
                grid_addf(g, OUT_GREEN, "turn until %s", end);
        else if (a == 0)
                grid_add(g, OUT_PLAIN, "not known");
        else if (z == 0)
                grid_addf(g, OUT_PLAIN, "after %s", early);
        else if (str_eq(early, late))
                grid_addf(g, OUT_PLAIN, "about %s", early);
        else
                grid_addf(g, OUT_PLAIN, "%s to %s", early, late);
}

static void add_ticket(struct grid *g, const json_t *t, int64_t now)
{
        char waits[CLOCK_DURATION_LEN];
        bool mine = json_bool(t, "mine", false);
        const char *name = str_or_empty(json_str(t, "name"));
        clock_duration(now - json_int(t, "joined_at", now), waits);
        if (has_turn(t))
                grid_add(g, OUT_GREEN, "turn");
        else
                grid_addf(g, OUT_PLAIN, "%lld", (long long)json_int(t, "position", 0));
        grid_add(g, mine ? OUT_BOLD : OUT_PLAIN,
                json_str(t, "user") ? json_str(t, "user") : "somebody");
        grid_add(g, OUT_PLAIN, mine && !*name ? "your next launch" : name);
        grid_addf(g, OUT_PLAIN, "%lld", (long long)json_int(t, "gpus", 0));
        grid_add(g, OUT_PLAIN, waits);
        add_when(g, t, now);
}

void board_queue_rows(const struct board *b, const struct sheet *s, size_t n)
{
        static const struct grid_column columns[] = {
                { .head = "QUEUE" },
                { .head = "WHO", .least = 8 },
                { .head = "FOR", .least = 8 },
                { .head = "GPUS", .right = true },
                { .head = "WAITS", .rank = 1 },
                { .head = "EXPECTED" },
        };
        cleanup_grid struct grid g = grid_begin(columns, ARRAY_LEN(columns));
        size_t i;
        json_t *t;
        if (json_array_size(b->queue) == 0) {
                cleanup_row struct row r = row_begin(s);
                row_add(&r, OUT_PLAIN, "Nobody waits for a GPU");
                row_end(&r);
                return;
        }
        json_array_foreach (b->queue, i, t)
                add_ticket(&g, t, b->now);
        grid_show(&g, s, n);
}

void board_queue_section(const struct board *b, const struct sheet *s)
{
        size_t i;
        json_t *t;
        cleanup_row struct row r = row_begin(s);
        row_add(&r, OUT_BOLD, "Queue for GPUs");
        row_end(&r);
        board_queue_rows(b, s, json_array_size(b->queue));
        /* The reasons of one's own: others' are theirs. */
        json_array_foreach (b->queue, i, t) {
                const char *reason = str_or_empty(json_str(t, "reason"));
                const char *name = str_or_empty(json_str(t, "name"));
                if (!json_bool(t, "mine", false) || !*reason)
                        continue;
                row_printf(&r, OUT_DIM, "%s: %s", *name ? name : "your next launch", reason);
                row_end(&r);
        }
}
