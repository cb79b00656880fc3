/* SPDX-License-Identifier: MIT */
#include "gpus.h"

char folder[1]; /* not used here */

#define HEAD                                                                                       \
        "{\"schema\":1,\"health\":\"ok\",\"why\":\"\",\"driver\":\"535.261.03\",\"simulated\":false,\"gpus\":["
#define WHOLE                                                                                      \
        "{\"uuid\":\"GPU-a\",\"index\":0,\"name\":\"NVIDIA A100\",\"mig\":false,\"lost\":false,"   \
        "\"memory_total\":42949672960,\"memory_used\":0,\"utilisation\":37,\"temperature\":41,"    \
        "\"power\":123000,\"processes\":[{\"pid\":4242,\"memory\":1024},{\"pid\":7,\"memory\":"    \
        "null}],\"instances\":[]}"
#define CUT                                                                                        \
        "{\"uuid\":\"GPU-b\",\"index\":10,\"name\":\"\",\"mig\":true,\"lost\":true,"               \
        "\"memory_total\":null,\"memory_used\":null,\"utilisation\":null,\"temperature\":null,"    \
        "\"power\":null,\"processes\":null,\"instances\":[" PART "]}"
#define PART                                                                                       \
        "{\"uuid\":\"MIG-GPU-b/1/0\",\"instance\":2,\"profile\":\"3g.20gb\",\"slices\":3,"         \
        "\"of\":7,\"memory_total\":21474836480,\"memory_used\":null,\"processes\":[]}"
#define LINE HEAD WHOLE "," CUT "]}"

static int parse(const char *line, struct gpu_sample *ret, struct err *e)
{
        /* An exact copy, so that reading behind its end is noticed. */
        size_t n = strlen(line);
        cleanup_free char *copy = xcalloc(n ? n : 1, 1);
        memcpy(copy, line, n);
        return gpu_sample_parse(copy, n, ret, e);
}

static void test_fields(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        if (parse(LINE, &s, &e) < 0)
                fail_msg("%s", e.msg);
        assert_int_equal(s.health, GPU_HEALTH_OK);
        assert_string_equal(s.driver, "535.261.03");
        assert_int_equal(s.n, 3);
        const struct gpu *whole = &s.v[0], *cut = &s.v[1], *part = &s.v[2];
        assert_string_equal(whole->uuid, "GPU-a");
        assert_string_equal(whole->parent, "GPU-a");
        assert_int_equal(whole->instance, -1);
        assert_true(whole->slices == 1 && whole->of == 1);
        assert_true(whole->memory_total == 42949672960 && whole->memory_used == 0);
        assert_true(whole->utilisation == 37 && whole->temperature == 41);
        assert_true(whole->power == 123000 && whole->processes_known);
        assert_int_equal(whole->n_processes, 2);
        assert_true(whole->processes[0].pid == 4242 && whole->processes[0].memory == 1024);
        assert_true(whole->processes[1].memory == GPU_UNKNOWN);
        assert_true(cut->mig && cut->lost && !cut->processes_known);
        assert_true(cut->utilisation == GPU_UNKNOWN && cut->power == GPU_UNKNOWN);
        assert_string_equal(part->uuid, "MIG-GPU-b/1/0");
        assert_string_equal(part->parent, "GPU-b");
        assert_string_equal(part->profile, "3g.20gb");
        assert_true(part->index == 10 && part->instance == 2);
        assert_true(part->slices == 3 && part->of == 7 && part->lost);
        assert_true(part->processes_known && part->n_processes == 0);
        cleanup_free char *line = gpu_sample_text(&s);
        assert_string_equal(line, LINE);
}

static char *replaced(const char *text, const char *what, const char *by)
{
        const char *at = strstr(text, what);
        if (!at)
                fail_msg("the line has no %s", what);
        return xasprintf("%.*s%s%s", (int)(at - text), text, by, at + strlen(what));
}

/* The good line with one thing changed. */
static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *what, *by, *message;
        } rows[] = {
                { LINE, "", "The probe's line: " },
                { LINE, "[]", "The probe's line has no 'schema'" },
                { LINE, "{}", "The probe's line has no 'schema'" },
                { "]}", "]}]}", "The probe's line: " },
                { "\"schema\":1", "\"schema\":2", "has a 'schema' that can't be" },
                { "\"schema\":1", "\"schema\":0", "has a 'schema' that can't be" },
                { "\"schema\":1", "\"schema\":\"1\"", "has a 'schema' that can't be" },
                { "\"schema\":1,", "", "has no 'schema'" },
                { "\"schema\":1,", "\"schema\":1,\"more\":1,", "members that nobody knows" },
                { "\"health\":\"ok\"", "\"health\":\"fine\"", "has a 'health' that can't be" },
                { "\"health\":\"ok\"", "\"health\":null", "has a 'health' that can't be" },
                { "\"health\":\"ok\"", "\"health\":\"failed\"", "has a 'gpus' that can't be" },
                { "\"health\":\"ok\"", "\"health\":\"none\"", "has a 'gpus' that can't be" },
                { "\"why\":\"\"", "\"why\":\"\\u001b[2J\"", "has a 'why' that can't be" },
                { "\"why\":\"\"", "\"why\":\"\\u0000\"", "The probe's line: " },
                { "535.261.03", "0123456789012345678901234567890123456789012345678901234567890123",
                        "has a 'driver' that can't be" },
                { "\"simulated\":false", "\"simulated\":0", "has a 'simulated' that can't be" },
                { "\"gpus\":[", "\"gpus\":null,\"x\":[", "has a 'gpus' that can't be" },
                { "[" WHOLE, "[null", "has no 'uuid'" },
                { "GPU-a", "", "has a 'uuid' that can't be" },
                { "GPU-a", "GPU a", "has a 'uuid' that can't be" },
                { "GPU-a", "GPU-a/1", "has a 'uuid' that can't be" },
                { "GPU-a", "../a", "has a 'uuid' that can't be" },
                { "GPU-a", "all,GPU-a", "has a 'uuid' that can't be" },
                { "GPU-a", "GPU-b", "has a 'uuid' that can't be" },
                { "GPU-a",
                        "GPU-456789012345678901234567890123456789012345678901234567890123456789"
                        "0123456789",
                        "has a 'uuid' that can't be" },
                { "\"index\":0", "\"index\":10", "has a 'index' that can't be" },
                { "\"index\":0", "\"index\":-1", "has a 'index' that can't be" },
                { "\"index\":0", "\"index\":4096", "has a 'index' that can't be" },
                { "\"index\":0", "\"index\":0.0", "has a 'index' that can't be" },
                { "\"index\":0", "\"index\":null", "has a 'index' that can't be" },
                { "\"name\":\"NVIDIA A100\"", "\"name\":null", "has a 'name' that can't be" },
                { "\"mig\":true", "\"mig\":false", "has a 'instances' that can't be" },
                { "\"mig\":false", "\"mig\":null", "has a 'mig' that can't be" },
                { "\"lost\":false", "\"lost\":\"no\"", "has a 'lost' that can't be" },
                { "42949672960", "-1", "has a 'memory_total' that can't be" },
                { "42949672960", "1125899906842625", "has a 'memory_total' that can't be" },
                { "42949672960", "99999999999999999999", "The probe's line: " },
                { "\"memory_used\":0,", "", "has no 'memory_used'" },
                { "\"utilisation\":37", "\"utilisation\":101",
                        "has a 'utilisation' that can't be" },
                { "\"utilisation\":37", "\"utilisation\":true",
                        "has a 'utilisation' that can't be" },
                { "\"temperature\":41", "\"temperature\":1001",
                        "has a 'temperature' that can't be" },
                { "123000", "100000001", "has a 'power' that can't be" },
                { "[{\"pid\"", "{},\"x\":[{\"pid\"", "has a 'processes' that can't be" },
                { "\"pid\":4242", "\"pid\":0", "has a 'processes' that can't be" },
                { "\"pid\":4242", "\"pid\":-1", "has a 'processes' that can't be" },
                { "\"pid\":4242", "\"pid\":2147483648", "has a 'processes' that can't be" },
                { "\"pid\":4242", "\"pid\":4242,\"x\":1", "has a 'processes' that can't be" },
                { "\"pid\":4242,", "", "has a 'processes' that can't be" },
                { "\"memory\":1024", "\"memory\":-5", "has a 'processes' that can't be" },
                { "\"memory\":1024", "\"memory\":1.5", "has a 'processes' that can't be" },
                { ",\"instances\":[]", "", "has no 'instances'" },
                { "\"instances\":[]", "\"instances\":null", "has a 'instances' that can't be" },
                { "[" PART, "[null", "has no 'uuid'" },
                { "[" PART, "[" PART "," PART, "has a 'uuid' that can't be" },
                { "MIG-GPU-b/1/0", "GPU-a", "has a 'uuid' that can't be" },
                { "MIG-GPU-b/1/0", "MIG b", "has a 'uuid' that can't be" },
                { "\"instance\":2", "\"instance\":-1", "has a 'instance' that can't be" },
                { "3g.20gb", "0123456789012345678901234567890123",
                        "has a 'profile' that can't be" },
                { "\"slices\":3", "\"slices\":0", "has a 'slices' that can't be" },
                { "\"slices\":3", "\"slices\":8", "has a 'slices' that can't be" },
                { "\"of\":7", "\"of\":0", "has a 'slices' that can't be" },
                { "\"of\":7", "\"of\":65", "has a 'of' that can't be" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                struct gpu_sample s = { .n = 77 };
                cleanup_free char *line = replaced(LINE, rows[i].what, rows[i].by);
                if (parse(line, &s, &e) == 0)
                        fail_msg("row %zu was accepted: %s", i, line);
                if (e.code != ERR_INVALID || !strstr(e.msg, rows[i].message))
                        fail_msg("row %zu: %s", i, e.msg);
                /* Outputs are untouched. */
                assert_int_equal(s.n, 77);
        }
}

static void test_same_number(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct gpu_sample s;
        cleanup_free char *twin = replaced(PART, "MIG-GPU-b/1/0", "MIG-other");
        cleanup_free char *both = xasprintf("[" PART ",%s", twin);
        cleanup_free char *line = replaced(LINE, "[" PART, both);
        assert_int_equal(parse(line, &s, &e), -1);
        assert_non_null(strstr(e.msg, "has a 'instance' that can't be"));
}

static void test_health(void **state)
{
        (void)state;
        static const struct {
                enum gpu_health health;
                const char *line;
        } rows[] = {
                { GPU_HEALTH_OK, "{\"schema\":1,\"health\":\"ok\",\"why\":\"w\",\"driver\":\"\","
                                 "\"simulated\":true,\"gpus\":[]}" },
                { GPU_HEALTH_NONE,
                        "{\"schema\":1,\"health\":\"none\",\"why\":\"w\",\"driver\":\"\","
                        "\"simulated\":true,\"gpus\":[]}" },
                { GPU_HEALTH_MISMATCH,
                        "{\"schema\":1,\"health\":\"mismatch\",\"why\":\"w\",\"driver\":\"\","
                        "\"simulated\":true,\"gpus\":[]}" },
                { GPU_HEALTH_FAILED,
                        "{\"schema\":1,\"health\":\"failed\",\"why\":\"w\",\"driver\":\"\","
                        "\"simulated\":true,\"gpus\":[]}" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                cleanup_gpu_sample struct gpu_sample s = { 0 };
                assert_int_equal(parse(rows[i].line, &s, &e), 0);
                assert_int_equal(s.health, rows[i].health);
                assert_true(s.simulated);
                cleanup_free char *line = gpu_sample_text(&s);
                assert_string_equal(line, rows[i].line);
        }
}

/* What a driver calls itself becomes longer by escaping; the reader takes it nevertheless. */
static void test_texts(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct gpu_sample back;
        cleanup_gpu_sample struct gpu_sample s = { .health = GPU_HEALTH_FAILED };
        memset(s.driver, 0xff, sizeof s.driver - 1);
        for (size_t i = 0; i + 3 < sizeof s.why; i += 3)
                memcpy(s.why + i, "\xe2\x82\xac", 3);
        s.why[0] = '\x1b'; /* what is left of this character is escaped as well: no end fits */
        cleanup_free char *line = gpu_sample_text(&s);
        if (parse(line, &back, &e) < 0)
                fail_msg("%s", e.msg);
        assert_int_equal(strlen(back.driver), sizeof back.driver - 1);
        assert_true(strlen(back.why) > sizeof back.why - 5);
        assert_true(str_starts(back.why, "\\x1b\\x82\\xac\xe2\x82\xac"));
        gpu_sample_done(&back);
}

/* The largest sample that can be made is read again. */
static void test_largest(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 }, back = { 0 };
        memset(s.driver, 'd', sizeof s.driver - 1);
        memset(s.why, 'w', sizeof s.why - 1);
        for (int i = 0; i < GPU_DEVICES_MAX; i++) {
                struct gpu g;
                gpu_init(&g);
                g.index = 4095 - i;
                memset(g.uuid, 'u', sizeof g.uuid - 1);
                g.uuid[0] = (char)('a' + i / 26);
                g.uuid[1] = (char)('a' + i % 26);
                memset(g.name, 'n', sizeof g.name - 1);
                g.memory_total = g.memory_used = GPU_MEMORY_MAX;
                g.processes_known = true;
                g.n_processes = GPU_PROCESSES_MAX;
                g.processes = xcalloc(g.n_processes, sizeof *g.processes);
                for (size_t k = 0; k < g.n_processes; k++)
                        g.processes[k] = (struct gpu_process){ INT32_MAX, GPU_MEMORY_MAX };
                assert_int_equal(gpu_sample_add(&s, &g, &e), 0);
        }
        cleanup_free char *line = gpu_sample_text(&s);
        assert_true(strlen(line) < GPU_LINE_MAX);
        if (parse(line, &back, &e) < 0)
                fail_msg("%s", e.msg);
        assert_int_equal(back.n, GPU_DEVICES_MAX);
        assert_int_equal(back.v[511].n_processes, GPU_PROCESSES_MAX);
}

static void test_too_many(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct gpu_sample s;
        cleanup_buf struct buf line = BUF_INIT(GPU_LINE_MAX);
        buf_str_add(&line, HEAD);
        cleanup_free char *none = replaced(WHOLE, "{\"pid\":4242,\"memory\":1024},", "");
        cleanup_buf struct buf processes = BUF_INIT(1 << 20);
        for (int i = 0; i < GPU_PROCESSES_MAX; i++)
                buf_printf(&processes, "{\"pid\":%d,\"memory\":null},", i + 1);
        cleanup_free char *start = xasprintf("[%s{\"pid\":7", buf_str(&processes));
        cleanup_free char *gpu = replaced(none, "[{\"pid\":7", start);
        buf_printf(&line, "%s]}", gpu);
        assert_int_equal(parse(buf_str(&line), &s, &e), -1);
        assert_non_null(strstr(e.msg, "has a 'processes' that can't be"));

        cleanup_free char *huge = xcalloc(GPU_LINE_MAX + 2, 1);
        memset(huge, ' ', GPU_LINE_MAX + 1);
        assert_int_equal(parse(huge, &s, &e), -1);
        assert_non_null(strstr(e.msg, "is longer than"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_same_number),
                cmocka_unit_test(test_health),
                cmocka_unit_test(test_texts),
                cmocka_unit_test(test_largest),
                cmocka_unit_test(test_too_many),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
