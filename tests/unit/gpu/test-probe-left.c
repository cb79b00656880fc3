/* SPDX-License-Identifier: MIT */
/* Probes that can't be ended, and an end that isn't waited for. */
#include "gpu/probe.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A probe that notes its pid and never answers. */
struct silent {
        char dir[32], command[64], pids[64];
};

static int make_silent(void **state)
{
        struct silent *s = xcalloc(1, sizeof *s);
        strcpy(s->dir, "/tmp/ds01-probe-XXXXXX");
        if (!mkdtemp(s->dir))
                return -1;
        snprintf(s->command, sizeof s->command, "%s/probe", s->dir);
        snprintf(s->pids, sizeof s->pids, "%s/pids", s->dir);
        FILE *f = fopen(s->command, "we");
        if (!f)
                return -1;
        fprintf(f, "#!/bin/sh\necho $$ >>%s\nexec sleep 60\n", s->pids);
        *state = s;
        return fclose(f) || chmod(s->command, 0755);
}

static int remove_silent(void **state)
{
        struct silent *s = *state;
        unlink(s->command);
        unlink(s->pids);
        rmdir(s->dir);
        free(s);
        return 0;
}

/* The pids so far; returns how many. */
static size_t pids(const struct silent *s, pid_t *v, size_t max)
{
        size_t n = 0;
        int pid;
        FILE *f = fopen(s->pids, "re");
        while (f && n < max && fscanf(f, "%d\n", &pid) == 1)
                v[n++] = pid;
        if (f)
                fclose(f);
        return n;
}

static void test_the_end_is_not_waited_for(void **state)
{
        const struct silent *s = *state;
        struct gpu_sample sample = { 0 };
        struct err e = ERR_INIT;
        struct probe *p = probe_new(s->command, NULL, NULL);
        int stop = eventfd(1, EFD_CLOEXEC);
        int64_t begun = clock_mono_ms();
        assert_int_equal(probe_sample(p, begun + 20000, stop, &sample, &e), -1);
        assert_int_equal(e.code, ERR_BUSY);
        probe_free(p);
        assert_true(clock_mono_ms() - begun < 5000);
        close(stop);
}

/* Holds on to every probe that is started: a killed one that is traced can't be reaped by its parent,
 * as one can't that hangs in a driver. */
static pid_t hold_all(const struct silent *s)
{
        pid_t tracer = fork(), v[64];
        if (tracer)
                return tracer;
        for (size_t held = 0;;) {
                size_t n = pids(s, v, ARRAY_LEN(v));
                for (; held < n; held++)
                        if (ptrace(PTRACE_SEIZE, v[held], NULL, NULL) < 0)
                                _exit(1);
                usleep(2000);
        }
}

static void test_those_that_hang_are_few(void **state)
{
        const struct silent *s = *state;
        struct gpu_sample sample = { 0 };
        struct err e = ERR_INIT;
        pid_t v[64];
        struct probe *p = probe_new(s->command, NULL, NULL);
        pid_t tracer = hold_all(s);
        assert_true(tracer > 0);
        for (int i = 0; i < PROBE_LEFT_MAX + 3; i++) {
                int64_t deadline = clock_mono_ms() + PROBE_RESTART_MS + 300;
                assert_int_equal(probe_sample(p, deadline, -1, &sample, &e), -1);
                assert_int_equal(e.code, ERR_BUSY);
        }
        assert_int_equal(waitpid(tracer, NULL, WNOHANG), 0);
        assert_int_equal(pids(s, v, ARRAY_LEN(v)), PROBE_LEFT_MAX);
        assert_non_null(strstr(e.msg, "hang in the driver"));
        /* The driver comes back to life. */
        kill(tracer, SIGKILL);
        waitpid(tracer, NULL, 0);
        int64_t deadline = clock_mono_ms() + PROBE_RESTART_MS + 300;
        assert_int_equal(probe_sample(p, deadline, -1, &sample, &e), -1);
        assert_int_equal(pids(s, v, ARRAY_LEN(v)), PROBE_LEFT_MAX + 1);
        probe_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        test_the_end_is_not_waited_for, make_silent, remove_silent),
                cmocka_unit_test_setup_teardown(
                        test_those_that_hang_are_few, make_silent, remove_silent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
