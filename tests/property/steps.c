/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include "checks.h"
#include "daemon/expire.h"
#include "daemon/lease.h"
#include "daemon/recovery.h"
#include "daemon/scheduler.h"
#include "play.h"
#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one thread of ds01d does can't happen twice at one time. */
static bool janitor_busy, watcher_busy;

/* ---- ds01d's own threads ---- */

static void check_turns(void)
{
        cleanup_tickets struct tickets tickets = { 0 };
        struct err e = ERR_INIT;
        if (tickets_all(daemon_now->store, &tickets, &e) < 0)
                broken("test", "%s", e.msg);
        for (size_t i = 0; i < tickets.n; i++)
                if (tickets.v[i].turn_until && tickets.v[i].turn_until <= world_clock())
                        broken("I5", "the turn of ticket %lld is over, and it keeps it",
                                (long long)tickets.v[i].id);
}

static void do_look(const struct step *s)
{
        (void)s;
        scheduler_look(daemon_now, true);
        if (!world->armed)
                check_turns();
}

static void do_thread(const struct step *s)
{
        (void)threads_run(s->a);
}

static void do_sweep(const struct step *s)
{
        struct err e = ERR_INIT;
        (void)s;
        if (janitor_busy || daemon_engine(daemon_now, NULL, &e) < 0)
                return;
        janitor_busy = true;
        recovery_sweep(daemon_now);
        expire_sweep(daemon_now);
        lease_sweep(daemon_now);
        janitor_busy = false;
}

static void do_event(const struct step *s)
{
        char id[65];
        struct err e = ERR_INIT;
        (void)s;
        if (watcher_busy || world->n_events == 0)
                return;
        memcpy(id, world->events[0], sizeof id);
        world->n_events--;
        memmove(world->events[0], world->events[1], (size_t)world->n_events * sizeof id);
        watcher_busy = true;
        (void)recovery_observe(daemon_now, id, &e);
        watcher_busy = false;
}

/* ---- what happens by itself ---- */

static void do_land(const struct step *s)
{
        (void)s;
        (void)late_land(-1);
}

static void do_time(const struct step *s)
{
        world_pass(s->c);
}

static void do_clock(const struct step *s)
{
        world->clock_set += s->d == 0 ? -s->c : s->c;
}

/* The a-th container in the engine, of those in one state. */
static struct thing *pick(int a, enum thing_state state)
{
        int n = 0;
        for (size_t i = 0; i < THINGS_MAX; i++)
                n += world->things[i].state == state;
        for (size_t i = 0; n > 0 && i < THINGS_MAX; i++)
                if (world->things[i].state == state && a-- % n == 0)
                        return &world->things[i];
        return NULL;
}

static void do_exit(const struct step *s)
{
        struct thing *t = pick(s->a, THING_RUNNING);
        if (t)
                thing_exit(t, s->b);
}

/* d is 0: it befalls a GPU; else all are well again, so that most are well most of the time. */
static int befallen(const struct step *s)
{
        return s->d == 0 ? (s->a * 4 + s->b) % world->n_devices : -1;
}

static void do_foreign(const struct step *s)
{
        for (int i = 0; i < world->n_devices; i++)
                world->devices[i].foreign = i == befallen(s);
}

static void do_lost(const struct step *s)
{
        for (int i = 0; i < world->n_devices; i++)
                world->devices[i].gpu.lost = i == befallen(s);
}

/* A GPU goes with its instances, as when its mode is changed. */
static void do_hide(const struct step *s)
{
        int at = befallen(s), index = at < 0 ? -1 : world->devices[at].gpu.index;
        for (int i = 0; i < world->n_devices; i++)
                world->devices[i].hidden = world->devices[i].gpu.index == index;
}

static void do_silent(const struct step *s)
{
        world->silent = s->d == 0;
}

/* ---- admins ---- */

static int note_missing(const struct container *c, void *ctx)
{
        bool *any = ctx;
        *any |= c->engine_id && !thing_find(c->engine_id);
        return 0;
}

static bool has_row(const struct thing *t, enum ledger_state *ret_state)
{
        cleanup_container struct container c = { 0 };
        bool found = false;
        struct err e = ERR_INIT;
        if (containers_find_engine_id(daemon_now->store, t->id, &c, &found, &e) < 0)
                broken("test", "%s", e.msg);
        *ret_state = c.state;
        return found;
}

/* One at a time: an engine that has none of several is taken for another engine. */
static void do_hand_remove(const struct step *s)
{
        struct thing *t = pick(s->a, s->b ? THING_EXITED : THING_RUNNING);
        bool missing = false;
        struct err e = ERR_INIT;
        if (containers_each(daemon_now->store, STORE_EVERYONE, true, note_missing, &missing, &e) <
                0)
                broken("test", "%s", e.msg);
        if (!t || missing)
                return;
        world_event(t->id);
        t->state = THING_NONE;
}

static void do_hand_start(const struct step *s)
{
        struct thing *t = pick(s->a, s->b ? THING_EXITED : THING_CREATED);
        enum ledger_state state;
        if (!t || !has_row(t, &state) || (state != LEDGER_STOPPED && state != LEDGER_CREATED))
                return;
        thing_start(t);
        t->by_hand = true;
}

/* ---- ends and beginnings ---- */

static void do_down(const struct step *s)
{
        struct err e = ERR_INIT;
        (void)s;
        daemon_now->engine_ready = false;
        watcher_busy = true;
        (void)play_recover(&e);
        watcher_busy = false;
}

static void do_crash(const struct step *s)
{
        (void)s;
        world->tally.crashes++;
        _exit(EXIT_CRASH);
}

static void do_reboot(const struct step *s)
{
        (void)s;
        world_reboot();
        _exit(EXIT_CRASH);
}

static void come_to_rest(void)
{
        world->armed = false;
        while (late_land(-1))
                continue;
        for (int i = 0; i < 1000 && (world->n_events > 0 || threads_run(0)); i++)
                do_event(NULL);
        /* As the sampler does on its own. */
        (void)gpus_refresh(daemon_now, 0, 1000);
        do_sweep(NULL);
}

static void do_settle(const struct step *s)
{
        (void)s;
        come_to_rest();
        world->restart_fate = 0;
        _exit(EXIT_CRASH);
}

/* ---- the table ---- */

static const struct {
        const char *name;
        int weight;
        bool nested;
        request_fn *fn;
} table[] = {
#define X(op, weight, nested, fn, meaning) { #op, weight, nested, fn },
#include "steps.def"
#undef X
};

const char *step_name(int op)
{
        return table[op].name;
}

int step_find(const char *name)
{
        int i = 0;
        while (i < STEP_COUNT && strcmp(table[i].name, name) != 0)
                i++;
        return i < STEP_COUNT ? i : -1;
}

struct step step_draw(uint64_t number, int accounts)
{
        static const int gpus[] = { -1, 0, 1, 1, 1, 1, 2, 2, 3 };
        static const int seconds[] = { 1, 20, 60, 300, 700, 1800, 4000, 9000 };
        uint64_t n = mix(number);
        struct step s = { 0 };
        int total = 0, at;
        for (int i = 0; i < STEP_COUNT; i++)
                total += table[i].weight;
        at = (int)(n % (uint64_t)total);
        while (at >= table[s.op].weight)
                at -= table[s.op++].weight;
        n = mix(n);
        /* A few accounts at a time: they meet more often. */
        s.a = (int)(n % (uint64_t)(accounts % 4 + 2) + (uint64_t)accounts) % ACCOUNTS;
        /* The first name more often: what happens to one container follows on what has happened to it. */
        int names = s.op == STEP_JOIN || s.op == STEP_LEAVE ? NAMES + 1 : NAMES;
        s.b = (n >> 8) % 2 ? 0 : (int)((n >> 9) % (uint64_t)names);
        s.c = s.op == STEP_TIME || s.op == STEP_CLOCK ? seconds[(n >> 16) % ARRAY_LEN(seconds)]
              : s.op == STEP_STOP || s.op == STEP_RETIRE || s.op == STEP_PAUSE
                      ? (int)(n >> 16) & 1
                      : gpus[(n >> 16) % ARRAY_LEN(gpus)];
        s.d = (int)((n >> 24) % 3);
        s.twice = (n >> 32) % 6 == 0;
        s.fate = (n >> 40) % 2 == 0 ? (uint32_t)(mix(n) | 1) : 0;
        return s;
}

void steps_nested(void)
{
        struct step s = step_draw(world->dice, (int)(world->seed % 24));
        world->dice = mix(world->dice);
        if (!table[s.op].nested)
                return;
        world->depth++;
        world->tally.nested++;
        table[s.op].fn(&s);
        world->depth--;
}

void steps_catch_up(void)
{
        bool armed = world->armed;
        world->armed = false;
        world->depth++;
        for (int i = 0; i < EVENTS_MAX && world->n_events > 0; i++)
                do_event(NULL);
        if (!janitor_busy && daemon_now->engine_ready) {
                janitor_busy = true;
                recovery_sweep(daemon_now);
                janitor_busy = false;
        }
        world->depth--;
        world->armed = armed;
}

void step_run(const struct step *s)
{
        play_reconnect();
        world->tally.steps++;
        fate_begin(s->fate);
        table[s->op].fn(s);
        world->armed = false;
        check_always();
}

/* ---- the end ---- */

static void heal(void)
{
        world->silent = false;
        for (int i = 0; i < world->n_devices; i++) {
                world->devices[i].foreign = world->devices[i].hidden = false;
                world->devices[i].gpu.lost = false;
        }
}

static void retire_all(void)
{
        for (int a = 0; a < ACCOUNTS; a++)
                for (int b = 0; b < NAMES; b++) {
                        struct step s = { .op = STEP_RETIRE, .a = a, .b = b, .c = 1 };
                        request_retire(&s);
                }
}

/* An admin clears away what came about late, and the connection is made anew. */
static void clear_orphans(void)
{
        struct err e = ERR_INIT;
        enum ledger_state state;
        for (size_t i = 0; i < THINGS_MAX; i++)
                if (world->things[i].state && !has_row(&world->things[i], &state))
                        world->things[i].state = THING_NONE;
        if (!play_recover(&e))
                broken("I4", "recovery fails although nothing is in its way: %s", e.msg);
}

/* Whoever has a turn uses it up; true if somebody waits who could ever be served. */
static bool use_turns(void)
{
        cleanup_line struct line line = { 0 };
        struct err e = ERR_INIT;
        bool any = false;
        gpus_lock(daemon_now);
        if (line_read(daemon_now, NULL, &line, &e) < 0)
                broken("test", "%s", e.msg);
        gpus_unlock(daemon_now);
        for (size_t i = 0; i < line.tickets.n; i++) {
                const struct ticket *t = &line.tickets.v[i];
                any |= t->turn_until || line.verdicts[line_place(&line, i)].reason != QUEUE_NEVER;
                /* What ds01d is to launch and can, it launches. */
                if (t->turn_until && (t->kind != TICKET_LAUNCH || *t->note) &&
                        scheduler_leave(daemon_now, t, "It was used", &e) < 0)
                        broken("test", "%s", e.msg);
        }
        return any;
}

static void check_mounts(void)
{
        for (int i = 0; i < MOUNTS_MAX && !world->mounts_left; i++)
                if (world->mounts[i][0])
                        broken("I4", "nobody has anything, and folders of %s are mounted",
                                world->mounts[i]);
}

static void check_all_free(void)
{
        cleanup_gpus_view struct gpus_view view = { 0 };
        struct err e = ERR_INIT;
        (void)gpus_refresh(daemon_now, 0, 1000);
        if (gpus_view(daemon_now, &view, &e) < 0)
                broken("test", "%s", e.msg);
        for (size_t i = 0; i < view.sample.n; i++)
                if (view.v[i].state != GPU_FREE)
                        broken("I4", "nobody has anything, and %s is %s: %s", view.sample.v[i].uuid,
                                gpu_state_word(view.v[i].state), view.why[i]);
}

void steps_finish(void)
{
        play_reconnect();
        heal();
        come_to_rest();
        clear_orphans();
        bool waits = true;
        for (int i = 0; i < 60 && waits; i++) {
                retire_all();
                world_pass(30);
                come_to_rest();
                scheduler_look(daemon_now, true);
                waits = use_turns();
                check_always();
        }
        if (waits)
                broken("I5", "somebody waits for ever");
        retire_all();
        come_to_rest();
        check_all_free();
        check_mounts();
}
