/* SPDX-License-Identifier: MIT */
/* A network is made if it is missing, left if it is right, and refused if it is wrong. */
#include "base/mem.h"
#include "engine/networks.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NETWORK(name, driver, icc)                                                                 \
        "{\"Name\":\"" name "\",\"Driver\":\"" driver                                              \
        "\",\"Options\":{\"com.docker.network.bridge.enable_icc\":\"" icc "\"}}"
#define MISSING                                                                                    \
        {                                                                                          \
                .match = "GET /v1.41/", .status = 404, .body = "{\"message\":\"none\"}", .uses = 1 \
        }

static const struct {
        const char *label;
        struct fake_rule rules[3];
        bool icc;
        enum err_code code;
        size_t requests;
} cases[] = {
        { "there",
                { { .match = "GET /v1.41/networks/n ",
                        .status = 200,
                        .body = NETWORK("n", "bridge", "false") } },
                false, ERR_NONE, 1 },
        { "there, default option",
                { { .match = "GET /v1.41/",
                        .status = 200,
                        .body = "{\"Name\":\"n\",\"Driver\":\"bridge\"}" } },
                true, ERR_NONE, 1 },
        { "wrong icc",
                { { .match = "GET /v1.41/",
                        .status = 200,
                        .body = NETWORK("n", "bridge", "true") } },
                false, ERR_FAILED, 1 },
        { "wrong icc, the other way",
                { { .match = "GET /v1.41/",
                        .status = 200,
                        .body = NETWORK("n", "bridge", "false") } },
                true, ERR_FAILED, 1 },
        { "wrong driver",
                { { .match = "GET /v1.41/",
                        .status = 200,
                        .body = NETWORK("n", "macvlan", "false") } },
                false, ERR_FAILED, 1 },
        { "missing", { MISSING, { .match = "POST", .status = 201, .body = "{\"Id\":\"1\"}" } },
                false, ERR_NONE, 2 },
        { "another's id begins so",
                { { .match = "GET /v1.41/",
                          .status = 200,
                          .body = NETWORK("other", "bridge", "false") },
                        { .match = "POST", .status = 201, .body = "{\"Id\":\"1\"}" } },
                false, ERR_NONE, 2 },
        { "made by another meanwhile",
                { MISSING, { .match = "POST", .status = 409, .body = "{\"message\":\"exists\"}" },
                        { .match = "GET /v1.41/",
                                .status = 200,
                                .body = NETWORK("n", "bridge", "false") } },
                false, ERR_NONE, 3 },
        { "made wrong by another meanwhile",
                { MISSING, { .match = "POST", .status = 409, .body = "{\"message\":\"exists\"}" },
                        { .match = "GET /v1.41/",
                                .status = 200,
                                .body = NETWORK("n", "bridge", "true") } },
                false, ERR_FAILED, 3 },
        { "can't be made",
                { { .match = "GET /v1.41/", .status = 404, .body = "{\"message\":\"none\"}" },
                        { .match = "POST", .status = 403, .body = "{\"message\":\"overlaps\"}" } },
                false, ERR_FAILED, 3 },
        { "engine breaks",
                { { .match = "GET /v1.41/", .status = 500, .body = "{\"message\":\"x\"}" } }, false,
                ERR_FAILED, 1 },
};

static void test_ensure(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                size_t n = 0;
                while (n < 3 && cases[i].rules[n].match)
                        n++;
                struct fake *f = fake_start(cases[i].rules, n);
                struct engine *en = engine_new(fake_socket(f));
                struct err e = ERR_INIT;
                int r = engine_network_ensure(en, NULL, "n", "br", cases[i].icc, NULL, NULL, &e);
                if (r != (cases[i].code ? -1 : 0) || (r && e.code != cases[i].code) ||
                        fake_requests(f) != cases[i].requests)
                        fail_msg("%s: %d %s", cases[i].label, r, e.msg);
                engine_free(en);
                fake_stop(f);
        }
}

/* What is only looked at is not made. */
static void test_check(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "GET /v1.41/networks/gone ",
                        .status = 404,
                        .body = "{\"message\":\"x\"}" },
                { .match = "GET /v1.41/networks/open ",
                        .status = 200,
                        .body = NETWORK("open", "bridge", "true") },
                { .match = "GET /v1.41/networks/bare ",
                        .status = 200,
                        .body = NETWORK("bare", "bridge", "false") },
                { .match = "GET /v1.41/networks/n ",
                        .status = 200,
                        .body = "{\"Name\":\"n\",\"Driver\":\"bridge\",\"Options\":"
                                "{\"com.docker.network.bridge.enable_icc\":\"false\"},\"IPAM\":{"
                                "\"Config\":[{\"Subnet\":\"fd00::/64\"},{\"Subnet\":\"10.1.0.0/16\"}]}}" },
        };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        cleanup_free char *subnet = NULL;
        char *none = NULL;
        assert_int_equal(engine_network_check(en, NULL, "gone", false, &none, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(engine_network_check(en, NULL, "open", false, &none, &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        assert_string_equal(e.fix, "docker network rm open");
        assert_int_equal(engine_network_check(en, NULL, "bare", false, &none, &e), 0);
        assert_null(none);
        assert_int_equal(engine_network_check(en, NULL, "n", false, &subnet, &e), 0);
        assert_string_equal(subnet, "10.1.0.0/16");
        assert_int_equal(fake_requests(f), 4);
        engine_free(en);
        fake_stop(f);
}

static void test_body(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = { MISSING,
                { .match = "POST /v1.41/networks/create ", .status = 201, .body = "{}" } };
        struct fake *f = fake_start(rules, 2);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        cleanup_json json_t *labels = json_pack("{s:s}", "k", "v");
        assert_int_equal(
                engine_network_ensure(en, NULL, "n", "br", false, labels, "10.1.0.0/16", &e), 0);
        assert_string_equal(fake_body(f, 1),
                "{\"Name\":\"n\",\"Driver\":\"bridge\",\"CheckDuplicate\":true,"
                "\"Options\":{\"com.docker.network.bridge.enable_icc\":\"false\","
                "\"com.docker.network.bridge.name\":\"br\"},\"Labels\":{\"k\":\"v\"},"
                "\"IPAM\":{\"Config\":[{\"Subnet\":\"10.1.0.0/16\"}]}}");
        engine_free(en);
        fake_stop(f);
}

static void test_remove(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "DELETE /v1.41/networks/gone ",
                        .status = 404,
                        .body = "{\"message\":\"x\"}" },
                { .match = "DELETE /v1.41/networks/used ",
                        .status = 403,
                        .body = "{\"message\":\"x\"}" },
                { .match = "DELETE /v1.41/networks/n ", .status = 204 },
        };
        struct fake *f = fake_start(rules, 3);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        assert_int_equal(engine_network_remove(en, NULL, "gone", &e), 0);
        assert_int_equal(engine_network_remove(en, NULL, "n", &e), 0);
        assert_int_equal(engine_network_remove(en, NULL, "used", &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        engine_free(en);
        fake_stop(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ensure),
                cmocka_unit_test(test_check),
                cmocka_unit_test(test_body),
                cmocka_unit_test(test_remove),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
