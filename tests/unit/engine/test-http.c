/* SPDX-License-Identifier: MIT */
/* What each way that an engine can fail becomes, and what ends a wait. */
#include "base/clock.h"
#include "base/str.h"
#include "engine/containers.h"
#include "fake.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define STATE "{\"Id\":\"x\",\"State\":{\"Status\":\"running\"},\"Config\":{\"Labels\":{}}}"

static int inspect(struct engine *en, const struct engine_wait *w, struct err *e)
{
        cleanup_engine_container struct engine_container c = { 0 };
        return engine_container_inspect(en, w, "x", &c, e);
}

static const struct {
        const char *label;
        struct fake_rule rule;
        enum err_code code; /* ERR_NONE: the call succeeds */
        const char *says;
} failures[] = {
        { "normal", { .match = "/json", .status = 200, .body = STATE }, ERR_NONE, "" },
        { "late", { .match = "/json", .status = 200, .body = STATE, .delay_ms = 50 }, ERR_NONE,
                "" },
        { "byte by byte", { .match = "/json", .status = 200, .body = STATE, .piece = 1 }, ERR_NONE,
                "" },
        { "in chunks of one",
                { .match = "/json", .status = 200, .body = STATE, .piece = 1, .chunked = true },
                ERR_NONE, "" },
        { "closed after the answer",
                { .match = "/json", .status = 200, .body = STATE, .after = FAKE_CLOSE }, ERR_NONE,
                "" },
        { "cut in the head",
                { .match = "/json", .status = 200, .body = STATE, .cut = 20, .after = FAKE_CLOSE },
                ERR_ENGINE, "broke off" },
        { "cut in the body",
                { .match = "/json", .status = 200, .body = STATE, .cut = 60, .after = FAKE_CLOSE },
                ERR_ENGINE, "broke off" },
        { "cut in a chunk",
                { .match = "/json",
                        .status = 200,
                        .body = STATE,
                        .chunked = true,
                        .cut = 70,
                        .after = FAKE_CLOSE },
                ERR_ENGINE, "broke off" },
        { "no last chunk",
                { .match = "/json",
                        .after = FAKE_CLOSE,
                        .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n" },
                ERR_ENGINE, "broke off" },
        { "closed without a word", { .match = "/json", .raw = "", .after = FAKE_CLOSE }, ERR_ENGINE,
                "broke off" },
        { "error of the engine",
                { .match = "/json",
                        .status = 500,
                        .body = "{\"message\":\"disk \\u001b[1mfull\\n\"}" },
                ERR_FAILED, "Can't look at container x: disk \\x1b[1mfull" },
        { "error in plain text", { .match = "/json", .status = 502, .body = "bad gateway\n" },
                ERR_FAILED, "Can't look at container x: bad gateway" },
        { "error without a body", { .match = "/json", .status = 500 }, ERR_FAILED, "status 500" },
        { "not found",
                { .match = "/json", .status = 404, .body = "{\"message\":\"No such container\"}" },
                ERR_NOT_FOUND, "No such container" },
        { "a redirect is not followed",
                { .match = "/json", .status = 301, .head = "Location: /v1.41/other\r\n" },
                ERR_FAILED, "status 301" },
        { "half a JSON document", { .match = "/json", .status = 200, .body = "{\"Id\":\"a" },
                ERR_ENGINE, "makes no sense" },
        { "two JSON documents", { .match = "/json", .status = 200, .body = "{}{}" }, ERR_ENGINE,
                "makes no sense" },
        { "a chunk that is none",
                { .match = "/json",
                        .after = FAKE_CLOSE,
                        .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                               "chunked\r\n\r\nzz\r\n{}\r\n" },
                ERR_ENGINE, "broke off" },
        { "no HTTP", { .match = "/json", .raw = "hello\r\n\r\n", .after = FAKE_CLOSE }, ERR_ENGINE,
                "broke off" },
};

static void test_failures(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
                struct fake *f = fake_start(&failures[i].rule, 1);
                struct engine *en = engine_new(fake_socket(f));
                const struct engine_wait w = { -1, clock_mono_ms() + 5000 };
                struct err e = ERR_INIT;
                int r = inspect(en, &w, &e);
                if (r != (failures[i].code ? -1 : 0) || e.code != failures[i].code ||
                        !strstr(e.msg, failures[i].says))
                        fail_msg("%s: %d %s: %s", failures[i].label, r, err_wire_name(e.code),
                                e.msg);
                /* Said to people: with a way out, and without what a parser has to say. */
                bool internal = failures[i].rule.status >= 500;
                if (strcmp(e.fix, internal ? "ds01 doctor" : "") != 0 || strpbrk(e.msg, "{}"))
                        fail_msg("%s: %s (%s)", failures[i].label, e.msg, e.fix);
                engine_free(en);
                fake_stop(f);
        }
}

/*
 * Wherever an answer is cut, it is no answer, even where no body is waited for. (curl does without
 * the very last byte of the chunks' end.)
 */
static void test_every_cut(void **state)
{
        (void)state;
        static const char *const answers[] = { "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" };
        for (size_t a = 0; a < ARRAY_LEN(answers); a++)
                for (size_t cut = 1; cut < strlen(answers[a]) - (a == 2); cut++) {
                        const struct fake_rule rule = { .match = "/start",
                                .raw = answers[a],
                                .cut = cut,
                                .after = FAKE_CLOSE };
                        struct fake *f = fake_start(&rule, 1);
                        struct engine *en = engine_new(fake_socket(f));
                        struct err e = ERR_INIT;
                        if (engine_container_start(en, NULL, "x", &e) == 0 || e.code != ERR_ENGINE)
                                fail_msg("answer %zu cut at %zu: %s", a, cut, e.msg);
                        engine_free(en);
                        fake_stop(f);
                }
}

static void test_too_large(void **state)
{
        (void)state;
        size_t n = 9 * 1024 * 1024;
        cleanup_free char *body = xcalloc(n + 1, 1);
        memset(body, ' ', n);
        const struct fake_rule rule = { .match = "/json", .status = 200, .body = body };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        assert_int_equal(inspect(en, NULL, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        assert_non_null(strstr(e.msg, "larger than 8388608 bytes"));
        engine_free(en);
        fake_stop(f);
}

static void test_nobody_there(void **state)
{
        (void)state;
        struct engine *en = engine_new("/nonexistent/socket");
        struct err e = ERR_INIT;
        assert_int_equal(inspect(en, NULL, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        assert_string_equal(e.msg, "The container engine does not answer on /nonexistent/socket");
        assert_string_equal(e.fix, "sudo systemctl start docker");
        assert_int_equal(engine_pid(en), 0);
        engine_free(en);
}

static void test_deadline(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "/silent/json", .raw = "", .after = FAKE_HOLD },
                { .match = "/half/json",
                        .status = 200,
                        .body = STATE,
                        .cut = 60,
                        .after = FAKE_HOLD },
        };
        static const char *const names[] = { "silent", "half" };
        struct fake *f = fake_start(rules, 2);
        struct engine *en = engine_new(fake_socket(f));
        for (size_t i = 0; i < 2; i++) {
                struct engine_container c;
                struct err e = ERR_INIT;
                int64_t start = clock_mono_ms();
                const struct engine_wait w = { -1, start + 150 };
                assert_int_equal(engine_container_inspect(en, &w, names[i], &c, &e), -1);
                assert_int_equal(e.code, ERR_BUSY);
                assert_non_null(strstr(e.msg, "did not answer within 1 s"));
                assert_in_range(clock_mono_ms() - start, 149, 400);
        }
        engine_free(en);
        fake_stop(f);
}

/* A deadline that has passed already: nothing may be sent. */
static void test_too_late(void **state)
{
        (void)state;
        struct fake *f = fake_start(NULL, 0);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        const struct engine_wait w = { -1, clock_mono_ms() - 1 };
        assert_int_equal(engine_container_start(en, &w, "x", &e), -1);
        assert_int_equal(e.code, ERR_BUSY);
        assert_int_equal(fake_connections(f), 0);
        engine_free(en);
        fake_stop(f);
}

struct later {
        int fd;
        bool close;
        int64_t at;
};

static void *end_later(void *arg)
{
        struct later *l = arg;
        usleep(100000);
        l->at = clock_mono_ms();
        if (l->close)
                shutdown(l->fd, SHUT_RDWR);
        else
                (void)!write(l->fd, "xxxxxxxx", 8);
        return NULL;
}

/* A socket whose peer closes, one whose peer sends, an eventfd, a pipe's closed end. */
static void hangup(int watched, int other, bool by_close, bool is_pipe)
{
        static const struct fake_rule rule = { .match = "/wait", .raw = "", .after = FAKE_HOLD };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        struct later later = { other, by_close, 0 };
        const struct engine_wait w = { watched, -1 };
        pthread_t t;
        int code;
        if (is_pipe)
                close(other);
        else
                pthread_create(&t, NULL, end_later, &later);
        assert_int_equal(engine_container_wait(en, &w, "x", &code, &e), -1);
        assert_int_equal(e.code, ERR_INTERRUPTED);
        if (!is_pipe) {
                int64_t now = clock_mono_ms();
                pthread_join(t, NULL);
                assert_in_range(now - later.at + 1, 0, 100);
                assert_true(fake_saw_hangup(f));
        } else {
                assert_int_equal(fake_requests(f), 0);
        }
        engine_free(en);
        fake_stop(f);
}

static void test_hangup(void **state)
{
        (void)state;
        int s[2], p[2];
        for (int by_close = 0; by_close < 2; by_close++) {
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
                hangup(s[0], s[1], by_close, false);
                close(s[0]);
                close(s[1]);
        }
        int ev = eventfd(0, EFD_CLOEXEC);
        hangup(ev, ev, false, false);
        close(ev);
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        hangup(p[0], p[1], true, true);
        close(p[0]);
}

static void test_connections_are_kept(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "/closes/json", .status = 200, .body = STATE, .after = FAKE_CLOSE },
                { .match = "/json", .status = 200, .body = STATE },
                { .match = "/start", .status = 204 },
        };
        struct fake *f = fake_start(rules, 3);
        struct engine *en = engine_new(fake_socket(f));
        struct engine_container c;
        struct err e = ERR_INIT;
        for (int i = 0; i < 50; i++) {
                assert_int_equal(inspect(en, NULL, &e), 0);
                assert_int_equal(engine_container_start(en, NULL, "x", &e), 0);
        }
        assert_int_equal(fake_connections(f), 1);
        assert_int_equal(fake_requests(f), 100);
        /* One that died between two calls is replaced without a word. */
        assert_int_equal(engine_container_inspect(en, NULL, "closes", &c, &e), 0);
        engine_container_done(&c);
        usleep(20000);
        assert_int_equal(inspect(en, NULL, &e), 0);
        assert_int_equal(fake_connections(f), 2);
        engine_free(en);
        fake_stop(f);
}

static void *inspect_often(void *en)
{
        struct err e = ERR_INIT;
        for (int i = 0; i < 50; i++)
                if (inspect(en, NULL, &e))
                        return en;
        return NULL;
}

static void test_many_threads(void **state)
{
        (void)state;
        static const struct fake_rule rule = { .match = "/json", .status = 200, .body = STATE };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        pthread_t t[12];
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
                pthread_create(&t[i], NULL, inspect_often, en);
        for (size_t i = 0; i < ARRAY_LEN(t); i++) {
                void *failed;
                pthread_join(t[i], &failed);
                assert_null(failed);
        }
        assert_int_equal(fake_requests(f), 50 * ARRAY_LEN(t));
        engine_free(en);
        fake_stop(f);
}

/* No descriptor of ours may be inherited by a child, save curl's wake-up pair, which it makes. */
static void test_close_on_exec(void **state)
{
        (void)state;
        static const struct fake_rule rule = { .match = "/json", .status = 200, .body = STATE };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        assert_int_equal(inspect(en, NULL, &e), 0);
        for (int fd = 3; fd < 64; fd++) {
                struct sockaddr_storage peer = { 0 };
                socklen_t n = sizeof peer;
                int flags = fcntl(fd, F_GETFD);
                bool named = getpeername(fd, (struct sockaddr *)&peer, &n) == 0 &&
                             n > sizeof(sa_family_t);
                if (flags >= 0 && named)
                        assert_true(flags & FD_CLOEXEC);
        }
        engine_free(en);
        fake_stop(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_every_cut),
                cmocka_unit_test(test_too_large),
                cmocka_unit_test(test_nobody_there),
                cmocka_unit_test(test_deadline),
                cmocka_unit_test(test_too_late),
                cmocka_unit_test(test_hangup),
                cmocka_unit_test(test_connections_are_kept),
                cmocka_unit_test(test_many_threads),
                cmocka_unit_test(test_close_on_exec),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
