/* SPDX-License-Identifier: MIT */
#include "project/init.h"

#include "base/buf.h"
#include "project/pyproject.h"

#include "scratch.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

static struct init_options options(const char *name)
{
        return (struct init_options){ .values = { .name = name,
                                              .description = "A \"test\"",
                                              .type = "cv",
                                              .framework = "pytorch",
                                              .version = "2.8.0",
                                              .base_image = "aimehub/pytorch:1",
                                              .author = "alice",
                                              .created = "2026-11-23",
                                              .gpus = -1 },
                .no_git = true };
}

static size_t entries_in(const struct scratch *s, const char *path)
{
        cleanup_free char *whole = xasprintf("%s/%s", s->path, path);
        DIR *d = opendir(whole);
        size_t n = 0;
        if (!d)
                return 0;
        while (readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

static struct scratch new_home(void)
{
        struct scratch s = scratch_new();
        setenv("HOME", s.path, 1);
        return s;
}

static void new_project(void **state)
{
        (void)state;
        static const char *const files[] = { "pyproject.toml", "Dockerfile", "requirements.txt",
                "README.md", ".gitignore", ".gitattributes", ".dockerignore", "data/.gitkeep",
                "notebooks/.gitkeep", "src/.gitkeep", "tests/.gitkeep", "models/.gitkeep" };
        struct scratch s = new_home();
        struct init_options o = options("my-thesis");
        cleanup_init_report struct init_report r = { 0 };
        struct err e = ERR_INIT;
        if (project_init(&o, &r, &e))
                fail_msg("%s", e.msg);
        assert_false(r.adopted);
        assert_true(str_ends(r.path, "/workspace/my-thesis"));
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                cleanup_free char *path = xasprintf("workspace/my-thesis/%s", files[i]);
                if (!scratch_has(&s, path))
                        fail_msg("%s is missing", path);
        }
        assert_true(strv_has(&r.added, "Dockerfile"));
        assert_true(strv_has(&r.added, "models/"));
        assert_int_equal(r.added.n, 12);
        assert_int_equal(r.kept.n, 0);
        assert_int_equal(r.notes.n, 0);
        /* Nothing but the project in the workspace, and nothing else in the project. */
        assert_int_equal(entries_in(&s, "workspace"), 1);
        assert_int_equal(entries_in(&s, "workspace/my-thesis"), ARRAY_LEN(files));
        scratch_done(&s);
}

static void blank_project(void **state)
{
        (void)state;
        struct scratch s = new_home();
        struct init_options o = options("b");
        cleanup_init_report struct init_report r = { 0 };
        struct err e = ERR_INIT;
        o.values.blank = true;
        assert_int_equal(project_init(&o, &r, &e), 0);
        assert_int_equal(entries_in(&s, "workspace/b"), 4);
        scratch_done(&s);
}

static void adoption(void **state)
{
        (void)state;
        struct scratch s = new_home();
        scratch_write(&s, "workspace/old/Dockerfile", "FROM mine\n");
        scratch_write(&s, "workspace/old/data/set.csv", "1\n");
        scratch_write(&s, "workspace/old/pyproject.toml",
                "[project]\nname = \"x\" # odd spacing\n[tool.ds01]\ntype = \"custom\"\n"
                "framework = \"jax\"\n");
        cleanup_free char *before = scratch_read(&s, "workspace/old/pyproject.toml");
        struct init_options o = options("old");
        cleanup_init_report struct init_report r = { 0 };
        struct err e = ERR_INIT;
        if (project_init(&o, &r, &e))
                fail_msg("%s", e.msg);
        assert_true(r.adopted);
        assert_true(strv_has(&r.kept, "Dockerfile"));
        assert_true(strv_has(&r.kept, "pyproject.toml"));
        assert_int_equal(r.kept.n, 2);
        assert_true(strv_has(&r.added, "requirements.txt"));
        assert_true(strv_has(&r.added, "models/"));
        assert_false(strv_has(&r.added, "data/"));
        cleanup_free char *after = scratch_read(&s, "workspace/old/pyproject.toml");
        cleanup_free char *docker = scratch_read(&s, "workspace/old/Dockerfile");
        cleanup_free char *req = scratch_read(&s, "workspace/old/requirements.txt");
        assert_string_equal(before, after);
        assert_string_equal(docker, "FROM mine\n");
        assert_false(scratch_has(&s, "workspace/old/data/.gitkeep"));
        /* The type of the existing file counts: custom has no packages. */
        assert_null(strstr(req, "\ntimm"));
        /* Once more: nothing left to do. */
        cleanup_init_report struct init_report again = { 0 };
        assert_int_equal(project_init(&o, &again, &e), 0);
        assert_int_equal(again.added.n, 0);
        scratch_done(&s);
}

static void notes_on_adoption(void **state)
{
        (void)state;
        struct scratch s = new_home();
        scratch_write(&s, "workspace/a/pyproject.toml", "[project]\nname = \"a\"\n");
        scratch_write(&s, "workspace/b/pyproject.toml", "[tool.ds01]\nframework = \"jax\"\n");
        scratch_write(&s, "workspace/c/pyproject.toml", "[tool.ds01\n");
        struct init_options o = options("a");
        struct init_report r = { 0 };
        struct err e = ERR_INIT;
        assert_int_equal(project_init(&o, &r, &e), 0);
        assert_non_null(strstr(r.notes.v[0], "no [tool.ds01]"));
        init_report_done(&r);
        o.values.name = "b";
        assert_int_equal(project_init(&o, &r, &e), 0);
        assert_non_null(strstr(r.notes.v[0], "framework jax"));
        init_report_done(&r);
        o.values.name = "c";
        assert_int_equal(project_init(&o, &r, &e), -1);
        assert_non_null(strstr(e.msg, "~/workspace/c/pyproject.toml:1:"));
        assert_false(scratch_has(&s, "workspace/c/Dockerfile"));
        scratch_done(&s);
}

static void wrong_places(void **state)
{
        (void)state;
        struct scratch s = new_home();
        struct scratch other = scratch_new();
        struct init_report r = { 0 };
        struct err e = ERR_INIT;
        scratch_write(&s, "workspace/file", "x");
        scratch_write(&s, "mine/keep", "x");
        assert_int_equal(symlinkat(other.path, s.fd, "workspace/theirs"), 0);
        assert_int_equal(symlinkat("../mine", s.fd, "workspace/linked"), 0);
        assert_int_equal(symlinkat("nowhere", s.fd, "workspace/dangling"), 0);
        struct init_options o = options("file");
        assert_int_equal(project_init(&o, &r, &e), -1);
        assert_int_equal(e.code, ERR_EXISTS);
        o.values.name = "dangling";
        assert_int_equal(project_init(&o, &r, &e), -1);
        o.values.name = "linked";
        assert_int_equal(project_init(&o, &r, &e), 0);
        assert_true(scratch_has(&s, "mine/Dockerfile"));
        init_report_done(&r);
        if (geteuid() == 0) {
                assert_int_equal(fchown(other.fd, 12345, 12345), 0);
                o.values.name = "theirs";
                assert_int_equal(project_init(&o, &r, &e), -1);
                assert_int_equal(e.code, ERR_DENIED);
                assert_int_equal(faccessat(other.fd, "Dockerfile", F_OK, 0), -1);
        }
        o.values.name = "../escape";
        assert_int_equal(project_init(&o, &r, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_null(r.path);
        scratch_done(&other);
        scratch_done(&s);
}

/* A disk that is full after the first small files: EFBIG stands in for ENOSPC. */
static int init_on_a_full_disk(const struct init_options *o, struct err *e)
{
        struct init_report r = { 0 };
        struct rlimit old, small;
        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &old);
        small = old;
        small.rlim_cur = 500;
        setrlimit(RLIMIT_FSIZE, &small);
        int result = project_init(o, &r, e);
        setrlimit(RLIMIT_FSIZE, &old);
        return result;
}

static void interrupted(void **state)
{
        (void)state;
        struct scratch s = new_home();
        struct init_options o = options("half");
        struct err e = ERR_INIT;
        assert_int_equal(init_on_a_full_disk(&o, &e), -1);
        assert_non_null(strstr(e.msg, "Can't write"));
        assert_int_equal(entries_in(&s, "workspace"), 0);
        /* An adoption that fails takes back what it had added, and only that. */
        scratch_write(&s, "workspace/half/src/mine.py", "x");
        assert_int_equal(init_on_a_full_disk(&o, &e), -1);
        assert_int_equal(entries_in(&s, "workspace/half"), 1);
        assert_true(scratch_has(&s, "workspace/half/src/mine.py"));
        scratch_done(&s);
}

static void git_repository(void **state)
{
        (void)state;
        if (access("/usr/bin/git", X_OK))
                skip();
        struct scratch s = new_home();
        struct init_options o = options("versioned");
        struct init_report r = { 0 };
        struct err e = ERR_INIT;
        o.no_git = false;
        unsetenv("GIT_AUTHOR_NAME");
        unsetenv("GIT_AUTHOR_EMAIL");
        setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
        unsetenv("XDG_CONFIG_HOME");
        /* A variable that would lead git astray must not. */
        setenv("GIT_DIR", "/nonexistent/elsewhere", 1);
        assert_int_equal(project_init(&o, &r, &e), 0);
        assert_false(r.git_committed);
        assert_int_equal(r.notes.n, 1);
        assert_non_null(strstr(r.notes.v[0], "user.name"));
        assert_true(scratch_has(&s, "workspace/versioned/.git"));
        init_report_done(&r);
        scratch_write(&s, ".gitconfig", "[user]\nname = A\nemail = a@example.org\n");
        o.values.name = "second";
        assert_int_equal(project_init(&o, &r, &e), 0);
        assert_true(r.git_committed);
        assert_int_equal(r.notes.n, 0);
        assert_true(scratch_has(&s, "workspace/second/.git/refs/heads"));
        init_report_done(&r);
        /* An adopted folder's Git state is not ours. */
        scratch_write(&s, "workspace/third/x", "");
        o.values.name = "third";
        assert_int_equal(project_init(&o, &r, &e), 0);
        assert_false(scratch_has(&s, "workspace/third/.git"));
        init_report_done(&r);
        /* Without git in reach the project is made all the same. */
        cleanup_free char *path = xstrdup(getenv("PATH"));
        setenv("PATH", "/nonexistent", 1);
        o.values.name = "fourth";
        assert_int_equal(project_init(&o, &r, &e), 0);
        setenv("PATH", path, 1);
        unsetenv("GIT_DIR");
        assert_non_null(strstr(r.notes.v[0], "not installed"));
        assert_true(scratch_has(&s, "workspace/fourth/Dockerfile"));
        init_report_done(&r);
        scratch_done(&s);
}

static void defaults(void **state)
{
        (void)state;
        struct scratch s = new_home();
        struct init_options o = options("d");
        cleanup_init_report struct init_report r = { 0 };
        cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
        struct err e = ERR_INIT;
        bool exists;
        o.values.author = o.values.created = NULL;
        assert_int_equal(project_init(&o, &r, &e), 0);
        cleanup_close int fd = open(r.path, O_RDONLY | O_DIRECTORY);
        assert_int_equal(pyproject_load(fd, "x", &p, &exists, &e), 0);
        assert_true(exists);
        assert_int_equal(strlen(p.created), 10);
        assert_true(p.author && *p.author);
        scratch_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(new_project),
                cmocka_unit_test(blank_project), cmocka_unit_test(adoption),
                cmocka_unit_test(notes_on_adoption), cmocka_unit_test(wrong_places),
                cmocka_unit_test(interrupted), cmocka_unit_test(git_repository),
                cmocka_unit_test(defaults) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
