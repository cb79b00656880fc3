/* SPDX-License-Identifier: MIT */
/* The parent's side, against scripts that answer, hang, die and lie. */
#include "base/clock.h"
#include "gpu/probe.h"
#include "gpus.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

char folder[] = "/tmp/ds01-test-probe-XXXXXX";

#define GOOD                                                                                       \
        "{\"schema\":1,\"health\":\"ok\",\"why\":\"\",\"driver\":\"%s\",\"simulated\":false,\"gpus\":[]}"
#define SAY "say() { printf '" GOOD "\\n' \"$1\"; }\n"

/* A program that runs this after the functions; its starts are counted in the file "starts". */
static struct probe *probe_of(const char *body)
{
        cleanup_free char *text =
                xasprintf("#!/bin/sh\necho >>%s/starts\n" SAY "%s", folder, "%s", body);
        cleanup_free char *path = in_folder("program");
        cleanup_free char *starts = in_folder("starts");
        unlink(starts);
        write_text("program", text, 0755);
        return probe_new(path, NULL, NULL);
}

static size_t starts(void)
{
        size_t n = 0;
        cleanup_free char *path = in_folder("starts");
        free(read_text(path, &n));
        return n;
}

static int ask(struct probe *p, int64_t ms, struct gpu_sample *ret, struct err *e)
{
        gpu_sample_done(ret);
        return probe_sample(p, clock_mono_ms() + ms, -1, ret, e);
}

static void must_answer(struct probe *p, const char *driver)
{
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        if (ask(p, 5000, &s, &e) < 0)
                fail_msg("%s", e.msg);
        assert_string_equal(s.driver, driver);
}

static void must_fail(struct probe *p, int64_t ms, enum err_code code, const char *message)
{
        struct err e = ERR_INIT;
        struct gpu_sample s = { .n = 0 };
        if (ask(p, ms, &s, &e) == 0)
                fail_msg("it was answered");
        if (e.code != code || !strstr(e.msg, message))
                fail_msg("%d %s", e.code, e.msg);
}

/* Children of ours that are still there, dead or alive. */
static int children(void)
{
        int n = 0;
        DIR *d = opendir("/proc");
        assert_non_null(d);
        for (struct dirent *entry; (entry = readdir(d));) {
                cleanup_free char *path = xasprintf("/proc/%s/stat", entry->d_name);
                FILE *f = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re")
                                                                             : NULL;
                int parent = 0;
                if (!f)
                        continue;
                if (fscanf(f, "%*d (%*[^)]) %*c %d", &parent) == 1 && parent == getpid())
                        n++;
                fclose(f);
        }
        closedir(d);
        return n;
}

static void test_answers(void **state)
{
        (void)state;
        struct probe *p = probe_of("i=0\nwhile read -r x; do i=$((i + 1)); say $i; done\n");
        must_answer(p, "1");
        must_answer(p, "2");
        must_answer(p, "3");
        assert_int_equal(starts(), 1);
        assert_int_equal(children(), 1);
        probe_free(p);
        assert_int_equal(children(), 0);
        probe_free(NULL);
}

static void test_arguments(void **state)
{
        (void)state;
        static const struct {
                const char *simulate, *world, *arguments;
        } rows[] = {
                { NULL, NULL, "--serve" },
                { "2xT4", NULL, "--serve --simulate=2xT4" },
                { "2xT4", "/w x", "--serve --simulate=2xT4 --world=/w x" },
                { NULL, "/w", "--serve" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *path = in_folder("program");
                probe_free(probe_of("args=$*\nread -r x; say \"$args\"\nread -r x\n"));
                struct probe *p = probe_new(path, rows[i].simulate, rows[i].world);
                must_answer(p, rows[i].arguments);
                probe_free(p);
        }
}

/* Killed at its deadline, at once replaced by one that answers. */
static void test_hangs(void **state)
{
        (void)state;
        struct probe *p = probe_of("[ $(wc -l <${0%/*}/starts) -gt 1 ] || exec sleep 600\n"
                                   "while read -r x; do say second; done\n");
        int64_t begun = clock_mono_ms();
        must_fail(p, 300, ERR_BUSY, "/program does not answer");
        assert_in_range(clock_mono_ms() - begun, 290, 2000);
        must_answer(p, "second");
        /* The dead one was collected. */
        assert_int_equal(children(), 1);
        /* And one that ignores what can be ignored, in the middle of a line. */
        probe_free(p);
        p = probe_of(
                "trap '' TERM HUP INT\nwhile read -r x; do printf '{'; exec sleep 600; done\n");
        must_fail(p, 300, ERR_BUSY, "does not answer");
        probe_free(p);
        assert_int_equal(children(), 0);
}

static void test_ends(void **state)
{
        (void)state;
        /* After each answer: started again for the next one, a second after the last start. */
        struct probe *p = probe_of("read -r x; say once\n");
        int64_t begun = clock_mono_ms();
        must_answer(p, "once");
        sleep(1);
        must_answer(p, "once");
        assert_int_equal(starts(), 2);
        assert_true(clock_mono_ms() - begun >= 1000);
        probe_free(p);
        /* Before any: an error, and no more than one start. */
        p = probe_of("exit 0\n");
        must_fail(p, 5000, ERR_FAILED, "/program has ended");
        assert_int_equal(starts(), 1);
        /* No time to start another: one that ended a moment ago costs nothing. */
        begun = clock_mono_ms();
        must_fail(p, 50, ERR_BUSY, "was started a moment ago");
        assert_in_range(clock_mono_ms() - begun, 0, 40);
        assert_int_equal(starts(), 1);
        probe_free(p);
        /* In the middle of a line. */
        p = probe_of("read -r x; printf '{\"schema\"'\n");
        must_fail(p, 5000, ERR_FAILED, "has ended without an answer");
        probe_free(p);
        assert_int_equal(children(), 0);
}

static void test_nonsense(void **state)
{
        (void)state;
        static const struct {
                const char *body, *message;
        } rows[] = {
                { "while read -r x; do echo hello; done\n", "The probe's line" },
                { "while read -r x; do echo; done\n", "The probe's line" },
                { "while read -r x; do echo '{}'; done\n", "has no 'schema'" },
                /* In one write: a second one could come late, and be no part of the answer. */
                { "one=$(say 1)\nwhile read -r x; do printf '%s\\n%s\\n' \"$one\" \"$one\"; done\n",
                        "writes more than one line" },
                { "one=$(say 1)\nwhile read -r x; do printf '%s\\nx' \"$one\"; done\n",
                        "writes more than one line" },
                { "read -r x; exec cat /dev/zero\n", "writes without end" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct probe *p = probe_of(rows[i].body);
                struct err e = ERR_INIT;
                cleanup_gpu_sample struct gpu_sample s = { 0 };
                if (ask(p, 9000, &s, &e) == 0)
                        fail_msg("row %zu was accepted", i);
                if (e.code != ERR_FAILED || !strstr(e.msg, rows[i].message))
                        fail_msg("row %zu: %d %s", i, e.code, e.msg);
                probe_free(p);
        }
        assert_int_equal(children(), 0);
}

/* A line that nobody asked for is not the answer to the next question. */
static void test_unasked(void **state)
{
        (void)state;
        struct probe *p =
                probe_of("read -r x; say asked; sleep 0.2; say unasked; exec sleep 600\n");
        must_answer(p, "asked");
        sleep(1);
        must_answer(p, "asked");
        assert_int_equal(starts(), 2);
        probe_free(p);
}

static void test_no_program(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        struct probe *p = probe_new("/nonexistent/ds01-gpu-probe", NULL, NULL);
        assert_int_equal(ask(p, 1000, &s, &e), 0);
        assert_int_equal(s.health, GPU_HEALTH_NONE);
        assert_string_equal(s.why, "there is no /nonexistent/ds01-gpu-probe");
        probe_free(p);
        /* There, and no program. */
        cleanup_free char *path = in_folder("program");
        write_text("program", "text", 0644);
        p = probe_new(path, NULL, NULL);
        must_fail(p, 1000, ERR_FAILED, "Can't start ");
        must_fail(p, 1500, ERR_FAILED, "Can't start ");
        probe_free(p);
}

/* The child gets three descriptors, no blocked signals, and none ignored. */
static void test_inherits_nothing(void **state)
{
        (void)state;
        sigset_t block, old;
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_in_range(fds[0], 3, 9);
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&block);
        sigaddset(&block, SIGTERM);
        sigprocmask(SIG_BLOCK, &block, &old);
        /* From 10 on the shell has its own; 32 and 33 are libc's own signals. */
        struct probe *p = probe_of("for i in 3 4 5 6 7 8 9; do\n"
                                   "  [ ! -e /proc/$$/fd/$i ] || fds=\"$fds $i\"; done\n"
                                   "signals=$(grep -E 'Sig(Blk|Ign)' /proc/$$/status | tr -d "
                                   "'\\n\\t')\n"
                                   "read -r x; say \"$fds$signals\"; read -r x\n");
        must_answer(p, "SigBlk:0000000000000000SigIgn:0000000180000000");
        probe_free(p);
        sigprocmask(SIG_SETMASK, &old, NULL);
        close(fds[0]);
        close(fds[1]);
}

/* Without a handler for SIGPIPE: writing to one that has ended must not end us. */
static void test_no_sigpipe(void **state)
{
        (void)state;
        signal(SIGPIPE, SIG_DFL);
        struct probe *p = probe_of("exec <&-\nread -r x\nsay early; exec sleep 600\n");
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        ask(p, 3000, &s, &e);
        probe_free(p);
        assert_int_equal(children(), 0);
}

static int clean(void **state)
{
        (void)state;
        folder_remove((const char *const[]){ "program", "starts", NULL });
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_arguments),
                cmocka_unit_test(test_hangs),
                cmocka_unit_test(test_ends),
                cmocka_unit_test(test_nonsense),
                cmocka_unit_test(test_unasked),
                cmocka_unit_test(test_no_program),
                cmocka_unit_test(test_inherits_nothing),
                cmocka_unit_test(test_no_sigpipe),
        };
        return cmocka_run_group_tests(tests, folder_make, clean);
}
