/* SPDX-License-Identifier: MIT */
#include "cli/dashboard.h"

#include "base/clock.h"
#include "cli/moment.h"

#include <string.h>
#include <unistd.h>

/* ---- loading ---- */

void board_done(struct board *b)
{
        json_decref(b->driver);
        json_decref(b->gpus);
        json_decref(b->containers);
        json_decref(b->queue);
        json_decref(b->limits);
        json_decref(b->users);
}

static int on_row(const json_t *row, void *ctx)
{
        return json_array_append_new(ctx, json_deep_copy(row));
}

/* All replies of a method. */
static int ask(struct cli *c, const char *method, json_t *params, json_t **ret, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        if (rpc_stream(c->rpc, method, params, NULL, 0, on_row, rows, e) < 0)
                return -1;
        *ret = take_ptr(rows);
        return 0;
}

/* ds01d has looked at the processors some seconds ago: then nobody has to wait for a second look. */
static void take_ticks(struct board *b)
{
        int64_t busy = json_int(b->driver, "ticks_busy", 0),
                all = json_int(b->driver, "ticks_all", 0);
        if (busy >= 0 && all > 0)
                b->ticks = (struct ticks){ .busy = (uint64_t)busy, .all = (uint64_t)all };
        json_object_del(b->driver, "ticks_busy");
        json_object_del(b->driver, "ticks_all");
}

static int ask_gpus(struct cli *c, struct board *b, struct err *e)
{
        json_t *params = json_pack("{s:b}", "watch", (int)b->watched);
        if (ask(c, "io.ds01.Gpus.List", params, &b->gpus, e) < 0)
                return -1;
        if (!json_str(json_array_get(b->gpus, 0), "health"))
                return err_set(e, ERR_DAEMON, "The answer of ds01d about GPUs is incomplete");
        b->driver = json_incref(json_array_get(b->gpus, 0));
        json_array_remove(b->gpus, 0);
        take_ticks(b);
        return 0;
}

static int ask_containers(struct cli *c, struct board *b, struct err *e)
{
        return ask(c, "io.ds01.Containers.List", json_pack("{s:b}", "all", 1), &b->containers, e);
}

static int ask_queue(struct cli *c, struct board *b, struct err *e)
{
        size_t i;
        json_t *row;
        if (ask(c, "io.ds01.Queue.List", json_object(), &b->queue, e) < 0)
                return -1;
        /* Whose name the policy hides has none, as with GPUs. */
        json_array_foreach (b->queue, i, row)
                if (!*str_or_empty(json_str(row, "user")))
                        json_object_del(row, "user");
        return 0;
}

static int ask_limits(struct cli *c, struct board *b, struct err *e)
{
        cleanup_json json_t *rows = NULL;
        size_t i;
        json_t *row;
        b->limits = json_object();
        /* Root has none, and is refused. */
        if (b->everyone)
                return 0;
        if (ask(c, "io.ds01.Limits.Get", json_object(), &rows, e) < 0)
                return -1;
        json_array_foreach (rows, i, row)
                if (json_str(row, "key"))
                        json_object_set(b->limits, json_str(row, "key"), row);
        return 0;
}

static const struct {
        unsigned parts; /* which need it */
        int (*ask)(struct cli *c, struct board *b, struct err *e);
} questions[] = {
        { BOARD_GPU | BOARD_USERS, ask_gpus },
        { BOARD_CONTAINERS | BOARD_USERS, ask_containers },
        { BOARD_QUEUE | BOARD_USERS, ask_queue },
        { BOARD_CONTAINERS, ask_limits },
};

static int load(struct cli *c, struct board *b, struct err *e)
{
        struct machine_look look;
        if (b->parts & BOARD_SYSTEM && machine_begin(&look, e) < 0)
                return -1;
        if (b->parts != BOARD_SYSTEM && cli_connect(c, e) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_LEN(questions); i++)
                if (b->parts & questions[i].parts && questions[i].ask(c, b, e) < 0)
                        return -1;
        if (b->ticks.all > 0)
                look = (struct machine_look){ b->ticks, clock_mono_ms() - MACHINE_LOOK_MS };
        if (b->parts & BOARD_SYSTEM && machine_end(&look, &b->machine, e) < 0)
                return -1;
        b->now = clock_unix();
        if (b->parts & BOARD_USERS)
                b->users = board_users(b);
        return 0;
}

int board_load(struct cli *c, unsigned parts, bool watched, struct board *ret, struct err *e)
{
        /* Root, who has no containers, sees everyone's. */
        struct board b = { .parts = parts, .watched = watched, .everyone = geteuid() == 0 };
        if (load(c, &b, e) < 0) {
                board_done(&b);
                return -1;
        }
        *ret = b;
        return 0;
}

/* ---- the machine ---- */

void board_bytes(int64_t used, int64_t total, const char *between, char out[BOARD_BYTES_LEN])
{
        const double gib = 1 << 30;
        char a[24] = "-";
        if (used >= 0)
                snprintf(a, sizeof a, "%.1f", (double)used / gib);
        if (total > 0)
                snprintf(out, BOARD_BYTES_LEN, "%s%s%.1f GiB", a, between, (double)total / gib);
        else
                snprintf(out, BOARD_BYTES_LEN, "-");
}

enum { METER_NAME = 8, METER_BAR = 20, METER_LEAST = 30 /* columns without a bar */ };

static void meter(const struct sheet *s, const char *name, int percent, const char *text)
{
        cleanup_row struct row r = row_begin(s);
        size_t bar = !s->columns || s->columns > METER_LEAST + METER_BAR ? METER_BAR
                     : s->columns > METER_LEAST                          ? s->columns - METER_LEAST
                                                                         : 0;
        row_field(&r, OUT_PLAIN, name, METER_NAME, false);
        row_bar(&r, percent, bar);
        if (percent < 0)
                row_printf(&r, OUT_PLAIN, "%5s", "-");
        else
                row_printf(&r, OUT_PLAIN, "%4d%%", percent);
        row_printf(&r, OUT_PLAIN, "  %s", text);
        row_end(&r);
}

void board_system_rows(const struct board *b, const struct sheet *s, bool at_length)
{
        const struct machine *m = &b->machine;
        char text[BOARD_BYTES_LEN];
        cleanup_free char *load = at_length ? xasprintf("%sload %.2f %.2f %.2f", row_dot(),
                                                      m->load[0], m->load[1], m->load[2])
                                            : xstrdup("");
        cleanup_free char *used =
                m->cpu_milli < 0 ? xstrdup("-") : xasprintf("%.1f", (double)m->cpu_milli / 1000);
        cleanup_free char *cpu =
                xasprintf("%s of %d CPU%s%s", used, m->cpus, m->cpus == 1 ? "" : "s", load);
        meter(s, "CPU", machine_percent(m->cpu_milli, (int64_t)m->cpus * 1000), cpu);
        board_bytes(m->memory_used, m->memory_total, " of ", text);
        meter(s, "Memory", machine_percent(m->memory_used, m->memory_total), text);
        if (at_length && m->swap_total > 0) {
                board_bytes(m->swap_used, m->swap_total, " of ", text);
                meter(s, "Swap", machine_percent(m->swap_used, m->swap_total), text);
        }
        board_bytes(m->disk_used, m->disk_total, " of ", text);
        meter(s, "Disk /", machine_percent(m->disk_used, m->disk_total), text);
}

/* ---- a page ---- */

void board_share(const size_t *wants, size_t n, size_t room, size_t *ret)
{
        enum { SURE = 2 };
        size_t left = room;
        for (size_t i = 0; i < n; i++) {
                ret[i] = wants[i] < SURE ? wants[i] : SURE;
                ret[i] = ret[i] < left ? ret[i] : left;
                left -= ret[i];
        }
        for (size_t i = 0; i < n; i++) {
                size_t more = wants[i] - ret[i] < left ? wants[i] - ret[i] : left;
                ret[i] += more;
                left -= more;
        }
}

static size_t count_gpus(const struct board *b)
{
        return json_array_size(b->gpus);
}

static size_t count_containers(const struct board *b)
{
        return json_array_size(b->containers);
}

static size_t count_queue(const struct board *b)
{
        return json_array_size(b->queue);
}

/* The lists of a page, the most important one first; the machine stands behind the first. */
static const struct list {
        enum board_part part;
        const char *section;
        size_t (*count)(const struct board *b);
        void (*rows)(const struct board *b, const struct sheet *s, size_t n);
} lists[] = {
        { BOARD_GPU, "gpu", count_gpus, board_gpu_rows },
        { BOARD_CONTAINERS, "containers", count_containers, board_container_rows },
        { BOARD_QUEUE, "queue", count_queue, board_queue_rows },
};

static void blank(const struct sheet *s)
{
        cleanup_row struct row r = row_begin(s);
        row_end(&r);
}

/* A list in that many lines below its heads; the last of them counts what doesn't fit. */
static void show_list(
        const struct board *b, const struct sheet *s, const struct list *list, size_t lines)
{
        size_t n = list->count(b), shown = n <= lines ? n : lines ? lines - 1 : 0;
        list->rows(b, s, shown);
        if (shown < n && lines > 0) {
                cleanup_row struct row r = row_begin(s);
                row_printf(&r, OUT_DIM, "%zu more: dashboard %s", n - shown, list->section);
                row_end(&r);
        }
}

static const struct list *find_list(enum board_part part)
{
        size_t i = 0;
        while (i + 1 < ARRAY_LEN(lists) && lists[i].part != part)
                i++;
        return &lists[i];
}

size_t board_list_count(const struct board *b, enum board_part list)
{
        return find_list(list)->count(b);
}

void board_list(const struct board *b, const struct sheet *s, enum board_part list, size_t lines)
{
        show_list(b, s, find_list(list), lines);
}

void board_head(const struct board *b, const struct sheet *s)
{
        char clock[MOMENT_LEN];
        cleanup_free char *gpus = board_gpu_summary(b);
        cleanup_row struct row r = row_begin(s);
        moment_clock(b->now, b->now, clock);
        row_printf(&r, OUT_BOLD, "%s", b->machine.host);
        row_printf(&r, OUT_PLAIN, "%s%s%s%s", row_dot(), clock, row_dot(), gpus);
        row_end(&r);
}

void board_page(const struct board *b, const struct sheet *s)
{
        enum { N = ARRAY_LEN(lists), MACHINE = 3 };
        size_t wants[N], gets[N];
        cleanup_free char *trouble = board_gpu_trouble(b);
        /* The head; a blank line before each list, and its heads; the machine. */
        size_t fixed = 1 + (trouble != NULL) + 2 * N + 1 + MACHINE;
        for (size_t i = 0; i < N; i++)
                wants[i] = lists[i].count(b);
        board_share(wants, N, s->lines > fixed ? s->lines - fixed : 0, gets);
        board_head(b, s);
        if (trouble) {
                cleanup_row struct row r = row_begin(s);
                row_add(&r, OUT_RED, trouble);
                row_end(&r);
        }
        for (size_t i = 0; i < N; i++) {
                blank(s);
                show_list(b, s, &lists[i], gets[i]);
                if (i == 0) {
                        blank(s);
                        board_system_rows(b, s, false);
                }
        }
}

/* ---- sections ---- */

static void title(const struct sheet *s, const char *text)
{
        cleanup_row struct row r = row_begin(s);
        row_add(&r, OUT_BOLD, text);
        row_end(&r);
}

static void system_section(const struct board *b, const struct sheet *s)
{
        title(s, b->machine.host);
        board_system_rows(b, s, true);
}

void board_sections(const struct board *b, const struct sheet *s)
{
        static const struct {
                unsigned part;
                void (*show)(const struct board *b, const struct sheet *s);
        } sections[] = {
                { BOARD_GPU, board_gpu_section },
                { BOARD_SYSTEM, system_section },
                { BOARD_CONTAINERS, board_container_section },
                { BOARD_QUEUE, board_queue_section },
                { BOARD_USERS, board_user_section },
        };
        bool first = true;
        for (size_t i = 0; i < ARRAY_LEN(sections); i++)
                if (b->parts & sections[i].part) {
                        if (!first)
                                blank(s);
                        sections[i].show(b, s);
                        first = false;
                }
}
