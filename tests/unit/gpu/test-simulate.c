/* SPDX-License-Identifier: MIT */
#include "gpu/probe/simulate.h"
#include "gpus.h"

char folder[1]; /* not used here */

#define MIXED "2xA100-40G,H100:mig=3g.40gb+2x2g.20gb"

static void make(const char *spec, struct gpu_sample *ret)
{
        struct err e = ERR_INIT;
        if (simulate_parse(spec, ret, &e) < 0)
                fail_msg("%s: %s", spec, e.msg);
}

static void test_golden(void **state)
{
        (void)state;
        struct simulate_order order;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        cleanup_free char *world = read_text(GOLDEN "/simulated.world", NULL);
        make(MIXED, &s);
        check_golden(&s, "simulated-idle");
        simulate_apply(world, &s, &order);
        check_golden(&s, "simulated");
        assert_false(order.die);
        assert_int_equal(order.hang_s, 0);
}

static void test_specs(void **state)
{
        (void)state;
        static const struct {
                const char *spec, *slots;
        } rows[] = {
                { "T4", "0" },
                { "1xT4,T4,2xL40S", "0 1 2 3" },
                { "2xA30:mig=2g.12gb+2x1g.6gb", "0 0.0 0.1 0.2 1 1.0 1.1 1.2" },
                { "H200:mig=2x3g.71gb", "0 0.0 0.1" },
                { "A100-40G:mig=7x1g.5gb,RTX4090", "0 0.0 0.1 0.2 0.3 0.4 0.5 0.6 1" },
                { "A100-80G:mig=7g.80gb", "0 0.0" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_gpu_sample struct gpu_sample s = { 0 };
                cleanup_buf struct buf slots = BUF_INIT(512);
                make(rows[i].spec, &s);
                assert_true(s.simulated);
                for (size_t k = 0; k < s.n; k++) {
                        char slot[GPU_SLOT_SIZE];
                        gpu_slot(&s.v[k], slot);
                        buf_printf(&slots, "%s%s", k ? " " : "", slot);
                        assert_true(gpu_is_simulated(s.v[k].uuid));
                        assert_true(gpu_find(&s, s.v[k].uuid) == &s.v[k]);
                        assert_non_null(gpu_find(&s, s.v[k].parent));
                }
                assert_string_equal(buf_str(&slots), rows[i].slots);
        }
        cleanup_gpu_sample struct gpu_sample most = { 0 };
        make("64xH100:mig=7x1g.10gb", &most);
        assert_int_equal(most.n, GPU_DEVICES_MAX);
}

static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *spec, *message;
        } rows[] = {
                { "", "'' is no GPU that can be simulated; there are A100-40G, A100-80G, H100, "
                      "H200, A30, L40S, V100-32G, T4, RTX4090" },
                { "2xB100", "'B100' is no GPU that can be simulated" },
                { "a100-40g", "'a100-40g' is no GPU that can be simulated" },
                { "T4,", "'' is no GPU that can be simulated" },
                { "T4,,T4", "'' is no GPU that can be simulated" },
                { "T4 ", "'T4 ' is no GPU that can be simulated" },
                { "0xT4", "'0x': a count goes from 1 to 64" },
                { "65xT4", "'65x': a count goes from 1 to 64" },
                { "18446744073709551617xT4", "'184467440x': a count goes from 1 to 64" },
                { "64xT4,64xT4,64xT4,64xT4,64xT4,64xT4,64xT4,64xT4,T4",
                        "More than 512 GPUs and parts of GPUs" },
                { "-1xT4", "'-1xT4' is no GPU that can be simulated" },
                { "H100:", "'H100' is followed by something that is not ':mig='" },
                { "H100:gim=1g.10gb", "'H100' is followed by something that is not ':mig='" },
                { "T4:mig=1g.2gb", "'T4' can't be cut into parts" },
                { "H100:mig=", "'' is no part of a GPU, such as 3g.20gb" },
                { "H100:mig=,T4", "'' is no part of a GPU, such as 3g.20gb" },
                { "H100:mig=1g.10gb+", "'' is no part of a GPU" },
                { "H100:mig=+1g.10gb", "'' is no part of a GPU" },
                { "H100:mig=1g", "'1g' is no part of a GPU" },
                { "H100:mig=1g.10", "'1g.10' is no part of a GPU" },
                { "H100:mig=1g.10gbx", "'1g.10gbx' is no part of a GPU" },
                { "H100:mig=1g. 10gb", "'1g. 10gb' is no part of a GPU" },
                { "H100:mig=0g.10gb", "'0g.10gb' is no part of a GPU" },
                { "H100:mig=1g.0gb", "'1g.0gb' is no part of a GPU" },
                { "H100:mig=10g.10gb", "'10g.10gb' is no part of a GPU" },
                { "H100:mig=1g.1000gb", "'1g.1000gb' is no part of a GPU" },
                { "H100:mig=0x1g.10gb", "'0x': a count goes from 1 to 64" },
                { "H100:mig=8x1g.10gb",
                        "'1g.10gb' is too much: H100 has 7 compute slices and 80 GB for all its "
                        "parts" },
                { "A30:mig=4g.24gb+1g.6gb", "'1g.6gb' is too much: A30 has 4 compute slices" },
                { "H100:mig=5x1g.20gb", "'1g.20gb' is too much" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                struct gpu_sample s = { .n = 77 };
                if (simulate_parse(rows[i].spec, &s, &e) == 0)
                        fail_msg("'%s' was accepted", rows[i].spec);
                assert_int_equal(e.code, ERR_INVALID);
                if (!strstr(e.msg, rows[i].message))
                        fail_msg("'%s': %s", rows[i].spec, e.msg);
                assert_true(*e.fix);
                assert_int_equal(s.n, 77);
        }
}

static void test_world(void **state)
{
        (void)state;
        struct simulate_order order;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        make(MIXED, &s);
        simulate_apply("# a comment\n"
                       "\n"
                       "  gpu 0 util=100 temp=150 power=0\n"
                       "gpu 0 process=1 process=2147483647:5K\n"
                       "gpu 2.2 memory=512M\n"
                       "gpu 2 temp=50 power=300 memory=20G\n"
                       "hang 3600\n"
                       "die",
                &s, &order);
        assert_string_equal(s.why, "");
        assert_int_equal(s.health, GPU_HEALTH_OK);
        assert_true(s.v[0].utilisation == 100 && s.v[0].temperature == 150 && s.v[0].power == 0);
        assert_int_equal(s.v[0].n_processes, 2);
        assert_true(s.v[0].processes[0].memory == GPU_UNKNOWN);
        assert_true(s.v[0].processes[1].memory == 5120);
        assert_true(s.v[5].memory_used == 512 << 20);
        assert_true(s.v[2].power == 300000 && s.v[2].utilisation == GPU_UNKNOWN);
        assert_true(order.die && order.hang_s == 3600);
}

static void test_world_lost(void **state)
{
        (void)state;
        struct simulate_order order;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        make(MIXED, &s);
        simulate_apply("gpu 2.0 process=5\ngpu 2 lost\n", &s, &order);
        for (size_t i = 0; i < s.n; i++)
                assert_int_equal(s.v[i].lost, i >= 2);
        assert_false(s.v[3].processes_known);
        assert_int_equal(s.v[3].n_processes, 0);
        assert_true(s.v[2].temperature == GPU_UNKNOWN && s.v[2].memory_total > 0);
}

static void test_world_health(void **state)
{
        (void)state;
        static const struct {
                const char *world;
                enum gpu_health health;
                const char *why;
        } rows[] = {
                { "health none\n", GPU_HEALTH_NONE, "" },
                { "gpu 0 process=7\nhealth mismatch a reboot is due\n", GPU_HEALTH_MISMATCH,
                        "a reboot is due" },
                { "health failed x\n", GPU_HEALTH_FAILED, "x" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct simulate_order order;
                cleanup_gpu_sample struct gpu_sample s = { 0 };
                make(MIXED, &s);
                simulate_apply(rows[i].world, &s, &order);
                assert_int_equal(s.health, rows[i].health);
                assert_string_equal(s.why, rows[i].why);
                assert_int_equal(s.n, 0);
        }
}

static void test_world_refused(void **state)
{
        (void)state;
        static const char *const lines[] = { "nonsense", "gpu", "gpu 9 lost", "gpu 0.0 lost",
                "gpu x lost", "gpu 0 util=101", "gpu 0 util=-1", "gpu 0 util=", "gpu 0 temp=151",
                "gpu 0 power=2001", "gpu 0 memory=41G", "gpu 0 memory=1T", "gpu 0 memory=1GB",
                "gpu 0 memory=-1", "gpu 0 memory=", "gpu 0 memory=99999999999999999999",
                "gpu 0 memory=1048577G", "gpu 0 process=0", "gpu 0 process=1:", "gpu 0 process=1:x",
                "gpu 0 process=x", "gpu 0 colour=red", "gpu 2 util=5", "gpu 2.0 temp=5",
                "gpu 2.0 lost", "gpu 2.0 power=5", "gpu 2.0 memory=41G", "hang", "hang x",
                "hang -1", "die now", "health", "health ok", "health fine x" };
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                struct simulate_order order;
                cleanup_gpu_sample struct gpu_sample s = { 0 };
                cleanup_free char *world = xasprintf("gpu 1 process=3\n%s\ngpu 1 lost\n", lines[i]);
                cleanup_free char *why =
                        xasprintf("the world file: a line means nothing: %s", lines[i]);
                make(MIXED, &s);
                simulate_apply(world, &s, &order);
                if (s.health != GPU_HEALTH_FAILED)
                        fail_msg("'%s' was accepted", lines[i]);
                assert_string_equal(s.why, why);
                assert_int_equal(s.n, 0);
        }
}

static void test_models(void **state)
{
        (void)state;
        size_t n = 0;
        for (; simulate_model(n); n++) {
                cleanup_gpu_sample struct gpu_sample s = { 0 };
                make(simulate_model(n), &s);
                assert_int_equal(s.n, 1);
                assert_true(s.v[0].memory_total > 0);
        }
        assert_true(n >= 9);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_specs),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_world),
                cmocka_unit_test(test_world_lost),
                cmocka_unit_test(test_world_health),
                cmocka_unit_test(test_world_refused),
                cmocka_unit_test(test_models),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
