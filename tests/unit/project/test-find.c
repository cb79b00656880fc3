/* SPDX-License-Identifier: MIT */
#include "project/find.h"

#include "scratch.h"

#include "base/buf.h"

static void names(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                bool ok;
        } cases[] = { { "my-thesis", true }, { "a", true }, { "0", true }, { "a.b_c-d", true },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false }, { "", false },
                { "-a", false }, { "a-", false }, { "a--b", false }, { "a.-b", false },
                { ".a", false }, { "..", false }, { "a/b", false }, { "A", false },
                { "a b", false }, { "\xc3\xa4", false }, { "$(x)", false }, { "a\n", false } };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                if (project_name_ok(cases[i].name) != cases[i].ok)
                        fail_msg("'%s' should be %d", cases[i].name, cases[i].ok);
}

static void root(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct err e = ERR_INIT;
        char *path = NULL;
        setenv("HOME", s.path, 1);
        assert_int_equal(project_root(&path, &e), 0);
        assert_true(str_starts(path, s.path));
        assert_true(str_ends(path, "/workspace"));
        free(path);
        /* A home that is not the caller's, no folder, or not absolute, isn't believed. */
        static const char *const wrong[] = { "/dev/null", "relative", "/nonexistent/home" };
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                setenv("HOME", wrong[i], 1);
                assert_int_equal(project_root(&path, &e), 0);
                assert_false(str_starts(path, wrong[i]));
                free(path);
        }
        scratch_done(&s);
}

static void opening(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct err e = ERR_INIT;
        int fd = -1;
        char *path = NULL;
        setenv("HOME", s.path, 1);
        assert_int_equal(project_open("my-x", &fd, &path, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_string_equal(e.msg, "Project my-x not found in ~/workspace");
        assert_string_equal(e.fix, "project init my-x");
        assert_string_equal(e.detail, "");
        scratch_write(&s, "workspace/my-thesis/Dockerfile", "FROM x\n");
        scratch_write(&s, "workspace/file", "");
        assert_int_equal(project_open("my-thesys", &fd, &path, &e), -1);
        assert_string_equal(e.detail, "Did you mean 'my-thesis'?");
        assert_int_equal(project_open("file", &fd, &path, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(project_open("../..", &fd, &path, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_int_equal(fd, -1);
        assert_null(path);
        assert_int_equal(project_open("My-Thesis", &fd, &path, &e), 0);
        assert_true(str_ends(path, "/workspace/my-thesis"));
        assert_int_equal(faccessat(fd, "Dockerfile", F_OK, 0), 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
        cleanup_free char *same = project_path("My-Thesis", &e);
        assert_string_equal(same, path);
        assert_null(project_path("a b", &e));
        free(path);
        scratch_done(&s);
}

static int write_down(const struct project_entry *entry, void *ctx)
{
        buf_printf(ctx, "%s %s %d%d%s\n", entry->name, entry->display, entry->has_pyproject,
                entry->has_dockerfile, entry->broken ? " broken" : "");
        return str_eq(entry->name, "stop") ? 7 : 0;
}

static void each(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct buf b = BUF_INIT(4096);
        struct err e = ERR_INIT;
        setenv("HOME", s.path, 1);
        assert_int_equal(project_each(write_down, &b, &e), 0);
        assert_string_equal(buf_str(&b), "");
        scratch_write(&s, "workspace/zeta/pyproject.toml",
                "[tool.ds01]\nframework = \"pytorch\"\nframework-version = \"2.8.0\"\n");
        scratch_write(&s, "workspace/beta/Dockerfile", "FROM x\n");
        scratch_write(&s, "workspace/alpha/pyproject.toml", "[tool.ds01\n");
        scratch_write(&s, "workspace/notes/todo.txt", "");
        scratch_write(&s, "workspace/.hidden/Dockerfile", "");
        scratch_write(&s, "workspace/Not A Name/Dockerfile", "");
        scratch_write(&s, "workspace/plain-file", "");
        scratch_write(&s, "elsewhere/Dockerfile", "FROM y\n");
        assert_int_equal(symlinkat("../elsewhere", s.fd, "workspace/linked"), 0);
        assert_int_equal(project_each(write_down, &b, &e), 0);
        assert_string_equal(
                buf_str(&b), "alpha  10 broken\nbeta  01\nlinked  01\nzeta PyTorch 2.8.0 10\n");
        scratch_write(&s, "workspace/stop/Dockerfile", "");
        buf_clear(&b);
        assert_int_equal(project_each(write_down, &b, &e), 7);
        assert_null(strstr(buf_str(&b), "zeta"));
        buf_done(&b);
        scratch_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(root),
                cmocka_unit_test(opening), cmocka_unit_test(each) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
