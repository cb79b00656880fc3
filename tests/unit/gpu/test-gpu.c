/* SPDX-License-Identifier: MIT */
#include "gpu/gpu.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct gpu device(int index, int instance, const char *name, const char *profile)
{
        struct gpu g;
        gpu_init(&g);
        g.index = index;
        g.instance = instance;
        snprintf(g.name, sizeof g.name, "%s", name);
        snprintf(g.profile, sizeof g.profile, "%s", profile);
        snprintf(g.uuid, sizeof g.uuid, "GPU-%d-%d", index, instance);
        return g;
}

static void test_label(void **state)
{
        (void)state;
        static const struct {
                const char *name, *profile;
                int64_t memory;
                const char *label;
        } rows[] = {
                { "NVIDIA A100-SXM4-40GB", "", 42949672960, "A100 40 GB" },
                { "NVIDIA A100-SXM4-40GB", "3g.20gb", 21474836480, "A100 3g.20gb" },
                { "NVIDIA H100 80GB HBM3", "", 85520809984, "H100 80 GB" },
                { "NVIDIA H100 80GB HBM3", "1g.10gb+me", 1, "H100 1g.10gb+me" },
                { "NVIDIA H200", "", 150754820096, "H200 141 GB" },
                { "NVIDIA GeForce RTX 4090", "", 25757220864, "GeForce RTX 4090 24 GB" },
                { "Tesla V100-SXM2-32GB", "", 34359738368, "Tesla V100 32 GB" },
                { "NVIDIA Graphics Device", "", 1073741824, "1 GB" },
                { "NVIDIA A100-SXM4-40GB", "", GPU_UNKNOWN, "A100" },
                { "", "", GPU_UNKNOWN, "GPU" },
                { "", "3g.20gb", GPU_UNKNOWN, "3g.20gb" },
                { "A-name-that-is-much-longer-than-any-maker-would-ever-give-one", "", 1073741824,
                        "A name that is much longer 1 GB" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char label[GPU_LABEL_SIZE];
                struct gpu g = device(0, *rows[i].profile ? 0 : -1, rows[i].name, rows[i].profile);
                g.memory_total = rows[i].memory;
                gpu_label(&g, label);
                assert_string_equal(label, rows[i].label);
        }
}

static void test_order(void **state)
{
        (void)state;
        static const struct {
                int index, instance;
                const char *slot;
        } rows[] = { { 0, -1, "0" }, { 1, -1, "1" }, { 1, 0, "1.0" }, { 1, 2, "1.2" },
                { 1, 10, "1.10" }, { 2, -1, "2" }, { 10, -1, "10" } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char slot[GPU_SLOT_SIZE];
                struct gpu a = device(rows[i].index, rows[i].instance, "", "");
                gpu_slot(&a, slot);
                assert_string_equal(slot, rows[i].slot);
                for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                        struct gpu b = device(rows[k].index, rows[k].instance, "", "");
                        int r = gpu_compare(&a, &b);
                        assert_int_equal((r > 0) - (r < 0), (i > k) - (i < k));
                }
        }
}

static void test_placeable(void **state)
{
        (void)state;
        struct gpu g = device(0, -1, "", "");
        assert_true(gpu_is_placeable(&g));
        g.mig = true;
        assert_false(gpu_is_placeable(&g));
        g.mig = false;
        g.lost = true;
        assert_false(gpu_is_placeable(&g));
        assert_true(gpu_is_simulated("SIM-GPU-00-H100"));
        assert_false(gpu_is_simulated("GPU-SIM-"));
}

static void test_unknown(void **state)
{
        (void)state;
        struct gpu g;
        gpu_init(&g);
        assert_true(g.memory_total == GPU_UNKNOWN && g.memory_used == GPU_UNKNOWN);
        assert_true(g.utilisation == GPU_UNKNOWN && g.temperature == GPU_UNKNOWN);
        assert_true(g.power == GPU_UNKNOWN && !g.processes_known);
        assert_true(g.slices == 1 && g.of == 1 && g.instance == -1);
}

static void test_sample(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        for (int i = 0; i < GPU_DEVICES_MAX; i++) {
                struct gpu g = device(i, -1, "", "");
                g.processes = xcalloc(1, sizeof *g.processes);
                g.n_processes = 1;
                assert_int_equal(gpu_sample_add(&s, &g, &e), 0);
                /* Given away: what is left owns nothing. */
                assert_null(g.processes);
        }
        struct gpu more = device(GPU_DEVICES_MAX, -1, "", "");
        assert_int_equal(gpu_sample_add(&s, &more, &e), -1);
        assert_int_equal(e.code, ERR_LIMIT);
        assert_ptr_equal(gpu_find(&s, "GPU-7--1"), &s.v[7]);
        assert_null(gpu_find(&s, "GPU-7"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_label),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_placeable),
                cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_sample),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
