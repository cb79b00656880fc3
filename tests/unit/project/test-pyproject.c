/* SPDX-License-Identifier: MIT */
#include "project/pyproject.h"

#include "scratch.h"

#define DS01 "[tool.ds01]\n"
#define SHOWN "~/workspace/x/pyproject.toml"

static void whole_file(void **state)
{
        (void)state;
        static const char text[] = "[project]\n"
                                   "name = \"my-thesis\"\n"
                                   "description = \"Grüße \\\"q\\\"\"\n"
                                   "dependencies = [\"numpy\"]\n"
                                   "[tool.poetry]\n"
                                   "privileged = true\n" DS01 "type = \"cv\"\n"
                                   "framework = \"pytorch\"\n"
                                   "framework-version = \"2.8.0\"\n"
                                   "gpus = 2\n"
                                   "data = [\"/data/a\", \"/data/b:rw\"]\n"
                                   "shm = \"8g\"\n"
                                   "created = 2026-11-23\n"
                                   "author = \"alice\"\n";
        cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
        struct err e = ERR_INIT;
        assert_int_equal(pyproject_parse(text, strlen(text), SHOWN, &p, &e), 0);
        assert_string_equal(p.name, "my-thesis");
        assert_string_equal(p.description, "Grüße \"q\"");
        assert_string_equal(p.type, "cv");
        assert_string_equal(p.framework, "pytorch");
        assert_string_equal(p.framework_version, "2.8.0");
        assert_string_equal(p.created, "2026-11-23");
        assert_string_equal(p.author, "alice");
        assert_null(p.image);
        assert_int_equal(p.gpus, 2);
        assert_int_equal(p.shm_bytes, INT64_C(8) << 30);
        assert_int_equal(p.data.n, 2);
        assert_string_equal(p.data.v[1], "/data/b:rw");
        assert_false(p.cpu_only);
        char shown[PYPROJECT_DISPLAY_LEN];
        pyproject_display(&p, shown);
        assert_string_equal(shown, "PyTorch 2.8.0");
}

static void older_files(void **state)
{
        (void)state;
        static const char text[] = "[project]\nname = \"p\"\n\n" DS01
                                   "type = \"ml\"\ncreated = \"2026-07-22\"\nauthor = \"alice\"\n"
                                   "image = \"ds01-1000/p:latest\"\n";
        cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
        struct err e = ERR_INIT;
        assert_int_equal(pyproject_parse(text, strlen(text), SHOWN, &p, &e), 0);
        assert_null(p.image);
        assert_null(p.framework);
        assert_int_equal(p.gpus, -1);
        assert_int_equal(p.shm_bytes, -1);
        char shown[PYPROJECT_DISPLAY_LEN];
        pyproject_display(&p, shown);
        assert_string_equal(shown, "");
}

static void without_ds01(void **state)
{
        (void)state;
        static const char *const texts[] = { "", "[project]\nname = 3\n", "[tool.black]\nx = 1\n" };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
                struct err e = ERR_INIT;
                assert_int_equal(pyproject_parse(texts[i], strlen(texts[i]), SHOWN, &p, &e), 0);
                assert_false(p.has_ds01);
                assert_null(p.name);
        }
}

static void refused(void **state)
{
        (void)state;
        static const struct {
                const char *text, *sentence, *detail;
        } cases[] = {
                { DS01 "\nprivileged = true\n", ":3:1: Unknown key 'privileged' in [tool.ds01]",
                        "Known keys: type, framework, framework-version, gpus" },
                { DS01 "  framwork = \"x\"\n", ":2:3: Unknown key 'framwork'",
                        "Did you mean 'framework'?" },
                { DS01 "cpu_only = true\n", ":2:1: Unknown key 'cpu_only'", "'cpu-only'" },
                { DS01 "network = \"host\"\n", "Unknown key 'network'", "" },
                { DS01 "\"a/b\\u0007\" = 1\n", ":2:1: Unknown key 'a/b\\x07'", "" },
                { DS01 "[tool.ds01.devices]\nx = 1\n", "Unknown key 'devices'", "" },
                { DS01 "gpus = \"2\"\n", ":2:1: 'gpus' in [tool.ds01] must be a whole number", "" },
                { DS01 "gpus = -1\n", "must be a whole number", "" },
                { DS01 "gpus = 65\n", "must be a whole number", "" },
                { DS01 "gpus = 1.0\n", "must be a whole number", "" },
                { DS01 "framework-version = 2.8\n", "must be text in quotes", "" },
                { DS01 "framework = \"a\\nb\"\n", "must be text in quotes", "" },
                { DS01 "framework = \"a\\u0000b\"\n", "must be text in quotes", "" },
                { DS01 "type = \"vision\"\n", "must be one of \"ml\", \"cv\"", "" },
                { DS01 "cpu-only = 1\n", "must be true or false", "" },
                { DS01 "data = [1]\n", "must be a folder in quotes", "" },
                { DS01 "data = [\"\"]\n", "must be a folder in quotes", "" },
                { DS01 "shm = 8\n", "must be a size", "" },
                { DS01 "shm = \"8x\"\n", "must be a size", "" },
                { DS01 "shm = \"0\"\n", "must be a size", "" },
                { DS01 "cpu-only = true\ngpus = 1\n", ":3:1: 'gpus' and 'cpu-only' exclude", "" },
                { "tool = 3\n", ":1:1: 'tool' must be a table", "" },
                { "[tool]\nds01 = 3\n", ":2:1: 'tool.ds01' must be a table", "" },
                { DS01 "type = ml\n", ":2:", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct pyproject p = PYPROJECT_INIT;
                struct err e = ERR_INIT;
                if (pyproject_parse(cases[i].text, strlen(cases[i].text), SHOWN, &p, &e) != -1)
                        fail_msg("accepted: %s", cases[i].text);
                assert_int_equal(e.code, ERR_INVALID);
                if (strncmp(e.msg, SHOWN, strlen(SHOWN)) != 0 ||
                        !strstr(e.msg, cases[i].sentence) || !strstr(e.detail, cases[i].detail))
                        fail_msg("%s\n gave: %s / %s", cases[i].text, e.msg, e.detail);
                assert_non_null(strstr(e.fix, "Edit " SHOWN));
                assert_null(p.framework);
        }
}

static void sizes(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t bytes;
        } cases[] = { { "512m", INT64_C(512) << 20 }, { "1.5G", INT64_C(3) << 29 },
                { "64MiB", 64 << 20 }, { "2gb", INT64_C(2) << 30 }, { "1048576", 1 << 20 },
                { "100b", 100 } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_free char *text = xasprintf(DS01 "shm = \"%s\"\n", cases[i].text);
                cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
                struct err e = ERR_INIT;
                if (pyproject_parse(text, strlen(text), SHOWN, &p, &e))
                        fail_msg("%s", e.msg);
                assert_int_equal(p.shm_bytes, cases[i].bytes);
        }
}

static void load(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct pyproject p;
        struct err e = ERR_INIT;
        bool exists = true;
        assert_int_equal(pyproject_load(s.fd, "~/workspace/x", &p, &exists, &e), 0);
        assert_false(exists);
        assert_int_equal(p.gpus, -1);
        scratch_write(&s, "pyproject.toml", DS01 "image = \"aime/pytorch:2.8.0\"\n");
        assert_int_equal(pyproject_load(s.fd, "~/workspace/x", &p, &exists, &e), 0);
        assert_true(exists);
        assert_string_equal(p.image, "aime/pytorch:2.8.0");
        pyproject_done(&p);
        unlinkat(s.fd, "pyproject.toml", 0);
        mkdirat(s.fd, "pyproject.toml", 0755);
        assert_int_equal(pyproject_load(s.fd, "~/workspace/x", &p, &exists, &e), -1);
        assert_non_null(strstr(e.msg, SHOWN));
        scratch_done(&s);
}

static void displays(void **state)
{
        (void)state;
        static const struct {
                const char *framework, *version, *shown;
        } cases[] = { { "tensorflow", "2.16.1", "TensorFlow 2.16.1" }, { "jax", NULL, "JAX" },
                { "none", NULL, "Python" }, { "none", "3.12", "Python 3.12" },
                { "none", "12", "None 12" }, { "flax", "1", "flax 1" }, { NULL, "2", "" },
                { "jax", "", "JAX" } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char out[PYPROJECT_DISPLAY_LEN];
                framework_display(cases[i].framework, cases[i].version, out);
                assert_string_equal(out, cases[i].shown);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(whole_file),
                cmocka_unit_test(older_files), cmocka_unit_test(without_ds01),
                cmocka_unit_test(refused), cmocka_unit_test(sizes), cmocka_unit_test(load),
                cmocka_unit_test(displays) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
