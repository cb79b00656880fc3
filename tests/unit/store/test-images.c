/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "store/images.h"

#include <stdio.h>
#include <string.h>

#define REF "ds01-alice/x:latest"

/* Puts REF with an engine id; returns what it replaced, "" for nothing. */
static const char *put(struct fixture *f, const char *image_id)
{
        static char replaced[64];
        cleanup_free char *old = NULL;
        struct image i = { .uid = 1000, .ref = S(REF), .image_id = S(image_id) };
        ok(images_put(f->s, &i, &old, &f->e));
        snprintf(replaced, sizeof replaced, "%s", str_or_empty(old));
        return replaced;
}

static int add_text(const char *text, void *ctx)
{
        char *all = ctx;
        size_t used = strlen(all);
        snprintf(all + used, 256 - used, "%s ", text);
        return 0;
}

static const char *stale(struct fixture *f)
{
        static char all[256];
        all[0] = '\0';
        ok(images_stale_each(f->s, add_text, all, &f->e));
        return all;
}

static void test_round_trip(void **state)
{
        struct fixture *f = *state;
        cleanup_free char *replaced = NULL;
        struct image in = { .uid = 1000,
                .ref = S(REF),
                .project = S("x"),
                .image_id = S("sha256:1"),
                .framework = S("pytorch"),
                .dockerfile_sha = S("d"),
                .requirements_sha = S("r"),
                .base_ref = S("aime/pytorch:2.8.0"),
                .base_id = S("sha256:0"),
                .built_at = 5,
                .size_bytes = INT64_C(12) << 30 };
        ok(images_put(f->s, &in, &replaced, &f->e));
        assert_null(replaced);
        fixture_reopen(f);
        cleanup_image struct image i = { 0 };
        bool found;
        ok(images_find(f->s, 1000, REF, &i, &found, &f->e));
        assert_true(found);
        assert_int_equal(i.uid, in.uid);
        assert_string_equal(i.ref, in.ref);
        assert_string_equal(i.project, in.project);
        assert_string_equal(i.image_id, in.image_id);
        assert_string_equal(i.framework, in.framework);
        assert_string_equal(i.dockerfile_sha, in.dockerfile_sha);
        assert_string_equal(i.requirements_sha, in.requirements_sha);
        assert_string_equal(i.base_ref, in.base_ref);
        assert_string_equal(i.base_id, in.base_id);
        assert_int_equal(i.built_at, in.built_at);
        assert_int_equal(i.size_bytes, in.size_bytes);
}

static void test_replace(void **state)
{
        struct fixture *f = *state;
        assert_string_equal(put(f, "id1"), "");
        assert_string_equal(put(f, "id1"), "");
        assert_string_equal(stale(f), "");
        assert_string_equal(put(f, "id2"), "id1");
        assert_string_equal(put(f, "id3"), "id2");
        assert_string_equal(stale(f), "id1 id2 ");
        /* The cache gives the first one back: it is nobody's rubbish any more. */
        assert_string_equal(put(f, "id1"), "id3");
        assert_string_equal(stale(f), "id2 id3 ");
        ok(images_stale_remove(f->s, "id2", &f->e));
        assert_string_equal(stale(f), "id3 ");
}

static void test_stale_but_used(void **state)
{
        struct fixture *f = *state;
        struct container c = { .uid = 1000, .name = S("x"), .image_id = S("id1"), .born_op = OP_A };
        enum reserve_verdict verdict;
        put(f, "id1");
        ok(containers_reserve(f->s, &c, -1, &verdict, &f->e));
        put(f, "id2");
        ok(images_stale_add(f->s, "id2", &f->e));
        ok(images_stale_add(f->s, "id2", &f->e));
        assert_string_equal(stale(f), ""); /* a container uses id1, a ref id2 */
        ok(containers_move(f->s, c.id, OP_A, LEDGER_REMOVING, &f->e));
        ok(containers_delete(f->s, c.id, OP_A, &f->e));
        assert_string_equal(stale(f), "id1 ");
        ok(images_delete(f->s, 1000, REF, &f->e));
        assert_string_equal(stale(f), "id1 id2 ");
}

static void test_owners(void **state)
{
        struct fixture *f = *state;
        cleanup_image struct image i = { 0 };
        cleanup_free char *replaced = NULL;
        bool found;
        put(f, "id1");
        struct image other = { .uid = 1001, .ref = S(REF), .image_id = S("evil") };
        fails_with(ERR_DENIED, images_put(f->s, &other, &replaced, &f->e));
        ok(images_find(f->s, 1001, REF, &i, &found, &f->e));
        assert_false(found);
        assert_null(i.ref);
        ok(images_delete(f->s, 1001, REF, &f->e));
        ok(images_find_any(f->s, REF, &i, &found, &f->e));
        assert_true(found);
        assert_string_equal(i.image_id, "id1");
        ok(images_delete(f->s, 1000, REF, &f->e));
        ok(images_delete(f->s, 1000, REF, &f->e));
        ok(images_find_any(f->s, REF, &i, &found, &f->e));
        assert_false(found);
}

static int add_ref(const struct image *i, void *ctx)
{
        add_text(i->ref, ctx);
        return strcmp(i->ref, "stop") == 0 ? -1 : 0;
}

static void test_each(void **state)
{
        struct fixture *f = *state;
        static const struct {
                uid_t uid;
                const char *ref;
        } rows[] = { { 1000, "b" }, { 1000, "a" }, { 1001, "c" }, { 1002, "stop" }, { 1002, "z" } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *replaced = NULL;
                struct image image = {
                        .uid = rows[i].uid, .ref = S(rows[i].ref), .image_id = S("id")
                };
                ok(images_put(f->s, &image, &replaced, &f->e));
        }
        char mine[256] = "", all[256] = "", none[256] = "";
        ok(images_each(f->s, 1000, add_ref, mine, &f->e));
        assert_string_equal(mine, "a b ");
        ok(images_each(f->s, STORE_EVERYONE, add_ref, all, &f->e));
        assert_string_equal(all, "a b c stop ");
        ok(images_each(f->s, 9, add_ref, none, &f->e));
        assert_string_equal(none, "");
}

static void test_pulled(void **state)
{
        struct fixture *f = *state;
        bool has;
        ok(images_pulled_has(f->s, "python:3.12", &has, &f->e));
        assert_false(has);
        ok(images_pulled_put(f->s, "python:3.12", &f->e));
        ok(images_pulled_put(f->s, "python:3.12", &f->e));
        ok(images_pulled_has(f->s, "python:3.12", &has, &f->e));
        assert_true(has);
        ok(images_pulled_has(f->s, "python:3.1", &has, &f->e));
        assert_false(has);
}

/* With the tables gone every call says so, and gives no output. */
static void test_failures(void **state)
{
        struct fixture *f = *state;
        cleanup_image struct image i = { 0 };
        struct image in = { .uid = 1000, .ref = S(REF), .image_id = S("id") };
        char *replaced = NULL, all[256] = "";
        bool flag = true;
        fixture_sql(f, "DROP TABLE images_stale; DROP TABLE images_pulled");
        /* The row and what it makes stale are one change: neither is there without the other. */
        fails_with(ERR_FAILED, images_put(f->s, &in, &replaced, &f->e));
        ok(images_find_any(f->s, REF, &i, &flag, &f->e));
        assert_false(flag);
        flag = true;
        fails_with(ERR_FAILED, images_stale_each(f->s, add_text, all, &f->e));
        fails_with(ERR_FAILED, images_pulled_has(f->s, "x", &flag, &f->e));
        fails_with(ERR_FAILED, images_pulled_put(f->s, "x", &f->e));
        fixture_sql(f, "DROP TABLE images");
        fails_with(ERR_FAILED, images_put(f->s, &in, &replaced, &f->e));
        fails_with(ERR_FAILED, images_find(f->s, 1000, REF, &i, &flag, &f->e));
        fails_with(ERR_FAILED, images_each(f->s, 1000, add_ref, all, &f->e));
        assert_true(flag);
        assert_null(replaced);
        assert_string_equal(all, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_round_trip),
                fixture_test(test_replace),
                fixture_test(test_stale_but_used),
                fixture_test(test_owners),
                fixture_test(test_each),
                fixture_test(test_pulled),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
