/* SPDX-License-Identifier: MIT */
#include "cli/gpus.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/args.h"
#include "cli/queue.h"
#include "cli/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* The command line `project-launch x`, with one or two options more. */
struct line {
        struct cli c;
        char *words[5];
        int n;
};

static void add(struct line *l, const char *word)
{
        if (word)
                l->words[l->n++] = xstrdup(word);
}

static void parse(struct line *l, const char *first, const char *second)
{
        struct err e = ERR_INIT;
        enum args_outcome outcome;
        const char *noun;
        *l = (struct line){ 0 };
        add(l, "project-launch");
        add(l, "x");
        add(l, first);
        add(l, second);
        assert_int_equal(args_parse(&l->c, l->n, l->words, &outcome, &noun, &e), 0);
}

static void done(struct line *l)
{
        free(l->c.args);
        free(l->c.given);
        for (int i = 0; i < l->n; i++)
                free(l->words[i]);
}

static void test_asked(void **state)
{
        (void)state;
        static const struct {
                const char *first, *second;
                int py_gpus; /* -2: no pyproject.toml */
                bool py_cpu_only;
                int gpus; /* -2: refused */
        } rows[] = {
                { NULL, NULL, -2, false, -1 },
                { NULL, NULL, -1, false, -1 },
                { NULL, NULL, 2, false, 2 },
                { NULL, NULL, 0, false, 0 },
                { NULL, NULL, -1, true, 0 },
                /* The command line comes first. */
                { "--gpus=3", NULL, 2, false, 3 },
                { "--gpus=1", NULL, -1, true, 1 },
                { "--cpu-only", NULL, 2, false, 0 },
                { "--gpus=0", NULL, 2, false, 0 },
                { "--gpus=64", NULL, -2, false, 64 },
                { "--gpus=65", NULL, -2, false, -2 },
                { "--gpus=-1", NULL, -2, false, -2 },
                { "--gpus=", NULL, -2, false, -2 },
                { "--gpus=two", NULL, -2, false, -2 },
                { "--gpus=1.5", NULL, -2, false, -2 },
                { "--gpus=1", "--cpu-only", -2, false, -2 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct line l;
                parse(&l, rows[i].first, rows[i].second);
                struct pyproject py = PYPROJECT_INIT;
                struct err e = ERR_INIT;
                int gpus = -2;
                py.gpus = rows[i].py_gpus == -2 ? -1 : rows[i].py_gpus;
                py.cpu_only = rows[i].py_cpu_only;
                int r = gpus_asked(&l.c, rows[i].py_gpus == -2 ? NULL : &py, &gpus, &e);
                if (r != (rows[i].gpus == -2 ? -1 : 0) || gpus != rows[i].gpus)
                        fail_msg("row %zu: %d, %s", i, gpus, e.msg);
                if (r < 0)
                        assert_int_equal(err_exit_status(e.code), 2);
                done(&l);
        }
}

static void test_wait_option(void **state)
{
        (void)state;
        struct wait w;
        struct err e = ERR_INIT;
        struct line l;
        parse(&l, NULL, NULL);
        assert_int_equal(wait_option(&l.c, &w, &e), 0);
        assert_false(w.wanted);
        done(&l);
        parse(&l, "--wait", NULL);
        assert_int_equal(wait_option(&l.c, &w, &e), 0);
        assert_true(w.wanted);
        assert_int_equal(w.deadline, -1);
        done(&l);
        parse(&l, "--wait=2h", NULL);
        assert_int_equal(wait_option(&l.c, &w, &e), 0);
        int64_t left = w.deadline - clock_mono_ms();
        assert_true(left > 7190 * 1000 && left <= 7200 * 1000);
        done(&l);
        static const char *const bad[] = { "--wait=", "--wait=2", "--wait=31d", "--wait=soon" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                parse(&l, bad[i], NULL);
                assert_int_equal(wait_option(&l.c, &w, &e), -1);
                assert_int_equal(err_exit_status(e.code), 2);
                done(&l);
        }
}

static void test_place(void **state)
{
        (void)state;
        static const struct {
                int position;
                const char *ahead, *text; /* ahead: JSON */
        } rows[] = {
                { 1, "[]", "1st in line" },
                { 2, "[\"bob\"]", "2nd in line, behind bob" },
                { 3, "[\"bob\",\"carol\"]", "3rd in line, behind bob and carol" },
                { 4, "[\"b\",\"c\",\"d\"]", "4th in line, behind b, c and d" },
                { 6, "[\"b\",\"c\",\"d\",\"e\",\"f\"]", "6th in line, behind b, c, d and 2 more" },
                { 11, "[]", "11th in line" },
                { 12, "[]", "12th in line" },
                { 13, "[]", "13th in line" },
                { 21, "[]", "21st in line" },
                { 112, "[]", "112th in line" },
                { 2, "[\"\\u001b[31mx\"]", "2nd in line, behind \\x1b[31mx" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                json_t *ahead = NULL;
                assert_int_equal(
                        json_parse(rows[i].ahead, strlen(rows[i].ahead), 4, &ahead, &e), 0);
                cleanup_json json_t *t =
                        json_pack("{s:i, s:o}", "position", rows[i].position, "ahead", ahead);
                cleanup_free char *text = gpus_place(t);
                assert_string_equal(text, rows[i].text);
        }
}

/* Moments are some seconds later than what is read of them, so that a slow test reads the same. */
static json_t *ticket(int64_t early, int64_t late)
{
        int64_t now = clock_unix() + 20;
        return json_pack("{s:s, s:s, s:i, s:i, s:[s], s:s, s:I, s:I}", "name", "my-thesis", "state",
                "waiting", "gpus", 1, "position", 2, "ahead", "bob", "reason", "1 needed, 0 free",
                "eta_early", (json_int_t)(early < 0 ? 0 : now + early), "eta_late",
                (json_int_t)(late < 0 ? 0 : now + late));
}

static void test_eta(void **state)
{
        (void)state;
        static const struct {
                int64_t early, late; /* -1: not known */
                const char *text;
        } rows[] = {
                { -1, -1, "" },
                { 1200, 7200, "in 20m to 2h" },
                { 1200, 1220, "in about 20m" },
                { 0, 7200, "within 2h" },
                { 0, 10, "in less than a minute" },
                { 1200, -1, "in 20m at the earliest" },
                { 0, -1, "at a time that can't be told" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_json json_t *t = ticket(rows[i].early, rows[i].late);
                cleanup_free char *text = gpus_eta(t);
                assert_string_equal(text, rows[i].text);
        }
        cleanup_json json_t *known = ticket(1200, 7200), *unknown = ticket(-1, -1);
        cleanup_free char *a = gpus_standing(known), *b = gpus_standing(unknown);
        assert_string_equal(a, "2nd in line, behind bob, in 20m to 2h");
        assert_string_equal(b, "2nd in line, behind bob, 1 needed, 0 free");
}

static void test_sentences(void **state)
{
        (void)state;
        cleanup_json json_t *known = ticket(1200, 7200), *unknown = ticket(-1, -1);
        cleanup_free char *a = queue_sentence(known), *b = queue_sentence(unknown);
        assert_string_equal(
                a, "my-thesis is 2nd in line for 1 GPU, behind bob. Its turn comes in 20m to 2h.");
        assert_string_equal(b, "my-thesis is 2nd in line for 1 GPU, behind bob. 1 needed, 0 free.");
        cleanup_json json_t *endless = ticket(0, -1);
        cleanup_free char *none = queue_sentence(endless);
        assert_string_equal(none,
                "my-thesis is 2nd in line for 1 GPU, behind bob. Its turn comes at a time "
                "that can't be told. 1 needed, 0 free.");
        json_object_set_new(known, "name", json_string(""));
        json_object_set_new(known, "gpus", json_integer(2));
        cleanup_free char *c = queue_sentence(known), *c_next = queue_next(known);
        assert_string_equal(c,
                "Your next launch is 2nd in line for 2 GPUs, behind bob. Its turn comes in 20m to 2h.");
        assert_string_equal(
                c_next, "See how it stands: gpu-queue position · Leave: gpu-queue leave");

        json_object_set_new(unknown, "state", json_string("turn"));
        json_object_set_new(unknown, "gpu_text", json_string("GPU 2 (A100 40 GB)"));
        json_object_set_new(unknown, "reason", json_string("The image has changed"));
        json_object_set_new(unknown, "turn_until", json_integer(clock_unix() + 600));
        cleanup_free char *until = gpus_time(clock_unix() + 600);
        cleanup_free char *d = queue_sentence(unknown), *d_next = queue_next(unknown);
        cleanup_free char *wanted = xasprintf(
                "It is the turn of my-thesis: GPU 2 (A100 40 GB) is kept until %s. The image has changed.",
                until);
        assert_string_equal(d, wanted);
        assert_string_equal(
                d_next, "Use it: project launch my-thesis · Leave: gpu-queue leave my-thesis");
}

static void test_states(void **state)
{
        (void)state;
        static const struct {
                const char *state, *user, *reason, *text;
        } rows[] = {
                { "held", "bob", "", "GPU 1.0 is held by bob, no end" },
                { "held", "", "", "GPU 1.0 is held, no end" },
                { "drained", "", "a process is left", "GPU 1.0 is drained: a process is left" },
                { "not answering", "", "", "GPU 1.0 is not answering" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_json json_t *gpu = json_pack("{s:s, s:s, s:s, s:s, s:i}", "slot", "1.0",
                        "state", rows[i].state, "user", rows[i].user, "reason", rows[i].reason,
                        "until", 0);
                cleanup_free char *text = gpus_state(gpu);
                assert_string_equal(text, rows[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_asked),
                cmocka_unit_test(test_wait_option),
                cmocka_unit_test(test_place),
                cmocka_unit_test(test_eta),
                cmocka_unit_test(test_sentences),
                cmocka_unit_test(test_states),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
