/* SPDX-License-Identifier: MIT */
#include "cli/args.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { WORDS_MAX = 12 };

/* One parsed command line; words may be changed by the parser, so they are copies. */
struct line {
        struct cli c;
        char *words[WORDS_MAX + 1];
        int n;
        enum args_outcome outcome;
        const char *noun;
        struct err e;
        int r;
};

static void parse(struct line *l, const char *const *words)
{
        *l = (struct line){ .e = ERR_INIT };
        for (; words[l->n]; l->n++)
                l->words[l->n] = xstrdup(words[l->n]);
        l->r = args_parse(&l->c, l->n, l->words, &l->outcome, &l->noun, &l->e);
}

static void done(struct line *l)
{
        free(l->c.args);
        free(l->c.given);
        for (int i = 0; i < l->n; i++)
                free(l->words[i]);
}

static void test_forms(void **state)
{
        (void)state;
        static const struct {
                const char *words[WORDS_MAX], *noun, *verb;
                int n_args;
        } rows[] = {
                { { "container-attach", "x" }, "container", "attach", 1 },
                { { "container", "attach", "x" }, "container", "attach", 1 },
                { { "ds01", "container", "attach", "x" }, "container", "attach", 1 },
                { { "ds01", "container-attach", "x" }, "container", "attach", 1 },
                { { "/usr/bin/container", "attach" }, "container", "attach", 0 },
                { { "/usr/bin/container-attach" }, "container", "attach", 0 },
                { { "container", "open", "x" }, "container", "attach", 1 },
                { { "container-open", "x" }, "container", "attach", 1 },
                { { "project", "launch", "x", "--background" }, "project", "launch", 1 },
                { { "ds01", "version" }, "ds01", "version", 0 },
                { { "dashboard" }, "ds01", "dashboard", 0 },
                { { "/usr/bin/dashboard", "gpu" }, "ds01", "dashboard", 1 },
                { { "ds01", "dashboard", "gpu", "--json" }, "ds01", "dashboard", 1 },
                { { "ds01", "--version" }, "ds01", "version", 0 },
                { { "ds01", "help" }, "ds01", "help", 0 },
                /* A noun with a dash in it. */
                { { "gpu-queue", "join", "x" }, "gpu-queue", "join", 1 },
                { { "gpu-queue-join", "x" }, "gpu-queue", "join", 1 },
                { { "ds01", "gpu-queue", "join", "x" }, "gpu-queue", "join", 1 },
                { { "ds01", "gpu-queue-join", "x" }, "gpu-queue", "join", 1 },
                { { "ds01", "why", "x" }, "ds01", "why", 1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct line l;
                parse(&l, rows[i].words);
                if (l.r < 0)
                        fail_msg("row %zu: %s", i, l.e.msg);
                assert_int_equal(l.outcome, ARGS_RUN);
                assert_string_equal(l.c.cmd->noun, rows[i].noun);
                assert_string_equal(l.c.cmd->verb, rows[i].verb);
                assert_int_equal(l.c.n_args, rows[i].n_args);
                done(&l);
        }
}

static void test_help(void **state)
{
        (void)state;
        static const struct {
                const char *words[WORDS_MAX];
                enum args_outcome outcome;
                const char *verb; /* NULL: no command */
        } rows[] = {
                { { "ds01" }, ARGS_HELP, NULL },
                { { "ds01", "--help" }, ARGS_HELP, NULL },
                { { "ds01", "-h" }, ARGS_HELP, NULL },
                { { "ds01", "--info" }, ARGS_INFO, NULL },
                { { "ds01", "--concepts" }, ARGS_CONCEPTS, NULL },
                { { "container" }, ARGS_HELP, NULL },
                { { "container", "--help" }, ARGS_HELP, NULL },
                { { "container", "help" }, ARGS_HELP, NULL },
                { { "container", "--info" }, ARGS_INFO, NULL },
                { { "ds01", "gpu-queue", "--concepts" }, ARGS_CONCEPTS, NULL },
                { { "ds01", "project" }, ARGS_HELP, NULL },
                { { "project", "launch", "-h" }, ARGS_HELP, "launch" },
                { { "project", "launch", "--info" }, ARGS_INFO, "launch" },
                { { "project-launch", "--concepts" }, ARGS_CONCEPTS, "launch" },
                /* Help comes before any complaint. */
                { { "project", "launch", "a", "b", "--nonsense", "--help" }, ARGS_HELP, "launch" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct line l;
                parse(&l, rows[i].words);
                if (l.r < 0)
                        fail_msg("row %zu: %s", i, l.e.msg);
                assert_int_equal(l.outcome, rows[i].outcome);
                assert_true(!l.c.cmd == !rows[i].verb);
                if (l.c.cmd)
                        assert_string_equal(l.c.cmd->verb, rows[i].verb);
                done(&l);
        }
}

/* What stands behind `--` is the command's, help and options included. */
static void test_trailing(void **state)
{
        (void)state;
        struct line l;
        parse(&l, (const char *[]){ "container-attach", "x", "--", "ls", "--help", "-z", NULL });
        assert_int_equal(l.r, 0);
        assert_int_equal(l.outcome, ARGS_RUN);
        assert_int_equal(l.c.n_args, 1);
        assert_string_equal(l.c.trailing[0], "ls");
        assert_string_equal(l.c.trailing[1], "--help");
        assert_string_equal(l.c.trailing[2], "-z");
        done(&l);
        parse(&l, (const char *[]){ "container-attach", "x", "--", NULL });
        assert_int_equal(l.r, 0);
        assert_null(l.c.trailing);
        done(&l);
        parse(&l, (const char *[]){ "container-list", "--", "ls", NULL });
        assert_int_equal(l.r, -1);
        assert_string_equal(l.e.msg, "Nothing may follow '--' here");
        done(&l);
}

static void test_options(void **state)
{
        (void)state;
        struct line l;
        cleanup_strv struct strv data = { 0 };
        parse(&l, (const char *[]){ "container", "deploy", "--image=a", "x", "--image", "b",
                          "-d/one", "-d", "/two:rw", "--background", NULL });
        assert_int_equal(l.r, 0);
        assert_string_equal(cli_value(&l.c, "image"), "b"); /* the last one counts */
        cli_values(&l.c, "data", &data);
        assert_int_equal(data.n, 2);
        assert_string_equal(data.v[0], "/one");
        assert_string_equal(data.v[1], "/two:rw");
        assert_true(cli_has(&l.c, "background"));
        assert_false(cli_has(&l.c, "open"));
        assert_null(cli_value(&l.c, "framework"));
        assert_string_equal(l.c.args[0], "x");
        done(&l);

        parse(&l, (const char *[]){ "container-list", "-aq", NULL });
        assert_int_equal(l.r, 0);
        assert_true(cli_has(&l.c, "all") && cli_has(&l.c, "quiet"));
        done(&l);

        /* An optional value is only what stands behind "=". */
        parse(&l, (const char *[]){ "container-start", "--wait", "2h", NULL });
        assert_int_equal(l.r, 0);
        assert_true(cli_has(&l.c, "wait"));
        assert_null(cli_value(&l.c, "wait"));
        assert_int_equal(l.c.n_args, 1);
        assert_string_equal(l.c.args[0], "2h");
        done(&l);
        parse(&l, (const char *[]){ "container-start", "x", "--wait", "--wait=2h", NULL });
        assert_int_equal(l.r, 0);
        assert_string_equal(cli_value(&l.c, "wait"), "2h");
        done(&l);

        /* A lone dash is no option; an empty value is a value. */
        parse(&l, (const char *[]){ "container", "deploy", "-", "--image=", NULL });
        assert_int_equal(l.r, 0);
        assert_string_equal(l.c.args[0], "-");
        assert_string_equal(cli_value(&l.c, "image"), "");
        done(&l);
}

/* "Everywhere": each command takes these, so that a script need not know which of them ask. */
static void test_yes_and_color_everywhere(void **state)
{
        (void)state;
        for (const struct command *const *p = commands; *p; p++) {
                struct line l;
                parse(&l, (const char *[]){
                                  "ds01", (*p)->noun, (*p)->verb, "--yes", "--color=never", NULL });
                if (strcmp((*p)->noun, "ds01") == 0) {
                        done(&l);
                        parse(&l, (const char *[]){
                                          "ds01", (*p)->verb, "--yes", "--color=never", NULL });
                }
                if (l.r < 0)
                        fail_msg("%s-%s: %s", (*p)->noun, (*p)->verb, l.e.msg);
                assert_true(cli_has(&l.c, "yes"));
                done(&l);
        }
}

static void test_errors(void **state)
{
        (void)state;
        static const struct {
                const char *words[WORDS_MAX], *msg, *fix; /* fix: what it contains */
        } rows[] = {
                { { "ds01", "projct" }, "Unknown command 'projct', did you mean 'project'?",
                        "ds01 help" },
                { { "ds01", "container-lst" },
                        "Unknown command 'container-lst', did you mean 'container-list'?",
                        "ds01 help" },
                { { "ds01", "vresion" }, "Unknown command 'vresion', did you mean 'version'?",
                        "ds01 help" },
                { { "ds01", "zzzzzz" }, "Unknown command 'zzzzzz'", "ds01 help" },
                { { "container", "atach" },
                        "Unknown command 'container atach', did you mean 'attach'?",
                        "container --help" },
                { { "container", "opne" }, "Unknown command 'container opne', did you mean 'open'?",
                        "container --help" },
                { { "ds01", "container", "\033[31m" }, "Unknown command 'container \\x1b[31m'",
                        "" },
                { { "project", "launch", "--backgruond" },
                        "Unknown option '--backgruond', did you mean '--background'?",
                        "project-launch --help" },
                { { "project", "launch", "--dta=/x" },
                        "Unknown option '--dta=/x', did you mean '--data'?", "" },
                { { "project", "launch", "--image=x" }, "Unknown option '--image=x'", "" },
                /* No abbreviations, and not the options of others. */
                { { "project", "launch", "--backgr" }, "Unknown option '--backgr'", "" },
                { { "project", "launch", "--json" }, "Unknown option '--json'", "" },
                { { "project", "launch", "--user=x" }, "Unknown option '--user=x'", "" },
                { { "project", "launch", "-z" }, "Unknown option '-z'", "" },
                { { "container-list", "-az" }, "Unknown option '-az'", "" },
                { { "project", "launch", "--open=1" }, "Option --open takes no value",
                        "Usage: project launch" },
                { { "container", "deploy", "--image" },
                        "Option --image needs a value: --image=IMAGE", "Usage: " },
                { { "container", "deploy", "-d" }, "Option -d needs a value", "Usage: " },
                { { "project", "launch", "a", "b" }, "One argument too many: 'b'",
                        "Usage: project launch [name]\nMore: project-launch --help" },
                { { "ds01", "why", "a", "b" }, "One argument too many: 'b'",
                        "Usage: ds01 why [name]\nMore: ds01 why --help" },
                { { "ds01", "why", "--al" }, "Unknown option '--al'", "ds01 why --help" },
                { { "gpu-queue", "jion" }, "Unknown command 'gpu-queue jion', did you mean 'join'?",
                        "gpu-queue --help" },
                { { "container-list", "x" }, "One argument too many: 'x'",
                        "Usage: container-list" },
                { { "container-list", "--color=blue" },
                        "Option --color takes auto, always or never", "" },
                { { "container-list", "--user=\xff" }, "Argument '--user=\\xff' is not UTF-8", "" },
                { { "container-attach", "x", "--", "\xc3" }, "Argument '\\xc3' is not UTF-8", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct line l;
                parse(&l, rows[i].words);
                assert_int_equal(l.r, -1);
                assert_int_equal(err_exit_status(l.e.code), 2);
                if (!str_starts(l.e.msg, rows[i].msg) ||
                        (l.e.msg[strlen(rows[i].msg)] && l.e.msg[strlen(rows[i].msg)] != ','))
                        fail_msg("row %zu: %s", i, l.e.msg);
                if (!strstr(l.e.fix, rows[i].fix))
                        fail_msg("row %zu: %s", i, l.e.fix);
                done(&l);
        }
}

/* Every command can be found by what help prints for it, and its table is whole. */
static void test_table(void **state)
{
        (void)state;
        for (const struct command *const *p = commands; *p; p++) {
                assert_ptr_equal(args_find((*p)->noun, (*p)->verb), *p);
                assert_non_null((*p)->args);
                assert_non_null((*p)->details);
                assert_non_null((*p)->examples);
                assert_true((*p)->max_args >= 0 && (*p)->run);
                for (const struct opt *o = (*p)->opts; o && o->name; o++) {
                        assert_true((o->kind == OPT_FLAG) == !o->arg);
                        for (const struct opt *k = args_common; k->name; k++)
                                assert_true(strcmp(k->name, o->name) != 0 &&
                                            (!k->letter || k->letter != o->letter));
                        for (const struct opt *k = o + 1; k->name; k++)
                                assert_true(strcmp(k->name, o->name) != 0 &&
                                            (!k->letter || k->letter != o->letter));
                }
        }
        assert_non_null(args_find("check", "limits"));
        assert_ptr_equal(args_find("get", "limits"), args_find("check", "limits"));
        assert_ptr_equal(args_find("ds01", "limits"), args_find("check", "limits"));
        assert_null(args_find("container", "launch"));
        assert_null(args_find("nothing", "attach"));
}

static void test_usage_line(void **state)
{
        (void)state;
        static const struct {
                const char *noun, *verb, *line;
        } rows[] = {
                { "project", "launch", "project launch [name]" },
                { "container", "deploy", "container deploy [name] [image]" },
                { "container", "list", "container-list" },
                { "check", "limits", "check-limits" },
                { "gpu-queue", "join", "gpu-queue join [name]" },
                { "ds01", "why", "ds01 why [name]" },
                { "policy", "check", "policy-check FILE [USER]" },
                { "container", "attach", "container-attach [name] [-- COMMAND…]" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *line = cli_usage_line(args_find(rows[i].noun, rows[i].verb));
                assert_string_equal(line, rows[i].line);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_help),
                cmocka_unit_test(test_trailing),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_yes_and_color_everywhere),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_usage_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
