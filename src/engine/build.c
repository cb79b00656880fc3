/* SPDX-License-Identifier: MIT */
#include "engine/build.h"

#include "engine/call.h"
#include "engine/ndjson.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SHORT_ID_LEN 12

struct build {
        const char *name; /* for errors */
        engine_build_fn *fn;
        void *ctx;
        char from[256];  /* what the step in progress is based on; empty unless it is a FROM */
        int step, steps; /* the one in progress */
        int64_t code;    /* what its command ended with; 0: that isn't why it failed */
        char image_id[ENGINE_IMAGE_ID_SIZE];
        char error[1024];
};

static int report(struct build *b, const struct engine_build_event *event, struct err *e)
{
        if (b->fn && b->fn(event, b->ctx))
                return err_set(e, ERR_INTERRUPTED, "Can't build image %s: stopped", b->name);
        return 0;
}

/* "Step 2/6 : RUN make" */
static bool parse_step(const char *s, int *step, int *steps, const char **instruction)
{
        int end = 0;
        if (sscanf(s, "Step %9d/%9d :%n", step, steps, &end) != 2 || end == 0)
                return false;
        *instruction = s + end + strspn(s + end, " ");
        return true;
}

static void note_from(struct build *b, const char *instruction)
{
        b->from[0] = '\0';
        if (strncasecmp(instruction, "FROM ", 5) != 0)
                return;
        const char *image = instruction + 5 + strspn(instruction + 5, " ");
        snprintf(b->from, sizeof b->from, "%.*s", (int)strcspn(image, " \t\r\n"), image);
}

/* " ---> 0123456789ab" and a line's end; not " ---> Running in …" */
static bool parse_image(const char *s, char id[SHORT_ID_LEN + 1])
{
        static const char arrow[] = " ---> ";
        if (strncmp(s, arrow, strlen(arrow)) != 0)
                return false;
        s += strlen(arrow);
        if (strspn(s, "0123456789abcdef") != SHORT_ID_LEN ||
                (s[SHORT_ID_LEN] && s[SHORT_ID_LEN] != '\n'))
                return false;
        memcpy(id, s, SHORT_ID_LEN);
        id[SHORT_ID_LEN] = '\0';
        return true;
}

static int on_output(struct build *b, const char *text, size_t n, struct err *e)
{
        struct engine_build_event event = { .kind = BUILD_STREAM, .text = text, .n = n };
        const char *instruction;
        char id[SHORT_ID_LEN + 1];
        if (parse_step(text, &event.step, &event.steps, &instruction)) {
                event.kind = BUILD_STEP;
                b->step = event.step;
                b->steps = event.steps;
                note_from(b, instruction);
        }
        if (report(b, &event, e))
                return -1;
        if (!parse_image(text, id))
                return 0;
        event = (struct engine_build_event){ .kind = BUILD_IMAGE, .text = id, .n = SHORT_ID_LEN };
        return report(b, &event, e);
}

static int on_error(struct build *b, const char *text, struct err *e)
{
        cleanup_buf struct buf safe = BUF_INIT(sizeof b->error - 1);
        size_t n = strlen(text);
        while (n > 0 && text[n - 1] == '\n')
                n--;
        str_safe_add(&safe, text, n < sizeof b->error ? n : sizeof b->error, false);
        call_copy(b->error, sizeof b->error, buf_str(&safe));
        if (b->error[0] == '\0')
                call_copy(b->error, sizeof b->error, "no reason given");
        const struct engine_build_event event = {
                .kind = BUILD_ERROR, .text = text, .n = strlen(text)
        };
        return report(b, &event, e);
}

static int on_build_line(void *ctx, const json_t *line, struct err *e)
{
        struct build *b = ctx;
        const json_t *stream = json_at(line, "stream");
        const char *text;
        if (json_is_string(stream))
                return on_output(b, json_string_value(stream), json_string_length(stream), e);
        if ((text = json_str(line, "error"))) {
                b->code = json_int(line, "errorDetail/code", 0);
                return on_error(b, text, e);
        }
        if ((text = json_str(line, "aux/ID"))) {
                call_copy(b->image_id, sizeof b->image_id, text);
                return 0;
        }
        if ((text = json_str(line, "status"))) {
                const struct engine_build_event event = { .kind = BUILD_PULL,
                        .text = "",
                        .progress = { .layer = str_or_empty(json_str(line, "id")),
                                .status = text,
                                .current = json_int(line, "progressDetail/current", 0),
                                .total = json_int(line, "progressDetail/total", 0) } };
                return report(b, &event, e);
        }
        return 0;
}

static void query_positive(struct call *c, const char *key, int64_t value)
{
        if (value > 0)
                call_query_int(c, key, value);
}

static void build_query(struct call *c, const struct engine_build *build)
{
        call_path(c, "/build");
        call_query(c, "version", "1");
        call_query(c, "rm", "1");
        call_query(c, "forcerm", "1");
        call_query(c, "t", build->tag);
        call_query(c, "dockerfile", build->dockerfile);
        call_query(c, "networkmode", build->network_mode);
        call_query(c, "cgroupparent", build->cgroup_parent);
        query_positive(c, "memory", build->memory_bytes);
        query_positive(c, "memswap", build->memory_bytes);
        query_positive(c, "cpuquota", build->cpu_quota_us);
        query_positive(c, "cpuperiod", build->cpu_period_us);
        query_positive(c, "shmsize", build->shm_bytes);
        call_query_json(c, "labels", build->labels);
        call_query_json(c, "buildargs", build->args);
        if (build->no_cache)
                call_query(c, "nocache", "1");
        if (build->cache_from) {
                cleanup_json json_t *images = json_pack("[s]", build->cache_from);
                call_query_json(c, "cachefrom", images);
        }
}

/* The error of a build that the engine ended; a FROM that could not be pulled is told as such. */
static int build_failed(const struct build *b, struct err *e)
{
        if (b->from[0]) {
                struct err pull = ERR_INIT;
                engine_image_pull_error(b->from, b->error, &pull);
                if (pull.code == ERR_NO_IMAGE) {
                        *e = pull;
                        return err_wrap(e, "Can't build image %s", b->name);
                }
        }
        /* The engine repeats the whole command, which stands in the log above. */
        if (b->code && b->step)
                return err_set(e, ERR_FAILED,
                        "Can't build image %s: step %d of %d ended with exit code %lld", b->name,
                        b->step, b->steps, (long long)b->code);
        return err_set(e, ERR_FAILED, "Can't build image %s: %s", b->name, b->error);
}

int engine_build(struct engine *en, const struct engine_wait *w, const struct engine_build *build,
        struct engine_source *source, engine_build_fn *fn, void *ctx,
        char ret_image_id[ENGINE_IMAGE_ID_SIZE], struct err *e)
{
        struct build b = {
                .name = build->tag ? build->tag : "without a name", .fn = fn, .ctx = ctx
        };
        cleanup_call struct call c = call_new("POST", "build image %s", b.name);
        cleanup_ndjson struct ndjson lines = NDJSON_INIT(on_build_line, &b);
        build_query(&c, build);
        c.source = source;
        c.sink = ndjson_sink;
        c.ctx = &lines;
        int r = call_run(en, w, &c, e);
        if (r == 0)
                r = ndjson_end(&lines, e);
        /* A connection lost after the reason came does not make the reason less true. */
        if (b.error[0] && (r == 0 || e->code == ERR_ENGINE))
                return build_failed(&b, e);
        if (r)
                return -1;
        if (!b.image_id[0])
                return err_set(
                        e, ERR_ENGINE, "Can't %s: the container engine named no image", c.what);
        memcpy(ret_image_id, b.image_id, sizeof b.image_id);
        return 0;
}
