/* SPDX-License-Identifier: MIT */
/* An exec's connection: handed over after a literal 101 with every byte behind the head, else
 * never. */
#include "base/clock.h"
#include "base/str.h"
#include "engine/exec.h"
#include "fake.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD                                                                                       \
        "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"             \
        "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

static int start(const struct fake_rule *rule, const struct engine_wait *w, int *fd, struct err *e,
        struct fake **ret)
{
        struct fake *f = fake_start(rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        int r = engine_exec_start(en, w, "abc", true, fd, e);
        engine_free(en);
        *ret = f;
        return r;
}

static void test_every_byte_after_the_head(void **state)
{
        (void)state;
        static const char data[] = "\r\n\r\n$ HTTP/1.1 200\r\n\r\n\x01\xff";
        char answer[512], got[64] = "";
        snprintf(answer, sizeof answer, "%s%s", HEAD, data);
        for (size_t piece = 0; piece < 3; piece++) {
                const struct fake_rule rule = { .match = "/exec/abc/start",
                        .raw = answer,
                        .piece = piece * 7,
                        .after = FAKE_CLOSE };
                struct fake *f;
                struct err e = ERR_INIT;
                int fd = -1;
                assert_int_equal(start(&rule, NULL, &fd, &e, &f), 0);
                assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
                assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
                size_t n = 0;
                for (ssize_t r; (r = read(fd, got + n, sizeof got - n)) > 0;)
                        n += (size_t)r;
                assert_int_equal(n, strlen(data));
                assert_memory_equal(got, data, n);
                assert_string_equal(fake_line(f, 0), "POST /v1.41/exec/abc/start HTTP/1.1");
                assert_string_equal(fake_body(f, 0), "{\"Detach\":false,\"Tty\":true}");
                close(fd);
                fake_stop(f);
        }
}

static const struct {
        const char *answer;
        enum err_code code;
        const char *says;
} refused[] = {
        { "HTTP/1.1 200 OK\r\nUpgrade: tcp\r\n\r\nhello", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.1 204 OK\r\n\r\n", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.1 100 Continue\r\n\r\n", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.1 404 No\r\nContent-Length: 25\r\n\r\n{\"message\":\"None \\u0007\"}",
                ERR_NOT_FOUND, "None \\x07" },
        { "HTTP/1.1 404 Not Found\r\nContent-Length: 26\r\n\r\n{\"message\":\"No such exec\"}",
                ERR_NOT_FOUND, "Can't start exec abc: No such exec" },
        { "HTTP/1.1 409 Conflict\r\nContent-Length: 24\r\n\r\n{\"message\":\"is paused\" }",
                ERR_NOT_RUNNING, "is paused" },
        { "HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n{}", ERR_NOT_FOUND, "refused" },
        { "HTTP/1.1 500 Oops\r\n\r\n", ERR_FAILED, "refused" },
        { "HTTP/1.1 500 Oops\r\nContent-Length: 99999999999\r\n\r\n", ERR_FAILED, "refused" },
        { "HTTP/1.1 101 UPGRADED\r\n\r\n$ ", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.1 101 UPGRADED\r\nUpgrade: h2c\r\n\r\n$ ", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\ngarbage\r\n\r\n$ ", ERR_ENGINE,
                "did not hand over" },
        { "HTTP/1.1 101 UP\x01GRADED\r\nUpgrade: tcp\r\n\r\n$ ", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.1 1010 UPGRADED\r\nUpgrade: tcp\r\n\r\n$ ", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.1 101x\r\nUpgrade: tcp\r\n\r\n$ ", ERR_ENGINE, "did not hand over" },
        { "HTTP/1.0 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n$ ", ERR_ENGINE, "did not hand over" },
        { " HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n$ ", ERR_ENGINE, "did not hand over" },
        { "\r\n\r\n", ERR_ENGINE, "did not hand over" },
        { "\r\n\r\n\r\n\r\n", ERR_ENGINE, "did not hand over" },
        { "", ERR_ENGINE, "broke off" },
};

static void test_refused(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                const struct fake_rule rule = {
                        .match = "/exec/abc/start", .raw = refused[i].answer, .after = FAKE_CLOSE
                };
                struct fake *f;
                struct err e = ERR_INIT;
                int fd = -1;
                if (start(&rule, NULL, &fd, &e, &f) == 0 || fd != -1 || e.code != refused[i].code ||
                        !strstr(e.msg, refused[i].says))
                        fail_msg("%s: fd %d %s: %s", refused[i].answer, fd, err_wire_name(e.code),
                                e.msg);
                fake_stop(f);
        }
}

static void test_every_cut(void **state)
{
        (void)state;
        for (size_t cut = 1; cut < strlen(HEAD); cut++) {
                const struct fake_rule rule = {
                        .match = "/exec/abc/start", .raw = HEAD, .cut = cut, .after = FAKE_CLOSE
                };
                struct fake *f;
                struct err e = ERR_INIT;
                int fd = -1;
                assert_int_equal(start(&rule, NULL, &fd, &e, &f), -1);
                assert_int_equal(fd, -1);
                assert_int_equal(e.code, ERR_ENGINE);
                fake_stop(f);
        }
}

static void test_endless_head(void **state)
{
        (void)state;
        size_t n = 20000;
        cleanup_free char *answer = xcalloc(n + 1, 1);
        memset(answer, 'a', n);
        memcpy(answer, HEAD, strlen(HEAD) - 2);
        const struct fake_rule rule = {
                .match = "/exec/abc/start", .raw = answer, .after = FAKE_HOLD
        };
        struct fake *f;
        struct err e = ERR_INIT;
        int fd = -1;
        assert_int_equal(start(&rule, NULL, &fd, &e, &f), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        fake_stop(f);
}

static void test_deadline(void **state)
{
        (void)state;
        static const struct fake_rule rule = {
                .match = "/exec/abc/start", .raw = HEAD, .cut = 30, .after = FAKE_HOLD
        };
        const struct engine_wait w = { -1, clock_mono_ms() + 100 };
        struct fake *f;
        struct err e = ERR_INIT;
        int fd = -1;
        assert_int_equal(start(&rule, &w, &fd, &e, &f), -1);
        assert_int_equal(e.code, ERR_BUSY);
        assert_true(fake_saw_hangup(f));
        fake_stop(f);
}

static void test_create_and_look(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "POST /v1.41/containers/c/exec",
                        .status = 201,
                        .body = "{\"Id\":\"e1\"}" },
                { .match = "POST /v1.41/containers/stopped/exec",
                        .status = 409,
                        .body = "{\"message\":\"is not running\"}" },
                { .match = "POST /v1.41/containers/odd/exec", .status = 201, .body = "{}" },
                { .match = "GET /v1.41/exec/e1/json",
                        .status = 200,
                        .uses = 1,
                        .body = "{\"Running\":true,\"ExitCode\":null,\"Pid\":42,\"ContainerID\":"
                                "\"c\"}" },
                { .match = "GET /v1.41/exec/e1/json",
                        .status = 200,
                        .body = "{\"Running\":false,\"ExitCode\":3,\"Pid\":42,\"ContainerID\":"
                                "\"c\"}" },
                { .match = "POST /v1.41/exec/e1/resize?h=24&w=80", .status = 200 },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        struct engine_exec x;
        char id[ENGINE_ID_LEN + 1] = "untouched";
        cleanup_json json_t *body = json_pack("{s:[s]}", "Cmd", "sh");
        assert_int_equal(engine_exec_create(en, NULL, "stopped", body, id, &e), -1);
        assert_int_equal(e.code, ERR_NOT_RUNNING);
        assert_int_equal(engine_exec_create(en, NULL, "odd", body, id, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        assert_string_equal(id, "untouched");
        assert_int_equal(engine_exec_create(en, NULL, "c", body, id, &e), 0);
        assert_string_equal(id, "e1");
        assert_string_equal(fake_body(f, 2), "{\"Cmd\":[\"sh\"]}");
        assert_int_equal(engine_exec_inspect(en, NULL, id, &x, &e), 0);
        assert_true(x.running && x.exit_code == -1 && x.pid == 42);
        assert_int_equal(engine_exec_inspect(en, NULL, id, &x, &e), 0);
        assert_true(!x.running && x.exit_code == 3);
        assert_int_equal(engine_exec_resize(en, NULL, id, 24, 80, &e), 0);
        engine_free(en);
        fake_stop(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_byte_after_the_head),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_every_cut),
                cmocka_unit_test(test_endless_head),
                cmocka_unit_test(test_deadline),
                cmocka_unit_test(test_create_and_look),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
