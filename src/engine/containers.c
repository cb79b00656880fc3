/* SPDX-License-Identifier: MIT */
#include "engine/containers.h"

#include "base/clock.h"
#include "base/demux.h"
#include "engine/call.h"

#include <string.h>

#define REMOVE_RETRY_MS 50

void engine_container_done(struct engine_container *c)
{
        free(c->name);
        free(c->image);
        free(c->image_id);
        free(c->error);
        free(c->user);
        json_decref(c->labels);
        json_decref(c->mounts);
        strv_done(&c->devices);
        *c = (struct engine_container){ 0 };
}

/* A call on one container: "/containers/<id><tail>". */
static struct call container_call(
        const char *method, const char *verb, const char *id, const char *tail)
{
        /* Sixty-four digits make a sentence unreadable; the engine's own twelve do. */
        int shown = strlen(id) == ENGINE_ID_LEN ? 12 : ENGINE_ID_LEN;
        struct call c = call_new(method, "%s container %.*s", verb, shown, id);
        call_path(&c, "/containers/");
        call_name(&c, id);
        call_path(&c, tail);
        c.on_404 = ERR_NOT_FOUND;
        return c;
}

int engine_container_create(struct engine *en, const struct engine_wait *w, const char *name,
        const json_t *body, char ret_id[ENGINE_ID_LEN + 1], struct err *e)
{
        cleanup_call struct call c = call_new("POST", "create container %s", name);
        cleanup_free char *text = json_text(body);
        cleanup_json json_t *answer = NULL;
        call_path(&c, "/containers/create");
        call_query(&c, "name", name);
        c.json = text;
        c.on_404 = ERR_NO_IMAGE;
        c.on_409 = ERR_EXISTS;
        if (call_run_json(en, w, &c, &answer, e))
                return -1;
        const char *id = json_str(answer, "Id");
        if (!id || !*id || strlen(id) > ENGINE_ID_LEN)
                return err_set(e, ERR_ENGINE, "Can't %s: the container engine gave no id", c.what);
        call_copy(ret_id, ENGINE_ID_LEN + 1, id);
        return 0;
}

int engine_container_start(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        cleanup_call struct call c = container_call("POST", "start", id, "/start");
        if (call_run(en, w, &c, e) == 0)
                return 0;
        if (strstr(c.message, "could not select device driver"))
                err_fix(e,
                        "install the package nvidia-container-toolkit\nsystemctl restart docker");
        return -1;
}

int engine_container_kill(struct engine *en, const struct engine_wait *w, const char *id,
        const char *signal, struct err *e)
{
        cleanup_call struct call c = container_call("POST", "send a signal to", id, "/kill");
        call_query(&c, "signal", signal);
        if (call_run(en, w, &c, e) == 0)
                return 0;
        return c.reply.status == 409 && strstr(c.message, "not running") ? 0 : -1;
}

/* Pause or unpause; `already` is how the engine says that there is nothing to do. */
static int freeze(struct engine *en, const struct engine_wait *w, const char *id, const char *verb,
        const char *tail, const char *already, struct err *e)
{
        cleanup_call struct call c = container_call("POST", verb, id, tail);
        c.on_409 = ERR_NOT_RUNNING;
        if (call_run(en, w, &c, e) == 0 || strstr(c.message, already))
                return 0;
        /* Engines differ in the status of this one. */
        if (strstr(c.message, "is not running"))
                e->code = ERR_NOT_RUNNING;
        return -1;
}

int engine_container_pause(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        return freeze(en, w, id, "pause", "/pause", "is already paused", e);
}

int engine_container_unpause(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        return freeze(en, w, id, "unpause", "/unpause", "is not paused", e);
}

int engine_container_remove(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        for (;;) {
                cleanup_call struct call c = container_call("DELETE", "remove", id, "");
                call_query(&c, "force", "1");
                call_query(&c, "v", "1");
                if (call_run(en, w, &c, e) == 0 || c.reply.status == 404)
                        return 0;
                if (c.reply.status != 409 || !strstr(c.message, "already in progress"))
                        return -1;
                /* Somebody else's removal is not done before the container is gone. */
                struct wait pause = wait_begin(w, c.what);
                if (wait_sleep(&pause, REMOVE_RETRY_MS, e))
                        return -1;
        }
}

int engine_container_wait(struct engine *en, const struct engine_wait *w, const char *id,
        int *ret_exit, struct err *e)
{
        cleanup_call struct call c = container_call("POST", "wait for", id, "/wait");
        cleanup_json json_t *answer = NULL;
        call_query(&c, "condition", "not-running");
        if (call_run_json(en, w, &c, &answer, e))
                return -1;
        const char *why = json_str(answer, "Error/Message");
        if (why && *why) {
                cleanup_free char *safe = str_safe(why);
                return err_set(e, ERR_FAILED, "Can't %s: %s", c.what, safe);
        }
        if (!json_is_integer(json_at(answer, "StatusCode")))
                return call_nonsense(&c, e);
        *ret_exit = (int)json_int(answer, "StatusCode", 0);
        return 0;
}

/* What an inspect answer and a row of a listing have in common. */
static void read_state(
        struct engine_container *c, const char *id, const char *name, const char *state)
{
        call_copy(c->id, sizeof c->id, id);
        name = str_or_empty(name);
        c->name = xstrdup(name + (name[0] == '/'));
        call_copy(c->state, sizeof c->state, state);
        c->paused = str_eq(c->state, "paused");
        c->running = c->paused || str_eq(c->state, "running") || str_eq(c->state, "restarting");
}

static json_t *keep(const json_t *parent, const char *path, json_t *fallback)
{
        json_t *j = (json_t *)json_at(parent, path);
        if (!j || json_typeof(j) != json_typeof(fallback))
                return fallback;
        json_decref(fallback);
        return json_incref(j);
}

static void read_devices(const json_t *requests, struct strv *ret)
{
        size_t i, k;
        json_t *request, *id;
        json_array_foreach (requests, i, request) {
                json_array_foreach (json_object_get(request, "DeviceIDs"), k, id) {
                        if (json_is_string(id))
                                strv_add(ret, json_string_value(id));
                }
        }
}

/*
 * What ds01d decides by: a container whose state or labels were left out would be taken for one that has
 * ended, or is somebody else's.
 */
static bool is_container(const json_t *j, const char *state, const char *labels)
{
        const json_t *l = json_at(j, labels);
        return json_str(j, "Id") && json_str(j, state) && (json_is_object(l) || json_is_null(l));
}

static void read_inspect(const json_t *j, struct engine_container *c)
{
        read_state(c, json_str(j, "Id"), json_str(j, "Name"), json_str(j, "State/Status"));
        c->image = xstrdup(str_or_empty(json_str(j, "Config/Image")));
        c->image_id = xstrdup(str_or_empty(json_str(j, "Image")));
        c->labels = keep(j, "Config/Labels", json_object());
        c->mounts = keep(j, "Mounts", json_array());
        c->created_at = clock_from_rfc3339(json_str(j, "Created"));
        c->tty = json_bool(j, "Config/Tty", false);
        c->oom_killed = json_bool(j, "State/OOMKilled", false);
        c->pid = (pid_t)json_int(j, "State/Pid", 0);
        c->exit_code = (int)json_int(j, "State/ExitCode", 0);
        c->started_at = clock_from_rfc3339(json_str(j, "State/StartedAt"));
        c->finished_at = clock_from_rfc3339(json_str(j, "State/FinishedAt"));
        c->error = xstrdup(str_or_empty(json_str(j, "State/Error")));
        c->user = xstrdup(str_or_empty(json_str(j, "Config/User")));
        read_devices(json_at(j, "HostConfig/DeviceRequests"), &c->devices);
}

int engine_container_inspect(struct engine *en, const struct engine_wait *w, const char *id,
        struct engine_container *ret, struct err *e)
{
        cleanup_call struct call c = container_call("GET", "look at", id, "/json");
        cleanup_json json_t *answer = NULL;
        if (call_run_json(en, w, &c, &answer, e))
                return -1;
        if (!is_container(answer, "State/Status", "Config/Labels"))
                return call_nonsense(&c, e);
        struct engine_container found = { 0 };
        read_inspect(answer, &found);
        *ret = found;
        return 0;
}

static void read_row(const json_t *j, struct engine_container *c)
{
        read_state(c, json_str(j, "Id"),
                json_string_value(json_array_get(json_object_get(j, "Names"), 0)),
                json_str(j, "State"));
        c->image = xstrdup(str_or_empty(json_str(j, "Image")));
        c->image_id = xstrdup(str_or_empty(json_str(j, "ImageID")));
        c->labels = keep(j, "Labels", json_object());
        c->mounts = keep(j, "Mounts", json_array());
        c->created_at = json_int(j, "Created", 0);
}

int engine_container_each(struct engine *en, const struct engine_wait *w, const char *label,
        engine_container_fn *fn, void *ctx, struct err *e)
{
        cleanup_call struct call c = call_new("GET", "list containers");
        cleanup_json json_t *rows = NULL;
        size_t i;
        json_t *row;
        call_path(&c, "/containers/json");
        call_query(&c, "all", "1");
        call_query_filters(&c, label, NULL);
        if (call_run_json(en, w, &c, &rows, e))
                return -1;
        if (!json_is_array(rows))
                return err_set(e, ERR_ENGINE, "Can't %s: the engine's answer is no list", c.what);
        json_array_foreach (rows, i, row) {
                if (!is_container(row, "State", "Labels"))
                        return call_nonsense(&c, e);
        }
        json_array_foreach (rows, i, row) {
                cleanup_engine_container struct engine_container one = { 0 };
                read_row(row, &one);
                if (fn(&one, ctx))
                        return err_set(e, ERR_INTERRUPTED, "Can't %s: stopped", c.what);
        }
        return 0;
}

struct log_reader {
        bool tty;
        struct demux demux;
        engine_output_fn *fn;
        void *ctx;
        const char *what;
};

static int on_log(void *ctx, const char *data, size_t n, struct err *e)
{
        struct log_reader *l = ctx;
        if (n == 0)
                return 0;
        int r = l->tty ? l->fn(data, n, false, l->ctx)
                       : demux_feed(&l->demux, data, n, l->fn, l->ctx);
        if (r < 0 && l->demux.bad)
                return err_set(e, ERR_ENGINE, "Can't %s: the engine's stream is damaged", l->what);
        return r ? err_set(e, ERR_INTERRUPTED, "Can't %s: stopped", l->what) : 0;
}

int engine_container_logs(struct engine *en, const struct engine_wait *w, const char *id, bool tty,
        bool follow, int tail, engine_output_fn *fn, void *ctx, struct err *e)
{
        cleanup_call struct call c = container_call("GET", "read the output of", id, "/logs");
        struct log_reader reader = { .tty = tty, .fn = fn, .ctx = ctx, .what = c.what };
        call_query(&c, "stdout", "1");
        call_query(&c, "stderr", "1");
        call_query(&c, "follow", follow ? "1" : "0");
        if (tail >= 0)
                call_query_int(&c, "tail", tail);
        c.sink = on_log;
        c.ctx = &reader;
        return call_run(en, w, &c, e);
}
