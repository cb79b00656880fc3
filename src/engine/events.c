/* SPDX-License-Identifier: MIT */
#include "engine/events.h"

#include "base/str.h"
#include "engine/call.h"
#include "engine/ndjson.h"

#include <limits.h>

struct subscription {
        engine_event_fn *fn;
        void *ctx;
        struct ndjson lines;
};

static int report(struct subscription *s, const struct engine_event *event, struct err *e)
{
        return s->fn(event, s->ctx) ? err_set(e, ERR_INTERRUPTED, "Can't watch containers: stopped")
                                    : 0;
}

static int on_event_line(void *ctx, const json_t *line, struct err *e)
{
        const json_t *attributes = json_at(line, "Actor/Attributes");
        long long exit_code = -1;
        str_to_int(json_string_value(json_object_get(attributes, "exitCode")), INT_MIN, INT_MAX,
                &exit_code);
        const struct engine_event event = { .action = str_or_empty(json_str(line, "Action")),
                .id = str_or_empty(json_str(line, "Actor/ID")),
                .exit_code = (int)exit_code,
                .attributes = attributes,
                .time = json_int(line, "time", 0) };
        /* An empty action is ours to say. */
        return event.action[0] ? report(ctx, &event, e) : 0;
}

static int on_event_bytes(void *ctx, const char *data, size_t n, struct err *e)
{
        struct subscription *s = ctx;
        static const struct engine_event subscribed = { .action = "", .id = "", .exit_code = -1 };
        return n == 0 ? report(s, &subscribed, e) : ndjson_feed(&s->lines, data, n, e);
}

int engine_events(struct engine *en, const struct engine_wait *w, const char *label,
        engine_event_fn *fn, void *ctx, struct err *e)
{
        cleanup_call struct call c = call_new("GET", "watch containers");
        struct subscription s = { .fn = fn, .ctx = ctx };
        s.lines = NDJSON_INIT(on_event_line, &s);
        call_path(&c, "/events");
        call_query_filters(&c, label, "container");
        c.sink = on_event_bytes;
        c.ctx = &s;
        int r = call_run(en, w, &c, e);
        if (r == 0)
                r = ndjson_end(&s.lines, e);
        ndjson_done(&s.lines);
        return r;
}
