/* SPDX-License-Identifier: MIT */
/*
 * Who has and waits for what: counted from what the caller may see of GPUs, the queue and containers.
 * Those whose names the policy hides are counted as one, without a name.
 */
#include "cli/dashboard.h"

#include "cli/grid.h"
#include "cli/moment.h"

/* The entry of an account; NULL: of those without a name. Borrowed. */
static json_t *entry(json_t *users, const char *name)
{
        size_t i;
        json_t *u;
        json_array_foreach (users, i, u)
                if (str_eq(json_str(u, "user"), name))
                        return u;
        u = json_pack("{s:s?, s:b, s:f, s:i, s:i, s:n, s:n}", "user", name, "mine", 0, "gpus", 0.0,
                "until", 0, "waiting", 0, "containers", "running");
        json_array_append_new(users, u);
        return u;
}

static void count(json_t *u, const char *key)
{
        json_object_set_new(u, key, json_integer(json_int(u, key, 0) + 1));
}

static void claim(json_t *u, const json_t *row)
{
        if (json_bool(row, "mine", false))
                json_object_set_new(u, "mine", json_true());
}

/* Until when: the last of the ends; -1 once there is one without an end. */
static void add_gpu(json_t *users, const json_t *gpu)
{
        int64_t of = json_int(gpu, "of", 1), until = json_int(gpu, "until", 0);
        if (!json_object_get(gpu, "mine") || of <= 0)
                return;
        json_t *u = entry(users, json_str(gpu, "user"));
        int64_t last = json_int(u, "until", 0);
        double part = (double)json_int(gpu, "slices", 1) / (double)of;
        claim(u, gpu);
        json_object_set_new(
                u, "gpus", json_real(json_real_value(json_object_get(u, "gpus")) + part));
        if (!json_object_get(gpu, "until"))
                return;
        if (until == 0 || last < 0)
                json_object_set_new(u, "until", json_integer(-1));
        else if (until > last)
                json_object_set_new(u, "until", json_integer(until));
}

static void add_container(json_t *users, const json_t *row, bool mine)
{
        json_t *u = entry(users, json_str(row, "user"));
        count(u, "containers");
        if (json_is_null(json_object_get(u, "running")))
                json_object_set_new(u, "running", json_integer(0));
        if (str_eq(json_str(row, "state"), "running"))
                count(u, "running");
        if (mine)
                json_object_set_new(u, "mine", json_true());
}

json_t *board_users(const struct board *b)
{
        json_t *users = json_array(), *row;
        size_t i;
        json_array_foreach (b->gpus, i, row)
                add_gpu(users, row);
        json_array_foreach (b->queue, i, row) {
                json_t *u = entry(users, json_str(row, "user"));
                claim(u, row);
                count(u, "waiting");
        }
        json_array_foreach (b->containers, i, row)
                add_container(users, row, !b->everyone);
        return users;
}

static void add_count(struct grid *g, const json_t *u, const char *key)
{
        if (json_is_null(json_object_get(u, key)))
                grid_add(g, OUT_PLAIN, "-");
        else
                grid_addf(g, OUT_PLAIN, "%lld", (long long)json_int(u, key, 0));
}

static void add_user(struct grid *g, const json_t *u, int64_t now)
{
        char end[MOMENT_END_LEN] = "-";
        double gpus = json_real_value(json_object_get(u, "gpus"));
        int64_t until = json_int(u, "until", 0);
        if (gpus > 0 && until != 0)
                moment_end(until < 0 ? 0 : until, now, end);
        grid_add(g, json_bool(u, "mine", false) ? OUT_BOLD : OUT_PLAIN,
                json_str(u, "user") ? json_str(u, "user") : "others");
        grid_addf(g, OUT_PLAIN, "%.3g", gpus);
        add_count(g, u, "waiting");
        add_count(g, u, "containers");
        add_count(g, u, "running");
        grid_add(g, OUT_PLAIN, end);
}

void board_user_section(const struct board *b, const struct sheet *s)
{
        static const struct grid_column columns[] = {
                { .head = "USER", .least = 8 },
                { .head = "GPUS", .right = true },
                { .head = "IN QUEUE", .right = true, .rank = 1 },
                { .head = "CONTAINERS", .right = true, .rank = 2 },
                { .head = "RUNNING", .right = true, .rank = 3 },
                { .head = "GPUS UNTIL" },
        };
        cleanup_grid struct grid g = grid_begin(columns, ARRAY_LEN(columns));
        cleanup_row struct row r = row_begin(s);
        size_t i;
        json_t *u;
        row_add(&r, OUT_BOLD, "Users");
        row_end(&r);
        if (json_array_size(b->users) == 0) {
                row_add(&r, OUT_PLAIN,
                        "Nobody holds a GPU, waits for one, or has a container you may see");
                row_end(&r);
                return;
        }
        json_array_foreach (b->users, i, u)
                add_user(&g, u, b->now);
        grid_show(&g, s, grid_rows(&g));
}
