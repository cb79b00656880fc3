/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/home.h"
#include "host/mountinfo.h"

#include <dirent.h>

static const char *base_path(void)
{
        return in_sandbox("state/homes");
}

static int entries(const char *path)
{
        int n = 0;
        DIR *d = opendir(path);
        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

static char *read_text(const char *path)
{
        static char text[4096];
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
        return text;
}

static void create(const char *key)
{
        struct err e = ERR_INIT;
        int fd = -1;
        assert_int_equal(home_create(base_path(), key, 1000, 1000, "thesis", &fd, &e), 0);
        close(fd);
}

static void test_create(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct stat st, by_fd;
        int fd = -1;
        assert_int_equal(home_create(base_path(), "k.1", 1000, 2000, "my-thesis", &fd, &e), 0);
        assert_int_equal(stat(in_sandbox("state/homes"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(stat(in_sandbox("state/homes/k.1"), &st), 0);
        assert_int_equal(fstat(fd, &by_fd), 0);
        assert_int_equal(st.st_ino, by_fd.st_ino);
        assert_int_equal(st.st_uid, 1000);
        assert_int_equal(st.st_gid, 2000);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(fstatat(fd, ".bashrc", &st, 0), 0);
        assert_int_equal(st.st_uid, 1000);
        assert_int_equal(st.st_gid, 2000);
        assert_int_equal(st.st_mode & 07777, 0644);
        close(fd);
        assert_non_null(strstr(
                read_text(in_sandbox("state/homes/k.1/.bashrc")), "PS1='\\u@my-thesis:\\w\\$ '"));
        assert_int_equal(home_open(base_path(), "k.1", &fd, &e), 0);
        close(fd);
        /* Never a home that somebody else had. */
        assert_int_equal(home_create(base_path(), "k.1", 1001, 1001, NULL, &fd, &e), -1);
        assert_int_equal(e.code, ERR_EXISTS);
        assert_int_equal(home_remove(base_path(), "k.1", &e), 0);
        assert_int_equal(home_open(base_path(), "k.1", &fd, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_int_equal(entries(base_path()), 0);
}

/* Runs what a container's user would: the files must be harmless to any sh, and set the prompt. */
static int prompt_of_interactive_bash(void *arg)
{
        if (chdir(arg) || setenv("HOME", arg, 1))
                return 1;
        execlp("sh", "sh", "-c",
                "bash --norc -c '. ./.profile; test -z \"$PS1\"' && sh -c '. ./.profile' &&"
                " test \"$(bash -i -c 'echo \"$PS1\"' 2>/dev/null)\" = '\\u@\\h:\\w\\$ '",
                NULL);
        return 1;
}

static void test_prompt(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        static const char *const names[] = { NULL, "a'; id; '", "" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                int fd = -1;
                assert_int_equal(home_create(base_path(), "p", 0, 0, names[i], &fd, &e), 0);
                close(fd);
                char path[512];
                snprintf(path, sizeof path, "%s", in_sandbox("state/homes/p"));
                assert_int_equal(as_user(0, 0, NULL, 0, prompt_of_interactive_bash, path), 0);
                assert_int_equal(home_remove(base_path(), "p", &e), 0);
        }
}

static void test_keys(void **state)
{
        (void)state;
        static const char *const bad[] = { "", ".", "..", "../x", "a/b", ".trash-x", "a b", "a\n",
                "/etc" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct err e = ERR_INIT;
                int fd = -1;
                assert_int_equal(home_create(base_path(), bad[i], 1000, 1000, NULL, &fd, &e), -1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_int_equal(home_open(base_path(), bad[i], &fd, &e), -1);
                assert_int_equal(home_remove(base_path(), bad[i], &e), -1);
                assert_int_equal(home_discard(base_path(), bad[i], &e), -1);
                assert_int_equal(fd, -1);
        }
}

static void test_nothing_to_remove(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        assert_int_equal(home_remove(base_path(), "never-was", &e), 0);
        assert_int_equal(home_remove(in_sandbox("no/such/base"), "x", &e), 0);
        assert_int_equal(home_discard(in_sandbox("no/such/base"), "x", &e), 0);
        assert_int_equal(home_sweep(in_sandbox("no/such/base"), &e), 0);
}

static void test_base_must_be_closed(void **state)
{
        (void)state;
        static const struct {
                uid_t uid;
                mode_t mode;
        } table[] = { { 0, 0755 }, { 0, 0770 }, { 1000, 0700 } };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct err e = ERR_INIT;
                int fd = -1;
                make_dir(in_sandbox("open"), table[i].uid, 0, table[i].mode);
                assert_int_equal(
                        home_create(in_sandbox("open"), "k", 1000, 1000, NULL, &fd, &e), -1);
                assert_non_null(strstr(e.fix, "chmod 0700"));
                assert_int_equal(entries(in_sandbox("open")), 0);
                assert_int_equal(rmdir(in_sandbox("open")), 0);
        }
}

static void test_links_are_not_followed(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_dir(in_sandbox("precious"), 0, 0, 0755);
        write_text(in_sandbox("precious/data"), "keep");
        create("links");
        make_dir(in_sandbox("state/homes/links/d"), 1000, 1000, 0700);
        make_dir(in_sandbox("state/homes/links/d/closed"), 1000, 1000, 0000);
        assert_int_equal(symlink(in_sandbox("precious"), in_sandbox("state/homes/links/away")), 0);
        assert_int_equal(
                symlink(in_sandbox("precious"), in_sandbox("state/homes/links/d/away")), 0);
        assert_int_equal(symlink("/", in_sandbox("state/homes/links/d/root")), 0);
        assert_int_equal(
                link(in_sandbox("precious/data"), in_sandbox("state/homes/links/d/hard")), 0);
        assert_int_equal(mkfifo(in_sandbox("state/homes/links/d/fifo"), 0600), 0);
        /* Names that the walk itself gives to folders that it moves. */
        make_dir(in_sandbox("state/homes/links/.0~"), 1000, 1000, 0700);
        make_dir(in_sandbox("state/homes/links/d/.1~"), 1000, 1000, 0700);
        write_text(in_sandbox("state/homes/links/.2~"), "");
        assert_int_equal(home_remove(base_path(), "links", &e), 0);
        assert_int_equal(entries(base_path()), 0);
        assert_string_equal(read_text(in_sandbox("precious/data")), "keep");
        /* A link in place of the home itself. */
        assert_int_equal(symlink(in_sandbox("precious"), in_sandbox("state/homes/link")), 0);
        int fd = -1;
        assert_int_equal(home_open(base_path(), "link", &fd, &e), -1);
        assert_int_equal(home_remove(base_path(), "link", &e), 0);
        assert_string_equal(read_text(in_sandbox("precious/data")), "keep");
        assert_int_equal(entries(base_path()), 0);
}

/* Wherever the walk has moved the folder to by now. */
static void umount_trash(void)
{
        struct err e = ERR_INIT;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        assert_int_equal(mountinfo_read(0, &mi, &e), 0);
        for (size_t i = 0; i < mi.n; i++)
                if (strstr(mi.rows[i].path, "/.trash-mnt-"))
                        assert_int_equal(umount(mi.rows[i].path), 0);
}

static void test_other_file_systems_are_not_entered(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        create("mnt");
        make_dir(in_sandbox("state/homes/mnt/a"), 1000, 1000, 0700);
        make_dir(in_sandbox("state/homes/mnt/a/m"), 1000, 1000, 0700);
        write_text(in_sandbox("state/homes/mnt/a/x"), "");
        assert_int_equal(mount(in_sandbox("precious"), in_sandbox("state/homes/mnt/a/m"), NULL,
                                 MS_BIND, NULL),
                0);
        make_dir(in_sandbox("state/homes/mnt/top"), 1000, 1000, 0700);
        assert_int_equal(mount(in_sandbox("precious"), in_sandbox("state/homes/mnt/top"), NULL,
                                 MS_BIND, NULL),
                0);
        assert_int_equal(home_remove(base_path(), "mnt", &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        assert_string_equal(read_text(in_sandbox("precious/data")), "keep");
        /* Once it is gone, the left-over is swept. */
        umount_trash();
        assert_int_equal(home_sweep(base_path(), &e), 0);
        assert_int_equal(entries(base_path()), 0);
}

static void test_deep_and_wide_trees(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        create("deep");
        int fd = open(in_sandbox("state/homes/deep"), O_RDONLY | O_DIRECTORY);
        for (int i = 0; i < 3000; i++) {
                assert_int_equal(mkdirat(fd, "d", 0700), 0);
                close(openat(fd, "f", O_CREAT | O_WRONLY, 0600));
                int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
                assert_true(next >= 0);
                close(fd);
                fd = next;
        }
        for (int i = 0; i < 300; i++) {
                char name[16];
                snprintf(name, sizeof name, "w%d", i);
                assert_int_equal(mkdirat(fd, name, 0700), 0);
        }
        close(fd);
        assert_int_equal(home_remove(base_path(), "deep", &e), 0);
        assert_int_equal(entries(base_path()), 0);
}

static void test_discard_and_sweep(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        for (int i = 0; i < 3; i++) {
                create("again");
                assert_int_equal(home_discard(base_path(), "again", &e), 0);
        }
        create("stays");
        assert_int_equal(entries(base_path()), 4);
        assert_int_equal(home_sweep(base_path(), &e), 0);
        assert_int_equal(entries(base_path()), 1);
        assert_int_equal(access(in_sandbox("state/homes/stays/.bashrc"), F_OK), 0);
        assert_int_equal(home_remove(base_path(), "stays", &e), 0);
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_create),
                cmocka_unit_test(test_prompt),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_nothing_to_remove),
                cmocka_unit_test(test_base_must_be_closed),
                cmocka_unit_test(test_links_are_not_followed),
                cmocka_unit_test(test_other_file_systems_are_not_entered),
                cmocka_unit_test(test_deep_and_wide_trees),
                cmocka_unit_test(test_discard_and_sweep),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
