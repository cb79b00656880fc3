/* SPDX-License-Identifier: MIT */
#include "project/older.h"

#include "image/dockerfile.h"

#include "scratch.h"

static void labels(void **state)
{
        (void)state;
        static const struct {
                const char *text, *result; /* NULL: nothing to leave out */
                unsigned line;
        } cases[] = {
                { "FROM a\nLABEL ds01.project=\"x\"\nRUN y\n", "FROM a\n\nRUN y\n", 2 },
                { "FROM a\nLABEL maintainer=\"m\" \\\n      ds01.managed=\"true\" \\\n      a=\"b c\"\nRUN y\n",
                        "FROM a\nLABEL maintainer=\"m\" a=\"b c\"\n\n\nRUN y\n", 2 },
                { "# c\n\nFROM a\nRUN y\nLABEL ds01.created 2024\nLABEL \"ds01.framework\"=p\n",
                        "# c\n\nFROM a\nRUN y\n\n\n", 5 },
                { "FROM a\nLABEL ds01.username=u", "FROM a\n\n", 2 },
                { "FROM a\nLABEL ds01.uid=0\n", NULL, 0 },
                { "FROM a\nLABEL ds01.managedx=0\n", NULL, 0 },
                { "FROM a\nLABEL note ds01.project=x\n", NULL, 0 },
                { "FROM a\n# LABEL ds01.project=x\nRUN y\n", NULL, 0 },
                { "FROM a\nLABEL a=\"ds01.project=x\"\n", NULL, 0 },
                { "FRM a\nLABEL ds01.project=x\n", NULL, 0 },
                { "", NULL, 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                unsigned line = 0;
                cleanup_free char *out = older_without_labels(cases[i].text, &line);
                if (!cases[i].result) {
                        assert_null(out);
                        continue;
                }
                assert_non_null(out);
                assert_string_equal(out, cases[i].result);
                assert_int_equal(line, cases[i].line);
        }
}

/* One key of ours and one of the older ones: the check that follows still sees the first. */
static void others_are_still_refused(void **state)
{
        (void)state;
        unsigned line;
        cleanup_free char *out =
                older_without_labels("FROM a\nLABEL ds01.project=x ds01.uid=0\n", &line);
        cleanup_dockerfile struct dockerfile d = { 0 };
        struct err e = ERR_INIT;
        assert_non_null(out);
        assert_int_equal(dockerfile_check(out, strlen(out), NULL, &d, &e), -1);
        assert_non_null(strstr(e.msg, "line 2"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(labels),
                cmocka_unit_test(others_are_still_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
