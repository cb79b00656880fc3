/* SPDX-License-Identifier: MIT */
#include "cli/prompt.h"

#include "cli/args.h"
#include "terminal.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What the child prints when its question is over: "=> 1 name", or "=> -1 exit status: sentence".
 */
static int finish(const char *answer, int r, const struct err *e)
{
        if (r < 0)
                printf("=> failed: %s\n", e->msg);
        else
                printf("=> %s\n", answer);
        return r < 0 ? err_exit_status(e->code) : 0;
}

static struct cli on_terminal(void)
{
        return (struct cli){ .cmd = args_find("project", "launch"), .tty = true };
}

struct rows {
        const char *const (*v)[2];
        size_t n;
};

static int pick(void *ctx)
{
        const struct rows *rows = ctx;
        struct cli c = on_terminal();
        struct err e = ERR_INIT;
        cleanup_choices struct choices l = { 0 };
        size_t i = 0;
        for (size_t k = 0; k < rows->n; k++)
                choices_add(&l, rows->v[k][0], rows->v[k][1]);
        int r = prompt_pick(&c, "Select a project to launch:", &l, &i, &e);
        return finish(l.v[i].name, r, &e);
}

static const char *const guide[][2] = {
        { "my-thesis", "PyTorch 2.8.0" },
        { "research-2024", "TensorFlow 2.16.1" },
        { "experiments", "JAX 0.4.23" },
};
static struct rows guide_rows = { guide, ARRAY_LEN(guide) };

static struct terminal start_guide(void)
{
        struct terminal t = terminal_start(80, pick, &guide_rows);
        free(terminal_expect(&t, "Choice [1-3]: "));
        return t;
}

static void test_exact_text(void **state)
{
        (void)state;
        struct terminal t = terminal_start(80, pick, &guide_rows);
        cleanup_free char *shown = terminal_expect(&t, "Choice [1-3]: ");
        assert_string_equal(shown, "Select a project to launch:\n"
                                   "\n"
                                   "  1) my-thesis          (PyTorch 2.8.0)\n"
                                   "  2) research-2024      (TensorFlow 2.16.1)\n"
                                   "  3) experiments        (JAX 0.4.23)\n"
                                   "\n"
                                   "Choice [1-3]: ");
        terminal_type(&t, "2\n");
        assert_int_equal(terminal_end(&t), 0);
        assert_string_equal(buf_str(&t.seen), "2\n=> research-2024\n");
        buf_done(&t.seen);
}

/* Numbers of two digits, a long name, one without a note, one that would act on the terminal. */
static void test_alignment(void **state)
{
        (void)state;
        static const char *const names[][2] = {
                { "a", "x" },
                { "b", NULL },
                { "c", "" },
                { "d", "x" },
                { "e", "x" },
                { "f", "x" },
                { "g", "x" },
                { "h", "x" },
                { "a-name-of-twenty-four-xx", "x" },
                { "\033[31mred", "\a" },
        };
        struct rows rows = { names, ARRAY_LEN(names) };
        struct terminal t = terminal_start(80, pick, &rows);
        cleanup_free char *shown = terminal_expect(&t, "Choice [1-10]: ");
        assert_non_null(strstr(shown, "\n   1) a                         (x)\n   2) b\n   3) c\n"));
        assert_non_null(strstr(shown, "\n   9) a-name-of-twenty-four-xx  (x)\n"
                                      "  10) \\x1b[31mred               (\\x07)\n"));
        terminal_type(&t, "  10 \n");
        assert_int_equal(terminal_end(&t), 0);
        buf_done(&t.seen);
}

static void test_narrow(void **state)
{
        (void)state;
        struct terminal t = start_guide();
        terminal_type(&t, "/nothing-like-it\n");
        cleanup_free char *all = terminal_expect(&t, "Choice [1-3]: ");
        assert_non_null(strstr(all, "Nothing contains that."));
        /* Names and notes, whatever the case; the numbers are those of the rows shown. */
        terminal_type(&t, "/FLOW\n");
        cleanup_free char *one = terminal_expect(&t, "Choice [1-1]: ");
        assert_non_null(strstr(one, "  1) research-2024      (TensorFlow 2.16.1)\n"));
        assert_null(strstr(one, "my-thesis"));
        terminal_type(&t, "/\n");
        free(terminal_expect(&t, "Choice [1-3]: "));
        terminal_type(&t, "/e\n");
        free(terminal_expect(&t, "Choice [1-3]: "));
        terminal_type(&t, "/exp\n");
        free(terminal_expect(&t, "Choice [1-1]: "));
        terminal_type(&t, "1\n");
        assert_int_equal(terminal_end(&t), 0);
        assert_non_null(strstr(buf_str(&t.seen), "=> experiments\n"));
        buf_done(&t.seen);
}

static void test_wrong_answers(void **state)
{
        (void)state;
        static const char *const wrong[][3] = {
                { "0\n", "4\n", "my-thesis\n" },
                { "\n", "-1\n", "1x\n" },
                { "99999999999999999999\n", "1 2\n", "?\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                struct terminal t = start_guide();
                for (size_t k = 0; k < 3; k++) {
                        terminal_type(&t, wrong[i][k]);
                        free(terminal_expect(
                                &t, "Type a number from 1 to 3, /text to narrow, q to leave.\n"));
                        if (k < 2)
                                free(terminal_expect(&t, "Choice [1-3]: "));
                }
                assert_int_equal(terminal_end(&t), 2);
                assert_string_equal(buf_str(&t.seen), "=> failed: No choice was made\n");
                buf_done(&t.seen);
        }
}

/* Two wrong ones are forgiven, and looking around costs nothing. */
static void test_right_at_last(void **state)
{
        (void)state;
        struct terminal t = start_guide();
        const char *const typed[] = { "x\n", "/thesis\n", "9\n", "/\n" };
        for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
                terminal_type(&t, typed[i]);
                free(terminal_expect(&t, "Choice ["));
        }
        terminal_type(&t, "3\n");
        assert_int_equal(terminal_end(&t), 0);
        assert_non_null(strstr(buf_str(&t.seen), "=> experiments\n"));
        buf_done(&t.seen);
}

static void test_leaving(void **state)
{
        (void)state;
        /* q; Ctrl-C; Ctrl-D; both of the latter with something typed already. */
        static const char *const keys[] = { "q\n", "\003", "\004", "1\003", "1\004\004" };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                struct terminal t = start_guide();
                terminal_type(&t, keys[i]);
                assert_int_equal(terminal_end(&t), 130);
                assert_non_null(strstr(buf_str(&t.seen), "=> failed: Nothing was done\n"));
                buf_done(&t.seen);
        }
}

static int pick_twice(void *ctx)
{
        return pick(ctx) == 0 ? pick(ctx) : 1;
}

/* What is typed ahead is for whoever asks next. */
static void test_takes_one_line(void **state)
{
        (void)state;
        struct terminal t = terminal_start(80, pick_twice, &guide_rows);
        free(terminal_expect(&t, "Choice [1-3]: "));
        terminal_type(&t, "1\n3\n");
        assert_int_equal(terminal_end(&t), 0);
        assert_non_null(strstr(buf_str(&t.seen), "=> my-thesis\n"));
        assert_non_null(strstr(buf_str(&t.seen), "=> experiments\n"));
        buf_done(&t.seen);
}

static int ask_yes(void *ctx)
{
        struct cli c = on_terminal();
        struct err e = ERR_INIT;
        bool yes = false;
        int r = prompt_yes(&c, *(const bool *)ctx, &yes, &e, "Remove %s?", "x");
        return finish(yes ? "yes" : "no", r, &e);
}

static void test_yes(void **state)
{
        (void)state;
        static const struct {
                bool fallback;
                const char *typed, *shown;
                int status;
        } rows[] = {
                { true, "\n", "=> yes\n", 0 },
                { false, "\n", "=> no\n", 0 },
                { true, "n\n", "=> no\n", 0 },
                { true, "NO\n", "=> no\n", 0 },
                { false, "y\n", "=> yes\n", 0 },
                { false, " Yes \n", "=> yes\n", 0 },
                { true, "q\n", "=> failed: Nothing was done\n", 130 },
                { true, "\003", "=> failed: Nothing was done\n", 130 },
                { true, "maybe\nperhaps\nn\n", "=> no\n", 0 },
                { true, "1\n2\n3\n", "=> failed: No answer to: Remove x?\n", 2 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                bool fallback = rows[i].fallback;
                struct terminal t = terminal_start(80, ask_yes, &fallback);
                free(terminal_expect(&t, fallback ? "Remove x? [Y/n] " : "Remove x? [y/N] "));
                terminal_type(&t, rows[i].typed);
                int status = terminal_end(&t);
                if (status != rows[i].status || !strstr(buf_str(&t.seen), rows[i].shown))
                        fail_msg("row %zu: %d %s", i, status, buf_str(&t.seen));
                buf_done(&t.seen);
        }
}

static int ask_line(void *ctx)
{
        struct cli c = on_terminal();
        struct err e = ERR_INIT;
        cleanup_free char *answer = NULL;
        int r = prompt_line(&c, "Name", ctx, &answer, &e);
        return finish(answer, r, &e);
}

static void test_line(void **state)
{
        (void)state;
        struct terminal t = terminal_start(80, ask_line, (void *)(uintptr_t) "given");
        free(terminal_expect(&t, "Name [given]: "));
        terminal_type(&t, "\n");
        assert_int_equal(terminal_end(&t), 0);
        assert_string_equal(buf_str(&t.seen), "\n=> given\n");
        buf_done(&t.seen);

        t = terminal_start(80, ask_line, NULL);
        free(terminal_expect(&t, "Name: "));
        terminal_type(&t, "\n");
        free(terminal_expect(&t, "Name: "));
        terminal_type(&t, "  two words\t\n");
        assert_int_equal(terminal_end(&t), 0);
        assert_string_equal(buf_str(&t.seen), "  two words\t\n=> two words\n");
        buf_done(&t.seen);
}

static int choose(void *ctx)
{
        struct cli c = on_terminal();
        struct err e = ERR_INIT;
        cleanup_choices struct choices l = { 0 };
        size_t i = 0;
        choices_add(&l, "ml", "machine learning");
        choices_add(&l, "cv", "computer vision");
        choices_add(&l, "nlp", "language");
        int r = prompt_choose(&c, "What?", &l, *(const size_t *)ctx, &i, &e);
        return finish(r < 0 ? "" : l.v[i].name, r, &e);
}

/* Enter takes the default, for as long as it is among what is shown. */
static void test_default_row(void **state)
{
        (void)state;
        static const struct {
                const char *typed, *shown;
                int status;
        } rows[] = {
                { "\n", "=> cv\n", 0 },
                { "3\n", "=> nlp\n", 0 },
                { "/vision\n\n", "Choice [1-1] (default: 1): => cv\n", 0 },
                { "/language\n\n1\n", "Choice [1-1]: Type a number from 1 to 1", 0 },
                { "/nothing\n\n", "=> cv\n", 0 },
                { "4\nx\n0\n", "=> failed: No choice was made\n", 2 },
                { "q\n", "=> failed: Nothing was done\n", 130 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                size_t fallback = 1;
                struct terminal t = terminal_start(80, choose, &fallback);
                char *begin = terminal_expect(&t, "Choice [1-3] (default: 2): ");
                terminal_type(&t, rows[i].typed);
                int status = terminal_end(&t);
                cleanup_free char *all = xasprintf("%s%s", begin, buf_str(&t.seen));
                if (status != rows[i].status || !strstr(all, rows[i].shown))
                        fail_msg("row %zu: %d %s", i, status, all);
                free(begin);
                buf_done(&t.seen);
        }
}

static int takes_digits(const char *answer, void *ctx, struct err *e)
{
        if (strcmp(answer, "gone") == 0)
                return err_set(e, ERR_FAILED, "It is gone");
        if (!*answer || strspn(answer, "0123456789") != strlen(answer))
                return err_set(e, ERR_INVALID, "'%s' is no number", answer);
        str_replace(ctx, answer);
        return 0;
}

static int ask_digits(void *ctx)
{
        (void)ctx;
        struct cli c = on_terminal();
        struct err e = ERR_INIT;
        cleanup_free char *taken = NULL;
        int r = prompt_checked(&c, "Number", NULL, takes_digits, &taken, &e);
        return finish(taken, r, &e);
}

static void test_checked(void **state)
{
        (void)state;
        static const struct {
                const char *typed, *shown;
                int status;
        } rows[] = {
                { "7\n", "=> 7\n", 0 },
                { "x\ny\n7\n", "'y' is no number.\n", 0 },
                { "x\ny\nz\n7\n", "=> failed: 'z' is no number\n", 2 },
                { "gone\n", "=> failed: It is gone\n", 1 },
                { "x\nq\n", "=> failed: Nothing was done\n", 130 },
                { "\003", "=> failed: Nothing was done\n", 130 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct terminal t = terminal_start(80, ask_digits, NULL);
                free(terminal_expect(&t, "Number: "));
                terminal_type(&t, rows[i].typed);
                int status = terminal_end(&t);
                if (status != rows[i].status || !strstr(buf_str(&t.seen), rows[i].shown))
                        fail_msg("row %zu: %d %s", i, status, buf_str(&t.seen));
                buf_done(&t.seen);
        }
}

/* Without a terminal nothing is asked; with --yes the default is taken, or there is none. */
static void test_unattended(void **state)
{
        (void)state;
        struct cli c = { .cmd = args_find("project", "launch") };
        struct err e = ERR_INIT;
        struct choices l = { 0 };
        size_t i = 7;
        bool yes = false;
        char *line = NULL;
        assert_int_equal(prompt_yes(&c, true, &yes, &e, "Go on?"), 0);
        assert_true(yes);
        assert_int_equal(prompt_line(&c, "Name", "x", &line, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_int_equal(prompt_pick(&c, "Which?", &l, &i, &e), -1);
        assert_int_equal(err_exit_status(e.code), 2);
        assert_string_equal(e.fix, "Usage: project launch [name]\nMore: project-launch --help");
        assert_int_equal(i, 7);

        c.tty = c.yes = true;
        assert_int_equal(prompt_yes(&c, false, &yes, &e, "Go on?"), 0);
        assert_false(yes);
        assert_int_equal(prompt_line(&c, "Name", "x", &line, &e), 0);
        assert_string_equal(line, "x");
        free(line);
        assert_int_equal(prompt_guide(&c, GUIDE_LAUNCH, &e), 0);
        c.guided = true;
        assert_int_equal(prompt_guide(&c, GUIDE_LAUNCH, &e), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exact_text),
                cmocka_unit_test(test_alignment),
                cmocka_unit_test(test_narrow),
                cmocka_unit_test(test_wrong_answers),
                cmocka_unit_test(test_right_at_last),
                cmocka_unit_test(test_leaving),
                cmocka_unit_test(test_takes_one_line),
                cmocka_unit_test(test_yes),
                cmocka_unit_test(test_line),
                cmocka_unit_test(test_default_row),
                cmocka_unit_test(test_checked),
                cmocka_unit_test(test_unattended),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
