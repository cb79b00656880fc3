/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct rpc_server_config defaults = { 0 };

static void send_text(int fd, const char *text, size_t n)
{
        assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

/* The next reply on a raw connection as text (owned), or NULL at its end. */
static char *next(int fd)
{
        struct buf b = BUF_INIT(FRAME_MAX + 1);
        for (;;) {
                char c;
                if (fd_wait_readable(fd, clock_mono_ms() + 5000) != 1)
                        fail_msg("nothing came");
                ssize_t n = recv(fd, &c, 1, 0);
                if (n <= 0) {
                        assert_int_equal(b.len, 0);
                        return NULL;
                }
                if (c == '\0')
                        return buf_take(&b);
                buf_putc(&b, c);
        }
}

static void expect_closed(int fd)
{
        cleanup_free char *text = next(fd);
        if (text)
                fail_msg("'%s' came instead of the end", text);
}

static void expect_text(int fd, const char *part)
{
        cleanup_free char *text = next(fd);
        if (!text || !strstr(text, part))
                fail_msg("'%s' has no '%s'", text ? text : "(end)", part);
}

#define SEND(fd, text) send_text(fd, text, sizeof(text))
#define INFO "{\"method\":\"io.ds01.System.Info\"}"
#define GET(name) "{\"method\":\"io.ds01.Containers.Get\",\"parameters\":{\"name\":\"" name "\"}}"
#define LOGS                                                                                       \
        "{\"method\":\"io.ds01.Containers.Logs\",\"parameters\":{\"name\":\"a\"},\"more\":true}"

/* ---- one connection ---- */

static void requests_are_answered_in_turn(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, INFO);
        expect_text(fd, "{\"parameters\":{}}");
        SEND(fd, GET("x"));
        expect_text(fd, "{\"parameters\":{\"name\":\"x\",\"uid\":0}}");
        fixture_stop(&f);
}

static void peer_is_the_one_that_the_kernel_names(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 65534);
        SEND(fd, GET("x"));
        expect_text(fd, "\"uid\":65534");
        fixture_stop(&f);
}

static void wrong_requests_are_told_and_closed(void **state)
{
        (void)state;
        static const struct {
                const char *text, *answer;
        } rows[] = {
                { "nonsense", "{\"error\":\"io.ds01.Invalid\"" },
                { "[]", "{\"error\":\"io.ds01.Invalid\"" },
                { "{\"method\":\"io.ds01.System.Info\",\"oneway\":true}", "Unknown key 'oneway'" },
                { "{\"method\":\"io.ds01.System.Nothing\"}",
                        "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{"
                        "\"method\":"
                        "\"io.ds01.System.Nothing\"" },
                { "{\"method\":\"io.ds01.System.Info\",\"parameters\":{\"x\":1}}",
                        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
                        "\"parameter\":"
                        "\"x\"" },
                { "{\"method\":\"io.ds01.Containers.List\"}",
                        "{\"error\":\"org.varlink.service.ExpectedMore\"" },
                { INFO "\0" INFO, "{\"error\":\"io.ds01.Invalid\"" },
        };
        struct fixture f;
        fixture_start(&f, &defaults);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_close int fd = fixture_connect(&f, 0);
                size_t n = i == ARRAY_LEN(rows) - 1 ? 2 * sizeof INFO : strlen(rows[i].text) + 1;
                send_text(fd, rows[i].text, n);
                expect_text(fd, rows[i].answer);
                expect_closed(fd);
        }
        /* None of them came as far as the question who may. */
        assert_int_equal(f.authorized, 0);
        fixture_stop(&f);
}

static void request_before_the_answer_ends_the_connection(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, GET("block"));
        fixture_wait(&f.running, 1);
        SEND(fd, GET("x"));
        eventfd_write(f.release_fd, 1);
        expect_text(fd, "released");
        expect_closed(fd);
        fixture_stop(&f);
}

static void handlers_mistakes_become_errors(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, GET("silent"));
        expect_text(fd, "{\"error\":\"io.ds01.Failed\",\"parameters\":{\"message\":"
                        "\"io.ds01.Containers.Get ended without an answer\"");
        SEND(fd, GET("unknown"));
        expect_text(fd, "has the unknown field 'colour'");
        SEND(fd, GET("large"));
        expect_text(fd, "is larger than 65536 bytes");
        SEND(fd, GET("twice"));
        expect_text(fd, "{\"parameters\":{}}");
        SEND(fd, GET("x"));
        expect_text(fd, "\"name\":\"x\"");
        assert_int_equal(f.second_final, 1);
        fixture_stop(&f);
}

static void rows_that_cannot_be_sent_end_the_stream(void **state)
{
        (void)state;
        static const struct {
                const char *name, *msg;
        } rows[] = {
                { "null", "A reply to io.ds01.Containers.Logs could not be made" },
                { "unknown", "has the unknown field 'colour'" },
                { "large", "larger than 65536" },
        };
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 0);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *text = xasprintf(
                        "{\"method\":\"io.ds01.Containers.Logs\",\"parameters\":{\"name\":"
                        "\"%s\"},\"more\":true}",
                        rows[i].name);
                send_text(fd, text, strlen(text) + 1);
                expect_text(fd, rows[i].msg);
        }
        fixture_stop(&f);
}

static void start_without_a_socket_fails(void **state)
{
        (void)state;
        struct rpc_server_config c = { .listen_fd = -1 };
        struct rpc_server *s = NULL;
        struct err e = ERR_INIT;
        assert_int_equal(rpc_server_start(&c, &s, &e), -1);
        assert_null(s);
        assert_int_equal(e.code, ERR_FAILED);
        rpc_server_free(NULL);
}

static void refusal_keeps_the_connection(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, "{\"method\":\"io.ds01.Containers.Retire\",\"parameters\":{\"name\":\"a\"}}");
        expect_text(fd, "{\"error\":\"io.ds01.Denied\"");
        SEND(fd, INFO);
        expect_text(fd, "{\"parameters\":{}}");
        fixture_stop(&f);
}

static void varlink_service_is_served(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
        expect_text(fd, "\"interfaces\":[\"org.varlink.service\",\"io.ds01\",\"io.ds01.System\"");
        SEND(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
                 "\"interface\":\"io.ds01.Sessions\"}}");
        expect_text(fd, "{\"parameters\":{\"description\":\"# Shells");
        SEND(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
                 "\"interface\":\"io.ds01.None\"}}");
        expect_text(fd, "{\"error\":\"org.varlink.service.InterfaceNotFound\"");
        SEND(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
        expect_text(fd, "{\"error\":\"org.varlink.service.InvalidParameter\"");
        expect_closed(fd);
        fixture_stop(&f);
}

static void slow_request_is_dropped(void **state)
{
        (void)state;
        struct rpc_server_config c = { .progress_ms = 50 };
        struct fixture f;
        fixture_start(&f, &c);
        cleanup_close int fd = fixture_connect(&f, 0);
        usleep(150 * 1000); /* before the first byte there is no hurry */
        assert_int_equal(rpc_server_connections(f.server), 1);
        send_text(fd, "{\"meth", 7);
        expect_text(fd, "{\"error\":\"io.ds01.Invalid\"");
        expect_closed(fd);
        fixture_stop(&f);
}

/* A caller that asks for a stream and takes nothing of it. */
static void stuck_reader_is_dropped(void **state)
{
        (void)state;
        struct rpc_server_config c = { .progress_ms = 50 };
        struct fixture f;
        fixture_start(&f, &c);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, "{\"method\":\"io.ds01.Containers.Logs\",\"parameters\":{\"name\":\"flood\"},"
                 "\"more\":true}");
        fixture_wait(&f.running, 1);
        fixture_wait(&f.running, 0);
        fixture_wait_connections(&f, 0);
        assert_int_equal(f.hung_up, 0);
        fixture_stop(&f);
}

static void connection_keeps_data_until_it_ends(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        int fd = fixture_connect(&f, 0);
        for (int i = 0; i < 2; i++) {
                SEND(fd, GET("keep"));
                expect_text(fd, "{\"parameters\":{}}");
        }
        assert_int_equal(f.kept, 1);
        assert_int_equal(f.freed, 0);
        close(fd);
        fixture_wait(&f.freed, 1);
        fixture_stop(&f);
        assert_int_equal(f.freed, 1);
}

static void stream_ends_with_its_caller(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        int fd = fixture_connect(&f, 0);
        SEND(fd, LOGS);
        expect_text(fd, "{\"parameters\":{\"text\":\"tick\\n\"},\"continues\":true}");
        assert_int_equal(f.running, 1);
        close(fd);
        fixture_wait(&f.running, 0);
        fixture_wait_connections(&f, 0);
        fixture_stop(&f);
}

/* ---- limits ---- */

static void requests_are_limited_per_account(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        struct rpc_server_config c = { .requests_per_uid = 3 };
        struct fixture f;
        int fds[3];
        fixture_start(&f, &c);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
                fds[i] = fixture_connect(&f, 65534);
                SEND(fds[i], GET("block"));
        }
        fixture_wait(&f.running, 3);
        cleanup_close int fourth = fixture_connect(&f, 65534), other = fixture_connect(&f, 65533);
        expect_text(fourth,
                "{\"error\":\"io.ds01.Busy\",\"parameters\":{\"message\":\"You have 3 requests");
        expect_closed(fourth);
        SEND(other, INFO);
        expect_text(other, "{\"parameters\":{}}");
        eventfd_write(f.release_fd, 1);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
                expect_text(fds[i], "released");
                close(fds[i]);
        }
        fixture_wait_connections(&f, 1);
        cleanup_close int again = fixture_connect(&f, 65534);
        SEND(again, INFO);
        expect_text(again, "{\"parameters\":{}}");
        fixture_stop(&f);
}

static void streams_are_counted_apart(void **state)
{
        (void)state;
        struct rpc_server_config c = { .requests_per_uid = 2, .streams_per_uid = 3 };
        struct fixture f;
        int fds[3];
        fixture_start(&f, &c);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
                fds[i] = fixture_connect(&f, 0);
                SEND(fds[i], LOGS);
                expect_text(fds[i], "continues");
        }
        cleanup_close int fourth = fixture_connect(&f, 0);
        SEND(fourth, LOGS);
        expect_text(fourth,
                "{\"error\":\"io.ds01.Busy\",\"parameters\":{\"message\":\"You have 3 streams");
        /* The connection lives, as a request. */
        SEND(fourth, INFO);
        expect_text(fourth, "{\"parameters\":{}}");
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                close(fds[i]);
        fixture_wait(&f.running, 0);
        SEND(fourth, "{\"method\":\"io.ds01.Containers.List\",\"more\":true}");
        expect_text(fourth, "\"a\"");
        fixture_stop(&f);
}

/* One that was a stream may ask something again, within the limit of requests, and is not closed.
 */
static void stream_connection_asks_within_the_limit(void **state)
{
        (void)state;
        struct rpc_server_config c = { .requests_per_uid = 2, .streams_per_uid = 3 };
        struct fixture f;
        fixture_start(&f, &c);
        cleanup_close int stream = fixture_connect(&f, 0);
        SEND(stream, "{\"method\":\"io.ds01.Sessions.Wait\",\"parameters\":{\"session\":\"s\"}}");
        expect_text(stream, "{\"parameters\":{}}");
        cleanup_close int a = fixture_connect(&f, 0), b = fixture_connect(&f, 0);
        SEND(a, GET("block"));
        SEND(b, GET("block"));
        fixture_wait(&f.running, 2);
        SEND(stream, INFO);
        expect_text(stream,
                "{\"error\":\"io.ds01.Busy\",\"parameters\":{\"message\":\"You have 2 requests");
        eventfd_write(f.release_fd, 1);
        expect_text(a, "released");
        close(take_fd(&a));
        fixture_wait_connections(&f, 2);
        SEND(stream, INFO);
        expect_text(stream, "{\"parameters\":{}}");
        fixture_stop(&f);
}

static void connections_are_limited_and_some_reserved(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        struct rpc_server_config c = { .connections = 4, .connections_reserved = 2 };
        struct fixture f;
        fixture_start(&f, &c);
        int fds[4];
        fds[0] = fixture_connect(&f, 65534);
        fds[1] = fixture_connect(&f, 65533);
        fixture_wait_connections(&f, 2);
        cleanup_close int third = fixture_connect(&f, 65532);
        expect_text(third, "ds01d serves 2 connections already");
        expect_closed(third);
        for (size_t i = 2; i < 4; i++) {
                fds[i] = fixture_connect(&f, 0);
                SEND(fds[i], INFO);
                expect_text(fds[i], "{\"parameters\":{}}");
        }
        cleanup_close int fifth = fixture_connect(&f, 0);
        expect_text(fifth, "ds01d serves 4 connections already");
        for (size_t i = 0; i < 4; i++)
                close(fds[i]);
        fixture_stop(&f);
}

/* ---- descriptors ---- */

static void descriptors_are_closed_after_the_call(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        fixture_wait_connections(&f, 1);
        int p[2], fds[3];
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                fds[i] = p[1];
        size_t before = fixture_open_fds();
        json_t *params =
                json_pack("{s:s, s:s, s:s}", "name", "a", "workspace", "/w", "interface", "api");
        json_incref(params);
        assert_int_equal(
                rpc_call(c, "io.ds01.Containers.Launch", params, fds, 3, NULL, NULL, &e), 0);
        char text[8] = "";
        assert_int_equal(read(p[0], text, sizeof text), 1);
        assert_string_equal(text, "3");
        /* One was kept by the handler; the others go once the answer is out. */
        for (int i = 0; i < 5000 && fixture_open_fds() != before + 1; i++)
                usleep(1000);
        assert_int_equal(fixture_open_fds(), before + 1);
        close(f.kept_fd);
        /* A method that takes none is refused, and none is left open. */
        json_object_clear(params);
        assert_int_equal(rpc_call(c, "io.ds01.System.Info", params, fds, 3, NULL, NULL, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        rpc_client_free(c);
        fixture_wait_connections(&f, 0);
        assert_int_equal(fixture_open_fds(), before - 2);
        close(p[0]);
        close(p[1]);
        fixture_stop(&f);
}

/* ---- the end ---- */

static void stop_ends_idle_and_waiting(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int idle = fixture_connect(&f, 0), busy = fixture_connect(&f, 0);
        cleanup_close int stream = fixture_connect(&f, 0);
        SEND(busy, GET("block"));
        SEND(stream, LOGS);
        fixture_wait(&f.running, 2);
        int64_t start = clock_mono_ms();
        assert_int_equal(rpc_server_stop(f.server, 5000), 0);
        assert_true(clock_mono_ms() - start < 2000);
        expect_closed(idle);
        expect_text(busy, "stopped");
        expect_closed(busy);
        fixture_stop(&f);
}

/* Streams that watch nothing but their caller end too: at a stop it looks gone. */
static void stop_hangs_up_streams(void **state)
{
        (void)state;
        struct fixture f;
        fixture_start(&f, &defaults);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, "{\"method\":\"io.ds01.Containers.Logs\",\"parameters\":{\"name\":\"loyal\"},"
                 "\"more\":true}");
        expect_text(fd, "tick");
        assert_int_equal(rpc_server_stop(f.server, 5000), 0);
        assert_int_equal(f.hung_up, 1);
        /* What it had to say still arrives, to the end. */
        cleanup_free char *last = NULL;
        for (char *text; (text = next(fd));) {
                free(last);
                last = text;
        }
        assert_string_equal(last, "{\"parameters\":{}}");
        fixture_stop(&f);
}

static void stop_waits_no_longer_than_told(void **state)
{
        (void)state;
        struct rpc_server_config c = { .progress_ms = 600 };
        struct fixture f;
        fixture_start(&f, &c);
        cleanup_close int fd = fixture_connect(&f, 0);
        send_text(fd, "{", 1); /* a request that has begun is waited for */
        usleep(20 * 1000);
        int64_t start = clock_mono_ms();
        assert_int_equal(rpc_server_stop(f.server, 50), 1);
        int64_t took = clock_mono_ms() - start;
        assert_true(took >= 45 && took < 500);
        fixture_stop(&f);
}

/* Bytes from a fixed seed: whatever comes, the server answers others. */
static void garbage_does_no_harm(void **state)
{
        (void)state;
        struct rpc_server_config c = { .requests_per_uid = 300 };
        struct fixture f;
        fixture_start(&f, &c);
        unsigned seed = 12345;
        for (int round = 0; round < 200; round++) {
                char bytes[512];
                int fd = fixture_connect(&f, 0);
                for (size_t i = 0; i < sizeof bytes; i++) {
                        static const char likely[] = "{}[]\",:\\\0method";
                        int r = rand_r(&seed);
                        bytes[i] =
                                r & 1 ? (char)(r >> 8) : likely[(unsigned)(r >> 8) % sizeof likely];
                }
                if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) < 0)
                        fail();
                close(fd);
        }
        fixture_wait_connections(&f, 0);
        cleanup_close int fd = fixture_connect(&f, 0);
        SEND(fd, INFO);
        expect_text(fd, "{\"parameters\":{}}");
        fixture_stop(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_are_answered_in_turn),
                cmocka_unit_test(peer_is_the_one_that_the_kernel_names),
                cmocka_unit_test(wrong_requests_are_told_and_closed),
                cmocka_unit_test(request_before_the_answer_ends_the_connection),
                cmocka_unit_test(handlers_mistakes_become_errors),
                cmocka_unit_test(rows_that_cannot_be_sent_end_the_stream),
                cmocka_unit_test(start_without_a_socket_fails),
                cmocka_unit_test(refusal_keeps_the_connection),
                cmocka_unit_test(varlink_service_is_served),
                cmocka_unit_test(slow_request_is_dropped),
                cmocka_unit_test(stuck_reader_is_dropped),
                cmocka_unit_test(connection_keeps_data_until_it_ends),
                cmocka_unit_test(stream_ends_with_its_caller),
                cmocka_unit_test(requests_are_limited_per_account),
                cmocka_unit_test(streams_are_counted_apart),
                cmocka_unit_test(stream_connection_asks_within_the_limit),
                cmocka_unit_test(connections_are_limited_and_some_reserved),
                cmocka_unit_test(descriptors_are_closed_after_the_call),
                cmocka_unit_test(stop_ends_idle_and_waiting),
                cmocka_unit_test(stop_hangs_up_streams),
                cmocka_unit_test(stop_waits_no_longer_than_told),
                cmocka_unit_test(garbage_does_no_harm),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
