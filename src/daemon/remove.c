/* SPDX-License-Identifier: MIT */
#include "daemon/remove.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/lease.h"
#include "daemon/operation.h"
#include "engine/containers.h"
#include "host/home.h"
#include "policy/name.h"

#include <string.h>
#include <unistd.h>

enum {
        REMOVE_S = 60,
        LAST_LINES = 20,
        LAST_LINES_MAX = 2048,
};

static int add_line(const char *data, size_t n, bool is_stderr, void *ctx)
{
        (void)is_stderr;
        struct buf *b = ctx;
        buf_add(b, data, n);
        return 0;
}

char *container_last_lines(struct daemon *d, const char *engine_id)
{
        struct engine_wait w = daemon_wait(5);
        struct err ignored = ERR_INIT;
        cleanup_buf struct buf raw = BUF_INIT(1 << 20), safe = BUF_INIT(LAST_LINES_MAX * 8);
        if (!engine_id || engine_container_logs(d->engine, &w, engine_id, true, false, LAST_LINES,
                                  add_line, &raw, &ignored) < 0)
                return xstrdup("");
        size_t n = raw.len ? str_strip_escapes(raw.data, raw.len) : 0;
        while (n > 0 && raw.data[n - 1] == '\n')
                n--;
        size_t from = n > LAST_LINES_MAX ? n - LAST_LINES_MAX : 0;
        str_safe_add(&safe, str_or_empty(raw.data) + from, n - from, true);
        return buf_take(&safe);
}

void container_unmount(struct daemon *d, const struct container *c)
{
        struct err e = ERR_INIT;
        if (mounts_detach_all(&d->mounts, c->born_op, &e) < 0)
                log_warning("%s of uid %u: %s", c->name, (unsigned)c->uid, e.msg);
}

/*
 * The engine's id of a container whose create was never answered: it may exist all the same. The
 * name finds it; the label of our operation proves that it is that one.
 */
static int find_unrecorded(
        struct daemon *d, const struct container *c, char **ret_id, struct err *e)
{
        char name[NAME_ENGINE_SIZE];
        struct engine_container found = { 0 };
        struct engine_wait w = daemon_wait(REMOVE_S);
        name_engine(c->name, c->uid, name);
        *ret_id = NULL;
        if (engine_container_inspect(d->engine, &w, name, &found, e) < 0)
                return e->code == ERR_NOT_FOUND ? 0 : -1;
        if (str_eq(json_str(found.labels, "ds01.op"), c->born_op))
                *ret_id = xstrdup(found.id);
        engine_container_done(&found);
        return 0;
}

static int remove_from_engine(struct daemon *d, const struct container *c, struct err *e)
{
        cleanup_free char *unrecorded = NULL;
        struct engine_wait w = daemon_wait(REMOVE_S);
        if (!c->engine_id && find_unrecorded(d, c, &unrecorded, e) < 0)
                return -1;
        const char *id = c->engine_id ? c->engine_id : unrecorded;
        return id ? engine_container_remove(d->engine, &w, id, e) : 0;
}

static int teardown(struct daemon *d, const struct container *c, char **ret_drained, struct err *e)
{
        struct err ignored = ERR_INIT;
        if (c->state != LEDGER_REMOVING &&
                containers_move(d->store, c->id, c->op, LEDGER_REMOVING, e) < 0)
                return -1;
        if (remove_from_engine(d, c, e) < 0)
                return -1;
        container_unmount(d, c);
        if (home_discard(d->config.homes_path, c->born_op, &ignored) < 0)
                log_warning("%s of uid %u: %s", c->name, (unsigned)c->uid, ignored.msg);
        return lease_end_with_row(d, c, ret_drained, e);
}

int container_teardown(
        struct daemon *d, const struct container *c, char **ret_drained, struct err *e)
{
        cleanup_free char *drained = NULL;
        if (teardown(d, c, &drained, e) == 0) {
                if (ret_drained)
                        *ret_drained = take_ptr(drained);
                return 0;
        }
        operation_end(d, c->id, c->op);
        return -1;
}
