/* SPDX-License-Identifier: MIT */
/* GPUs: a line each on a page, two lines each at length. */
#include "cli/dashboard.h"

#include "base/clock.h"
#include "cli/grid.h"
#include "cli/moment.h"

#include <string.h>

static const struct {
        const char *word; /* as Gpus.List says it */
        enum out_style style;
        const char *brief; /* in a table */
} states[] = {
        { "free", OUT_GREEN, "free" },
        { "held", OUT_CYAN, "held" },
        { "drained", OUT_YELLOW, "drained" },
        { "not answering", OUT_RED, "not answering" },
        { "in use outside ds01", OUT_MAGENTA, "outside ds01" },
        { "split", OUT_DIM, "split" },
};

static const char *state_of(const json_t *gpu)
{
        return str_or_empty(json_str(gpu, "state"));
}

static enum out_style state_style(const json_t *gpu)
{
        for (size_t i = 0; i < ARRAY_LEN(states); i++)
                if (str_eq(states[i].word, state_of(gpu)))
                        return states[i].style;
        return OUT_PLAIN;
}

static const char *state_brief(const json_t *gpu)
{
        for (size_t i = 0; i < ARRAY_LEN(states); i++)
                if (str_eq(states[i].word, state_of(gpu)))
                        return states[i].brief;
        return state_of(gpu);
}

static bool is_part(const json_t *gpu)
{
        return *str_or_empty(json_str(gpu, "profile")) != '\0';
}

static bool is_held(const json_t *gpu)
{
        return json_object_get(gpu, "mine");
}

static bool is_turn(const json_t *gpu)
{
        return json_bool(gpu, "turn", false);
}

/* "12", "-": what is not known is not 0. */
static void figure(
        const json_t *gpu, const char *key, int64_t divisor, const char *unit, char out[32])
{
        int64_t v = json_int(gpu, key, -1);
        if (v < 0)
                snprintf(out, 32, "-");
        else
                snprintf(out, 32, "%lld%s", (long long)(v / divisor), unit);
}

static const char *degrees(void)
{
        return row_utf8() ? "°C" : "C";
}

/* ---- as a whole ---- */

char *board_gpu_summary(const struct board *b)
{
        size_t i, n = 0, n_parts = 0, n_free = 0;
        json_t *gpu;
        bool simulated = json_bool(b->driver, "simulated", false);
        json_array_foreach (b->gpus, i, gpu) {
                n += !is_part(gpu);
                n_parts += is_part(gpu);
                n_free += str_eq(state_of(gpu), "free");
        }
        if (n == 0)
                return xstrdup("no GPUs");
        cleanup_free char *parts =
                n_parts ? xasprintf(" and %zu part%s of GPUs", n_parts, n_parts == 1 ? "" : "s")
                        : xstrdup("");
        return xasprintf("%zu %sGPU%s%s, %zu free", n, simulated ? "simulated " : "",
                n == 1 ? "" : "s", parts, n_free);
}

char *board_gpu_trouble(const struct board *b)
{
        const char *health = str_or_empty(json_str(b->driver, "health"));
        const char *why = str_or_empty(json_str(b->driver, "why"));
        char since[MOMENT_LEN];
        if (str_eq(health, "none") && json_array_size(b->gpus) == 0)
                return NULL; /* said where the GPUs would be */
        if (!str_eq(health, "ok"))
                return xasprintf("The GPUs can't be read: %s", *why ? why : health);
        if (json_bool(b->driver, "answering", true))
                return NULL;
        moment_clock(json_int(b->driver, "sampled_at", 0), b->now, since);
        return xasprintf("The GPU driver does not answer; it last did at %s", since);
}

static void say_none(const struct board *b, const struct sheet *s)
{
        const char *why = str_or_empty(json_str(b->driver, "why"));
        cleanup_row struct row r = row_begin(s);
        row_printf(&r, OUT_PLAIN, "This machine has no GPUs%s%s", *why ? ": " : "", why);
        row_end(&r);
}

/* ---- a line each ---- */

enum { BAR = 20, BAR_LEAST = 5 };

/* Of a page, in order; add_gpu() fills them. */
static const struct grid_column columns[] = {
        { .head = "GPU" },
        { .head = "MODEL", .rank = 5 },
        { .head = "HELD BY", .least = 14 }, /* "not answering" is never cut */
        { .head = "FOR", .least = 8 },
        { .head = "IN USE", .least = BAR_LEAST, .bar = BAR },
        { .head = "", .right = true },
        { .head = "MEMORY", .right = true },
        { .head = "TEMP", .rank = 2, .right = true },
        { .head = "POWER", .rank = 4, .right = true },
        { .head = "SO FAR", .rank = 3 },
        { .head = "UNTIL" },
        { .head = "LEFT", .rank = 1 },
};

/* The same where there is a history: that, the bar and the temperature stay longest. */
static const struct grid_column live_columns[] = {
        { .head = "GPU" },
        { .head = "MODEL", .rank = 7 },
        { .head = "HELD BY", .least = 14 },
        { .head = "FOR", .least = 8, .rank = 3 },
        { .head = "IN USE", .least = BAR_LEAST, .bar = BAR, .rank = 1 },
        { .head = "", .right = true },
        { .head = "HISTORY", .least = 8, .bar = BAR, .grows = BOARD_HISTORY_MAX },
        { .head = "MEMORY", .rank = 2, .right = true },
        { .head = "TEMP", .rank = 4, .right = true },
        { .head = "POWER", .rank = 9, .right = true },
        { .head = "SO FAR", .rank = 8 },
        { .head = "UNTIL", .rank = 5 },
        { .head = "LEFT", .rank = 6 },
};

static void add_history(struct grid *g, const json_t *history)
{
        signed char percent[BOARD_HISTORY_MAX];
        size_t n = json_array_size(history),
               from = n > BOARD_HISTORY_MAX ? n - BOARD_HISTORY_MAX : 0;
        for (size_t i = from; i < n; i++) {
                json_int_t v = json_integer_value(json_array_get(history, i));
                percent[i - from] = (signed char)(v < 0 ? -1 : v > 100 ? 100 : v);
        }
        grid_spark(g, percent, n - from);
}

/* Who has it; the state where nobody does. */
static void add_holder(struct grid *g, const json_t *gpu)
{
        const char *user = json_str(gpu, "user");
        if (is_held(gpu))
                grid_addf(g, json_bool(gpu, "mine", false) ? OUT_BOLD : state_style(gpu), "%s%s",
                        user ? user : "somebody", is_turn(gpu) ? " (turn)" : "");
        else
                grid_add(g, state_style(gpu), state_brief(gpu));
        grid_add(g, OUT_PLAIN, json_str(gpu, "container"));
}

static void add_gpu(struct grid *g, const json_t *gpu, bool live, int64_t now)
{
        char use[32], temperature[32], power[32], memory[BOARD_BYTES_LEN];
        char so_far[CLOCK_DURATION_LEN] = "-", end[MOMENT_END_LEN] = "-",
             left[CLOCK_DURATION_LEN] = "-";
        int64_t until = json_int(gpu, "until", 0);
        figure(gpu, "utilisation", 1, "%", use);
        figure(gpu, "temperature", 1, degrees(), temperature);
        figure(gpu, "power", 1000, " W", power);
        board_bytes(
                json_int(gpu, "memory_used", -1), json_int(gpu, "memory_total", -1), "/", memory);
        if (is_held(gpu) && json_object_get(gpu, "since")) {
                clock_duration(now - json_int(gpu, "since", 0), so_far);
                if (until > now) {
                        moment_clock(until, now, end);
                        clock_duration(until - now, left);
                } else {
                        moment_end(until, now, end);
                }
        }
        grid_addf(g, OUT_PLAIN, "%s%s", is_part(gpu) ? "  " : "",
                str_or_empty(json_str(gpu, "slot")));
        grid_add(g, OUT_PLAIN, json_str(gpu, is_part(gpu) ? "profile" : "label"));
        add_holder(g, gpu);
        grid_bar(g, (int)json_int(gpu, "utilisation", -1));
        grid_add(g, OUT_PLAIN, use);
        if (live)
                add_history(g, json_object_get(gpu, "history"));
        grid_add(g, OUT_PLAIN, memory);
        grid_add(g, OUT_PLAIN, temperature);
        grid_add(g, OUT_PLAIN, power);
        grid_add(g, OUT_PLAIN, so_far);
        grid_add(g, OUT_PLAIN, end);
        grid_add(g, OUT_PLAIN, left);
}

void board_gpu_rows(const struct board *b, const struct sheet *s, size_t n)
{
        bool live = json_object_get(json_array_get(b->gpus, 0), "history") != NULL;
        cleanup_grid struct grid g = live ? grid_begin(live_columns, ARRAY_LEN(live_columns))
                                          : grid_begin(columns, ARRAY_LEN(columns));
        size_t i;
        json_t *gpu;
        if (json_array_size(b->gpus) == 0) {
                say_none(b, s);
                return;
        }
        json_array_foreach (b->gpus, i, gpu)
                add_gpu(&g, gpu, live, b->now);
        grid_show(&g, s, n);
}

/* ---- at length ---- */

/* What may be cut of the first line, from nothing to all: the line that fits is taken. */
static const struct cut {
        size_t name; /* columns of a name; 0: whole */
        bool label, so_far;
} cuts[] = {
        { 0, true, true },
        { 20, true, true },
        { 12, true, true },
        { 12, true, false },
        { 8, false, false },
};

static void add_name(struct row *r, enum out_style style, const char *name, size_t most)
{
        cleanup_free char *safe = str_safe(name);
        cleanup_free char *cut = most ? str_cut_middle(safe, most) : xstrdup(safe);
        row_add(r, style, cut);
}

static void add_lease(struct row *r, const json_t *gpu, const struct cut *cut, int64_t now)
{
        char so_far[CLOCK_DURATION_LEN], end[MOMENT_END_LEN];
        const char *container = str_or_empty(json_str(gpu, "container"));
        const char *user = json_str(gpu, "user");
        int64_t until = json_int(gpu, "until", 0);
        row_add(r, OUT_PLAIN, is_turn(gpu) ? " for the turn of " : " by ");
        add_name(r, json_bool(gpu, "mine", false) ? OUT_BOLD : OUT_PLAIN, user ? user : "somebody",
                cut->name);
        if (*container) {
                row_add(r, OUT_PLAIN, " for ");
                add_name(r, OUT_PLAIN, container, cut->name);
        }
        if (!json_object_get(gpu, "since"))
                return;
        clock_duration(now - json_int(gpu, "since", 0), so_far);
        moment_end(until, now, end);
        if (cut->so_far)
                row_printf(r, OUT_PLAIN, "%s%s", row_dot(), so_far);
        row_printf(r, OUT_PLAIN, "%s%s%s", row_dot(), until > now ? "until " : "", end);
}

static void add_state(struct row *r, const json_t *gpu)
{
        const char *reason = str_or_empty(json_str(gpu, "reason"));
        row_add(r, state_style(gpu), state_of(gpu));
        /* One that is split is not given away: what becomes of it is said of its parts. */
        if (*reason && !str_eq(state_of(gpu), "split"))
                row_printf(r, OUT_PLAIN, " (%s)", reason);
}

static void make_first(struct row *r, const json_t *gpu, const struct cut *cut, int64_t now)
{
        row_pad(r, is_part(gpu) ? 2 : 0);
        row_printf(r, OUT_PLAIN, "%s%s", is_part(gpu) ? "" : "GPU ",
                str_or_empty(json_str(gpu, "slot")));
        row_pad(r, 7);
        if (cut->label)
                row_printf(r, OUT_PLAIN, " %s",
                        str_or_empty(json_str(gpu, is_part(gpu) ? "profile" : "label")));
        row_add(r, OUT_PLAIN, "  ");
        add_state(r, gpu);
        if (is_held(gpu))
                add_lease(r, gpu, cut, now);
}

static void show_first(const struct sheet *s, const json_t *gpu, int64_t now)
{
        struct sheet endless = *s;
        size_t i = 0;
        endless.columns = 0;
        for (; s->columns && i + 1 < ARRAY_LEN(cuts); i++) {
                cleanup_row struct row probe = row_begin(&endless);
                make_first(&probe, gpu, &cuts[i], now);
                if (probe.width <= s->columns)
                        break;
        }
        cleanup_row struct row r = row_begin(s);
        make_first(&r, gpu, &cuts[i], now);
        row_end(&r);
}

static void show_figures(const struct sheet *s, const json_t *gpu)
{
        char use[32], temperature[32], power[32], memory[BOARD_BYTES_LEN];
        cleanup_row struct row r = row_begin(s);
        size_t bar = s->columns && s->columns < 60 ? BAR_LEAST : BAR;
        figure(gpu, "utilisation", 1, "%", use);
        figure(gpu, "temperature", 1, degrees(), temperature);
        figure(gpu, "power", 1000, " W", power);
        board_bytes(json_int(gpu, "memory_used", -1), json_int(gpu, "memory_total", -1), " of ",
                memory);
        row_pad(&r, 8);
        row_bar(&r, (int)json_int(gpu, "utilisation", -1), bar);
        row_printf(&r, OUT_PLAIN, " %4s  %17s  %6s  %6s", use, memory, temperature, power);
        row_end(&r);
}

void board_gpu_section(const struct board *b, const struct sheet *s)
{
        size_t i;
        json_t *gpu;
        cleanup_free char *summary = board_gpu_summary(b), *trouble = board_gpu_trouble(b);
        cleanup_row struct row r = row_begin(s);
        if (trouble) {
                row_add(&r, OUT_RED, trouble);
                row_end(&r);
        }
        if (json_array_size(b->gpus) == 0) {
                if (!trouble)
                        say_none(b, s);
                return;
        }
        row_add(&r, OUT_BOLD, summary);
        if (*str_or_empty(json_str(b->driver, "driver")))
                row_printf(&r, OUT_DIM, "%sdriver %s", row_dot(), json_str(b->driver, "driver"));
        row_end(&r);
        json_array_foreach (b->gpus, i, gpu) {
                show_first(s, gpu, b->now);
                show_figures(s, gpu);
        }
}
