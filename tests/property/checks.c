/* SPDX-License-Identifier: MIT */
#include "checks.h"

#include "base/buf.h"
#include "daemon/rules.h"
#include "wrapped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row { /* what is needed of one */
        int64_t id;
        uid_t uid;
        enum ledger_state state;
        char name[40], op[RANDOM_HEX_LEN + 1], born_op[RANDOM_HEX_LEN + 1], engine_id[65];
        char gpus[PLACE_SLOTS_MAX][GPU_UUID_SIZE];
        size_t n_gpus;
        int64_t gpus_since;
};

struct rows { /* all of them */
        struct row *v;
        size_t n, size;
};

static int add_row(const struct container *c, void *ctx)
{
        struct rows *rows = ctx;
        if (rows->n == rows->size)
                rows->v = xrealloc(rows->v, rows->size += 16, sizeof *rows->v);
        struct row *r = &rows->v[rows->n++];
        r->id = c->id;
        r->uid = c->uid;
        r->state = c->state;
        r->gpus_since = c->gpus_since;
        snprintf(r->name, sizeof r->name, "%s", c->name);
        memcpy(r->op, c->op, sizeof r->op);
        memcpy(r->born_op, c->born_op, sizeof r->born_op);
        snprintf(r->engine_id, sizeof r->engine_id, "%s", str_or_empty(c->engine_id));
        r->n_gpus = c->gpus.n;
        for (size_t i = 0; i < c->gpus.n && i < PLACE_SLOTS_MAX; i++)
                snprintf(r->gpus[i], sizeof r->gpus[i], "%s", c->gpus.v[i]);
        return 0;
}

static void read_rows(struct rows *ret)
{
        struct err e = ERR_INIT;
        *ret = (struct rows){ 0 };
        if (containers_each(daemon_now->store, STORE_EVERYONE, true, add_row, ret, &e) < 0)
                broken("test", "%s", e.msg);
}

static void rows_done(struct rows *rows)
{
        free(rows->v);
}

static bool made_with(const struct row *c, const char *device)
{
        for (size_t i = 0; i < c->n_gpus; i++)
                if (!strcmp(c->gpus[i], device))
                        return true;
        return false;
}

static const struct row *row_by_id(const struct rows *rows, int64_t id)
{
        for (size_t i = 0; i < rows->n; i++)
                if (rows->v[i].id == id)
                        return &rows->v[i];
        return NULL;
}

/* ---- I1, I2: devices ---- */

static void check_lease(const struct rows *rows, const struct lease *l)
{
        const struct row *c = row_by_id(rows, l->container_id);
        if (!l->container_id)
                return;
        if (!c)
                broken("I1", "%s is held by container %lld, which has no row", l->device,
                        (long long)l->container_id);
        if (c->uid != l->uid || !made_with(c, l->device))
                broken("I1", "%s is held by %s, whose row doesn't name it", l->device, c->name);
}

static void check_state(const struct gpus_view *view, size_t i)
{
        const struct gpu *g = &view->sample.v[i];
        const struct place_device *p = &view->v[i];
        if ((p->state == GPU_HELD) != (view->holder[i] != NULL))
                broken("I2", "%s is %s, and a lease on it %s", g->uuid, gpu_state_word(p->state),
                        view->holder[i] ? "exists" : "does not exist");
        if (p->state == GPU_FREE && (g->lost || !view->answering || g->n_processes > 0))
                broken("I2", "%s is free, and is lost, silent or in use", g->uuid);
        for (size_t k = 0; k < THINGS_MAX; k++) {
                const struct thing *t = &world->things[k];
                for (int j = 0; t->state == THING_RUNNING && !t->by_hand && j < t->n_devices; j++)
                        if (p->state == GPU_FREE && !strcmp(t->devices[j], g->uuid))
                                broken("I2", "%s is free, and %s runs on it", g->uuid, t->name);
        }
        for (size_t k = 0; k < i; k++)
                if (!strcmp(view->sample.v[k].uuid, g->uuid))
                        broken("I2", "%s is there twice", g->uuid);
}

static void check_devices(const struct gpus_view *view, const struct rows *rows)
{
        for (size_t i = 0; i < view->leases.n; i++) {
                check_lease(rows, &view->leases.v[i]);
                if (gpus_view_find(view, view->leases.v[i].device) == view->sample.n)
                        broken("I2", "%s is held and not shown", view->leases.v[i].device);
        }
        for (size_t i = 0; i < view->sample.n; i++)
                check_state(view, i);
        for (int i = 0; i < world->n_devices && view->sampled_at; i++)
                if (world->told[i] &&
                        gpus_view_find(view, world->devices[i].gpu.uuid) == view->sample.n)
                        broken("I2", "%s is lost from sight", world->devices[i].gpu.uuid);
}

/* ---- I3: limits ---- */

static void check_over(
        enum limit_key key, const struct limits *l, struct frac held, const char *user)
{
        char has[FRAC_TEXT_SIZE];
        const struct limit *v = &l->v[key];
        frac_text(held, has);
        if (v->state == LIMIT_SET && frac_compare(held, frac_make(v->value, v->den)) > 0)
                broken("I3", "%s holds %s, more than %s allows", user, has, limit_info(key)->name);
}

static void check_slots(const struct gpus_view *view, const struct limits *l, uid_t uid)
{
        int64_t max = limits_get(l, LIMIT_GPU_SLOTS);
        for (size_t i = 0; i < view->leases.n; i++) {
                const struct lease *a = &view->leases.v[i];
                int n = 0;
                if (a->uid != uid)
                        continue;
                for (size_t k = 0; k < view->leases.n; k++)
                        n += view->leases.v[k].container_id == a->container_id &&
                             view->leases.v[k].ticket_id == a->ticket_id;
                if (max != LIMIT_NONE && n > max)
                        broken("I3", "uid %u has %d GPUs in one container", (unsigned)uid, n);
                if (!limits_get(l, LIMIT_FULL_GPU) && a->slices == a->of)
                        broken("I3", "uid %u has a whole GPU", (unsigned)uid);
        }
}

static void check_limits(const struct gpus_view *view, const struct rows *rows)
{
        static struct limits all[ACCOUNTS]; /* the policy is the same all along */
        for (int a = 0; a < ACCOUNTS; a++) {
                struct limits *l = &all[a];
                char user[8];
                uid_t uid = FIRST_UID + (uid_t)a;
                int64_t n = 0;
                snprintf(user, sizeof user, "u%d", a);
                if (!l->v[0].state)
                        rules_limits_of(daemon_now, uid, user, l);
                struct frac held = gpus_held(view, uid);
                check_over(LIMIT_GPUS, l, held, user);
                check_over(LIMIT_ALL_GPUS, l, held, user);
                check_slots(view, l, uid);
                for (size_t i = 0; i < rows->n; i++)
                        n += rows->v[i].uid == uid;
                if (n > limits_get(l, LIMIT_CONTAINERS))
                        broken("I3", "%s has %lld containers", user, (long long)n);
        }
}

/* ---- I6, and what was promised ---- */

static void check_owner(const struct row *c)
{
        uid_t *owner = &world->owner[c->id % ROWS_MAX];
        struct thing *t = *c->engine_id ? thing_find(c->engine_id) : NULL;
        if (*owner && *owner != c->uid)
                broken("I6", "%s was uid %u's and is uid %u's", c->name, (unsigned)*owner,
                        (unsigned)c->uid);
        if (t && (t->owner != c->uid || strcmp(t->op, c->born_op) != 0))
                broken("I6", "%s is a row of uid %u and a container of uid %u", t->name,
                        (unsigned)c->uid, (unsigned)t->owner);
        *owner = c->uid;
        if (!c->op[0] && c->state != LEDGER_CREATING && c->state != LEDGER_STARTING &&
                c->state != LEDGER_REMOVING)
                world->promised[c->id % ROWS_MAX] = true;
        if (t && c->state == LEDGER_RUNNING && !c->op[0])
                t->by_hand = false;
}

void check_always(void)
{
        struct rows rows;
        cleanup_gpus_view struct gpus_view view = { 0 };
        struct err e = ERR_INIT;
        check_running();
        read_rows(&rows);
        if (gpus_view(daemon_now, &view, &e) < 0)
                broken("test", "%s", e.msg);
        check_devices(&view, &rows);
        check_limits(&view, &rows);
        for (size_t i = 0; i < rows.n; i++)
                check_owner(&rows.v[i]);
        rows_done(&rows);
}

/* ---- I4 ---- */

static void check_row(const struct row *c)
{
        static const enum thing_state expected[LEDGER_STATE_COUNT] = {
                [LEDGER_CREATED] = THING_CREATED,
                [LEDGER_RUNNING] = THING_RUNNING,
                [LEDGER_PAUSED] = THING_RUNNING,
                [LEDGER_STOPPED] = THING_EXITED,
        };
        const struct thing *t = *c->engine_id ? thing_find(c->engine_id) : NULL;
        if (c->op[0])
                broken("I4", "an operation holds %s (%s), and nothing is under way", c->name,
                        ledger_wire(c->state));
        if (!t)
                broken("I4", "%s (%s) is in no engine", c->name, ledger_wire(c->state));
        /* A start that was never carried out leaves one that is stopped and has not run. */
        bool never_ran = c->state == LEDGER_STOPPED && t->state == THING_CREATED;
        if (t->state != expected[c->state] && !never_ran)
                broken("I4", "%s is %s in the ledger and %d in the engine", c->name,
                        ledger_wire(c->state), t->state);
        if (t->paused != (c->state == LEDGER_PAUSED))
                broken("I4", "%s is %s, and frozen is something else", c->name,
                        ledger_wire(c->state));
        if (c->state == LEDGER_RUNNING && !t->bare && !keys_has(world->mounts, c->born_op))
                broken("I4", "%s runs without its folders", c->name);
        if (!keys_has(world->homes, c->born_op))
                broken("I4", "%s has lost its home", c->name);
}

static void check_thing(
        const struct rows *rows, const struct gpus_view *view, const struct thing *t)
{
        for (size_t i = 0; i < rows->n; i++)
                if (!strcmp(rows->v[i].engine_id, t->id))
                        return;
        /* A creation that came about late: not started, and its GPUs are given to nobody. */
        if (t->state != THING_CREATED)
                broken("I4", "%s has no row, and was started", t->name);
        for (int i = 0; i < t->n_devices; i++) {
                size_t at = gpus_view_find(view, t->devices[i]);
                if (at < view->sample.n && view->v[at].state == GPU_FREE)
                        broken("I4", "%s has no row, and its GPU %s is free", t->name,
                                t->devices[i]);
        }
}

static void check_mount(const struct rows *rows, const struct tickets *tickets, const char *key)
{
        for (size_t i = 0; i < rows->n; i++)
                if (!strcmp(rows->v[i].born_op, key) &&
                        (rows->v[i].state == LEDGER_RUNNING || rows->v[i].state == LEDGER_PAUSED))
                        return;
        for (size_t i = 0; i < tickets->n; i++)
                if (!strcmp(tickets->v[i].op, key))
                        return;
        broken("I4", "folders of %s are mounted for nobody", key);
}

void check_settled(void)
{
        struct rows rows;
        cleanup_tickets struct tickets tickets = { 0 };
        cleanup_gpus_view struct gpus_view view = { 0 };
        struct err e = ERR_INIT;
        read_rows(&rows);
        (void)gpus_refresh(daemon_now, 0, 1000);
        if (tickets_all(daemon_now->store, &tickets, &e) < 0 ||
                gpus_view(daemon_now, &view, &e) < 0)
                broken("test", "%s", e.msg);
        for (size_t i = 0; i < rows.n; i++)
                check_row(&rows.v[i]);
        for (size_t i = 0; i < THINGS_MAX; i++)
                if (world->things[i].state)
                        check_thing(&rows, &view, &world->things[i]);
        for (size_t i = 0; i < MOUNTS_MAX; i++)
                if (world->mounts[i][0])
                        check_mount(&rows, &tickets, world->mounts[i]);
        rows_done(&rows);
}

/* ---- I8 ---- */

char *digest(void)
{
        struct buf b = BUF_INIT(1 << 20);
        struct rows rows;
        cleanup_leases struct leases leases = { 0 };
        cleanup_tickets struct tickets tickets = { 0 };
        struct err e = ERR_INIT;
        read_rows(&rows);
        if (leases_all(daemon_now->store, &leases, &e) < 0 ||
                tickets_all(daemon_now->store, &tickets, &e) < 0)
                broken("test", "%s", e.msg);
        for (size_t i = 0; i < rows.n; i++)
                buf_printf(&b, "row %lld %s %s; ", (long long)rows.v[i].id, rows.v[i].name,
                        ledger_wire(rows.v[i].state));
        for (size_t i = 0; i < leases.n; i++)
                buf_printf(&b, "lease %s %lld %lld; ", leases.v[i].device,
                        (long long)leases.v[i].container_id, (long long)leases.v[i].ticket_id);
        for (size_t i = 0; i < tickets.n; i++)
                buf_printf(&b, "ticket %lld %lld; ", (long long)tickets.v[i].id,
                        (long long)tickets.v[i].turn_until);
        for (size_t i = 0; i < THINGS_MAX; i++)
                if (world->things[i].state)
                        buf_printf(&b, "container %s %d; ", world->things[i].name,
                                world->things[i].state);
        rows_done(&rows);
        return buf_take(&b);
}
