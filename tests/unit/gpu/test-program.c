/* SPDX-License-Identifier: MIT */
/* ds01-gpu-probe itself: test-program PROBE STANDIN. */
#include "base/clock.h"
#include "gpu/probe.h"
#include "gpus.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/wait.h>

char folder[] = "/tmp/ds01-test-program-XXXXXX";

static const char *program, *standin;

static void need(bool fine, const char *what)
{
        if (!fine)
                fail_msg("%s", what);
}

/* The probe's arguments as a shell's; what it writes, both channels; its exit status. */
static int run(const char *arguments, char **ret_text)
{
        cleanup_free char *command = xasprintf("%s %s 2>&1 </dev/null", program, arguments);
        cleanup_buf struct buf b = BUF_INIT(1 << 20);
        char piece[4096];
        FILE *f = popen(command, "re");
        assert_non_null(f);
        for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
                buf_add(&b, piece, n);
        int status = pclose(f);
        assert_true(WIFEXITED(status));
        *ret_text = buf_take(&b);
        return WEXITSTATUS(status);
}

static void test_options(void **state)
{
        (void)state;
        static const struct {
                const char *arguments;
                int status;
                const char *text;
        } rows[] = {
                { "--help", 0, "GPUs that can be pretended: A100-40G, A100-80G" },
                { "--version", 0, "ds01-gpu-probe " },
                { "--simulate=2xT4", 0, "\"SIM-GPU-01-T4\"" },
                { "--simulate=2xT4 --world=/nonexistent", 0, "\"SIM-GPU-01-T4\"" },
                { "--simulate=2xT5", 2, "Error: 'T5' is no GPU that can be simulated" },
                { "--simulate=2xT5 --serve", 2, "To fix: --simulate=4x" },
                { "--simulate", 2, "Usage: " },
                { "--world=/x", 2, "Usage: " },
                { "--frobnicate", 2, "Usage: " },
                { "something", 2, "Usage: " },
                { "--serve --simulate=T4", 0, "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *text = NULL;
                assert_int_equal(run(rows[i].arguments, &text), rows[i].status);
                if (!strstr(text, rows[i].text))
                        fail_msg("%s: %s", rows[i].arguments, text);
        }
}

/* No library at all is a machine without GPUs. One that can't be loaded is not. */
static void test_no_library(void **state)
{
        (void)state;
        cleanup_free char *text = NULL, *broken = NULL;
        cleanup_free char *path = in_folder("");
        unsetenv("LD_LIBRARY_PATH");
        void *real = dlopen("libnvidia-ml.so.1", RTLD_LAZY);
        if (real) {
                dlclose(real);
        } else {
                assert_int_equal(run("", &text), 0);
                assert_string_equal(text, "{\"schema\":1,\"health\":\"none\",\"why\":\"no NVIDIA "
                                          "driver is installed\",\"driver\":\"\",\"simulated\":"
                                          "false,\"gpus\":[]}\n");
        }
        write_text("libnvidia-ml.so.1", "no library", 0644);
        setenv("LD_LIBRARY_PATH", path, 1);
        assert_int_equal(run("", &broken), 0);
        if (!strstr(broken, "\"failed\",\"why\":\"the NVIDIA library can't be loaded: "))
                fail_msg("%s", broken);
}

/* ---- served, with the stand-in ---- */

static void put_standin(void)
{
        size_t n = 0;
        cleanup_free char *library = read_text(standin, &n);
        cleanup_free char *path = in_folder("");
        cleanup_free char *world = in_folder("world");
        /* A copy: where it was built, account nobody may not be let in. */
        write_bytes("libnvidia-ml.so.1", library, n, 0755);
        setenv("LD_LIBRARY_PATH", path, 1);
        setenv("DS01_NVML_WORLD", world, 1);
}

#define WORLD "driver version=1.2\ngpu uuid=GPU-aaaa name=\"NVIDIA A30\" memory=1024 util=5\n"

static void must_sample(struct probe *p, struct gpu_sample *ret)
{
        struct err e = ERR_INIT;
        gpu_sample_done(ret);
        if (probe_sample(p, clock_mono_ms() + 8000, -1, ret, &e) < 0)
                fail_msg("%s", e.msg);
}

static void test_served(void **state)
{
        (void)state;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        put_standin();
        write_text("world", WORLD, 0644);
        struct probe *p = probe_new(program, NULL, NULL);
        must_sample(p, &s);
        need(s.health == GPU_HEALTH_OK, s.why);
        assert_int_equal(s.n, 1);
        assert_true(s.v[0].utilisation == 5);
        /* Changes while it runs, the same process all along: it remembers who was lost. */
        write_text("world", WORLD "answer function=nvmlDeviceGetHandleByIndex_v2 ret=15\n", 0644);
        must_sample(p, &s);
        assert_string_equal(s.v[0].uuid, "GPU-aaaa");
        assert_true(s.v[0].lost);
        write_text("world", "driver version=1.2 init=18\n", 0644);
        must_sample(p, &s);
        assert_int_equal(s.health, GPU_HEALTH_MISMATCH);
        write_text("world", WORLD, 0644);
        must_sample(p, &s);
        assert_int_equal(s.n, 1);
        assert_false(s.v[0].lost);
        probe_free(p);
}

static void test_driver_hangs(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        put_standin();
        write_text("world", WORLD, 0644);
        struct probe *p = probe_new(program, NULL, NULL);
        must_sample(p, &s);
        gpu_sample_done(&s);
        write_text("world", WORLD "answer function=nvmlDeviceGetPowerUsage ret=hang\n", 0644);
        int64_t begun = clock_mono_ms();
        assert_int_equal(probe_sample(p, begun + 400, -1, &s, &e), -1);
        assert_int_equal(e.code, ERR_BUSY);
        assert_in_range(clock_mono_ms() - begun, 390, 2000);
        write_text("world", WORLD, 0644);
        must_sample(p, &s);
        assert_int_equal(s.n, 1);
        probe_free(p);
}

/* The newest child of this process. */
static pid_t child(void)
{
        char text[64] = "";
        cleanup_free char *path = xasprintf("/proc/self/task/%d/children", getpid());
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        fclose(f);
        return (pid_t)strtol(text, NULL, 10);
}

static void has_line(const char *status, const char *line)
{
        if (!strstr(status, line))
                fail_msg("no '%s' in\n%s", line, status);
}

/* Nothing is left of root when the vendor's library gets to run. */
static void test_rights(void **state)
{
        (void)state;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        put_standin();
        write_text("world", WORLD, 0644);
        struct probe *p = probe_new(program, NULL, NULL);
        must_sample(p, &s);
        cleanup_free char *path = xasprintf("/proc/%d/status", child());
        cleanup_free char *status = read_text(path, NULL);
        has_line(status, "NoNewPrivs:\t1\n");
        if (geteuid() == 0) {
                has_line(status, "Uid:\t65534\t65534\t65534\t65534\n");
                has_line(status, "Gid:\t65534\t65534\t65534\t65534\n");
                has_line(status, "Groups:\t \n");
                has_line(status, "CapPrm:\t0000000000000000\n");
                has_line(status, "CapEff:\t0000000000000000\n");
                has_line(status, "CapAmb:\t0000000000000000\n");
        }
        probe_free(p);
}

/* ---- served, simulated ---- */

static void test_simulated(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        cleanup_free char *world = in_folder("world");
        write_text("world", "", 0644);
        struct probe *p = probe_new(program, "2xA30:mig=2x2g.12gb", world);
        must_sample(p, &s);
        need(s.simulated && s.n == 6, "six devices");
        write_text("world", "gpu 1.1 process=4242:1G\n", 0644);
        must_sample(p, &s);
        assert_int_equal(s.v[5].n_processes, 1);
        write_text("world", "gpu 7 lost\n", 0644);
        must_sample(p, &s);
        assert_int_equal(s.health, GPU_HEALTH_FAILED);
        write_text("world", "hang 600\n", 0644);
        gpu_sample_done(&s);
        assert_int_equal(probe_sample(p, clock_mono_ms() + 300, -1, &s, &e), -1);
        assert_int_equal(e.code, ERR_BUSY);
        write_text("world", "die\n", 0644);
        assert_int_equal(probe_sample(p, clock_mono_ms() + 5000, -1, &s, &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        /* One that account nobody can't read is no world without news. */
        if (geteuid() == 0) {
                write_text("world", "", 0600);
                must_sample(p, &s);
                assert_int_equal(s.health, GPU_HEALTH_FAILED);
                assert_non_null(strstr(s.why, "Permission denied"));
        }
        assert_int_equal(unlink(world), 0);
        must_sample(p, &s);
        assert_int_equal(s.n, 6);
        probe_free(p);
}

static int clean(void **state)
{
        (void)state;
        folder_remove((const char *const[]){ "world", "libnvidia-ml.so.1", NULL });
        return 0;
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_no_library),
                cmocka_unit_test(test_served),
                cmocka_unit_test(test_driver_hangs),
                cmocka_unit_test(test_rights),
                cmocka_unit_test(test_simulated),
        };
        if (argc != 3) {
                fprintf(stderr, "usage: test-program PROBE STANDIN\n");
                return 2;
        }
        program = argv[1];
        standin = argv[2];
        /* A process that can't be traced can't look for its own leaks at its end. */
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        return cmocka_run_group_tests(tests, folder_make, clean);
}
