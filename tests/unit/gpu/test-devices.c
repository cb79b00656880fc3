/* SPDX-License-Identifier: MIT */
/* Reading through NVML, with the stand-in library. Each golden/NAME.world gives the line in NAME.json. */
#include "gpu/probe/devices.h"
#include "gpus.h"

#include <stdlib.h>

char folder[] = "/tmp/ds01-test-devices-XXXXXX";

#define GPU_A                                                                                      \
        "gpu uuid=GPU-aaaa name=\"NVIDIA A100-SXM4-40GB\" memory=1073741824 util=5 temp=31 power=60000 mig=0"
#define GPU_B "gpu uuid=GPU-bbbb name=\"NVIDIA H100 80GB HBM3\" memory=2147483648 mig=1"
#define PART_B "part gpu=1 at=3 uuid=MIG-bbbb profile=3g.40gb slices=3 memory=1073741824\n"
#define DRIVER "driver version=1.2\n"

/* What is read of a world with these lines. */
static void sample(const char *world, struct gpu_sample *ret)
{
        cleanup_free char *path = in_folder("world");
        write_text("world", world, 0644);
        setenv("DS01_NVML_WORLD", path, 1);
        gpu_sample_done(ret);
        devices_sample(ret);
}

static void check_world(const char *name)
{
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        cleanup_free char *path = xasprintf(GOLDEN "/%s.world", name);
        setenv("DS01_NVML_WORLD", path, 1);
        devices_sample(&s);
        check_golden(&s, name);
}

static void test_golden(void **state)
{
        (void)state;
        check_world("machine");
        check_world("entries");
        check_world("parts");
}

static void test_old_library(void **state)
{
        (void)state;
        check_world("old");
}

static void test_health(void **state)
{
        (void)state;
        static const struct {
                const char *world;
                enum gpu_health health;
                const char *why;
        } rows[] = {
                { "driver version=1 init=9\n", GPU_HEALTH_NONE, "the NVIDIA driver is not loaded" },
                { "driver version=1 init=18\n", GPU_HEALTH_MISMATCH,
                        "the NVIDIA library and driver have different versions: Driver/library "
                        "version mismatch (NVML error 18)" },
                { "driver version=1 init=4\n", GPU_HEALTH_FAILED,
                        "the NVIDIA driver can't be used: Insufficient Permissions (NVML error "
                        "4)" },
                { DRIVER GPU_A "\nanswer function=nvmlDeviceGetCount_v2 ret=999\n",
                        GPU_HEALTH_FAILED,
                        "the NVIDIA driver doesn't tell its GPUs: Unknown Error (NVML error "
                        "999)" },
                { DRIVER GPU_A "\nanswer function=nvmlDeviceGetCount_v2 ret=1\n", GPU_HEALTH_FAILED,
                        "the NVIDIA driver doesn't tell its GPUs: Uninitialized (NVML error 1)" },
                { DRIVER GPU_A "\nanswer function=nvmlDeviceGetUUID ret=18\n", GPU_HEALTH_MISMATCH,
                        "the NVIDIA library and driver have different versions: Driver/library "
                        "version mismatch (NVML error 18)" },
                { DRIVER, GPU_HEALTH_OK, "" },
        };
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                sample(rows[i].world, &s);
                assert_string_equal(s.why, rows[i].why);
                assert_int_equal(s.health, rows[i].health);
                assert_int_equal(s.n, 0);
                /* Whatever it was, the next sample knows nothing of it. */
                sample(DRIVER GPU_A "\n", &s);
                assert_int_equal(s.health, GPU_HEALTH_OK);
                assert_int_equal(s.n, 1);
                assert_false(s.v[0].lost);
        }
        setenv("DS01_NVML_WORLD", "/nonexistent", 1);
        gpu_sample_done(&s);
        devices_sample(&s);
        assert_int_equal(s.health, GPU_HEALTH_NONE);
}

/* A function that says no makes its figure unknown, and nothing else. */
static void test_not_supported(void **state)
{
        (void)state;
        static const struct {
                const char *function;
                size_t at; /* the figure, or SIZE_MAX */
        } rows[] = {
                { "nvmlDeviceGetUtilizationRates", offsetof(struct gpu, utilisation) },
                { "nvmlDeviceGetTemperature", offsetof(struct gpu, temperature) },
                { "nvmlDeviceGetPowerUsage", offsetof(struct gpu, power) },
                { "nvmlDeviceGetMemoryInfo", offsetof(struct gpu, memory_total) },
                { "nvmlDeviceGetMigMode", SIZE_MAX },
                { "nvmlDeviceGetMaxMigDeviceCount", SIZE_MAX },
                { "nvmlDeviceGetName", SIZE_MAX },
                { "nvmlSystemGetDriverVersion", SIZE_MAX },
                { "nvmlDeviceGetGraphicsRunningProcesses_v3", SIZE_MAX },
                { "nvmlDeviceGetMPSComputeRunningProcesses_v3", SIZE_MAX },
        };
        static const size_t figures[] = { offsetof(struct gpu, utilisation),
                offsetof(struct gpu, temperature), offsetof(struct gpu, power),
                offsetof(struct gpu, memory_total) };
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *world =
                        xasprintf(DRIVER GPU_A "\nprocess gpu=0 pid=7\nanswer function=%s ret=3\n",
                                rows[i].function);
                sample(world, &s);
                assert_int_equal(s.health, GPU_HEALTH_OK);
                assert_int_equal(s.n, 1);
                assert_false(s.v[0].lost);
                assert_true(s.v[0].processes_known && s.v[0].n_processes == 1);
                for (size_t k = 0; k < ARRAY_LEN(figures); k++) {
                        int64_t value;
                        memcpy(&value, (char *)&s.v[0] + figures[k], sizeof value);
                        assert_true((value == GPU_UNKNOWN) == (figures[k] == rows[i].at));
                }
        }
        sample(DRIVER GPU_A "\nprocess gpu=0 pid=7 list=graphics\n"
                            "answer function=nvmlDeviceGetComputeRunningProcesses_v3 ret=3\n",
                &s);
        assert_false(s.v[0].processes_known);
        assert_int_equal(s.v[0].n_processes, 0);
        /* The newer question for the memory fails, the older one is answered. */
        sample(DRIVER GPU_A "\nanswer function=nvmlDeviceGetMemoryInfo_v2 ret=25\n", &s);
        assert_true(s.v[0].memory_total == 1073741824);
}

static void test_many_processes(void **state)
{
        (void)state;
        static const struct {
                int count;
                bool known;
                size_t n;
        } rows[] = { { 0, true, 0 }, { 64, true, 64 }, { 65, true, 65 }, { 256, true, 256 },
                { 300, true, 256 }, { 4096, true, 256 }, { 5000, false, 0 } };
        static const int sizes[] = { 24, 32 };
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(sizes); i++) {
                const size_t row = i / ARRAY_LEN(sizes);
                cleanup_free char *world = xasprintf(DRIVER GPU_A
                        "\nentry size=%d\nprocess gpu=0 pid=1000 count=%d memory=4096\n",
                        sizes[i % ARRAY_LEN(sizes)], rows[row].count);
                sample(world, &s);
                const struct gpu *g = &s.v[0];
                assert_int_equal(g->processes_known, rows[row].known);
                assert_int_equal(g->n_processes, rows[row].n);
                for (size_t k = 0; k < g->n_processes; k++) {
                        assert_int_equal(g->processes[k].pid, 1000 + k);
                        assert_int_equal(g->processes[k].memory, 4096);
                }
        }
}

static void check_lost(const struct gpu_sample *s)
{
        assert_int_equal(s->health, GPU_HEALTH_OK);
        assert_int_equal(s->n, 3);
        assert_string_equal(s->v[1].uuid, "GPU-bbbb");
        assert_string_equal(s->v[1].name, "NVIDIA H100 80GB HBM3");
        assert_string_equal(s->v[2].uuid, "MIG-bbbb");
        assert_string_equal(s->v[2].parent, "GPU-bbbb");
        assert_int_equal(s->v[2].slices, 3);
        assert_int_equal(s->v[2].of, 7);
        assert_false(s->v[0].lost);
        assert_true(s->v[1].lost && s->v[2].lost);
        assert_true(s->v[1].memory_used == GPU_UNKNOWN && !s->v[2].processes_known);
        assert_false(gpu_is_placeable(&s->v[2]));
}

/* Lost at the handle, or at any later call; each time between two moments in which it was well. */
static void test_lost(void **state)
{
        (void)state;
        static const char *const functions[] = { "nvmlDeviceGetHandleByIndex_v2",
                "nvmlDeviceGetUUID", "nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo_v2",
                "nvmlDeviceGetTemperature", "nvmlDeviceGetMigMode",
                "nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetAttributes_v2",
                "nvmlDeviceGetComputeRunningProcesses_v3" };
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(functions) * 2; i++) {
                cleanup_free char *world = xasprintf(DRIVER GPU_A
                        "\n" GPU_B "\n" PART_B "answer function=%s gpu=1 ret=%d\n",
                        functions[i / 2], i % 2 ? 15 : 16);
                sample(DRIVER GPU_A "\n" GPU_B "\n" PART_B, &s);
                assert_int_equal(s.n, 3);
                assert_false(s.v[1].lost || s.v[2].lost);
                sample(world, &s);
                check_lost(&s);
        }
        sample(DRIVER GPU_A "\n" GPU_B "\n" PART_B, &s);
        assert_false(s.v[1].lost || s.v[2].lost);
        assert_true(gpu_is_placeable(&s.v[2]));
        /* A driver that won't let us near it: not to be given either. */
        sample(DRIVER GPU_A "\n" GPU_B "\n" PART_B
                            "answer function=nvmlDeviceGetHandleByIndex_v2 gpu=1 ret=4\n",
                &s);
        check_lost(&s);
}

static void test_lost_and_never_seen(void **state)
{
        (void)state;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        /* Number 4 was never whole in this process. */
        sample(DRIVER GPU_A "\ngpu uuid=GPU-1\ngpu uuid=GPU-2\ngpu uuid=GPU-3\n"
                            "gpu uuid=GPU-4 lost=15\ngpu uuid=GPU-5\n",
                &s);
        assert_int_equal(s.n, 6);
        assert_string_equal(s.v[4].uuid, "GPU-lost-4");
        assert_int_equal(s.v[4].index, 4);
        assert_true(s.v[4].lost);
        assert_false(s.v[5].lost);
        assert_string_equal(s.v[5].uuid, "GPU-5");
        sample(DRIVER GPU_A "\ngpu uuid=GPU-1\ngpu uuid=GPU-2\ngpu uuid=GPU-3\n"
                            "gpu uuid=GPU-4\ngpu uuid=GPU-5\n",
                &s);
        assert_string_equal(s.v[4].uuid, "GPU-4");
        assert_false(s.v[4].lost);
}

/* After a change of numbers, a lost one doesn't take the name of one that is well. */
static void test_lost_after_new_numbers(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct gpu_sample back;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        sample(DRIVER "gpu uuid=GPU-x\ngpu uuid=GPU-y\n", &s);
        sample("driver version=1 generation=5\ngpu uuid=GPU-y\ngpu uuid=GPU-z lost=15\n", &s);
        assert_int_equal(s.n, 2);
        assert_string_equal(s.v[0].uuid, "GPU-y");
        assert_string_equal(s.v[1].uuid, "GPU-lost-1");
        cleanup_free char *line = gpu_sample_text(&s);
        assert_int_equal(gpu_sample_parse(line, strlen(line), &back, &e), 0);
        gpu_sample_done(&back);
}

/* A driver that was loaded anew in between: one sample notices, and is complete. */
static void test_reload(void **state)
{
        (void)state;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        for (int generation = 10; generation < 13; generation++) {
                cleanup_free char *world = xasprintf(
                        "driver version=1.%d generation=%d\n" GPU_A "\n", generation, generation);
                cleanup_free char *driver = xasprintf("1.%d", generation);
                sample(world, &s);
                assert_int_equal(s.health, GPU_HEALTH_OK);
                assert_string_equal(s.driver, driver);
                assert_int_equal(s.n, 1);
                assert_false(s.v[0].lost);
        }
}

/* Names and numbers that are longer or larger than anything that is taken on. */
static void test_oddities(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct gpu_sample back;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        char uuid[96] = "GPU-";
        memset(uuid + 4, 'a', 86);
        cleanup_free char *world = xasprintf(
                "driver version=\"1\033[2J\"\n"
                "gpu uuid=GPU-1 name=\"NVIDIA \xff\xfe\033]0;x\" memory=9007199254740993000 "
                "util=101 temp=5000 power=4000000000\n"
                "gpu uuid=%s\n",
                uuid);
        sample(world, &s);
        assert_int_equal(s.n, 2);
        assert_true(s.v[0].memory_total == GPU_UNKNOWN && s.v[0].utilisation == GPU_UNKNOWN);
        assert_true(s.v[0].temperature == GPU_UNKNOWN && s.v[0].power == GPU_UNKNOWN);
        assert_true(s.v[1].lost);
        cleanup_free char *line = gpu_sample_text(&s);
        if (gpu_sample_parse(line, strlen(line), &back, &e) < 0)
                fail_msg("%s", e.msg);
        assert_string_equal(back.driver, "1\\x1b[2J");
        gpu_sample_done(&back);
}

static int clean(void **state)
{
        (void)state;
        folder_remove((const char *const[]){ "world", NULL });
        return 0;
}

/* test-devices [old]: which of the two libraries is on the path. */
int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_health),
                cmocka_unit_test(test_not_supported),
                cmocka_unit_test(test_many_processes),
                cmocka_unit_test(test_lost),
                cmocka_unit_test(test_lost_and_never_seen),
                cmocka_unit_test(test_lost_after_new_numbers),
                cmocka_unit_test(test_reload),
                cmocka_unit_test(test_oddities),
        };
        const struct CMUnitTest old[] = { cmocka_unit_test(test_old_library) };
        if (argc > 1 && strcmp(argv[1], "old") == 0)
                return cmocka_run_group_tests(old, NULL, NULL);
        return cmocka_run_group_tests(tests, folder_make, clean);
}
