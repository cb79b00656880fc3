/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct world *world;
struct daemon *daemon_now;

void broken(const char *invariant, const char *fmt, ...)
{
        va_list ap;
        int n = snprintf(world->broken, sizeof world->broken, "%s: ", invariant);
        va_start(ap, fmt);
        vsnprintf(world->broken + n, sizeof world->broken - (size_t)n, fmt, ap);
        va_end(ap);
        _exit(EXIT_BROKEN);
}

/* ---- fate ---- */

uint64_t mix(uint64_t x)
{
        x += 0x9e3779b97f4a7c15u;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return x ^ (x >> 31);
}

int fate_dice(int below)
{
        world->dice = mix(world->dice);
        return (int)(world->dice % (uint64_t)below);
}

bool fate_says(int percent)
{
        return world->armed && percent > 0 && fate_dice(100) < percent;
}

void fate_begin(uint32_t fate)
{
        world->dice = mix(fate);
        world->armed = fate != 0;
        world->crash_in = world->lose_pct = world->full_pct = world->nest_pct = 0;
        if (!world->armed)
                return;
        if (fate_dice(100) < 20)
                world->crash_in = 1 + fate_dice(50);
        if (fate_dice(100) < 50)
                world->lose_pct = 40;
        if (fate_dice(100) < 15)
                world->full_pct = 4;
        if (fate_dice(100) < 60)
                world->nest_pct = 30;
}

void fate_here(void)
{
        if (!world->armed || world->crash_in == 0 || --world->crash_in > 0)
                return;
        world->tally.crashes++;
        _exit(EXIT_CRASH);
}

/* ---- the machine ---- */

static void add_device(int index, int instance, int slices, int of)
{
        struct device *d = &world->devices[world->n_devices++];
        struct gpu *g = &d->gpu;
        gpu_init(g);
        snprintf(g->parent, sizeof g->parent, "GPU-0000%d", index);
        if (instance < 0)
                snprintf(g->uuid, sizeof g->uuid, "GPU-0000%d", index);
        else
                snprintf(g->uuid, sizeof g->uuid, "MIG-0000%d-%d", index, instance);
        snprintf(g->name, sizeof g->name, "NVIDIA A100-SXM4-40GB");
        if (instance >= 0)
                snprintf(g->profile, sizeof g->profile, "%dg.%dgb", slices, slices * 5);
        g->index = index;
        g->instance = instance;
        g->slices = slices;
        g->of = of;
        g->processes_known = true;
}

/* "1 1 322": GPUs, each with the slices of its instances, or 1 for a whole one. */
static void add_machine(const char *text)
{
        int index = 0;
        for (const char *p = text; *p; index++) {
                size_t n = strcspn(p, " ");
                add_device(index, -1, 1, 1);
                world->devices[world->n_devices - 1].gpu.mig = n > 1;
                for (size_t i = 0; n > 1 && i < n; i++)
                        add_device(index, (int)i, p[i] - '0', 7);
                p += n;
                p += *p == ' ';
        }
}

void world_reset(uint64_t seed, int machine)
{
        static const char *const machines[] = { "1 1 1 1", "1 1 322", "1 34 2221", "1", "1 1" };
        world->unix_s = 1800000000;
        world->mono_ms = 1000000;
        world->boot = 1;
        world->seed = seed;
        world->machine = machine;
        add_machine(machines[machine % (int)ARRAY_LEN(machines)]);
}

/* ---- time ---- */

static void land_due(int64_t now)
{
        for (int i = 0; i < LATE_MAX; i++)
                if (world->late[i].kind && world->late[i].until <= now)
                        late_land(i);
}

static void pass(int64_t s)
{
        world->unix_s += s;
        world->mono_ms += s * 1000;
        land_due(world->unix_s);
}

int64_t world_clock(void)
{
        return world->unix_s + world->clock_set;
}

/* ds01d is told of what happened, and its janitor comes by, before much time has passed. */
void world_pass(int64_t seconds)
{
        int64_t first = seconds < LATE_S + 1 ? seconds : LATE_S + 1;
        if (seconds > LATE_S / 2)
                steps_catch_up();
        pass(first);
        if (seconds > first) {
                steps_catch_up();
                pass(seconds - first);
        }
}

void world_reboot(void)
{
        for (size_t i = 0; i < THINGS_MAX; i++)
                if (world->things[i].state == THING_RUNNING)
                        thing_exit(&world->things[i], 137);
        memset(world->late, 0, sizeof world->late);
        memset(world->mounts, 0, sizeof world->mounts);
        world->n_events = 0;
        world->boot++;
        world->mono_ms = 1000;
        world->unix_s += 60;
        for (int i = 0; i < world->n_devices; i++)
                world->devices[i].foreign = false;
}

void world_event(const char id[65])
{
        /* One too many is lost, as with a connection that breaks; what is then is looked at anew. */
        if (world->n_events < EVENTS_MAX)
                memcpy(world->events[world->n_events++], id, sizeof world->events[0]);
}

/* ---- containers ---- */

struct thing *thing_find(const char *id_or_name)
{
        for (size_t i = 0; i < THINGS_MAX; i++) {
                struct thing *t = &world->things[i];
                if (t->state && (!strcmp(t->id, id_or_name) || !strcmp(t->name, id_or_name)))
                        return t;
        }
        return NULL;
}

void thing_exit(struct thing *t, int code)
{
        t->state = THING_EXITED;
        t->paused = t->by_hand = false;
        t->exit_code = code;
        t->finished_at = world_clock();
        world_event(t->id);
}

void thing_start(struct thing *t)
{
        if (t->state == THING_RUNNING)
                return;
        t->state = THING_RUNNING;
        t->paused = false;
        t->bare = !keys_has(world->mounts, t->op);
        t->started_at = world_clock();
        t->finished_at = 0;
        world_event(t->id);
}

static const char *parent_of(const char *uuid)
{
        for (int i = 0; i < world->n_devices; i++)
                if (!strcmp(world->devices[i].gpu.uuid, uuid))
                        return world->devices[i].gpu.parent;
        return uuid;
}

static bool share(const struct thing *a, const struct thing *b)
{
        for (int i = 0; i < a->n_devices; i++)
                for (int k = 0; k < b->n_devices; k++)
                        if (!strcmp(a->devices[i], b->devices[k]) ||
                                !strcmp(a->devices[i], parent_of(b->devices[k])) ||
                                !strcmp(parent_of(a->devices[i]), b->devices[k]))
                                return true;
        return false;
}

void check_running(void)
{
        for (size_t i = 0; i < THINGS_MAX; i++)
                for (size_t k = i + 1; k < THINGS_MAX; k++) {
                        const struct thing *a = &world->things[i], *b = &world->things[k];
                        if (a->state == THING_RUNNING && b->state == THING_RUNNING && !a->by_hand &&
                                !b->by_hand && share(a, b))
                                broken("I1", "%s and %s run on the same GPU", a->name, b->name);
                }
}

/* ---- late requests ---- */

static void land_create(const struct late *l)
{
        if (thing_find(l->made.name))
                return;
        for (size_t i = 0; i < THINGS_MAX; i++)
                if (!world->things[i].state) {
                        world->things[i] = l->made;
                        return;
                }
}

/* While it may still come about, what it is to run on is nobody else's (I1). */
static void land_start(struct thing *t)
{
        check_holds(t, "comes to run late");
        thing_start(t);
}

bool late_land(int at)
{
        if (at < 0)
                for (int i = 0; i < LATE_MAX; i++)
                        if (world->late[i].kind)
                                at = i;
        if (at < 0)
                return false;
        struct late l = world->late[at];
        world->late[at].kind = LATE_NONE;
        struct thing *t = thing_find(l.id);
        if (l.kind == LATE_CREATE)
                land_create(&l);
        else if (t && l.kind == LATE_START)
                land_start(t);
        else if (t && l.kind == LATE_KILL && t->state == THING_RUNNING)
                thing_exit(t, 137);
        else if (t && l.kind == LATE_REMOVE) {
                world_event(t->id);
                t->state = THING_NONE;
        }
        world->tally.late++;
        check_running();
        return true;
}

void late_before(const char *id)
{
        for (int i = 0; i < LATE_MAX; i++)
                if (world->late[i].kind == LATE_START && !strcmp(world->late[i].id, id))
                        late_land(i);
}
