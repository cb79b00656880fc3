/* SPDX-License-Identifier: MIT */
/* Builds: the context goes up as it comes, the stream comes down split anywhere, the last word
 * counts. */
#include "base/clock.h"
#include "engine/build.h"
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGE "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char good_stream[] =
        "{\"stream\":\"Step 1/2 : FROM bb\"}\r\n{\"stream\":\"\\n\"}\r\n"
        "{\"status\":\"Pulling\",\"id\":\"aa\",\"progressDetail\":{\"current\":1}}\r\n"
        "{\"stream\":\" ---\\u003e 313c2a31d765\\n\"}\r\n"
        "{\"stream\":\" ---\\u003e Running in 123456789012\\n\"}\r\n"
        "{\"stream\":\"a\\u0000b\\n\"}\r\n"
        "{\"aux\":{\"ID\":\"" IMAGE "\"}}\r\n"
        "{\"stream\":\"Successfully built 0123456789ab\\n\"}\r\n";

/* A source that gives its text in pieces, with EAGAIN between them, and fails at last if told to.
 */
struct text_source {
        const char *text;
        size_t at, piece;
        int pipe[2]; /* readable when there is more */
        bool waited;
        int fails_with;
};

static ssize_t read_text(void *ctx, char *buf, size_t n)
{
        struct text_source *s = ctx;
        size_t left = strlen(s->text) - s->at;
        if (s->piece && !s->waited) {
                s->waited = true;
                (void)!write(s->pipe[1], "x", 1);
                errno = EAGAIN;
                return -1;
        }
        if (s->piece) {
                char c;
                (void)!read(s->pipe[0], &c, 1);
                s->waited = false;
        }
        if (left == 0 && s->fails_with) {
                errno = s->fails_with;
                return -1;
        }
        size_t take = s->piece && s->piece < left ? s->piece : left;
        take = take < n ? take : n;
        memcpy(buf, s->text + s->at, take);
        s->at += take;
        return (ssize_t)take;
}

static int log_event(const struct engine_build_event *event, void *ctx)
{
        buf_printf(
                ctx, "%d%s[", event->kind, event->kind == BUILD_PULL ? event->progress.layer : "");
        buf_add(ctx, event->text, event->n);
        buf_str_add(ctx, "]");
        if (event->kind == BUILD_STEP)
                buf_printf(ctx, "%d/%d", event->step, event->steps);
        return 0;
}

struct run {
        struct text_source source;
        struct engine_build build;
        struct engine_wait wait;
        struct buf log;
        char image[ENGINE_IMAGE_ID_SIZE];
        char line[4096], body[4096];
        struct err e;
        int result;
};

static struct run run_build(const struct fake_rule *rule, struct run r)
{
        struct fake *f = fake_start(rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        if (!r.source.text)
                r.source.text = "tar";
        if (pipe2(r.source.pipe, O_CLOEXEC))
                abort();
        struct engine_source source = { read_text, &r.source, r.source.pipe[0] };
        if (r.wait.deadline == 0)
                r.wait = ENGINE_WAIT_FOREVER;
        if (!r.build.tag)
                r.build.tag = "t:1";
        r.log = BUF_INIT(1 << 20);
        r.result = engine_build(en, &r.wait, &r.build, &source, log_event, &r.log, r.image, &r.e);
        engine_free(en);
        snprintf(r.line, sizeof r.line, "%s", fake_line(f, 0));
        snprintf(r.body, sizeof r.body, "%s", fake_body(f, 0));
        fake_stop(f);
        close(r.source.pipe[0]);
        close(r.source.pipe[1]);
        return r;
}

static void test_split_anywhere(void **state)
{
        (void)state;
        static const char expected[] = "1[Step 1/2 : FROM bb]1/20[\n]3aa[]0[ ---> 313c2a31d765\n]"
                                       "2[313c2a31d765]0[ ---> Running in 123456789012\n]0[a\0b\n]"
                                       "0[Successfully built 0123456789ab\n]";
        for (size_t piece = 1; piece <= strlen(good_stream); piece++) {
                const struct fake_rule rule = { .match = "/build?",
                        .status = 200,
                        .body = good_stream,
                        .chunked = true,
                        .piece = piece,
                        .after = FAKE_HOLD };
                struct run r = run_build(&rule, (struct run){ 0 });
                assert_int_equal(r.result, 0);
                assert_string_equal(r.image, IMAGE);
                assert_int_equal(r.log.len, sizeof expected - 1);
                assert_memory_equal(r.log.data, expected, r.log.len);
                buf_done(&r.log);
        }
}

static void test_request(void **state)
{
        (void)state;
        const struct fake_rule rule = { .match = "/build?",
                .status = 200,
                .body = good_stream,
                .chunked = true,
                .after = FAKE_HOLD };
        cleanup_json json_t *labels = json_pack("{s:s}", "a&b", "c d");
        struct run r =
                run_build(&rule, (struct run){ .source = { .text = "some tar bytes", .piece = 3 },
                                         .build = { .tag = "ds01-a/p:latest",
                                                 .network_mode = "none",
                                                 .memory_bytes = 100,
                                                 .cpu_quota_us = 50,
                                                 .cpu_period_us = 60,
                                                 .labels = labels,
                                                 .cache_from = "own:1",
                                                 .no_cache = true } });
        assert_int_equal(r.result, 0);
        assert_string_equal(r.body, "some tar bytes");
        assert_string_equal(r.line,
                "POST /v1.41/build?version=1&rm=1&forcerm=1&t=ds01-a%2Fp%3Alatest&networkmode=none"
                "&memory=100&memswap=100&cpuquota=50&cpuperiod=60"
                "&labels=%7B%22a%26b%22%3A%22c%20d%22%7D&nocache=1&cachefrom=%5B%22own%3A1%22%5D"
                " HTTP/1.1");
        buf_done(&r.log);
}

static const struct {
        const char *label, *body;
        int status;
        size_t withhold;
        enum err_code code;
        const char *says;
} failures[] = {
        { "a step fails",
                "{\"stream\":\"Step 1/1 : RUN false\"}\n{\"aux\":{\"ID\":\"" IMAGE "\"}}\n"
                "{\"errorDetail\":{\"code\":1},\"error\":\"returned a non-zero code: 1\\n\"}\n",
                200, 0, ERR_FAILED, "Can't build image t:1: step 1 of 1 ended with exit code 1" },
        { "the base can't be had",
                "{\"stream\":\"Step 1/1 : FROM  ex.org/a:1 AS b\"}\n{\"error\":\"lookup: no such "
                "host\"}\n",
                200, 0, ERR_NO_IMAGE,
                "Can't build image t:1: Image ex.org/a:1 is not on this machine and its registry" },
        { "a step's own words are no pull failure",
                "{\"stream\":\"Step 1/1 : RUN echo no such host\"}\n{\"error\":\"no such host\"}\n",
                200, 0, ERR_FAILED, "Can't build image t:1: no such host" },
        { "the Dockerfile is wrong", "{\"message\":\"dockerfile parse error\"}", 400, 0, ERR_FAILED,
                "Can't build image t:1: dockerfile parse error" },
        { "no image comes", "{\"stream\":\"Step\"}\n", 200, 0, ERR_ENGINE, "named no image" },
        { "nothing comes", "", 200, 0, ERR_ENGINE, "named no image" },
        { "garbage comes", "{\"stream\":1}\nhello\n", 200, 0, ERR_ENGINE, "makes no sense" },
        { "the end of the stream is missing", good_stream, 200, 5, ERR_ENGINE, "broke off" },
        { "the stream is cut", good_stream, 200, 300, ERR_ENGINE, "broke off" },
};

static void test_failures(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
                const struct fake_rule rule = { .match = "/build?",
                        .status = failures[i].status,
                        .body = failures[i].body,
                        .chunked = failures[i].status == 200,
                        .withhold = failures[i].withhold,
                        .after = failures[i].withhold ? FAKE_CLOSE : FAKE_HOLD };
                struct run r = run_build(&rule, (struct run){ .image = "untouched" });
                if (r.result != -1 || r.e.code != failures[i].code ||
                        !strstr(r.e.msg, failures[i].says) || strcmp(r.image, "untouched") != 0)
                        fail_msg("%s: %s: %s", failures[i].label, err_wire_name(r.e.code), r.e.msg);
                buf_done(&r.log);
        }
}

/* The answer is complete while the engine has left most of the request unread. */
static void test_unread_request(void **state)
{
        (void)state;
        static const char *const bodies[] = { good_stream, "{\"error\":\"disk full\"}\n" };
        size_t n = 4 * 1024 * 1024;
        cleanup_free char *big = xcalloc(n + 1, 1);
        memset(big, 'x', n);
        for (int i = 0; i < 2; i++) {
                const struct fake_rule rule = { .match = "/build?",
                        .status = 200,
                        .body = bodies[i],
                        .chunked = true,
                        .leave_request = true,
                        .after = FAKE_HOLD };
                struct run r = run_build(&rule, (struct run){ .source = { .text = big },
                                                        .wait = { -1, clock_mono_ms() + 5000 } });
                assert_int_equal(r.result, i ? -1 : 0);
                if (i)
                        assert_non_null(strstr(r.e.msg, "disk full"));
                buf_done(&r.log);
        }
}

static void test_source_fails(void **state)
{
        (void)state;
        static const struct fake_rule rule = {
                .match = "/build?", .status = 200, .body = good_stream
        };
        struct run r =
                run_build(&rule, (struct run){ .source = { .text = "abc", .fails_with = EIO } });
        assert_int_equal(r.result, -1);
        assert_int_equal(r.e.code, ERR_FAILED);
        assert_string_equal(
                r.e.msg, "Can't build image t:1: its input can't be read: Input/output error");
        buf_done(&r.log);
}

/* The other end of the context's pipe never writes: the deadline still counts. */
static ssize_t read_never(void *ctx, char *buf, size_t n)
{
        (void)ctx;
        (void)buf;
        (void)n;
        errno = EAGAIN;
        return -1;
}

static int build_from_silence(const struct fake_rule *rule, int timeout_ms, struct err *e)
{
        struct fake *f = fake_start(rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        int s[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
        struct engine_source source = { read_never, NULL, s[0] };
        const struct engine_build build = { .tag = "t:1" };
        const struct engine_wait w = { -1, clock_mono_ms() + timeout_ms };
        char id[ENGINE_IMAGE_ID_SIZE];
        *e = ERR_INIT;
        int r = engine_build(en, &w, &build, &source, NULL, NULL, id, e);
        if (r)
                assert_true(fake_saw_hangup(f));
        close(s[0]);
        close(s[1]);
        engine_free(en);
        fake_stop(f);
        return r;
}

static void test_silent_source(void **state)
{
        (void)state;
        static const struct fake_rule waits = { .match = "/build?" };
        static const struct fake_rule answers = { .match = "/build?",
                .status = 200,
                .body = good_stream,
                .chunked = true,
                .head = "Connection: close\r\n",
                .leave_request = true,
                .after = FAKE_CLOSE };
        struct err e;
        assert_int_equal(build_from_silence(&waits, 200, &e), -1);
        assert_int_equal(e.code, ERR_BUSY);
        /* The engine answers and closes although the context has not ended. */
        assert_int_equal(build_from_silence(&answers, 5000, &e), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_split_anywhere),
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_unread_request),
                cmocka_unit_test(test_source_fails),
                cmocka_unit_test(test_silent_source),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
