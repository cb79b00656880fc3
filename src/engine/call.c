/* SPDX-License-Identifier: MIT */
#include "engine/call.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct call call_new(const char *method, const char *what_fmt, ...)
{
        struct call c = { .method = method,
                .path = BUF_INIT(CALL_PATH_MAX),
                .on_404 = ERR_FAILED,
                .on_409 = ERR_FAILED,
                .reply = { .body = BUF_INIT(CALL_ANSWER_MAX) } };
        va_list ap;
        va_start(ap, what_fmt);
        vsnprintf(c.what, sizeof c.what, what_fmt, ap);
        va_end(ap);
        return c;
}

void call_done(struct call *c)
{
        buf_done(&c->path);
        http_reply_done(&c->reply);
}

void call_copy(char *dst, size_t size, const char *src)
{
        snprintf(dst, size, "%s", str_or_empty(src));
}

/* RFC 3986: unreserved characters, and those in `also`, stand for themselves. */
static void encode(struct buf *b, const char *s, size_t n, const char *also)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789-._~";
        for (size_t i = 0; i < n; i++) {
                if (s[i] && (strchr(plain, s[i]) || strchr(also, s[i])))
                        buf_putc(b, s[i]);
                else
                        buf_printf(b, "%%%02X", (unsigned char)s[i]);
        }
}

void call_path(struct call *c, const char *literal)
{
        buf_str_add(&c->path, literal);
}

static bool is_dots(const char *s, size_t n)
{
        return n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
}

void call_name(struct call *c, const char *name)
{
        c->bad_path |= is_dots(name, strlen(name)) || strchr(name, '/');
        encode(&c->path, name, strlen(name), "");
}

void call_reference(struct call *c, const char *reference)
{
        for (const char *s = reference;; s++) {
                size_t n = strcspn(s, "/");
                c->bad_path |= is_dots(s, n);
                s += n;
                if (*s == '\0')
                        break;
        }
        encode(&c->path, reference, strlen(reference), "/:@");
}

static void query_key(struct call *c, const char *key)
{
        buf_printf(&c->path, "%c%s=", c->path.data && strchr(c->path.data, '?') ? '&' : '?', key);
}

void call_query(struct call *c, const char *key, const char *value)
{
        if (!value)
                return;
        query_key(c, key);
        encode(&c->path, value, strlen(value), "");
}

void call_query_int(struct call *c, const char *key, int64_t value)
{
        query_key(c, key);
        buf_printf(&c->path, "%lld", (long long)value);
}

void call_query_json(struct call *c, const char *key, const json_t *value)
{
        if (!value)
                return;
        cleanup_free char *text = json_text(value);
        call_query(c, key, text);
}

void call_query_filters(struct call *c, const char *label, const char *type)
{
        cleanup_json json_t *filters = json_pack("{s:[s]}", "label", label);
        if (!filters)
                c->bad_path = true; /* not UTF-8 */
        else if (type)
                json_object_set_new(filters, "type", json_pack("[s]", type));
        call_query_json(c, "filters", filters);
}

void call_message(const char *body, size_t n, char *out, size_t size)
{
        struct err ignored;
        cleanup_json json_t *j = NULL;
        const char *text = NULL;
        if (json_parse(body, n, CALL_JSON_DEPTH, &j, &ignored) == 0)
                text = json_str(j, "message");
        if (text) {
                n = strlen(text);
                body = text;
        }
        /* An engine behind a proxy answers with plain text, of which a line is as good as any. */
        while (n > 0 && strchr(" \r\n", body[n - 1]))
                n--;
        /* Born with the room there is, so that the cut is between two characters. */
        cleanup_buf struct buf clean = BUF_INIT(size - 1);
        str_safe_add(&clean, body, n < size ? n : size, false);
        call_copy(out, size, buf_str(&clean));
}

static int request(struct engine *en, const struct engine_wait *w, struct call *c,
        const char *target, struct err *e)
{
        const struct http_request req = { .method = c->method,
                .target = target,
                .what = c->what,
                .json = c->json,
                .source = c->source,
                .sink = c->sink,
                .ctx = c->ctx,
                .want_header = c->want_header };
        if (!en->told)
                return http_call(en->http, w, &req, &c->reply, e);
        int64_t began = clock_mono_us();
        int r = http_call(en->http, w, &req, &c->reply, e);
        en->told(en->told_ctx, c->method, target, r < 0 ? 0 : c->reply.status,
                clock_mono_us() - began);
        return r;
}

static bool parse_api(const char *text, int *ret_minor)
{
        long long minor;
        if (!text || !str_starts(text, "1.") || !str_to_int(text + 2, 0, 9999, &minor))
                return false;
        *ret_minor = (int)minor;
        return true;
}

static int agree(const json_t *version, int *ret_minor, struct err *e)
{
        const char *newest = json_str(version, "ApiVersion");
        const char *oldest = json_str(version, "MinAPIVersion");
        int most, least = 0;
        if (!parse_api(newest, &most))
                return err_set(
                        e, ERR_ENGINE, "The container engine does not say which API it speaks");
        parse_api(oldest, &least);
        int api = most < ENGINE_API_MAX ? most : ENGINE_API_MAX;
        if (api >= ENGINE_API_MIN && api >= least) {
                *ret_minor = api;
                return 0;
        }
        cleanup_free char *from = str_safe(oldest ? oldest : newest);
        err_set(e, ERR_ENGINE,
                "The container engine speaks API %s to %s; one of 1.%d to 1.%d is needed", from,
                newest, ENGINE_API_MIN, ENGINE_API_MAX);
        return err_fix(e, api < ENGINE_API_MIN ? "install Docker Engine 20.10 or later"
                                               : "install a ds01 that knows this engine");
}

static void forget_api(struct engine *en)
{
        pthread_mutex_lock(&en->lock);
        en->api = 0;
        pthread_mutex_unlock(&en->lock);
}

int call_api(struct engine *en, const struct engine_wait *w, int *ret_minor, struct err *e)
{
        pthread_mutex_lock(&en->lock);
        int api = en->api;
        pthread_mutex_unlock(&en->lock);
        if (api == 0) {
                cleanup_call struct call c = call_new("GET", "ask the container engine's version");
                cleanup_json json_t *version = NULL;
                if (request(en, w, &c, "/version", e))
                        return -1;
                if (c.reply.status != 200 || json_parse(buf_str(&c.reply.body), c.reply.body.len,
                                                     CALL_JSON_DEPTH, &version, e))
                        return err_set(e, ERR_ENGINE, "What answers on %s is no container engine",
                                http_socket(en->http));
                if (agree(version, &api, e))
                        return -1;
                pthread_mutex_lock(&en->lock);
                en->api = api;
                pthread_mutex_unlock(&en->lock);
        }
        *ret_minor = api;
        return 0;
}

static int refused(struct engine *en, struct call *c, struct err *e)
{
        int status = c->reply.status;
        call_message(buf_str(&c->reply.body), c->reply.body.len, c->message, sizeof c->message);
        /* The engine was replaced under us: the next call asks which versions it takes. */
        if (status == 400 && strstr(c->message, "client version"))
                forget_api(en);
        if (c->message[0] == '\0')
                snprintf(c->message, sizeof c->message, "status %d", status);
        err_set(e,
                status == 404   ? c->on_404
                : status == 409 ? c->on_409
                                : ERR_FAILED,
                "Can't %s: %s", c->what, c->message);
        /* Nothing that was asked for is wrong. */
        return status >= 500 ? err_fix(e, "ds01 doctor") : -1;
}

int call_run(struct engine *en, const struct engine_wait *w, struct call *c, struct err *e)
{
        if (c->bad_path || c->path.full)
                return err_set(e, ERR_INVALID, "Can't %s: that is no valid name", c->what);
        int api;
        if (call_api(en, w, &api, e))
                return -1;
        buf_clear(&c->reply.body);
        cleanup_free char *target = xasprintf("/v1.%d%s", api, buf_str(&c->path));
        if (request(en, w, c, target, e)) {
                if (e->code == ERR_ENGINE)
                        forget_api(en);
                return -1;
        }
        int status = c->reply.status;
        return (status >= 200 && status < 300) || status == 304 ? 0 : refused(en, c, e);
}

int call_nonsense(const struct call *c, struct err *e)
{
        return err_set(
                e, ERR_ENGINE, "Can't %s: the container engine's answer makes no sense", c->what);
}

int call_run_json(
        struct engine *en, const struct engine_wait *w, struct call *c, json_t **ret, struct err *e)
{
        if (call_run(en, w, c, e))
                return -1;
        /* What a parser has to say about it is nothing that people can act on. */
        struct err ignored = ERR_INIT;
        if (json_parse(buf_str(&c->reply.body), c->reply.body.len, CALL_JSON_DEPTH, ret,
                    &ignored) == 0)
                return 0;
        return call_nonsense(c, e);
}
