/* SPDX-License-Identifier: MIT */
#include "daemon/strays.h"

#include "base/log.h"
#include "daemon/gpus.h"
#include "engine/containers.h"
#include "store/tickets.h"

#include <string.h>

enum { LOOK_S = 30 };

/* ---- containers that no row knows ---- */

struct unknown {
        struct daemon *d;
        bool again;        /* they were told of already */
        struct strv facts; /* ids of containers that were made to be read */
        struct strv ids;   /* of those that carry our label and have no record */
};

static int look_at(const struct engine_container *now, void *ctx)
{
        struct unknown *u = ctx;
        cleanup_container struct container c = { 0 };
        bool found = false;
        struct err e = ERR_INIT;
        if (str_eq(json_str(now->labels, "ds01.interface"), "facts")) {
                strv_add(&u->facts, now->id);
                return 0;
        }
        if (containers_find_engine_id(u->d->store, now->id, &c, &found, &e) < 0 || found)
                return 0;
        if (!u->again)
                log_warning(
                        "container %s carries this daemon's label but has no record: it is left alone",
                        str_or_empty(now->name));
        strv_add(&u->ids, now->id);
        return 0;
}

/*
 * Nobody can say whose the GPUs of such a container are: they are not given to anybody. One that the
 * engine doesn't tell about may have any: then what was known before stands.
 */
static int note_unclaimed(struct daemon *d, const struct strv *ids, struct err *e)
{
        cleanup_strv struct strv uuids = { 0 };
        for (size_t i = 0; i < ids->n; i++) {
                cleanup_engine_container struct engine_container now = { 0 };
                struct engine_wait w = daemon_wait(LOOK_S);
                struct err one = ERR_INIT;
                if (engine_container_inspect(d->engine, &w, ids->v[i], &now, &one) < 0) {
                        if (one.code == ERR_NOT_FOUND)
                                continue;
                        *e = one;
                        return -1;
                }
                for (size_t k = 0; k < now.devices.n; k++)
                        strv_add(&uuids, now.devices.v[k]);
        }
        gpus_set_unclaimed(d, &uuids);
        return 0;
}

int strays_containers(struct daemon *d, bool first, bool again, struct err *e)
{
        struct unknown u = { .d = d, .again = again };
        struct engine_wait w = daemon_wait(LOOK_S);
        struct err ignored = ERR_INIT;
        char label[64];
        daemon_instance_label(d, label);
        int r = engine_container_each(d->engine, &w, label, look_at, &u, e);
        for (size_t i = 0; first && i < u.facts.n && r == 0; i++) {
                w = daemon_wait(LOOK_S);
                if (engine_container_remove(d->engine, &w, u.facts.v[i], &ignored) < 0)
                        log_warning("left-over container: %s", ignored.msg);
        }
        if (r == 0)
                r = note_unclaimed(d, &u.ids, e);
        strv_done(&u.facts);
        strv_done(&u.ids);
        return r;
}

/* Mounts whose container has no row, or does not run: a former process was making or removing it. */
struct keys {
        struct strv live, stale;
};

static int note_waiting(struct daemon *d, struct keys *k, struct err *e)
{
        cleanup_tickets struct tickets tickets = { 0 };
        if (tickets_all(d->store, &tickets, e) < 0)
                return -1;
        for (size_t i = 0; i < tickets.n; i++)
                if (tickets.v[i].op[0])
                        strv_add(&k->live, tickets.v[i].op);
        return 0;
}

static int note_live(const struct container *c, void *ctx)
{
        struct keys *k = ctx;
        if (c->state == LEDGER_RUNNING || c->state == LEDGER_PAUSED ||
                c->state == LEDGER_STARTING || c->state == LEDGER_CREATING)
                strv_add(&k->live, c->born_op);
        return 0;
}

static void note_stale(void *arg, const char *key)
{
        struct keys *k = arg;
        if (!strv_has(&k->live, key))
                strv_add(&k->stale, key);
}

void strays_mounts(struct daemon *d)
{
        struct keys k = { 0 };
        struct err e = ERR_INIT;
        if (note_waiting(d, &k, &e) == 0 &&
                containers_each(d->store, STORE_EVERYONE, true, note_live, &k, &e) == 0)
                mounts_each_key(&d->mounts, note_stale, &k, &e);
        for (size_t i = 0; i < k.stale.n; i++)
                if (mounts_detach_all(&d->mounts, k.stale.v[i], &e) < 0)
                        log_warning("left-over mounts: %s", e.msg);
        strv_done(&k.live);
        strv_done(&k.stale);
}

/* How many of our containers are on record as made, and how many of those the engine lists. */
struct census {
        struct strv recorded;
        size_t known;
};

static int count_recorded(const struct container *c, void *ctx)
{
        struct census *census = ctx;
        if (c->engine_id && c->state != LEDGER_REMOVING)
                strv_add(&census->recorded, c->engine_id);
        return 0;
}

static int count_known(const struct engine_container *now, void *ctx)
{
        struct census *census = ctx;
        census->known += strv_has(&census->recorded, now->id);
        return 0;
}

int strays_check_engine(struct daemon *d, struct err *e)
{
        struct census census = { 0 };
        struct engine_wait w = daemon_wait(LOOK_S);
        char label[64];
        daemon_instance_label(d, label);
        int r = containers_each(d->store, STORE_EVERYONE, true, count_recorded, &census, e);
        if (r == 0 && census.recorded.n > 1)
                r = engine_container_each(d->engine, &w, label, count_known, &census, e);
        if (r == 0 && census.recorded.n > 1 && census.known == 0) {
                r = err_set(e, ERR_ENGINE,
                        "The engine knows none of the %zu containers that ds01 has on record",
                        census.recorded.n);
                err_fix(e,
                        "Start dockerd with the data folder it had; if that is lost for good: sudo ds01d --rebuild");
        }
        strv_done(&census.recorded);
        return r;
}
