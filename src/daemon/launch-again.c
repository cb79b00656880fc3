/* SPDX-License-Identifier: MIT */
#include "daemon/launch-steps.h"

#include "base/log.h"
#include "daemon/lease.h"
#include "daemon/named.h"
#include "daemon/operation.h"
#include "daemon/root-inside.h"
#include "engine/containers.h"
#include "host/home.h"
#include "policy/name.h"

#include <string.h>

/* The folders go where they went at the launch, so there must be as many of each kind. */
static int check_same_folders(const struct launch *l, struct err *e)
{
        const struct container *c = &l->row;
        if (l->r->data_ro.n == c->data_ro.n && l->r->data_rw.n == c->data_rw.n)
                return 0;
        return err_set(e, ERR_INVALID,
                "Container %s has %zu data folders to read and %zu to write, not %zu and %zu",
                c->name, c->data_ro.n, c->data_rw.n, l->r->data_ro.n, l->r->data_rw.n);
}

static int check_state(struct launch *l, struct err *e)
{
        const struct container *c = &l->row;
        if (c->state == LEDGER_STOPPED || c->state == LEDGER_CREATED)
                return 0;
        err_set(e, ERR_EXISTS, "Container %s already exists (%s)", c->name, ledger_wire(c->state));
        return err_fix(e, "container-attach %s\ncontainer retire %s", c->name, c->name);
}

static int decide_again(struct launch *l, struct err *e)
{
        if (launch_check_folders(l, e) < 0 || daemon_engine(l->d, &l->engine, e) < 0 ||
                container_named(l->d, l->who->peer.uid, l->r->name, &l->row, e) < 0 ||
                check_state(l, e) < 0 || check_same_folders(l, e) < 0 ||
                container_take(l->d, &l->row, e) < 0)
                return -1;
        if (check_state(l, e) < 0 ||
                create_for_existing(&l->create, l->d, l->who, &l->row, e) < 0 ||
                root_inside_check(l, e) < 0) {
                operation_end(l->d, l->row.id, l->row.op);
                return -1;
        }
        return 0;
}

static int release(struct launch *l, struct err *e)
{
        (void)e;
        operation_end(l->d, l->row.id, l->row.op);
        return 0;
}

static int lease_theirs(struct launch *l, struct err *e)
{
        return lease_again(l->d, &l->row, &l->create.limits, &l->leased, e);
}

/*
 * What was taken for a start that did not come about goes back, if the engine was not asked for it. If
 * it was, the start may still land: then the sweep takes it back once that is over (late_until).
 */
static int give_back(struct launch *l, struct err *e)
{
        return l->leased && !l->asked ? lease_lapse(l->d, &l->row, "it could not be started", e)
                                      : 0;
}

static int mount_again(struct launch *l, struct err *e)
{
        cleanup_close int home_fd = -1;
        if (home_open(l->d->config.homes_path, l->row.born_op, &home_fd, e) < 0)
                return -1;
        return launch_mount(l, home_fd, e);
}

/* The start may have come about although its answer was lost: what runs keeps its folders. */
static int unmount_again(struct launch *l, struct err *e)
{
        return l->runs ? 0 : launch_unmount(l, e);
}

/* A container that was there before is never removed: it is as stopped as it was. */
static int back_to_stopped(struct launch *l, struct err *e)
{
        struct engine_container now = { 0 };
        struct engine_wait w = daemon_wait(LAUNCH_ENGINE_S);
        bool found = false;
        if (containers_get(l->d->store, l->row.id, &l->row, &found, e) < 0)
                return -1;
        /* The engine was not asked yet. */
        l->asked = l->row.state == LEDGER_STARTING;
        if (!l->asked)
                return 0;
        /* "Not answered" is not "not started": only the engine can say that it doesn't run. */
        if (engine_container_inspect(l->d->engine, &w, l->row.engine_id, &now, e) < 0)
                return -1;
        int r = now.running ? containers_started(l->d->store, l->row.id, l->row.op, now.started_at,
                                      l->d->boot, e)
                            : containers_move(l->d->store, l->row.id, l->row.op, LEDGER_STOPPED, e);
        l->runs = now.running;
        engine_container_done(&now);
        return r;
}

static int start_again(struct launch *l, struct err *e)
{
        return launch_prepare_cgroup(l, e) < 0 ? -1 : launch_start(l, e);
}

static const struct step steps_again[] = {
        { .perform = decide_again, .undo = release, .atomic = true },
        { .perform = lease_theirs, .undo = give_back, .atomic = true },
        { .perform = mount_again, .undo = unmount_again },
        { .perform = start_again, .undo = back_to_stopped },
        { .perform = launch_look },
};

int launch_again(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e)
{
        struct launch l = { .d = d, .who = who, .r = r, .root_map = -1 };
        int result = launch_run(&l, steps_again, ARRAY_LEN(steps_again), e);
        return launch_finish(&l, result, ret_row, e);
}
