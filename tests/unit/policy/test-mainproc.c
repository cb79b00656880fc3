/* SPDX-License-Identifier: MIT */
#include "policy/mainproc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
        return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

static void test_choice(void **state)
{
        (void)state;
        static const char fallback[] =
                "[\"/bin/sh\",\"-c\",\"command -v bash >/dev/null 2>&1 && exec bash; exec sh\"]";
        static const struct {
                const char *entrypoint, *cmd, *out_entrypoint, *out_cmd;
                bool is_shell;
        } rows[] = {
                { NULL, NULL, "[]", fallback, true },
                { "null", "null", "[]", fallback, true },
                { "[]", "[]", "[]", fallback, true },
                { "[\"\"]", "null", "[]", fallback, true },
                { "null", "[\"bash\"]", "[]", "[\"bash\"]", true },
                { "null", "[\"/bin/bash\",\"-l\"]", "[]", "[\"/bin/bash\",\"-l\"]", true },
                { "[\"/usr/bin/zsh\"]", "[\"-li\"]", "[\"/usr/bin/zsh\"]", "[\"-li\"]", true },
                { "[\"/bin/sh\"]", "null", "[\"/bin/sh\"]", "[]", true },
                { "null", "[\"fish\",\"--login\"]", "[]", "[\"fish\",\"--login\"]", true },
                { "null", "[\"bash\",\"-c\",\"x\"]", "[]", "[\"bash\",\"-c\",\"x\"]", false },
                { "null", "[\"bash\",\"-c\",\"-i\"]", "[]", "[\"bash\",\"-c\",\"-i\"]", false },
                { "null", "[\"bash\",\"run.sh\"]", "[]", "[\"bash\",\"run.sh\"]", false },
                { "null", "[\"sh\",\"-\"]", "[]", "[\"sh\",\"-\"]", false },
                { "null", "[\"python3\"]", "[]", "[\"python3\"]", false },
                { "[\"/entry.sh\"]", "[\"bash\"]", "[\"/entry.sh\"]", "[\"bash\"]", false },
                { "null", "[\"bashful\"]", "[]", "[\"bashful\"]", false },
                { "null", "[\"bash\",7,{}]", "[]", "[\"bash\"]", true },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_json json_t *entrypoint = parse(rows[i].entrypoint);
                cleanup_json json_t *cmd = parse(rows[i].cmd);
                cleanup_mainproc struct mainproc m = { 0 };
                mainproc_choose(entrypoint, cmd, &m);
                cleanup_free char *got_entrypoint = json_text(m.entrypoint);
                cleanup_free char *got_cmd = json_text(m.cmd);
                assert_string_equal(got_entrypoint, rows[i].out_entrypoint);
                assert_string_equal(got_cmd, rows[i].out_cmd);
                if (m.is_shell != rows[i].is_shell)
                        fail_msg("row %zu", i);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choice),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
