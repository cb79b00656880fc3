/* SPDX-License-Identifier: MIT */
/* The event stream: what comes, and how it ends. */
#include "base/buf.h"
#include "engine/events.h"
#include "fake.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static const char stream[] =
        "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"c1\",\"Attributes\":"
        "{\"ds01.uid\":\"7\"}},\"time\":99}\n"
        "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"c1\",\"Attributes\":"
        "{\"exitCode\":\"137\"}},\"time\":100}\n"
        "{\"Type\":\"odd\"}\n";

static int log_event(const struct engine_event *event, void *ctx)
{
        const char *uid = json_string_value(json_object_get(event->attributes, "ds01.uid"));
        buf_printf(ctx, "[%s %s %d %d %s]", event->action, event->id, event->exit_code,
                (int)event->time, uid ? uid : "-");
        return 0;
}

#define SUBSCRIBE                                                                                  \
        "GET /v1.41/events?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%2C%22type%22%3A%5B%22"       \
        "container%22%5D%7D "

static void test_split_anywhere(void **state)
{
        (void)state;
        for (size_t piece = 1; piece <= strlen(stream); piece++) {
                const struct fake_rule rule = { .match = SUBSCRIBE,
                        .status = 200,
                        .body = stream,
                        .chunked = true,
                        .piece = piece };
                struct fake *f = fake_start(&rule, 1);
                struct engine *en = engine_new(fake_socket(f));
                cleanup_buf struct buf out = BUF_INIT(4096);
                struct err e = ERR_INIT;
                assert_int_equal(engine_events(en, NULL, "a=b", log_event, &out, &e), 0);
                assert_string_equal(
                        buf_str(&out), "[  -1 0 -][start c1 -1 99 7][die c1 137 100 -]");
                engine_free(en);
                fake_stop(f);
        }
}

static void test_broken_off(void **state)
{
        (void)state;
        const struct fake_rule rule = { .match = "/events",
                .status = 200,
                .body = stream,
                .chunked = true,
                .cut = 200,
                .after = FAKE_CLOSE };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        cleanup_buf struct buf out = BUF_INIT(4096);
        struct err e = ERR_INIT;
        assert_int_equal(engine_events(en, NULL, "a=b", log_event, &out, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        engine_free(en);
        fake_stop(f);
}

static void test_refused(void **state)
{
        (void)state;
        const struct fake_rule rule = { .match = "/events", .status = 500, .body = "no" };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        cleanup_buf struct buf out = BUF_INIT(4096);
        struct err e = ERR_INIT;
        assert_int_equal(engine_events(en, NULL, "a=b", log_event, &out, &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        assert_string_equal(buf_str(&out), ""); /* it never stood */
        engine_free(en);
        fake_stop(f);
}

static int stop_when_subscribed(const struct engine_event *event, void *ctx)
{
        if (event->action[0] == '\0')
                eventfd_write(*(int *)ctx, 1);
        return 0;
}

/* The subscription is told before any event comes, and an eventfd ends it. */
static void test_cancelled(void **state)
{
        (void)state;
        static const struct fake_rule rule = { .match = "/events",
                .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                .after = FAKE_HOLD };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        int fd = eventfd(0, EFD_CLOEXEC);
        const struct engine_wait w = { fd, -1 };
        struct err e = ERR_INIT;
        assert_int_equal(engine_events(en, &w, "a=b", stop_when_subscribed, &fd, &e), -1);
        assert_int_equal(e.code, ERR_INTERRUPTED);
        assert_true(fake_saw_hangup(f));
        close(fd);
        engine_free(en);
        fake_stop(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_split_anywhere),
                cmocka_unit_test(test_broken_off),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_cancelled),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
