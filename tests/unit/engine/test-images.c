/* SPDX-License-Identifier: MIT */
/* Pulls: progress and failures, wherever the stream is split; looking at and removing images. */
#include "engine/images.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char pull_stream[] =
        "{\"status\":\"Pulling from library/x\",\"id\":\"latest\"}\r\n"
        "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":5,\"total\":9},\"id\":\"aa\"}"
        "\r\n"
        "\r\n"
        "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"aa\"}\r\n"
        "{\"status\":\"Status: Downloaded newer image\"}";

static int log_progress(const struct engine_progress *p, void *ctx)
{
        buf_printf(ctx, "%s:%s:%d/%d|", p->layer, p->status, (int)p->current, (int)p->total);
        return 0;
}

static int stop_at_once(const struct engine_progress *p, void *ctx)
{
        (void)p;
        (void)ctx;
        return 1;
}

static int pull(const struct fake_rule *rule, engine_progress_fn *fn, void *ctx, struct err *e)
{
        struct fake *f = fake_start(rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        *e = ERR_INIT;
        int r = engine_image_pull(en, NULL, "ex.org:5000/x", fn, ctx, e);
        if (!strstr(fake_line(f, 0), "fromImage=ex.org%3A5000%2Fx%3Alatest "))
                fail_msg("%s", fake_line(f, 0));
        engine_free(en);
        fake_stop(f);
        return r;
}

static void test_pull_split_anywhere(void **state)
{
        (void)state;
        static const char expected[] = "latest:Pulling from library/x:0/0|aa:Downloading:5/9|"
                                       "aa:Pull complete:0/0|:Status: Downloaded newer image:0/0|";
        for (size_t piece = 1; piece <= strlen(pull_stream); piece++) {
                const struct fake_rule rule = { .match = "/images/create",
                        .status = 200,
                        .body = pull_stream,
                        .chunked = true,
                        .piece = piece };
                cleanup_buf struct buf log = BUF_INIT(4096);
                struct err e;
                assert_int_equal(pull(&rule, log_progress, &log, &e), 0);
                assert_string_equal(buf_str(&log), expected);
        }
}

static void test_pull_cut(void **state)
{
        (void)state;
        const struct fake_rule cut = { .match = "/images/create",
                .status = 200,
                .body = pull_stream,
                .chunked = true,
                .cut = 150,
                .after = FAKE_CLOSE };
        const struct fake_rule half = {
                .match = "/images/create", .status = 200, .body = "{\"status\":\"x\"}\r\n{\"sta"
        };
        const struct fake_rule whole = {
                .match = "/images/create", .status = 200, .body = pull_stream
        };
        struct err e;
        assert_int_equal(pull(&cut, NULL, NULL, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        assert_int_equal(pull(&half, NULL, NULL, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        assert_int_equal(pull(&whole, stop_at_once, NULL, &e), -1);
        assert_int_equal(e.code, ERR_INTERRUPTED);
}

static const struct {
        int status;
        const char *body;
        enum err_code code;
        const char *says;
} pull_failures[] = {
        { 500,
                "{\"message\":\"Get \\\"https://ex.org/v2/\\\": dial tcp: lookup ex.org: no such "
                "host\"}",
                ERR_NO_IMAGE, "is not on this machine and its registry can't be reached" },
        { 500,
                "{\"message\":\"Get https://ex.org/v2/: dial tcp 1.2.3.4:443: connect: connection "
                "refused\"}",
                ERR_NO_IMAGE, "can't be reached" },
        { 404,
                "{\"message\":\"pull access denied for x, repository does not exist or may require "
                "login\"}",
                ERR_NO_IMAGE, "does not exist in its registry" },
        { 404, "{\"message\":\"manifest for x:latest not found: manifest unknown\"}", ERR_NO_IMAGE,
                "does not exist in its registry" },
        { 200,
                "{\"errorDetail\":{\"message\":\"net/http: TLS handshake timeout\"},"
                "\"error\":\"net/http: TLS handshake timeout\"}",
                ERR_NO_IMAGE, "can't be reached" },
        { 200, "{\"status\":\"x\"}\n{\"error\":\"write /var/lib: no space left\\u001b\"}\n",
                ERR_FAILED, "no space left\\x1b" },
};

static void test_pull_failures(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(pull_failures); i++) {
                const struct fake_rule rule = { .match = "/images/create",
                        .status = pull_failures[i].status,
                        .body = pull_failures[i].body };
                struct err e;
                if (pull(&rule, NULL, NULL, &e) == 0 || e.code != pull_failures[i].code ||
                        !strstr(e.msg, pull_failures[i].says) || !strstr(e.msg, "ex.org:5000/x"))
                        fail_msg("%s: %s", pull_failures[i].body, e.msg);
        }
}

static void test_inspect(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "GET /v1.41/images/ds01-a/p:latest/json ",
                        .status = 200,
                        .body = "{\"Id\":\"sha256:12\",\"RepoTags\":[\"a:1\",\"b:2\"],"
                                "\"Created\":\"2024-01-02T03:04:05.678Z\",\"Size\":77,\"Os\":"
                                "\"linux\","
                                "\"Architecture\":\"amd64\",\"RootFS\":{\"Layers\":[\"sha256:l1\"]}"
                                ","
                                "\"Config\":{\"User\":\"me\",\"Cmd\":[\"sh\"],\"Entrypoint\":null,"
                                "\"Labels\":{\"k\":\"v\"},\"WorkingDir\":\"/"
                                "w\",\"Env\":[\"A=b\"]}}" },
                { .match = "/images/bare/json", .status = 200, .body = "{\"Id\":\"sha256:34\"}" },
                { .match = "/images/none/json",
                        .status = 404,
                        .body = "{\"message\":\"No such image\"}" },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        struct engine_image i = { 0 };
        assert_int_equal(engine_image_inspect(en, NULL, "ds01-a/p:latest", &i, &e), 0);
        assert_string_equal(i.id, "sha256:12");
        assert_true(i.tags.n == 2 && strv_has(&i.tags, "b:2") && strv_has(&i.layers, "sha256:l1"));
        assert_true(i.created == 1704164645 && i.size == 77 && !i.entrypoint &&
                    json_array_size(i.cmd) == 1);
        assert_string_equal(i.user, "me");
        assert_string_equal(json_str(i.labels, "k"), "v");
        engine_image_done(&i);
        assert_int_equal(engine_image_inspect(en, NULL, "bare", &i, &e), 0);
        assert_true(i.tags.n == 0 && !i.env && i.user[0] == '\0');
        engine_image_done(&i);
        assert_int_equal(engine_image_inspect(en, NULL, "none", &i, &e), -1);
        assert_int_equal(e.code, ERR_NO_IMAGE);
        assert_null(i.user);
        engine_free(en);
        fake_stop(f);
}

static void test_names_keep_their_place(void **state)
{
        (void)state;
        static const char *const bad[] = { "", "..", "a/../b", "a//b", "/a", "a/", "./a" };
        struct fake *f = fake_start(NULL, 0);
        struct engine *en = engine_new(fake_socket(f));
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct err e = ERR_INIT;
                struct engine_image image;
                if (engine_image_inspect(en, NULL, bad[i], &image, &e) == 0 ||
                        e.code != ERR_INVALID)
                        fail_msg("'%s' was taken", bad[i]);
        }
        assert_int_equal(fake_requests(f), 0);
        engine_free(en);
        fake_stop(f);
}

static void test_remove_and_tag(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "DELETE /v1.41/images/used ",
                        .status = 409,
                        .body = "{\"message\":\"in use\"}" },
                { .match = "DELETE /v1.41/images/gone ",
                        .status = 404,
                        .body = "{\"message\":\"none\"}" },
                { .match = "DELETE /v1.41/images/ok%3Fforce=1 ", .status = 500 },
                { .match = "DELETE /v1.41/images/ok%3Fforce%3D1 ", .status = 200, .body = "[]" },
                { .match = "POST /v1.41/images/sha256:1/tag?repo=ds01-a%2Fp&tag=latest ",
                        .status = 201 },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        bool in_use = false;
        assert_int_equal(engine_image_remove(en, NULL, "used", &in_use, &e), 0);
        assert_true(in_use);
        assert_int_equal(engine_image_remove(en, NULL, "gone", &in_use, &e), 0);
        assert_false(in_use);
        in_use = true;
        assert_int_equal(engine_image_remove(en, NULL, "ok?force=1", &in_use, &e), 0);
        assert_false(in_use);
        assert_int_equal(engine_image_tag(en, NULL, "sha256:1", "ds01-a/p", "latest", &e), 0);
        engine_free(en);
        fake_stop(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pull_split_anywhere),
                cmocka_unit_test(test_pull_cut),
                cmocka_unit_test(test_pull_failures),
                cmocka_unit_test(test_inspect),
                cmocka_unit_test(test_names_keep_their_place),
                cmocka_unit_test(test_remove_and_tag),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
