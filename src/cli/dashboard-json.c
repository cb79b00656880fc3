/* SPDX-License-Identifier: MIT */
/* A board for programs: the fields of rpc/api.def, with times as RFC 3339 and null for the unknown. */
#include "cli/dashboard.h"

#include "base/clock.h"
#include "cli/out.h"

/* Integers of a row that become a time (0: null), or null where they are negative. */
static const char *const times[] = { "sampled_at", "since", "until", "joined_at", "turn_until",
        "eta_early", "eta_late", "created_at", "started_at", "stopped_at", "runs_until",
        "kept_until", "gpu_until" };
static const char *const figures[] = { "memory_total", "memory_used", "utilisation", "temperature",
        "power", "processes" };

static json_t *time_json(int64_t at)
{
        char text[CLOCK_RFC3339_LEN];
        clock_rfc3339(at, text);
        return at > 0 ? json_string(text) : json_null();
}

static json_t *row_json(const json_t *row, const char *const *keys)
{
        json_t *out = json_copy((json_t *)(uintptr_t)row);
        for (size_t i = 0; i < ARRAY_LEN(times); i++)
                if (json_object_get(row, times[i]))
                        json_object_set_new(out, times[i], time_json(json_int(row, times[i], 0)));
        for (size_t i = 0; i < ARRAY_LEN(figures); i++)
                if (json_object_get(row, figures[i]) && json_int(row, figures[i], -1) < 0)
                        json_object_set_new(out, figures[i], json_null());
        /* Keys that are there in any case. */
        for (; keys && *keys; keys++)
                if (!json_object_get(out, *keys))
                        json_object_set_new(out, *keys, json_null());
        return out;
}

static json_t *rows_json(const json_t *rows, const char *const *keys)
{
        json_t *out = json_array();
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row)
                json_array_append_new(out, row_json(row, keys));
        return out;
}

static json_t *gpus_json(const json_t *gpus)
{
        static const char *const keys[] = { "user", "container", "container_state", "since",
                "until", NULL };
        json_t *out = rows_json(gpus, keys), *row;
        size_t i;
        json_array_foreach (out, i, row) {
                if (!json_object_get(row, "mine"))
                        json_object_set_new(row, "mine", json_false());
                if (!json_object_get(row, "turn"))
                        json_object_set_new(row, "turn", json_false());
        }
        return out;
}

static json_t *system_json(const struct machine *m)
{
        return json_pack("{s:s, s:i, s:o, s:[f, f, f], s:I, s:I, s:I, s:I, s:I, s:I}", "host",
                m->host, "cpus", m->cpus, "cpu_milli",
                m->cpu_milli < 0 ? json_null() : json_integer(m->cpu_milli), "load", m->load[0],
                m->load[1], m->load[2], "memory_total", (json_int_t)m->memory_total, "memory_used",
                (json_int_t)m->memory_used, "swap_total", (json_int_t)m->swap_total, "swap_used",
                (json_int_t)m->swap_used, "disk_total", (json_int_t)m->disk_total, "disk_used",
                (json_int_t)m->disk_used);
}

void board_json(const struct board *b, FILE *f)
{
        cleanup_json json_t *j = json_pack("{s:i, s:o}", "schema", 1, "at", time_json(b->now));
        if (b->parts & BOARD_GPU) {
                json_object_set_new(j, "driver", row_json(b->driver, NULL));
                json_object_set_new(j, "gpus", gpus_json(b->gpus));
        }
        if (b->parts & BOARD_SYSTEM)
                json_object_set_new(j, "system", system_json(&b->machine));
        if (b->parts & BOARD_CONTAINERS)
                json_object_set_new(j, "containers", rows_json(b->containers, NULL));
        if (b->parts & BOARD_QUEUE) {
                static const char *const keys[] = { "user", NULL };
                json_object_set_new(j, "queue", rows_json(b->queue, keys));
        }
        if (b->parts & BOARD_USERS)
                json_object_set_new(j, "users", rows_json(b->users, NULL));
        out_json(f, j);
}
