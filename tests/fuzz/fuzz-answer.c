/* SPDX-License-Identifier: MIT */
/*
 * Whatever answers on the engine's socket. The first byte chooses a call, the second how the rest of the input is
 * sent: as the body of an answer that is complete, in one piece or in chunks; as the body of one that is a byte
 * short; as the body of a refusal; or as all of the connection's bytes.
 *
 * A call ends, with success or with a sentence that can be shown and a code that engine.h has for it. What
 * succeeds fills all that its header promises. How a body is framed makes no difference. What is cut short or
 * refused is never a success, nor is the absence of an answer the absence of a container. A connection is handed
 * over only behind a literal 101, and its first byte is the one behind the head.
 */
#include "base/clock.h"
#include "calm.h"
#include "engine/archive.h"
#include "engine/build.h"
#include "engine/call.h"
#include "engine/containers.h"
#include "engine/events.h"
#include "engine/exec.h"
#include "engine/images.h"
#include "engine/networks.h"
#include "fake-socket.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FILE_MAX = 4096 };

static const char *const ids[] = {
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
};
static const char stream_marker[] = "\r\n\r\n";

/* What a call said, for the comparison of two framings. */
struct result {
        int r;
        struct err e;
        struct buf said;
};

static void result_done(struct result *r)
{
        buf_done(&r->said);
}

static void say(struct result *r, const char *text)
{
        if (!text)
                abort();
        buf_str_add(&r->said, text);
        buf_putc(&r->said, '\n');
}

static void say_json(struct result *r, const json_t *j)
{
        cleanup_free char *text = j ? json_text(j) : xstrdup("none");
        say(r, text);
}

static void say_int(struct result *r, int64_t v)
{
        buf_printf(&r->said, "%lld\n", (long long)v);
}

static void say_id(struct result *r, const char *id, size_t size)
{
        if (strnlen(id, size) == size)
                abort();
        say(r, id);
}

/* ---- the calls ---- */

static void say_container(struct result *r, const struct engine_container *c, bool whole)
{
        if (!json_is_object(c->labels) || !json_is_array(c->mounts) || (c->paused && !c->running) ||
                (c->name[0] == '/' && c->name[1] == '/' && !whole))
                abort();
        say_id(r, c->id, sizeof c->id);
        say_id(r, c->state, sizeof c->state);
        say(r, c->name);
        say(r, c->image);
        say(r, c->image_id);
        say_json(r, c->labels);
        say_json(r, c->mounts);
        say_int(r, c->created_at);
        if (!whole)
                return;
        say(r, c->error);
        say(r, c->user);
        say_int(r, c->exit_code);
        say_int(r, c->started_at);
        for (size_t i = 0; i < c->devices.n; i++)
                say(r, c->devices.v[i]);
}

static int inspect(struct engine *en, const struct engine_wait *w, struct result *r)
{
        cleanup_engine_container struct engine_container c = { 0 };
        int ret = engine_container_inspect(en, w, ids[0], &c, &r->e);
        if (ret == 0)
                say_container(r, &c, true);
        return ret;
}

static int on_container(const struct engine_container *c, void *ctx)
{
        say_container(ctx, c, false);
        return 0;
}

static int list(struct engine *en, const struct engine_wait *w, struct result *r)
{
        return engine_container_each(en, w, "ds01.managed", on_container, r, &r->e);
}

static int create(struct engine *en, const struct engine_wait *w, struct result *r)
{
        char id[ENGINE_ID_LEN + 1];
        cleanup_json json_t *body = json_object();
        int ret = engine_container_create(en, w, "x._.1000", body, id, &r->e);
        if (ret == 0 && id[0] == '\0')
                abort();
        if (ret == 0)
                say_id(r, id, sizeof id);
        return ret;
}

static int await_end(struct engine *en, const struct engine_wait *w, struct result *r)
{
        int code = 0;
        int ret = engine_container_wait(en, w, ids[0], &code, &r->e);
        say_int(r, code);
        return ret;
}

static int on_log(const char *data, size_t n, bool is_stderr, void *ctx)
{
        struct result *r = ctx;
        for (size_t i = 0; i < n; i++)
                buf_printf(&r->said, "%c%02x", is_stderr ? 'e' : 'o', (unsigned char)data[i]);
        return 0;
}

static int logs(struct engine *en, const struct engine_wait *w, struct result *r)
{
        return engine_container_logs(en, w, ids[0], false, false, 10, on_log, r, &r->e);
}

static void say_image(struct result *r, const struct engine_image *i, bool whole)
{
        say_id(r, i->id, sizeof i->id);
        for (size_t k = 0; k < i->tags.n; k++)
                say(r, i->tags.v[k]);
        say_json(r, i->labels);
        say_int(r, i->size);
        if (!whole)
                return;
        say(r, i->user);
        say(r, i->workdir);
        say(r, i->os);
        say(r, i->arch);
        say_json(r, i->entrypoint);
        say_json(r, i->cmd);
        say_json(r, i->env);
        say_int(r, i->has_triggers);
        for (size_t k = 0; k < i->layers.n; k++)
                say(r, i->layers.v[k]);
}

static int image(struct engine *en, const struct engine_wait *w, struct result *r)
{
        cleanup_engine_image struct engine_image i = { 0 };
        int ret = engine_image_inspect(en, w, "x:latest", &i, &r->e);
        if (ret == 0)
                say_image(r, &i, true);
        return ret;
}

static int on_image(const struct engine_image *i, void *ctx)
{
        say_image(ctx, i, false);
        return 0;
}

static int images(struct engine *en, const struct engine_wait *w, struct result *r)
{
        return engine_image_each(en, w, "ds01.managed", on_image, r, &r->e);
}

static int on_progress(const struct engine_progress *p, void *ctx)
{
        say(ctx, p->layer);
        say(ctx, p->status);
        say_int(ctx, p->current);
        return 0;
}

static int pull(struct engine *en, const struct engine_wait *w, struct result *r)
{
        return engine_image_pull(en, w, "x", on_progress, r, &r->e);
}

static int on_event(const struct engine_event *event, void *ctx)
{
        say(ctx, event->action);
        say(ctx, event->id);
        say_int(ctx, event->exit_code);
        say_int(ctx, event->time);
        return 0;
}

static int events(struct engine *en, const struct engine_wait *w, struct result *r)
{
        return engine_events(en, w, "ds01.managed", on_event, r, &r->e);
}

static ssize_t nothing(void *ctx, char *buf, size_t n)
{
        (void)ctx, (void)buf, (void)n;
        return 0;
}

static int on_build(const struct engine_build_event *event, void *ctx)
{
        if (!event->text || event->text[event->n] != '\0' ||
                !str_is_utf8(event->text, strlen(event->text)))
                abort();
        say_int(ctx, event->kind);
        say(ctx, event->text);
        say_int(ctx, event->step);
        return 0;
}

static int build(struct engine *en, const struct engine_wait *w, struct result *r)
{
        static const struct engine_build what = { .tag = "x:latest" };
        char id[ENGINE_IMAGE_ID_SIZE];
        struct engine_source source = { .read = nothing, .fd = -1 };
        int ret = engine_build(en, w, &what, &source, on_build, r, id, &r->e);
        if (ret == 0 && id[0] == '\0')
                abort();
        if (ret == 0)
                say_id(r, id, sizeof id);
        return ret;
}

static int read_file(struct engine *en, const struct engine_wait *w, struct result *r)
{
        cleanup_free char *text = NULL;
        bool exists = false;
        int ret = engine_container_read_file(
                en, w, ids[0], "/etc/passwd", FILE_MAX, &text, &exists, &r->e);
        if (ret == 0 && (!text || strlen(text) > FILE_MAX || (!exists && *text)))
                abort();
        if (ret == 0)
                say(r, text);
        return ret;
}

static int network(struct engine *en, const struct engine_wait *w, struct result *r)
{
        cleanup_free char *subnet = NULL;
        int ret = engine_network_check(en, w, "ds01", false, &subnet, &r->e);
        say(r, str_or_empty(subnet));
        return ret;
}

static int version(struct engine *en, const struct engine_wait *w, struct result *r)
{
        struct engine_version v = { 0 };
        struct engine_details d = { 0 };
        struct err ignored = ERR_INIT;
        en->api = 0;
        if (engine_details(en, w, &d, &ignored) == 0) {
                say_id(r, d.containerd, sizeof d.containerd);
                say_id(r, d.warnings, sizeof d.warnings);
                if (!calm(d.warnings, strlen(d.warnings), true, false))
                        abort();
        }
        int ret = engine_version(en, w, &v, &r->e);
        if (ret == 0) {
                say_id(r, v.api, sizeof v.api);
                say_id(r, v.security, sizeof v.security);
                say_id(r, v.root_dir, sizeof v.root_dir);
                if (v.cgroup_version < 1 || v.cgroup_version > 2)
                        abort();
        }
        return ret;
}

/* What was sent may be handed over as a connection only if it begins with a whole head that says 101. */
static void check_stream(int fd)
{
        size_t n;
        char piece[4096];
        const char *sent = fake_socket_sent(&n);
        const char *end = memmem(sent, n, stream_marker, 4);
        if (n < 13 || !end || memcmp(sent, "HTTP/1.1 101", 12) != 0)
                abort();
        for (const char *rest = end + 4;;) {
                ssize_t got = read(fd, piece, sizeof piece);
                if (got < 0 || (size_t)got > (size_t)(sent + n - rest) ||
                        memcmp(rest, piece, (size_t)got) != 0)
                        abort();
                rest += got;
                if (got == 0 && rest != sent + n)
                        abort();
                if (got == 0)
                        return;
        }
}

static int exec(struct engine *en, const struct engine_wait *w, struct result *r)
{
        cleanup_close int fd = -1;
        int ret = engine_exec_start(en, w, ids[0], true, &fd, &r->e);
        if ((ret == 0) != (fd >= 0))
                abort();
        if (ret == 0)
                check_stream(fd);
        return ret;
}

typedef int call_fn(struct engine *en, const struct engine_wait *w, struct result *r);
static call_fn *const calls[] = { inspect, list, create, await_end, logs, image, images, pull,
        events, build, read_file, network, version, exec };
static const char letters[] = "ilcwgmMpebfnvx";
_Static_assert(sizeof letters - 1 == ARRAY_LEN(calls), "one for each");

/* ---- one answer ---- */

static void run(call_fn *call, struct result *r)
{
        struct engine *en = engine_new(fake_socket_path());
        const struct engine_wait w = { .hangup_fd = -1, .deadline = clock_mono_ms() + 5000 };
        en->api = ENGINE_API_MIN;
        *r = (struct result){ .said = BUF_INIT(SIZE_MAX / 2) };
        r->r = call(en, &w, r);
        engine_free(en);
        static const enum err_code possible[] = { ERR_FAILED, ERR_EXISTS, ERR_NOT_RUNNING,
                ERR_NOT_FOUND, ERR_NO_IMAGE, ERR_ENGINE };
        bool known = r->r == 0;
        for (size_t i = 0; i < ARRAY_LEN(possible); i++)
                known |= r->e.code == possible[i];
        if (!known || (r->r != 0 && !calm_sentence(r->e.msg, sizeof r->e.msg)))
                abort();
}

static void send_body(struct buf *b, int status, const uint8_t *body, size_t n, size_t promised)
{
        buf_clear(b);
        buf_printf(b, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", status, promised);
        buf_add(b, body, n);
        fake_socket_answer(b->data, b->len);
}

static void send_chunks(struct buf *b, const uint8_t *body, size_t n, size_t piece)
{
        buf_clear(b);
        buf_str_add(b, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t i = 0; i < n; i += piece) {
                size_t part = n - i < piece ? n - i : piece;
                buf_printf(b, "%zx\r\n", part);
                buf_add(b, body + i, part);
                buf_str_add(b, "\r\n");
        }
        buf_str_add(b, "0\r\n\r\n");
        fake_socket_answer(b->data, b->len);
}

static void run_framed(call_fn *call, const uint8_t *body, size_t n, size_t piece)
{
        CLEANUP(result_done) struct result whole, chunked;
        cleanup_buf struct buf b = BUF_INIT(SIZE_MAX / 2);
        send_body(&b, 200, body, n, n);
        run(call, &whole);
        send_chunks(&b, body, n, piece);
        run(call, &chunked);
        if (whole.r != chunked.r || whole.e.code != chunked.e.code ||
                strcmp(whole.e.msg, chunked.e.msg) != 0 ||
                strcmp(buf_str(&whole.said), buf_str(&chunked.said)) != 0)
                abort();
        /* A good answer that makes no sense says nothing of what is there. */
        if (whole.r != 0 && call != pull && call != build && call != network &&
                whole.e.code != ERR_ENGINE && whole.e.code != ERR_FAILED)
                abort();
}

static void run_failing(call_fn *call, int status, const uint8_t *body, size_t n, size_t promised)
{
        CLEANUP(result_done) struct result r;
        cleanup_buf struct buf b = BUF_INIT(SIZE_MAX / 2);
        send_body(&b, status, body, n, promised);
        run(call, &r);
        if (r.r == 0 || (status == 200 && r.e.code != ERR_ENGINE && call != pull && call != build))
                abort();
}

static void run_raw(call_fn *call, const uint8_t *data, size_t n)
{
        CLEANUP(result_done) struct result r;
        fake_socket_answer((const char *)data, n);
        run(call, &r);
        /* No success without a whole head. */
        if (r.r == 0 && (n < 12 || memcmp(data, "HTTP/", 5) != 0 || !memmem(data, n, "\n\r\n", 3)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const int refusals[] = { 400, 403, 404, 409, 500, 503 };
        if (n < 2)
                return 0;
        const char *letter = data[0] ? strchr(letters, data[0]) : NULL;
        call_fn *call = calls[letter ? (size_t)(letter - letters) : data[0] % ARRAY_LEN(calls)];
        unsigned how = data[1];
        data += 2;
        n -= 2;
        if (how == 'r' || how >= 0xc0)
                run_raw(call, data, n);
        else if (how == 's')
                run_failing(call, 200, data, n, n + 1);
        else if (how >= '0' && how < '0' + ARRAY_LEN(refusals))
                run_failing(call, refusals[how - '0'], data, n, n);
        else
                run_framed(call, data, n, how % 64 + 1);
        return 0;
}
