/* SPDX-License-Identifier: MIT */
/* The engine of the property test, in the place of engine/containers.h and engine/images.h. */
#include "world.h"

#include "base/clock.h"
#include "engine/containers.h"
#include "engine/images.h"
#include "policy/name.h"
#include "store/leases.h"
#include "wrapped.h"

#include <stdio.h>
#include <string.h>

/* ---- what happens to a request on its way ---- */

enum fortune { FORTUNE_DONE, FORTUNE_REPLY_LOST, FORTUNE_LOST, FORTUNE_LATE };

static enum fortune draw(bool changes)
{
        fate_here();
        if (world->nest_pct && world->depth < 2 && fate_says(world->nest_pct))
                steps_nested();
        if (!fate_says(changes ? world->lose_pct : world->lose_pct / 4))
                return FORTUNE_DONE;
        world->tally.lost++;
        return FORTUNE_REPLY_LOST + (enum fortune)fate_dice(3);
}

/* The connection broke, or nobody answered in time. */
static int no_answer(const struct engine_wait *w, struct err *e)
{
        if (w && w->deadline > world->mono_ms && fate_dice(2)) {
                world_pass((w->deadline - world->mono_ms + 999) / 1000);
                return err_set(e, ERR_BUSY, "The engine did not answer in time");
        }
        return err_set(e, ERR_ENGINE, "The container engine ended the connection");
}

static struct late *later(enum late_kind kind, const char *id)
{
        for (int i = 0; i < LATE_MAX; i++)
                if (!world->late[i].kind) {
                        world->late[i] =
                                (struct late){ .kind = kind, .until = world->unix_s + LATE_S };
                        snprintf(world->late[i].id, sizeof world->late[i].id, "%s", id);
                        return &world->late[i];
                }
        return NULL;
}

static int unknown(const char *id, struct err *e)
{
        return err_set(e, ERR_NOT_FOUND, "The engine has no container %s", id);
}

/* ---- what must be on record before a change (I9, I10) ---- */

static void row_of(const struct thing *t, struct container *c, bool *found)
{
        struct err e = ERR_INIT;
        if (containers_find_engine_id(daemon_now->store, t->id, c, found, &e) < 0)
                broken("I9", "the ledger can't be read during a call: %s", e.msg);
}

static void check_create(const char *name, const struct thing *made)
{
        cleanup_container struct container c = { 0 };
        struct err e = ERR_INIT;
        bool found = false, born = false;
        for (int a = 0; a < ACCOUNTS && !born; a++)
                for (int n = 0; n < NAMES && !born; n++) {
                        char row[8];
                        snprintf(row, sizeof row, "c%d", n);
                        if (containers_find(daemon_now->store, FIRST_UID + (uid_t)a, row, &c,
                                    &found, &e) < 0)
                                broken("I9", "the ledger can't be read during a call: %s", e.msg);
                        born = found && !strcmp(c.born_op, made->op) && !strcmp(c.op, made->op) &&
                               c.state == LEDGER_CREATING;
                }
        if (!born)
                broken("I9", "%s is created without a row", name);
}

void check_holds(const struct thing *t, const char *what)
{
        cleanup_container struct container c = { 0 };
        cleanup_leases struct leases held = { 0 };
        struct err e = ERR_INIT;
        bool found = false;
        row_of(t, &c, &found);
        if (found && leases_of_container(daemon_now->store, c.id, &held, &e) < 0)
                broken("I1", "leases can't be read during a call: %s", e.msg);
        for (int i = 0; i < t->n_devices; i++) {
                bool has = false;
                for (size_t k = 0; k < held.n; k++)
                        has |= !strcmp(held.v[k].device, t->devices[i]);
                if (!has)
                        broken("I1", "%s %s without a lease on %s", t->name, what, t->devices[i]);
        }
}

static void check_start(const struct thing *t)
{
        cleanup_container struct container c = { 0 };
        bool found = false;
        row_of(t, &c, &found);
        if (!found || c.state != LEDGER_STARTING || !c.op[0])
                broken("I9", "%s is started, and its row says %s", t->name, ledger_wire(c.state));
        check_holds(t, "is started");
}

static void check_change(const struct thing *t, const char *what)
{
        cleanup_container struct container c = { 0 };
        bool found = false;
        row_of(t, &c, &found);
        if (!found || !c.op[0])
                broken("I9", "%s is %s without an operation", t->name, what);
}

static bool kept_long_enough(const struct container *c)
{
        /* Account 3 alone has container_hold_after_stop_h, an hour. */
        return c->uid == FIRST_UID + 3 && c->stopped_at + 3600 <= world_clock();
}

static void check_remove(const struct thing *t)
{
        cleanup_container struct container c = { 0 };
        bool found = false;
        row_of(t, &c, &found);
        if (!found && t->started_at)
                broken("I10", "%s has no row and was started, and is removed", t->name);
        if (!found)
                return;
        if (c.state != LEDGER_REMOVING || !c.op[0])
                broken("I9", "%s is removed, and its row says %s", t->name, ledger_wire(c.state));
        if (world->promised[c.id % ROWS_MAX] && !world->doomed[c.id % ROWS_MAX] &&
                !kept_long_enough(&c))
                broken("I10", "%s is removed, and nobody has asked for that", t->name);
}

/* ---- create ---- */

static void read_body(const char *name, const json_t *body, struct thing *ret)
{
        const json_t *labels = json_object_get(body, "Labels");
        const json_t *host = json_object_get(body, "HostConfig");
        const json_t *request = json_array_get(json_object_get(host, "DeviceRequests"), 0);
        size_t i;
        json_t *id;
        *ret = (struct thing){ .state = THING_CREATED, .created_at = world_clock() };
        char half[RANDOM_HEX_LEN + 1];
        random_hex(half);
        snprintf(ret->id, sizeof ret->id, "%s%s", half, half);
        snprintf(ret->name, sizeof ret->name, "%s", name);
        snprintf(ret->op, sizeof ret->op, "%s", str_or_empty(json_str(labels, "ds01.op")));
        snprintf(ret->uid, sizeof ret->uid, "%s", str_or_empty(json_str(labels, "ds01.uid")));
        snprintf(ret->instance, sizeof ret->instance, "%s",
                str_or_empty(json_str(labels, "ds01.instance")));
        ret->owner = (uid_t)strtoul(ret->uid, NULL, 10);
        json_array_foreach (json_object_get(request, "DeviceIDs"), i, id)
                if (ret->n_devices < DEVICES_MAX)
                        snprintf(ret->devices[ret->n_devices++], sizeof ret->devices[0], "%s",
                                json_string_value(id));
        ret->stubborn = mix(world->hexes) % 4 == 0;
}

int __wrap_engine_container_create(struct engine *en, const struct engine_wait *w, const char *name,
        const json_t *body, char ret_id[ENGINE_ID_LEN + 1], struct err *e)
{
        (void)en;
        struct thing made;
        read_body(name, body, &made);
        check_create(name, &made);
        enum fortune f = draw(true);
        if (f == FORTUNE_LATE) {
                struct late *l = later(LATE_CREATE, made.id);
                if (l)
                        l->made = made;
        }
        if (f == FORTUNE_LATE || f == FORTUNE_LOST)
                return no_answer(w, e);
        if (thing_find(name))
                return err_set(e, ERR_EXISTS, "The name %s is taken", name);
        size_t i = 0;
        while (i < THINGS_MAX && world->things[i].state)
                i++;
        if (i == THINGS_MAX)
                broken("test", "the engine is full");
        world->things[i] = made;
        fate_here();
        if (f == FORTUNE_REPLY_LOST)
                return no_answer(w, e);
        memcpy(ret_id, made.id, sizeof made.id);
        return 0;
}

/* ---- start, stop ---- */

int __wrap_engine_container_start(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        (void)en;
        struct thing *t = thing_find(id);
        if (t)
                check_start(t);
        enum fortune f = draw(true);
        if (f == FORTUNE_LATE)
                later(LATE_START, id);
        if (f == FORTUNE_LATE || f == FORTUNE_LOST)
                return no_answer(w, e);
        late_before(id);
        t = thing_find(id);
        if (!t)
                return unknown(id, e);
        if (fate_says(3))
                return err_set(e, ERR_FAILED, "The engine refused: no space left on device");
        thing_start(t);
        check_running();
        if (fate_says(12))
                thing_exit(t, 1);
        fate_here();
        return f == FORTUNE_REPLY_LOST ? no_answer(w, e) : 0;
}

int __wrap_engine_container_kill(struct engine *en, const struct engine_wait *w, const char *id,
        const char *signal, struct err *e)
{
        (void)en;
        (void)signal;
        struct thing *t = thing_find(id);
        if (t)
                check_change(t, "killed");
        enum fortune f = draw(true);
        if (f == FORTUNE_LATE)
                later(LATE_KILL, id);
        if (f == FORTUNE_LATE || f == FORTUNE_LOST)
                return no_answer(w, e);
        t = thing_find(id);
        if (!t)
                return unknown(id, e);
        if (t->state == THING_RUNNING)
                thing_exit(t, 137);
        fate_here();
        return f == FORTUNE_REPLY_LOST ? no_answer(w, e) : 0;
}

static int freeze(const struct engine_wait *w, const char *id, bool frozen, struct err *e)
{
        struct thing *t = thing_find(id);
        if (t)
                check_change(t, "frozen or thawed");
        enum fortune f = draw(true);
        if (f == FORTUNE_LATE || f == FORTUNE_LOST)
                return no_answer(w, e);
        t = thing_find(id);
        if (!t)
                return unknown(id, e);
        if (t->state != THING_RUNNING)
                return err_set(e, ERR_NOT_RUNNING, "%s does not run", id);
        t->paused = frozen;
        world_event(t->id);
        fate_here();
        return f == FORTUNE_REPLY_LOST ? no_answer(w, e) : 0;
}

int __wrap_engine_container_pause(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        (void)en;
        return freeze(w, id, true, e);
}

int __wrap_engine_container_unpause(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        (void)en;
        return freeze(w, id, false, e);
}

int __wrap_engine_container_wait(struct engine *en, const struct engine_wait *w, const char *id,
        int *ret_exit, struct err *e)
{
        (void)en;
        if (draw(false) != FORTUNE_DONE)
                return no_answer(w, e);
        struct thing *t = thing_find(id);
        if (!t)
                return unknown(id, e);
        if (t->state == THING_RUNNING && fate_says(5))
                thing_exit(t, 1);
        if (t->state != THING_RUNNING) {
                *ret_exit = t->exit_code;
                return 0;
        }
        /* Nobody waits here: the time passes at once. */
        if (w->deadline > world->mono_ms)
                world->mono_ms = w->deadline;
        return err_set(e, ERR_BUSY, "%s still runs", id);
}

/* ---- remove ---- */

int __wrap_engine_container_remove(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        (void)en;
        struct thing *t = thing_find(id);
        if (t)
                check_remove(t);
        enum fortune f = draw(true);
        if (f == FORTUNE_LATE)
                later(LATE_REMOVE, id);
        if (f == FORTUNE_LATE || f == FORTUNE_LOST)
                return no_answer(w, e);
        t = thing_find(id);
        if (t) {
                world_event(t->id);
                t->state = THING_NONE;
        }
        fate_here();
        return f == FORTUNE_REPLY_LOST ? no_answer(w, e) : 0;
}

/* ---- looking ---- */

static void describe(const struct thing *t, struct engine_container *ret)
{
        *ret = (struct engine_container){ .running = t->state == THING_RUNNING,
                .paused = t->paused,
                .created_at = t->created_at,
                .started_at = t->started_at,
                .finished_at = t->finished_at,
                .exit_code = t->exit_code,
                .pid = t->state == THING_RUNNING ? 4242 : 0 };
        static const char *const words[] = { "", "created", "running", "exited" };
        memcpy(ret->id, t->id, sizeof ret->id);
        ret->name = xstrdup(t->name);
        snprintf(ret->state, sizeof ret->state, "%s", t->paused ? "paused" : words[t->state]);
        ret->labels = json_pack("{s:s, s:s, s:s, s:s}", "ds01.op", t->op, "ds01.uid", t->uid,
                "ds01.instance", t->instance, "ds01.interface", "api");
        for (int i = 0; i < t->n_devices; i++)
                strv_add(&ret->devices, t->devices[i]);
}

int __wrap_engine_container_inspect(struct engine *en, const struct engine_wait *w, const char *id,
        struct engine_container *ret, struct err *e)
{
        (void)en;
        if (draw(false) != FORTUNE_DONE)
                return no_answer(w, e);
        const struct thing *t = thing_find(id);
        if (!t)
                return unknown(id, e);
        describe(t, ret);
        return 0;
}

int __wrap_engine_container_each(struct engine *en, const struct engine_wait *w, const char *label,
        engine_container_fn *fn, void *ctx, struct err *e)
{
        (void)en;
        (void)label;
        if (draw(false) != FORTUNE_DONE)
                return no_answer(w, e);
        for (size_t i = 0; i < THINGS_MAX; i++) {
                struct engine_container c;
                if (!world->things[i].state)
                        continue;
                describe(&world->things[i], &c);
                int r = fn(&c, ctx);
                engine_container_done(&c);
                if (r)
                        return err_set(e, ERR_INTERRUPTED, "Interrupted");
        }
        return 0;
}

int __wrap_engine_container_logs(struct engine *en, const struct engine_wait *w, const char *id,
        bool tty, bool follow, int tail, engine_output_fn *fn, void *ctx, struct err *e)
{
        (void)en;
        (void)tty;
        (void)follow;
        (void)tail;
        if (draw(false) != FORTUNE_DONE)
                return no_answer(w, e);
        if (!thing_find(id))
                return unknown(id, e);
        (void)fn("bye\n", 4, false, ctx);
        return 0;
}

int __wrap_engine_image_inspect(struct engine *en, const struct engine_wait *w, const char *ref,
        struct engine_image *ret, struct err *e)
{
        (void)en;
        (void)ref;
        if (draw(false) != FORTUNE_DONE)
                return no_answer(w, e);
        *ret = (struct engine_image){ .user = xstrdup(""),
                .workdir = xstrdup(""),
                .os = xstrdup("linux"),
                .arch = xstrdup("amd64") };
        snprintf(ret->id, sizeof ret->id, "%s", IMAGE_ID);
        ret->cmd = json_pack("[s]", "bash");
        return 0;
}
