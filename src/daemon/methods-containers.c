/* SPDX-License-Identifier: MIT */
#include "daemon/methods.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bounds.h"
#include "daemon/expire.h"
#include "daemon/gpus.h"
#include "daemon/launch.h"
#include "daemon/named.h"
#include "daemon/operation.h"
#include "daemon/rules.h"
#include "daemon/stop.h"
#include "engine/containers.h"
#include "policy/name.h"

#include <string.h>

enum { LOG_PIECE = 8192 };

static json_t *string_array(const struct strv *l)
{
        json_t *a = json_array();
        for (size_t i = 0; i < l->n; i++)
                json_array_append_new(a, json_string(l->v[i]));
        return a;
}

static void strings_of(const json_t *array, struct strv *ret)
{
        size_t i;
        json_t *s;
        json_array_foreach (array, i, s)
                strv_add(ret, json_string_value(s));
}

static json_t *slots_array(const struct leases *held)
{
        json_t *a = json_array();
        for (size_t i = 0; i < held->n; i++)
                json_array_append_new(a, json_string(held->v[i].slot));
        return a;
}

static void add_gpus(
        json_t *j, const struct container *c, const struct limits *l, const struct leases *held)
{
        cleanup_free char *text = gpus_text(held->v, held->n);
        int64_t until = held->n ? expire_gpus_until(l, c) : 0;
        cleanup_json json_t *more = json_pack("{s:o, s:o, s:s, s:I, s:b}", "gpus",
                slots_array(held), "gpu_uuids", string_array(&c->gpus), "gpu_text", text,
                "gpu_until", (json_int_t)until, "gpu_lapsed", (int)(c->gpus.n > 0 && held->n == 0));
        json_object_update(j, more);
}

static json_t *basic_json(const struct container *c, const struct limits *l)
{
        char engine_name[NAME_ENGINE_SIZE];
        name_engine(c->name, c->uid, engine_name);
        return json_pack(
                "{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:i, s:s, s:s, s:I,"
                " s:I, s:s}",
                "name", c->name, "user", str_or_empty(c->user), "uid", (json_int_t)c->uid, "state",
                ledger_wire(c->state), "project", str_or_empty(c->project), "image",
                str_or_empty(c->image_ref), "image_id", str_or_empty(c->image_id), "framework",
                str_or_empty(c->framework), "workspace", str_or_empty(c->workspace), "data_ro",
                string_array(&c->data_ro), "data_rw", string_array(&c->data_rw), "interface",
                str_or_empty(c->interface), "created_at", (json_int_t)c->created_at, "started_at",
                (json_int_t)c->started_at, "stopped_at", (json_int_t)c->stopped_at, "exit_code",
                c->exit_code, "last_lines", str_or_empty(c->last_lines), "stop_reason",
                str_or_empty(c->stop_reason), "runs_until", (json_int_t)expire_runs_until(l, c),
                "kept_until", (json_int_t)expire_kept_until(l, c), "engine_name", engine_name);
}

static json_t *row_json(struct daemon *d, const struct container *c, const struct limits *l)
{
        cleanup_leases struct leases held = { 0 };
        struct err ignored = ERR_INIT;
        json_t *j = basic_json(c, l);
        if (c->gpus.n > 0)
                (void)leases_of_container(d->store, c->id, &held, &ignored);
        add_gpus(j, c, l, &held);
        return j;
}

static void read_request(
        const json_t *params, const struct rpc_call *call, struct launch_request *r)
{
        *r = (struct launch_request){ .name = json_str(params, "name"),
                .project = json_str(params, "project"),
                .image = json_str(params, "image"),
                .interface = json_str(params, "interface"),
                .workspace = json_str(params, "workspace"),
                .gpus = json_int(params, "gpus", -1),
                .fds = call->fds,
                .n_fds = call->n_fds };
        strings_of(json_object_get(params, "data_ro"), &r->data_ro);
        strings_of(json_object_get(params, "data_rw"), &r->data_rw);
}

typedef int launch_fn(struct daemon *d, struct caller *who, const struct launch_request *r,
        struct container *ret_row, struct err *e);

static int launch(struct daemon *d, struct caller *who, struct rpc_call *call, launch_fn *fn,
        struct container *ret_row, char **ret_notice, struct err *e)
{
        struct launch_request r;
        read_request(call->params, call, &r);
        r.ret_notice = ret_notice;
        int result = fn(d, who, &r, ret_row, e);
        strv_done(&r.data_ro);
        strv_done(&r.data_rw);
        return result;
}

/* The reply is taken. */
static int reply_with_gpus(
        struct daemon *d, struct rpc_call *call, const struct container *row, json_t *reply)
{
        cleanup_leases struct leases held = { 0 };
        struct err ignored = ERR_INIT;
        if (row->gpus.n > 0)
                (void)leases_of_container(d->store, row->id, &held, &ignored);
        cleanup_free char *text = gpus_text(held.v, held.n);
        cleanup_json json_t *more =
                json_pack("{s:o, s:s}", "gpus", slots_array(&held), "gpu_text", text);
        json_object_update(reply, more);
        return rpc_reply(call, reply);
}

static int launch_or_create(
        struct daemon *d, struct caller *who, struct rpc_call *call, launch_fn *fn, struct err *e)
{
        cleanup_container struct container row = { 0 };
        char engine_name[NAME_ENGINE_SIZE];
        cleanup_free char *notice = NULL;
        if (launch(d, who, call, fn, &row, &notice, e) < 0)
                return -1;
        name_engine(row.name, row.uid, engine_name);
        return reply_with_gpus(d, call, &row,
                json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "name", row.name, "state",
                        ledger_wire(row.state), "image", str_or_empty(row.image_ref), "engine_name",
                        engine_name, "created", 1, "notice", str_or_empty(notice)));
}

int containers_launch(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        return launch_or_create(d, who, call, launch_new, e);
}

int containers_check(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        const json_t *p = call->params;
        bool waits = false;
        return launch_check(d, who, json_str(p, "name"), json_int(p, "gpus", -1),
                       json_bool(p, "may_wait", false), &waits, e) < 0
                       ? -1
                       : rpc_reply(call, json_pack("{s:b}", "waits", (int)waits));
}

int containers_create(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        return launch_or_create(d, who, call, launch_create, e);
}

/* One that is frozen is started by thawing it. */
static int thaw(struct daemon *d, struct container *c, struct err *e)
{
        if (container_take(d, c, e) < 0)
                return -1;
        int r = c->state == LEDGER_PAUSED
                        ? container_freeze(d, c, false, e)
                        : err_set(e, ERR_BUSY, "Container %s has changed meanwhile", c->name);
        operation_end(d, c->id, c->op);
        return r;
}

int containers_start(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        cleanup_container struct container row = { 0 };
        if (container_named(d, who->peer.uid, json_str(call->params, "name"), &row, e) < 0 ||
                daemon_engine(d, NULL, e) < 0)
                return -1;
        bool already = row.state == LEDGER_RUNNING;
        if (row.state == LEDGER_PAUSED
                        ? thaw(d, &row, e) < 0
                        : !already && launch(d, who, call, launch_again, &row, NULL, e) < 0)
                return -1;
        return reply_with_gpus(d, call, &row,
                json_pack("{s:s, s:s, s:b, s:b}", "name", row.name, "state",
                        ledger_wire(LEDGER_RUNNING), "already", (int)already, "limits_older",
                        (int)(!already && bounds_outdated(d, who, &row))));
}

int containers_get_row(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        cleanup_container struct container c = { 0 };
        if (caller_target(who, call->params, false, "looks at a container", &target, e) < 0 ||
                container_named(d, target.uid, json_str(call->params, "name"), &c, e) < 0)
                return -1;
        struct limits l;
        rules_limits_of(d, c.uid, c.user, &l);
        return rpc_reply(call, row_json(d, &c, &l));
}

struct listing {
        struct daemon *d;
        struct rpc_call *call;
        uid_t uid;
        struct limits limits; /* of uid, where it is known */
        bool known;
};

static int list_one(const struct container *c, void *ctx)
{
        struct listing *l = ctx;
        if (!l->known || l->uid != c->uid)
                rules_limits_of(l->d, c->uid, c->user, &l->limits);
        l->known = true;
        l->uid = c->uid;
        return rpc_reply_more(l->call, row_json(l->d, c, &l->limits));
}

int containers_list(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        struct listing listing = { .d = d, .call = call };
        bool all = json_bool(call->params, "all", false);
        if (caller_target(who, call->params, true, "lists containers", &target, e) < 0 ||
                containers_each(d->store, target.uid, all, list_one, &listing, e) < 0)
                return -1;
        return rpc_reply(call, NULL);
}

/* ---- logs ---- */

/* Bytes that are not UTF-8 become U+FFFD: a log is whatever a program chose to write. */
static char *as_utf8(const char *data, size_t n)
{
        struct buf b = BUF_INIT(LOG_PIECE * 4);
        for (size_t i = 0; i < n;) {
                size_t len = 1;
                while (len <= 4 && i + len <= n && !str_is_utf8(data + i, len))
                        len++;
                if (len <= 4 && i + len <= n) {
                        buf_add(&b, data + i, len);
                        i += len;
                } else {
                        buf_str_add(&b, "\xef\xbf\xbd");
                        i++;
                }
        }
        return buf_take(&b);
}

/* What comes from the engine is cut anywhere: the start of a character waits for its rest. */
struct log_sender {
        struct rpc_call *call;
        char rest[3];
        size_t n_rest;
};

/* How many bytes at the end begin a character that isn't complete: 0 to 3. */
static size_t unfinished(const char *data, size_t n)
{
        for (size_t back = 1; back <= 3 && back <= n; back++) {
                unsigned char c = (unsigned char)data[n - back];
                if ((c & 0xc0) == 0x80)
                        continue;
                size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
                return len > back ? back : 0;
        }
        return 0;
}

static int send_log(struct rpc_call *call, const char *data, size_t n)
{
        cleanup_free char *text = as_utf8(data, n);
        return rpc_reply_more(call, json_pack("{s:s, s:b}", "text", text, "stderr", 0));
}

static int on_log(const char *data, size_t n, bool is_stderr, void *ctx)
{
        struct log_sender *s = ctx;
        (void)is_stderr; /* a terminal has one output */
        while (n > 0) {
                char piece[LOG_PIECE];
                size_t have = s->n_rest, take = n < sizeof piece - have ? n : sizeof piece - have;
                memcpy(piece, s->rest, have);
                memcpy(piece + have, data, take);
                have += take;
                s->n_rest = unfinished(piece, have);
                have -= s->n_rest;
                memcpy(s->rest, piece + have, s->n_rest);
                if (have > 0 && send_log(s->call, piece, have) < 0)
                        return -1;
                data += take;
                n -= take;
        }
        return 0;
}

int containers_logs(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        cleanup_container struct container c = { 0 };
        const json_t *params = call->params;
        bool follow = json_bool(params, "follow", false);
        int64_t tail = json_int(params, "tail", -1);
        if (caller_target(who, params, false, "reads logs", &target, e) < 0 ||
                container_named(d, target.uid, json_str(params, "name"), &c, e) < 0 ||
                daemon_engine(d, NULL, e) < 0)
                return -1;
        if (!c.engine_id)
                return rpc_reply(call, NULL);
        struct engine_wait w = { .hangup_fd = call->conn_fd,
                .deadline = follow ? -1 : clock_mono_ms() + 60000 };
        struct log_sender sender = { .call = call };
        if (engine_container_logs(d->engine, &w, c.engine_id, true, follow,
                    tail < 0 || tail > 1000000 ? -1 : (int)tail, on_log, &sender, e) < 0 ||
                (sender.n_rest > 0 && send_log(call, sender.rest, sender.n_rest) < 0))
                return -1;
        return rpc_reply(call, NULL);
}
