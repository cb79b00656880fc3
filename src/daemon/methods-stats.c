/* SPDX-License-Identifier: MIT */
/* Stats: what containers use, read from the kernel twice, a moment apart, for the use of processors. */
#include "daemon/methods.h"

#include "base/clock.h"
#include "base/json.h"
#include "daemon/bounds.h"
#include "daemon/named.h"

#include <errno.h>
#include <poll.h>

enum { SAMPLE_MS = 300, ROWS_MAX = 256 };

struct sample {
        struct container row;
        struct cgroup_use use;
        struct cgroup_bounds bounds;
        int64_t at_ms, cpu_milli;
};

struct samples {
        struct sample *v;
        size_t n;
};

static void samples_done(struct samples *s)
{
        for (size_t i = 0; i < s->n; i++)
                container_done(&s->v[i].row);
        free(s->v);
}

/* Takes over what is in *row. */
static void add(struct samples *s, struct container *row)
{
        s->v = xrealloc(s->v, s->n + 1, sizeof *s->v);
        s->v[s->n++] = (struct sample){ .row = *row, .cpu_milli = -1 };
        *row = (struct container){ 0 };
}

struct gathering {
        struct daemon *d;
        struct samples *samples;
        int64_t ids[ROWS_MAX];
        size_t n;
};

static int note(const struct container *c, void *ctx)
{
        struct gathering *g = ctx;
        if (c->state == LEDGER_RUNNING || c->state == LEDGER_PAUSED)
                g->ids[g->n++] = c->id;
        return g->n == ROWS_MAX ? -1 : 0;
}

static int gather_all(struct daemon *d, uid_t uid, struct samples *ret, struct err *e)
{
        struct gathering g = { .d = d };
        if (containers_each(d->store, uid, false, note, &g, e) < 0)
                return -1;
        for (size_t i = 0; i < g.n; i++) {
                cleanup_container struct container c = { 0 };
                bool found = false;
                if (containers_get(d->store, g.ids[i], &c, &found, e) < 0)
                        return -1;
                if (found)
                        add(ret, &c);
        }
        return 0;
}

static int gather(
        struct daemon *d, struct caller *who, const char *name, struct samples *ret, struct err *e)
{
        cleanup_container struct container c = { 0 };
        if (!name)
                return gather_all(d, who->peer.uid, ret, e);
        if (container_named(d, who->peer.uid, name, &c, e) < 0)
                return -1;
        if (c.state != LEDGER_RUNNING && c.state != LEDGER_PAUSED) {
                err_set(e, ERR_NOT_RUNNING, "Container %s is not running (%s)", c.name,
                        ledger_wire(c.state));
                return err_fix(e, "container-start %s", c.name);
        }
        add(ret, &c);
        return 0;
}

/* One that ends meanwhile has nothing left to tell. */
static void read_all(struct daemon *d, struct samples *s)
{
        for (size_t i = 0; i < s->n; i++) {
                struct sample *m = &s->v[i];
                struct err ignored = ERR_INIT;
                int64_t before_ns = m->use.cpu_ns, before_ms = m->at_ms;
                if (bounds_read(d, &m->row, &m->use, &m->bounds, &ignored) < 0)
                        m->use = (struct cgroup_use){ -1, -1, -1 };
                m->at_ms = clock_mono_ms();
                int64_t ms = m->at_ms - before_ms, ns = m->use.cpu_ns - before_ns;
                m->cpu_milli =
                        before_ms && ms > 0 && before_ns >= 0 && ns >= 0 ? ns / ms / 1000 : -1;
        }
}

static int wait_a_moment(struct rpc_call *call, struct err *e)
{
        struct pollfd fds[] = { { .fd = call->conn_fd, .events = POLLRDHUP },
                { .fd = rpc_call_stop_fd(call), .events = POLLIN } };
        int64_t deadline = clock_mono_ms() + SAMPLE_MS;
        int r;
        do
                r = poll(fds, ARRAY_LEN(fds), clock_poll_timeout(deadline));
        while (r < 0 && errno == EINTR);
        return r > 0 ? err_set(e, ERR_INTERRUPTED, "Interrupted") : 0;
}

static json_t *sample_json(const struct sample *m)
{
        const struct container *c = &m->row;
        return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", c->name,
                "state", ledger_wire(c->state), "memory", (json_int_t)m->use.memory_bytes,
                "memory_limit", (json_int_t)m->bounds.memory_bytes, "cpu_milli",
                (json_int_t)m->cpu_milli, "cpu_limit_milli", (json_int_t)m->bounds.cpu_milli,
                "cpu_ns", (json_int_t)m->use.cpu_ns, "pids", (json_int_t)m->use.pids, "pids_limit",
                (json_int_t)m->bounds.pids, "started_at", (json_int_t)c->started_at);
}

int containers_stats(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        CLEANUP(samples_done) struct samples s = { 0 };
        if (gather(d, who, json_str(call->params, "name"), &s, e) < 0)
                return -1;
        read_all(d, &s);
        if (s.n > 0 && wait_a_moment(call, e) < 0)
                return -1;
        read_all(d, &s);
        for (size_t i = 0; i < s.n; i++)
                if (rpc_reply_more(call, sample_json(&s.v[i])) < 0)
                        return -1;
        return rpc_reply(call, NULL);
}
