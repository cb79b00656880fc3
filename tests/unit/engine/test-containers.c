/* SPDX-License-Identifier: MIT */
/* What each answer about a container means; listings; logs; API versions. */
#include "base/clock.h"
#include "engine/containers.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum verb { CREATE, START, KILL, PAUSE, UNPAUSE, REMOVE, WAIT, INSPECT };

static int do_verb(enum verb verb, struct engine *en, struct err *e)
{
        cleanup_json json_t *body = json_pack("{s:s}", "Image", "i");
        cleanup_engine_container struct engine_container c = { 0 };
        char id[ENGINE_ID_LEN + 1];
        int code;
        const struct engine_wait w = { -1, clock_mono_ms() + 2000 };
        switch (verb) {
        case CREATE:
                return engine_container_create(en, &w, "n._.1", body, id, e);
        case START:
                return engine_container_start(en, &w, "x", e);
        case KILL:
                return engine_container_kill(en, &w, "x", "TERM", e);
        case PAUSE:
                return engine_container_pause(en, &w, "x", e);
        case UNPAUSE:
                return engine_container_unpause(en, &w, "x", e);
        case REMOVE:
                return engine_container_remove(en, &w, "x", e);
        case WAIT:
                return engine_container_wait(en, &w, "x", &code, e);
        case INSPECT:
                return engine_container_inspect(en, &w, "x", &c, e);
        }
        return -1;
}

#define SAYS(m) "{\"message\":\"" m "\"}"
static const struct {
        enum verb verb;
        const char *request;
        int status;
        const char *body;
        enum err_code code; /* ERR_NONE: 0 */
} answers[] = {
        { CREATE, "POST /v1.41/containers/create?name=n._.1 ", 201, "{\"Id\":\"a\"}", ERR_NONE },
        { CREATE, "POST ", 201, "{\"Id\":7}", ERR_ENGINE },
        { CREATE, "POST ", 404, SAYS("No such image: i"), ERR_NO_IMAGE },
        { CREATE, "POST ", 409, SAYS("Conflict."), ERR_EXISTS },
        { CREATE, "POST ", 400, SAYS("invalid"), ERR_FAILED },
        { START, "POST /v1.41/containers/x/start ", 204, NULL, ERR_NONE },
        { START, "POST ", 304, NULL, ERR_NONE },
        { START, "POST ", 404, SAYS("none"), ERR_NOT_FOUND },
        { START, "POST ", 500, SAYS("runc"), ERR_FAILED },
        { KILL, "POST /v1.41/containers/x/kill?signal=TERM ", 204, NULL, ERR_NONE },
        { KILL, "POST ", 409, SAYS("Cannot kill container: x: Container x is not running"),
                ERR_NONE },
        { KILL, "POST ", 409, SAYS("something else"), ERR_FAILED },
        { KILL, "POST ", 404, SAYS("none"), ERR_NOT_FOUND },
        { PAUSE, "POST /v1.41/containers/x/pause ", 204, NULL, ERR_NONE },
        { PAUSE, "POST ", 409, SAYS("Container x is already paused"), ERR_NONE },
        { PAUSE, "POST ", 409, SAYS("Container x is not running"), ERR_NOT_RUNNING },
        { PAUSE, "POST ", 500, SAYS("Container x is not running"), ERR_NOT_RUNNING },
        { UNPAUSE, "POST /v1.41/containers/x/unpause ", 204, NULL, ERR_NONE },
        { UNPAUSE, "POST ", 500, SAYS("Container x is not paused"), ERR_NONE },
        { REMOVE, "DELETE /v1.41/containers/x?force=1&v=1 ", 204, NULL, ERR_NONE },
        { REMOVE, "DELETE ", 404, SAYS("none"), ERR_NONE },
        { REMOVE, "DELETE ", 409, SAYS("stop it first"), ERR_FAILED },
        { REMOVE, "DELETE ", 409, SAYS("removal of container x is already in progress"), ERR_BUSY },
        { REMOVE, "DELETE ", 500, SAYS("device busy"), ERR_FAILED },
        { WAIT, "POST /v1.41/containers/x/wait?condition=not-running ", 200, "{\"StatusCode\":3}",
                ERR_NONE },
        { WAIT, "POST ", 200, "{\"StatusCode\":0,\"Error\":null}", ERR_NONE },
        { WAIT, "POST ", 200, "{\"StatusCode\":0,\"Error\":{\"Message\":\"lost\"}}", ERR_FAILED },
        { WAIT, "POST ", 404, SAYS("none"), ERR_NOT_FOUND },
        { INSPECT, "GET /v1.41/containers/x/json ", 404, SAYS("none"), ERR_NOT_FOUND },
};

static void test_answers(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                const struct fake_rule rule = { .match = answers[i].request,
                        .status = answers[i].status,
                        .body = answers[i].body };
                struct fake *f = fake_start(&rule, 1);
                struct engine *en = engine_new(fake_socket(f));
                struct err e = ERR_INIT;
                int r = do_verb(answers[i].verb, en, &e);
                if (r != (answers[i].code ? -1 : 0) || (r && e.code != answers[i].code))
                        fail_msg("%s%d %s: %d %s", answers[i].request, answers[i].status,
                                answers[i].body, r, e.msg);
                engine_free(en);
                fake_stop(f);
        }
}

/* Somebody else is removing it: done only when it is gone. */
static void test_remove_waits(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "DELETE",
                        .status = 409,
                        .uses = 3,
                        .body = SAYS("is already in progress") },
                { .match = "DELETE", .status = 404, .body = SAYS("none") },
        };
        struct fake *f = fake_start(rules, 2);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        assert_int_equal(engine_container_remove(en, NULL, "x", &e), 0);
        assert_int_equal(fake_requests(f), 4);
        engine_free(en);
        fake_stop(f);
}

static void test_start_without_gpu_support(void **state)
{
        (void)state;
        static const struct fake_rule rule = { .match = "POST",
                .status = 500,
                .body = SAYS(
                        "could not select device driver \\\"\\\" with capabilities: [[gpu]]") };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        assert_int_equal(engine_container_start(en, NULL, "x", &e), -1);
        assert_non_null(strstr(e.fix, "nvidia-container-toolkit"));
        engine_free(en);
        fake_stop(f);
}

static void test_inspect(void **state)
{
        (void)state;
        static const struct fake_rule rule = { .match = "GET /v1.41/",
                .status = 200,
                .body = "{\"Id\":\"abc\",\"Name\":\"/n._.1\",\"Image\":\"sha256:1\","
                        "\"Created\":\"2024-01-02T03:04:05.6Z\",\"Mounts\":[{\"Type\":\"bind\"}],"
                        "\"State\":{\"Status\":\"paused\",\"Running\":true,\"Paused\":true,"
                        "\"OOMKilled\":true,\"Pid\":77,\"ExitCode\":9,\"Error\":\"why\","
                        "\"StartedAt\":\"2024-01-02T03:04:05Z\",\"FinishedAt\":\"0001-01-01T00:00:"
                        "00Z\"},"
                        "\"HostConfig\":{\"DeviceRequests\":[{\"DeviceIDs\":[\"GPU-a\",\"GPU-b\"]},"
                        "{\"DeviceIDs\":null}]},"
                        "\"Config\":{\"Image\":\"i:1\",\"Tty\":true,\"Labels\":{\"k\":\"v\"}}}" };
        struct fake *f = fake_start(&rule, 1);
        struct engine *en = engine_new(fake_socket(f));
        cleanup_engine_container struct engine_container c = { 0 };
        struct err e = ERR_INIT;
        assert_int_equal(engine_container_inspect(en, NULL, "abc", &c, &e), 0);
        assert_string_equal(c.id, "abc");
        assert_string_equal(c.name, "n._.1");
        assert_string_equal(c.image, "i:1");
        assert_string_equal(c.image_id, "sha256:1");
        assert_string_equal(c.state, "paused");
        assert_true(c.running && c.paused && c.oom_killed && c.tty);
        assert_true(c.pid == 77 && c.exit_code == 9 && c.started_at == 1704164645 &&
                    c.finished_at == 0);
        assert_string_equal(c.error, "why");
        assert_true(c.devices.n == 2 && strv_has(&c.devices, "GPU-b"));
        assert_string_equal(json_str(c.labels, "k"), "v");
        assert_int_equal(json_array_size(c.mounts), 1);
        engine_free(en);
        fake_stop(f);
}

/*
 * An answer that leaves out what decisions rest on is none: a container is neither ended nor somebody
 * else's because the engine said something odd.
 */
static void test_inspect_nonsense(void **state)
{
        (void)state;
        static const struct {
                const char *body;
                enum err_code code;
        } bodies[] = {
                { "{}", ERR_ENGINE },
                { "[]", ERR_ENGINE },
                { "{\"Id\":\"a\",\"Config\":{\"Labels\":null},\"State\":[]}", ERR_ENGINE },
                { "{\"Id\":\"a\",\"Config\":{\"Labels\":null},\"State\":{\"Status\":7}}",
                        ERR_ENGINE },
                { "{\"Id\":1,\"Config\":{\"Labels\":{}},\"State\":{\"Status\":\"exited\"}}",
                        ERR_ENGINE },
                { "{\"Id\":\"a\",\"Config\":{\"Labels\":[]},\"State\":{\"Status\":\"exited\"}}",
                        ERR_ENGINE },
                { "{\"Id\":\"a\",\"Config\":{},\"State\":{\"Status\":\"exited\"}}", ERR_ENGINE },
                { "{\"Id\":\"a\",\"Config\":{\"Labels\":null},\"State\":{\"Status\":\"exited\"}}",
                        ERR_NONE },
        };
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
                const struct fake_rule rule = {
                        .match = "GET /v1.41/", .status = 200, .body = bodies[i].body
                };
                struct fake *f = fake_start(&rule, 1);
                struct engine *en = engine_new(fake_socket(f));
                cleanup_engine_container struct engine_container c = { 0 };
                struct err e = ERR_INIT;
                int r = engine_container_inspect(en, NULL, "abc", &c, &e);
                if (r != (bodies[i].code ? -1 : 0) || e.code != bodies[i].code)
                        fail_msg("%s: %d %s", bodies[i].body, r, e.msg);
                if (r == 0)
                        assert_true(
                                !c.running && json_is_object(c.labels) && json_is_array(c.mounts));
                engine_free(en);
                fake_stop(f);
        }
}

static int list_names(const struct engine_container *c, void *ctx)
{
        buf_printf(ctx, "%s %s %d%d %s|", c->name, c->state, c->running, c->paused,
                str_or_empty(json_str(c->labels, "ds01.uid")));
        return strcmp(c->name, "stop") == 0;
}

static void test_each(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "GET /v1.41/containers/json?all=1&filters="
                           "%7B%22label%22%3A%5B%22ds01.instance%3Da%22%5D%7D ",
                        .status = 200,
                        .uses = 1,
                        .body = "[{\"Id\":\"1\",\"Names\":[\"/a._.1\"],\"State\":\"running\","
                                "\"Labels\":{\"ds01.uid\":\"1\"}},"
                                "{\"Id\":\"2\",\"Names\":[],\"State\":\"exited\",\"Labels\":null}"
                                "]" },
                { .match = "GET /v1.41/", .status = 200, .uses = 1, .body = "{}" },
                { .match = "GET /v1.41/",
                        .status = 200,
                        .uses = 1,
                        .body = "[{\"Id\":\"1\",\"Names\":[\"/stop\"],\"State\":\"dead\",\"Labels\":{}},"
                                "{\"Id\":\"2\",\"Names\":[\"/never\"],\"State\":\"dead\",\"Labels\":{}}]" },
                { .match = "GET /v1.41/",
                        .status = 200,
                        .body = "[{\"Id\":\"1\",\"Names\":[\"/stop\"],\"State\":\"dead\",\"Labels\":{}},"
                                "{\"Id\":\"2\",\"Names\":[\"/odd\"],\"State\":7,\"Labels\":{}}]" },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        cleanup_buf struct buf out = BUF_INIT(1024);
        struct err e = ERR_INIT;
        assert_int_equal(
                engine_container_each(en, NULL, "ds01.instance=a", list_names, &out, &e), 0);
        assert_string_equal(buf_str(&out), "a._.1 running 10 1| exited 00 |");
        assert_int_equal(engine_container_each(en, NULL, "k", list_names, &out, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        buf_clear(&out);
        assert_int_equal(engine_container_each(en, NULL, "k", list_names, &out, &e), -1);
        assert_int_equal(e.code, ERR_INTERRUPTED);
        assert_string_equal(buf_str(&out), "stop dead 00 |");
        /* One odd row, and none is told of. */
        buf_clear(&out);
        assert_int_equal(engine_container_each(en, NULL, "k", list_names, &out, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        assert_string_equal(buf_str(&out), "");
        engine_free(en);
        fake_stop(f);
}

static int gather(const char *data, size_t n, bool is_stderr, void *ctx)
{
        buf_printf(ctx, "%c", is_stderr ? 'E' : 'O');
        buf_add(ctx, data, n);
        return memchr(data, '!', n) != NULL;
}

#define RAW "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
static void test_logs(void **state)
{
        (void)state;
        static const char two[] =
                RAW "a\r\n\1\0\0\0\0\0\0\2hi\r\n9\r\n\2\0\0\0\0\0\0\1x\r\n0\r\n\r\n";
        static const char bad[] = RAW "9\r\n\1\0\1\0\0\0\0\1x\r\n0\r\n\r\n";
        static const char stop[] =
                RAW "9\r\n\1\0\0\0\0\0\0\1!\r\n9\r\n\1\0\0\0\0\0\0\1y\r\n0\r\n\r\n";
        static const struct fake_rule rules[] = {
                { .match = "/two/logs?stdout=1&stderr=1&follow=0&tail=10 ",
                        .raw = two,
                        .raw_len = sizeof two - 1 },
                { .match = "/bad/logs?stdout=1&stderr=1&follow=1 ",
                        .raw = bad,
                        .raw_len = sizeof bad - 1 },
                { .match = "/stop/logs", .raw = stop, .raw_len = sizeof stop - 1 },
                { .match = "/tty/logs", .status = 200, .body = "\1plain" },
                { .match = "/none/logs", .status = 404, .body = SAYS("none") },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        cleanup_buf struct buf out = BUF_INIT(1024);
        struct err e = ERR_INIT;
        assert_int_equal(
                engine_container_logs(en, NULL, "two", false, false, 10, gather, &out, &e), 0);
        assert_string_equal(buf_str(&out), "OhiEx");
        assert_int_equal(
                engine_container_logs(en, NULL, "bad", false, true, -1, gather, &out, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        buf_clear(&out);
        assert_int_equal(
                engine_container_logs(en, NULL, "stop", false, true, -1, gather, &out, &e), -1);
        assert_int_equal(e.code, ERR_INTERRUPTED);
        assert_string_equal(buf_str(&out), "O!");
        buf_clear(&out);
        assert_int_equal(
                engine_container_logs(en, NULL, "tty", true, false, -1, gather, &out, &e), 0);
        assert_string_equal(buf_str(&out), "O\1plain");
        assert_int_equal(
                engine_container_logs(en, NULL, "none", true, false, -1, gather, &out, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        engine_free(en);
        fake_stop(f);
}

static const struct {
        const char *newest, *oldest, *path; /* path NULL: ERR_ENGINE */
} versions[] = {
        { "1.41", "1.12", "/v1.41/" },
        { "1.43", "1.12", "/v1.43/" },
        { "1.44", "1.24", "/v1.44/" },
        { "1.52", "1.44", "/v1.44/" },
        { "1.60", "1.45", NULL },
        { "1.40", "1.12", NULL },
        { "2.0", "1.12", NULL },
        { "", "", NULL },
        { "1.x", "1.12", NULL },
};

static void test_versions(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
                cleanup_free char *body =
                        xasprintf("{\"ApiVersion\":\"%s\",\"MinAPIVersion\":\"%s\"}",
                                versions[i].newest, versions[i].oldest);
                const struct fake_rule rules[] = {
                        { .match = "GET /version", .status = 200, .body = body },
                        { .match = "/start", .status = 204 },
                };
                struct fake *f = fake_start(rules, 2);
                struct engine *en = engine_new(fake_socket(f));
                struct err e = ERR_INIT;
                int r = engine_container_start(en, NULL, "x", &e);
                if (versions[i].path ? r || !strstr(fake_line(f, 0), versions[i].path)
                                     : r == 0 || e.code != ERR_ENGINE)
                        fail_msg("%s: %d %s %s", body, r, fake_line(f, 0), e.msg);
                engine_free(en);
                fake_stop(f);
        }
}

/* An engine that was replaced by a newer one: the next call asks again. */
static void test_version_is_asked_again(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "GET /version",
                        .status = 200,
                        .uses = 1,
                        .body = "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}" },
                { .match = "GET /version",
                        .status = 200,
                        .body = "{\"ApiVersion\":\"1.52\",\"MinAPIVersion\":\"1.44\"}" },
                { .match = "/v1.41/containers/old/start",
                        .status = 400,
                        .body = SAYS("client version 1.41 is too old") },
                { .match = "/v1.44/containers/broken/start", .raw = "", .after = FAKE_CLOSE },
                { .match = "/v1.44/", .status = 204 },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        assert_int_equal(engine_container_start(en, NULL, "old", &e), -1);
        assert_int_equal(engine_container_start(en, NULL, "old", &e), 0);
        assert_int_equal(engine_container_start(en, NULL, "broken", &e), -1);
        assert_int_equal(engine_container_start(en, NULL, "old", &e), 0);
        engine_free(en);
        fake_stop(f);
}

static void test_engine_version(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "/v1.41/_ping", .status = 200, .body = "OK" },
                { .match = "/v1.41/info",
                        .status = 200,
                        .body = "{\"ServerVersion\":\"20.10.24\",\"CgroupDriver\":\"systemd\","
                                "\"CgroupVersion\":\"2\",\"Driver\":\"overlay2\",\"NCPU\":4,"
                                "\"MemTotal\":8589934592,\"DefaultRuntime\":\"runc\","
                                "\"DockerRootDir\":\"/var/lib/docker\",\"LiveRestoreEnabled\":true,"
                                "\"Runtimes\":{\"runc\":{},\"nvidia\":{}},"
                                "\"SecurityOptions\":[\"name=seccomp\",\"name=userns\"]}" },
        };
        struct fake *f = fake_start(rules, 2);
        struct engine *en = engine_new(fake_socket(f));
        struct engine_version v;
        struct err e = ERR_INIT;
        assert_int_equal(engine_ping(en, NULL, &e), 0);
        assert_int_equal(engine_version(en, NULL, &v, &e), 0);
        assert_string_equal(v.version, "20.10.24");
        assert_string_equal(v.api, "1.41");
        assert_string_equal(v.cgroup_driver, "systemd");
        assert_string_equal(v.root_dir, "/var/lib/docker");
        assert_string_equal(v.security, "name=seccomp name=userns");
        assert_true(v.userns_remap && !v.rootless && v.live_restore && v.nvidia_runtime);
        assert_true(v.cgroup_version == 2 && v.cpus == 4 && v.memory_bytes == 8589934592);
        engine_free(en);
        fake_stop(f);
}

static void test_engine_details(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "/v1.41/version",
                        .status = 200,
                        .body = "{\"Components\":[{\"Name\":\"Engine\",\"Version\":\"20.10.24\"},"
                                "{\"Name\":\"containerd\",\"Version\":\"1.6.20~ds1\"},"
                                "{\"Name\":\"runc\",\"Version\":\"1.1.5+ds1\"},7]}" },
                { .match = "/v1.41/info",
                        .status = 200,
                        .body = "{\"IPv4Forwarding\":false,\"Plugins\":{\"Authorization\":[\"opa\"]},"
                                "\"Warnings\":[\"one\",\"\",\"t\\nwo\"]}",
                        .uses = 1 },
                { .match = "/v1.41/info", .status = 200, .body = "{\"Warnings\":null}" },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        struct engine_details d;
        struct err e = ERR_INIT;
        assert_int_equal(engine_details(en, NULL, &d, &e), 0);
        assert_string_equal(d.containerd, "1.6.20~ds1");
        assert_string_equal(d.runc, "1.1.5+ds1");
        assert_string_equal(d.warnings, "one\nt\\x0awo");
        assert_true(d.authorization && !d.ipv4_forwarding);
        assert_int_equal(engine_details(en, NULL, &d, &e), 0);
        assert_true(!d.authorization && d.ipv4_forwarding && !*d.warnings);
        engine_free(en);
        fake_stop(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_remove_waits),
                cmocka_unit_test(test_start_without_gpu_support),
                cmocka_unit_test(test_inspect),
                cmocka_unit_test(test_inspect_nonsense),
                cmocka_unit_test(test_each),
                cmocka_unit_test(test_logs),
                cmocka_unit_test(test_versions),
                cmocka_unit_test(test_version_is_asked_again),
                cmocka_unit_test(test_engine_version),
                cmocka_unit_test(test_engine_details),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
