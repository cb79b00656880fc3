/* SPDX-License-Identifier: MIT */
#include "engine/images.h"

#include "base/clock.h"
#include "engine/call.h"
#include "engine/ndjson.h"

#include <string.h>
#include <strings.h>

void engine_image_done(struct engine_image *i)
{
        strv_done(&i->tags);
        strv_done(&i->layers);
        json_decref(i->entrypoint);
        json_decref(i->cmd);
        json_decref(i->env);
        json_decref(i->labels);
        free(i->user);
        free(i->workdir);
        free(i->os);
        free(i->arch);
        *i = (struct engine_image){ 0 };
}

static struct call image_call(
        const char *method, const char *verb, const char *ref, const char *tail)
{
        struct call c = call_new(method, "%s image %s", verb, ref);
        call_path(&c, "/images/");
        call_reference(&c, ref);
        call_path(&c, tail);
        c.on_404 = ERR_NO_IMAGE;
        return c;
}

static json_t *keep(const json_t *parent, const char *path)
{
        json_t *j = (json_t *)json_at(parent, path);
        return json_is_array(j) || json_is_object(j) ? json_incref(j) : NULL;
}

static void read_strings(const json_t *array, struct strv *ret)
{
        size_t i;
        json_t *s;
        json_array_foreach (array, i, s) {
                if (json_is_string(s))
                        strv_add(ret, json_string_value(s));
        }
}

int engine_image_inspect(struct engine *en, const struct engine_wait *w, const char *ref,
        struct engine_image *ret, struct err *e)
{
        cleanup_call struct call c = image_call("GET", "look at", ref, "/json");
        cleanup_json json_t *j = NULL;
        if (call_run_json(en, w, &c, &j, e))
                return -1;
        if (!json_str(j, "Id"))
                return call_nonsense(&c, e);
        struct engine_image i = { .entrypoint = keep(j, "Config/Entrypoint"),
                .cmd = keep(j, "Config/Cmd"),
                .env = keep(j, "Config/Env"),
                .labels = keep(j, "Config/Labels"),
                .user = xstrdup(str_or_empty(json_str(j, "Config/User"))),
                .workdir = xstrdup(str_or_empty(json_str(j, "Config/WorkingDir"))),
                .has_triggers = json_array_size(json_at(j, "Config/OnBuild")) > 0,
                .created = clock_from_rfc3339(json_str(j, "Created")),
                .size = json_int(j, "Size", 0),
                .os = xstrdup(str_or_empty(json_str(j, "Os"))),
                .arch = xstrdup(str_or_empty(json_str(j, "Architecture"))) };
        call_copy(i.id, sizeof i.id, json_str(j, "Id"));
        read_strings(json_at(j, "RepoTags"), &i.tags);
        read_strings(json_at(j, "RootFS/Layers"), &i.layers);
        *ret = i;
        return 0;
}

int engine_image_each(struct engine *en, const struct engine_wait *w, const char *label,
        engine_image_fn *fn, void *ctx, struct err *e)
{
        cleanup_call struct call c = call_new("GET", "list images");
        cleanup_json json_t *rows = NULL;
        size_t i;
        json_t *row;
        call_path(&c, "/images/json");
        call_query_filters(&c, label, NULL);
        if (call_run_json(en, w, &c, &rows, e))
                return -1;
        if (!json_is_array(rows))
                return err_set(e, ERR_ENGINE, "Can't %s: the engine's answer is no list", c.what);
        json_array_foreach (rows, i, row) {
                cleanup_engine_image struct engine_image one = { .labels = keep(row, "Labels"),
                        .created = json_int(row, "Created", 0),
                        .size = json_int(row, "Size", 0) };
                call_copy(one.id, sizeof one.id, json_str(row, "Id"));
                read_strings(json_at(row, "RepoTags"), &one.tags);
                if (fn(&one, ctx))
                        return err_set(e, ERR_INTERRUPTED, "Can't %s: stopped", c.what);
        }
        return 0;
}

int engine_image_remove(struct engine *en, const struct engine_wait *w, const char *ref,
        bool *ret_in_use, struct err *e)
{
        cleanup_call struct call c = image_call("DELETE", "remove", ref, "");
        bool failed = call_run(en, w, &c, e) != 0;
        int status = c.reply.status;
        if (failed && status != 404 && status != 409)
                return -1;
        *ret_in_use = status == 409;
        return 0;
}

int engine_image_tag(struct engine *en, const struct engine_wait *w, const char *id,
        const char *repo, const char *tag, struct err *e)
{
        cleanup_call struct call c = image_call("POST", "name", id, "/tag");
        call_query(&c, "repo", repo);
        call_query(&c, "tag", tag);
        return call_run(en, w, &c, e);
}

/*
 * What the engine's messages about a failed pull mean. They come from several layers of Go, so they
 * are told apart by their words; the first match counts.
 */
enum pull_failure { PULL_OTHER, PULL_UNREACHABLE, PULL_ABSENT };
static const struct {
        const char *words;
        enum pull_failure meaning;
} pull_messages[] = {
        { "no such host", PULL_UNREACHABLE },
        { "server misbehaving", PULL_UNREACHABLE },
        { "name resolution", PULL_UNREACHABLE },
        { "connection refused", PULL_UNREACHABLE },
        { "connection reset", PULL_UNREACHABLE },
        { "network is unreachable", PULL_UNREACHABLE },
        { "no route to host", PULL_UNREACHABLE },
        { "i/o timeout", PULL_UNREACHABLE },
        { "TLS handshake", PULL_UNREACHABLE },
        { "request canceled", PULL_UNREACHABLE },
        { "deadline exceeded", PULL_UNREACHABLE },
        { "proxyconnect", PULL_UNREACHABLE },
        { "dial tcp", PULL_UNREACHABLE },
        { "manifest unknown", PULL_ABSENT },
        { "name unknown", PULL_ABSENT },
        { "not found", PULL_ABSENT },
        { "does not exist", PULL_ABSENT },
        { "access denied", PULL_ABSENT },
        { "no matching manifest", PULL_ABSENT },
};

int engine_image_pull_error(const char *ref, const char *message, struct err *e)
{
        enum pull_failure meaning = PULL_OTHER;
        for (size_t i = 0; i < ARRAY_LEN(pull_messages) && meaning == PULL_OTHER; i++)
                if (strcasestr(message, pull_messages[i].words))
                        meaning = pull_messages[i].meaning;
        cleanup_free char *safe = str_safe(message);
        if (meaning == PULL_OTHER)
                return err_set(e, ERR_FAILED, "Can't pull image %s: %s", ref, safe);
        err_set(e, ERR_NO_IMAGE,
                meaning == PULL_ABSENT
                        ? "Image %s does not exist in its registry"
                        : "Image %s is not on this machine and its registry can't be reached",
                ref);
        return err_detail(e, "%s", safe);
}

struct pull {
        const char *ref;
        engine_progress_fn *fn;
        void *ctx;
};

static int on_pull_line(void *ctx, const json_t *line, struct err *e)
{
        struct pull *p = ctx;
        const char *error = json_str(line, "error");
        if (error)
                return engine_image_pull_error(p->ref, error, e);
        const struct engine_progress progress = { .layer = str_or_empty(json_str(line, "id")),
                .status = str_or_empty(json_str(line, "status")),
                .current = json_int(line, "progressDetail/current", 0),
                .total = json_int(line, "progressDetail/total", 0) };
        if (p->fn && p->fn(&progress, p->ctx))
                return err_set(e, ERR_INTERRUPTED, "Can't pull image %s: stopped", p->ref);
        return 0;
}

static bool has_tag(const char *ref)
{
        const char *last = strrchr(ref, '/');
        return strpbrk(last ? last : ref, ":@") != NULL;
}

int engine_image_pull(struct engine *en, const struct engine_wait *w, const char *ref,
        engine_progress_fn *fn, void *ctx, struct err *e)
{
        cleanup_call struct call c = call_new("POST", "pull image %s", ref);
        struct pull p = { .ref = ref, .fn = fn, .ctx = ctx };
        cleanup_ndjson struct ndjson lines = NDJSON_INIT(on_pull_line, &p);
        cleanup_free char *full = xasprintf("%s%s", ref, has_tag(ref) ? "" : ":latest");
        call_path(&c, "/images/create");
        call_query(&c, "fromImage", full);
        c.sink = ndjson_sink;
        c.ctx = &lines;
        int r = call_run(en, w, &c, e);
        if (r == 0)
                r = ndjson_end(&lines, e);
        else if (c.reply.status >= 400)
                engine_image_pull_error(ref, c.message, e);
        return r;
}
