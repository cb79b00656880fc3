/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "store/facts.h"

static void test_facts(void **state)
{
        struct fixture *f = *state;
        bool found;
        cleanup_facts struct image_facts got = { 0 };
        ok(facts_get(f->s, "id", &got, &found, &f->e));
        assert_false(found);

        /* The files are foreign: not every byte of them needs to be text. */
        struct image_facts in = { .passwd = S("root:x:0:0:\xff\x01:/root:/bin/sh\n"),
                .has_shell = true };
        ok(facts_put(f->s, "id", &in, &f->e));
        fixture_reopen(f);
        ok(facts_get(f->s, "id", &got, &found, &f->e));
        assert_true(found);
        assert_string_equal(got.passwd, in.passwd);
        assert_null(got.group);
        assert_true(got.has_shell);

        struct image_facts again = { .group = S("root:x:0:\n") };
        ok(facts_put(f->s, "id", &again, &f->e));
        ok(facts_get(f->s, "id", &got, &found, &f->e));
        assert_null(got.passwd);
        assert_string_equal(got.group, again.group);
        assert_false(got.has_shell);

        ok(facts_delete(f->s, "id", &f->e));
        ok(facts_delete(f->s, "id", &f->e));
        ok(facts_get(f->s, "id", &got, &found, &f->e));
        assert_false(found);
        assert_string_equal(got.group, again.group);
}

static void test_failures(void **state)
{
        struct fixture *f = *state;
        bool found = true;
        struct image_facts facts = { 0 };
        fixture_sql(f, "DROP TABLE image_facts");
        fails_with(ERR_FAILED, facts_put(f->s, "id", &facts, &f->e));
        fails_with(ERR_FAILED, facts_get(f->s, "id", &facts, &found, &f->e));
        assert_true(found);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_facts),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
