/* SPDX-License-Identifier: MIT */
/* Files out of a container: links, kinds, sizes, and tars that lie. */
#include "base/mem.h"
#include "engine/archive.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Base64 of the engine's stat answers: {"mode":M,"size":S,"linkTarget":"L"}. */
#define STAT(b64) "X-Docker-Container-Path-Stat: " b64 "\r\n"
#define FILE_5 STAT("eyJtb2RlIjo0MjAsInNpemUiOjUsImxpbmtUYXJnZXQiOiIifQ==")
#define FOLDER STAT("eyJtb2RlIjoyMTQ3NDg0MTQxLCJzaXplIjo0MDk2LCJsaW5rVGFyZ2V0IjoiIn0=")
#define LINK_TO_B STAT("eyJtb2RlIjoxMzQyMTgyMzksInNpemUiOjEsImxpbmtUYXJnZXQiOiIvYiJ9")
#define LINK_TO_A STAT("eyJtb2RlIjoxMzQyMTgyMzksInNpemUiOjEsImxpbmtUYXJnZXQiOiIvYSJ9")

static char tar[4096];

static void header(char *block, char type, size_t size)
{
        memset(block, 0, 512);
        memcpy(block, "name", 4);
        snprintf(block + 124, 12, "%011o", (unsigned)size & 0xffffff);
        block[156] = type;
        memcpy(block + 257, "ustar", 5);
}

/* An answer with a tar of: an extended header if `extended`, a header of `type`, the five bytes. */
static struct fake_rule tar_answer(bool extended, char type, size_t claimed)
{
        int n = snprintf(tar, sizeof tar, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                extended ? 2048 : 1024);
        char *at = tar + n;
        memset(at, 0, 2048);
        if (extended) {
                header(at, 'x', 11);
                memcpy(at + 512, "11 path=ab\n", 11);
                at += 1024;
        }
        header(at, type, claimed);
        memcpy(at + 512, "hello", 5);
        return (struct fake_rule){ .match = "GET /v1.41/containers/c/archive",
                .raw = tar,
                .raw_len = (size_t)n + (extended ? 2048 : 1024) };
}

struct got {
        int result;
        char *text;
        bool exists;
        struct err e;
};

static struct got read_a(struct fake_rule a, struct fake_rule b, struct fake_rule data, size_t max)
{
        const struct fake_rule rules[] = { a, b, data,
                { .match = "GET /v1.41/containers/c/json", .status = 200, .body = "{}" },
                { .match = "GET /v1.41/containers/gone/json",
                        .status = 404,
                        .body = "{\"message\":\"none\"}" } };
        struct fake *f = fake_start(rules, ARRAY_LEN(rules));
        struct engine *en = engine_new(fake_socket(f));
        struct got g = { .text = NULL };
        g.result = engine_container_read_file(en, NULL, "c", "/a", max, &g.text, &g.exists, &g.e);
        engine_free(en);
        fake_stop(f);
        return g;
}

static struct fake_rule head(const char *request, int status, const char *stat)
{
        return (struct fake_rule){ .match = request, .status = status, .head = stat };
}

#define HEAD_A "HEAD /v1.41/containers/c/archive?path=%2Fa "
#define HEAD_B "HEAD /v1.41/containers/c/archive?path=%2Fb "

static void test_read(void **state)
{
        (void)state;
        const struct fake_rule unused = head("-", 500, NULL);
        const struct {
                const char *label;
                struct fake_rule a, b, data;
                size_t max;
                const char *text; /* NULL: ERR_FAILED or, if says is NULL, any */
                bool exists;
                enum err_code code;
        } cases[] = {
                { "file", head(HEAD_A, 200, FILE_5), unused, tar_answer(false, '0', 5), 5, "hello",
                        true, ERR_NONE },
                { "missing", head(HEAD_A, 404, NULL), unused, unused, 5, "", false, ERR_NONE },
                { "dangling link", head(HEAD_A, 200, LINK_TO_B), head(HEAD_B, 404, NULL), unused, 5,
                        "", false, ERR_NONE },
                { "folder", head(HEAD_A, 200, FOLDER), unused, unused, 5, NULL, false, ERR_FAILED },
                { "too large", head(HEAD_A, 200, FILE_5), unused, unused, 4, NULL, false,
                        ERR_FAILED },
                { "links in a ring", head(HEAD_A, 200, LINK_TO_B), head(HEAD_B, 200, LINK_TO_A),
                        unused, 5, NULL, false, ERR_FAILED },
                { "no stat", head(HEAD_A, 200, NULL), unused, unused, 5, NULL, false, ERR_ENGINE },
                { "stat is garbage", head(HEAD_A, 200, STAT("!!")), unused, unused, 5, NULL, false,
                        ERR_ENGINE },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct got g = read_a(cases[i].a, cases[i].b, cases[i].data, cases[i].max);
                bool good = cases[i].code ? g.result == -1 && g.e.code == cases[i].code && !g.text
                                          : g.result == 0 && g.exists == cases[i].exists &&
                                                    strcmp(g.text, cases[i].text) == 0;
                if (!good)
                        fail_msg("%s: %d %s", cases[i].label, g.result, g.e.msg);
                free(g.text);
        }
}

static void test_link(void **state)
{
        (void)state;
        struct got g = read_a(head(HEAD_A, 200, LINK_TO_B), head(HEAD_B, 200, FILE_5),
                tar_answer(true, '0', 5), 5);
        assert_int_equal(g.result, 0);
        assert_string_equal(g.text, "hello");
        free(g.text);
}

static void test_tars_that_lie(void **state)
{
        (void)state;
        const struct {
                bool extended;
                char type;
                size_t claimed;
        } tars[] = { { false, '0', 513 }, { false, '0', 0xffffff }, { false, '5', 5 },
                { false, '2', 0 }, { true, '5', 0 }, { false, 'x', 0xffff }, { false, '0', 6 },
                { false, 'x', 5 } };
        for (size_t i = 0; i < ARRAY_LEN(tars); i++) {
                struct got g = read_a(head(HEAD_A, 200, FILE_5), head("-", 500, NULL),
                        tar_answer(tars[i].extended, tars[i].type, tars[i].claimed), 5);
                if (g.result != -1 || g.e.code != ERR_FAILED || g.text)
                        fail_msg("%zu: %d %s", i, g.result, g.e.msg);
        }
}

static void test_missing_container(void **state)
{
        (void)state;
        static const struct fake_rule rules[] = {
                { .match = "HEAD", .status = 404 },
                { .match = "GET /v1.41/containers/gone/",
                        .status = 404,
                        .body = "{\"message\":\"none\"}" },
                { .match = "GET /v1.41/containers/there/json", .status = 200, .body = "{}" },
        };
        struct fake *f = fake_start(rules, 3);
        struct engine *en = engine_new(fake_socket(f));
        struct err e = ERR_INIT;
        bool exists = true;
        char *out = NULL;
        size_t n = 0;
        assert_int_equal(engine_container_has_path(en, NULL, "there", "/a", &exists, &e), 0);
        assert_false(exists);
        assert_int_equal(engine_container_has_path(en, NULL, "gone", "/a", &exists, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(
                engine_container_read_file(en, NULL, "gone", "/a", 9, &out, &exists, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(engine_container_copy_out(en, NULL, "gone", "/a", 9, &out, &n, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_null(out);
        engine_free(en);
        fake_stop(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_link),
                cmocka_unit_test(test_tars_that_lie),
                cmocka_unit_test(test_missing_container),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
