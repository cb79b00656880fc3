/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/idmap.h"
#include "host/mounts.h"

#include <errno.h>
#include <signal.h>
#include <sys/statvfs.h>

static gid_t lab[] = { 2000 };
static struct mounts m;

static int setup(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        return mounts_open(in_sandbox("run/ds01/ws"), &m, &e);
}

static int teardown(void **state)
{
        (void)state;
        mounts_done(&m);
        return 0;
}

static char *attach(const char *folder, const char *key, const char *what, bool read_only)
{
        struct err e = ERR_INIT;
        char *path = NULL;
        bool mapped = false;
        cleanup_close int fd = open_dir(in_sandbox(folder));
        assert_int_equal(mounts_attach(&m, fd, key, what, read_only, &path, &mapped, &e), 0);
        assert_true(mapped);
        return path;
}

static void test_runtime_folder(void **state)
{
        (void)state;
        struct stat st;
        assert_int_equal(stat(in_sandbox("run/ds01/ws"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(stat(in_sandbox("run/ds01"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_string_equal(m.path, in_sandbox("run/ds01/ws"));
        assert_true(fcntl(m.dir_fd, F_GETFD) & FD_CLOEXEC);
}

static void test_runtime_folder_must_be_ours(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct mounts other = MOUNTS_INIT;
        make_dir(in_sandbox("wide"), 0, 0, 0755);
        assert_int_equal(mounts_open(in_sandbox("wide"), &other, &e), -1);
        assert_non_null(strstr(e.fix, "chmod 0700"));
        make_dir(in_sandbox("hers"), 1000, 1000, 0700);
        assert_int_equal(mounts_open(in_sandbox("hers"), &other, &e), -1);
        assert_int_equal(symlink("run/ds01/ws", in_sandbox("link")), 0);
        assert_int_equal(mounts_open(in_sandbox("link"), &other, &e), -1);
        assert_int_equal(mounts_open("run/ws", &other, &e), -1);
        assert_int_equal(other.dir_fd, -1);
        /* A symlink above it is fine, and is gone from the path that mountinfo will show. */
        assert_int_equal(symlink("run", in_sandbox("var-run")), 0);
        assert_int_equal(mounts_open(in_sandbox("var-run/ds01/ws"), &other, &e), 0);
        assert_string_equal(other.path, m.path);
        mounts_done(&other);
}

/* As alice, in the mounted folder. The result tells what went wrong. */
static int use_as_alice(void *arg)
{
        struct stat st;
        if (chdir(arg))
                return 1;
        int fd = open("new", O_CREAT | O_EXCL | O_WRONLY, 0644);
        if (fd < 0 || fstat(fd, &st) || st.st_uid != 1000 || st.st_gid != 1000)
                return 2;
        close(fd);
        if (stat("of-root", &st) || st.st_uid != 65534 || st.st_gid != 65534)
                return 3;
        if (stat("of-bob", &st) || st.st_uid != 1001)
                return 4;
        /* A folder shared by a group works by the group, whoever owns it. */
        fd = open("shared/hers", O_CREAT | O_EXCL | O_WRONLY, 0664);
        if (fd < 0 || fstat(fd, &st) || st.st_uid != 1000 || st.st_gid != 2000)
                return 5;
        close(fd);
        fd = open("shared/of-bob", O_WRONLY | O_APPEND);
        if (fd < 0)
                return 6;
        close(fd);
        if (open("of-root", O_WRONLY) >= 0 || open("private-of-bob/x", O_RDONLY) >= 0)
                return 7;
        return 0;
}

/* As root, which a container could have inside: nothing can become root's. */
static int use_as_root(void *arg)
{
        struct stat st;
        if (chdir(arg) || stat("new", &st) || st.st_uid != 1000)
                return 1;
        if (chown("new", 0, (gid_t)-1) == 0 || errno != EOVERFLOW)
                return 2;
        if (chown("new", (uid_t)-1, 0) == 0 || errno != EOVERFLOW)
                return 3;
        if (open("made-by-root", O_CREAT | O_WRONLY, 0644) >= 0)
                return 4;
        if (chmod("of-root", 04755) == 0)
                return 5;
        return 0;
}

/* The runtime folder is closed, so a user gets in by a bind mount elsewhere, as a container has
 * one. */
static void bind_out(const char *path)
{
        if (access(in_sandbox("inside"), F_OK))
                make_dir(in_sandbox("inside"), 0, 0, 0755);
        assert_int_equal(mount(path, in_sandbox("inside"), NULL, MS_BIND, NULL), 0);
}

static void test_ids(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_dir(in_sandbox("w"), 1000, 1000, 0755);
        write_text(in_sandbox("w/of-root"), "secret");
        write_text(in_sandbox("w/of-bob"), "");
        assert_int_equal(chown(in_sandbox("w/of-bob"), 1001, 1001), 0);
        make_dir(in_sandbox("w/private-of-bob"), 1001, 1001, 0700);
        make_dir(in_sandbox("w/shared"), 1001, 2000, 02770);
        write_text(in_sandbox("w/shared/of-bob"), "");
        assert_int_equal(chown(in_sandbox("w/shared/of-bob"), 1001, 2000), 0);
        assert_int_equal(chmod(in_sandbox("w/shared/of-bob"), 0664), 0);

        cleanup_free char *path = attach("w", "k", "workspace", false);
        bind_out(path);
        char inside[512];
        snprintf(inside, sizeof inside, "%s", in_sandbox("inside"));
        assert_int_equal(as_user(1000, 1000, lab, 1, use_as_alice, inside), 0);
        assert_int_equal(as_user(0, 0, NULL, 0, use_as_root, inside), 0);
        struct stat st;
        assert_int_equal(stat(in_sandbox("w/new"), &st), 0);
        assert_int_equal(st.st_uid, 1000);
        assert_int_equal(umount(in_sandbox("inside")), 0);
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
}

static int run_setuid(void *arg)
{
        execl(arg, "id", "-u", NULL);
        return 126;
}

static int setuid_effect(void *arg)
{
        int out[2];
        char text[32] = "";
        if (pipe(out))
                return 100;
        pid_t pid = fork();
        if (pid == 0) {
                dup2(out[1], 1);
                _exit(run_setuid(arg));
        }
        close(out[1]);
        if (read(out[0], text, sizeof text - 1) < 0 || waitpid(pid, NULL, 0) != pid)
                return 101;
        return strcmp(text, "1001\n") == 0 ? 1 : strcmp(text, "1000\n") == 0 ? 0 : 102;
}

static void copy_file(const char *from, const char *to)
{
        char block[65536];
        int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0755);
        ssize_t n;
        while ((n = read(in, block, sizeof block)) > 0)
                assert_int_equal(write(out, block, (size_t)n), n);
        close(in);
        assert_int_equal(close(out), 0);
}

static void test_setuid_has_no_effect(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_dir(in_sandbox("s"), 1000, 1000, 0755);
        copy_file("/usr/bin/id", in_sandbox("s/id"));
        assert_int_equal(chown(in_sandbox("s/id"), 1001, 1001), 0);
        assert_int_equal(chmod(in_sandbox("s/id"), 04755), 0);
        char direct[512], inside[512];
        snprintf(direct, sizeof direct, "%s", in_sandbox("s/id"));
        snprintf(inside, sizeof inside, "%s", in_sandbox("inside/id"));
        /* Where it lies it would: otherwise this test shows nothing. */
        assert_int_equal(as_user(1000, 1000, lab, 1, setuid_effect, direct), 1);
        cleanup_free char *path = attach("s", "k", "workspace", false);
        bind_out(path);
        assert_int_equal(as_user(1000, 1000, lab, 1, setuid_effect, inside), 0);
        struct statvfs v;
        assert_int_equal(statvfs(path, &v), 0);
        assert_true(v.f_flag & ST_NOSUID);
        assert_true(v.f_flag & ST_NODEV);
        assert_false(v.f_flag & ST_RDONLY);
        assert_int_equal(umount(in_sandbox("inside")), 0);
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
}

static void test_read_only(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_dir(in_sandbox("d"), 1000, 1000, 0777);
        cleanup_free char *path = attach("d", "k", "data-1", true);
        cleanup_free char *file = xasprintf("%s/f", path);
        assert_int_equal(open(file, O_CREAT | O_WRONLY, 0600), -1);
        assert_int_equal(errno, EROFS);
        write_text(in_sandbox("d/still-writable-outside"), "x");
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
}

static void test_submounts_stay_out(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_dir(in_sandbox("sub"), 1000, 1000, 0755);
        make_dir(in_sandbox("sub/before"), 0, 0, 0755);
        make_dir(in_sandbox("sub/after"), 0, 0, 0755);
        make_dir(in_sandbox("other"), 0, 0, 0755);
        write_text(in_sandbox("other/secret"), "");
        /* As systemd has it: without MS_PRIVATE on the clone, mounts would follow into it. */
        assert_int_equal(mount(NULL, sandbox, NULL, MS_SHARED, NULL), 0);
        assert_int_equal(
                mount(in_sandbox("other"), in_sandbox("sub/before"), NULL, MS_BIND, NULL), 0);
        cleanup_free char *path = attach("sub", "k", "workspace", false);
        assert_int_equal(
                mount(in_sandbox("other"), in_sandbox("sub/after"), NULL, MS_BIND, NULL), 0);
        cleanup_free char *before = xasprintf("%s/before/secret", path);
        cleanup_free char *after = xasprintf("%s/after/secret", path);
        assert_int_equal(access(in_sandbox("sub/after/secret"), F_OK), 0);
        assert_int_equal(access(before, F_OK), -1);
        assert_int_equal(access(after, F_OK), -1);
        umount(in_sandbox("sub/before"));
        umount(in_sandbox("sub/after"));
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
        assert_int_equal(mount(NULL, sandbox, NULL, MS_PRIVATE, NULL), 0);
}

static void test_without_id_map(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char *path = NULL;
        bool mapped = true;
        struct statvfs v;
        /* proc takes no id map; whether it may be mounted at all is the caller's question. */
        cleanup_close int fd = open_dir("/proc");
        assert_int_equal(mounts_attach(&m, fd, "k", "x", true, &path, &mapped, &e), 0);
        assert_false(mapped);
        assert_int_equal(statvfs(path, &v), 0);
        assert_true(v.f_flag & ST_NOSUID && v.f_flag & ST_NODEV && v.f_flag & ST_RDONLY);
        free(path);
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
}

/* As root inside, in alice's folder. The result tells what went wrong. */
static int use_as_root_inside(void *arg)
{
        struct stat st;
        if (chdir(arg))
                return 1;
        int fd = open("made", O_CREAT | O_EXCL | O_WRONLY, 0755);
        if (fd < 0 || fstat(fd, &st) || st.st_uid != 0 || st.st_gid != 0 || fchmod(fd, 06755))
                return 2;
        if (stat("hers", &st) || st.st_uid != 0 || open("hers", O_RDWR) < 0)
                return 3;
        if (stat("labs", &st) || st.st_gid != 2000)
                return 4;
        /* All of root's capabilities are no help over files of nobody's. */
        static const char *const others[] = { "bobs", "roots" };
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
                if (open(others[i], O_RDONLY) >= 0 || errno != EACCES)
                        return 5;
                if (chmod(others[i], 0666) == 0 || unlink(others[i]) == 0)
                        return 6;
                /* But chown() to 0:0 would take them: what the filter lets through must not. */
                static const uid_t owners[] = { 0, (uid_t)-1, 1, 1000, 1001, 65535 };
                static const gid_t groups[] = { 1, 44, 999 };
                for (size_t k = 0; k < ARRAY_LEN(owners); k++)
                        for (size_t g = 0; g < ARRAY_LEN(groups); g++)
                                if (chown(others[i], owners[k], groups[g]) == 0 ||
                                        (owners[k] != 0 && chown(others[i], owners[k], 0) == 0))
                                        return 9;
        }
        static const uid_t foreign[] = { 1, 1000, 1001, 65534 };
        for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
                if (chown("made", foreign[i], (gid_t)-1) == 0 ||
                        chown("made", (uid_t)-1, foreign[i]) == 0)
                        return 7;
        return chown("made", (uid_t)-1, 2000) ? 8 : 0;
}

static void make_file(const char *name, uid_t uid, gid_t gid)
{
        write_text(in_sandbox(name), "secret");
        assert_int_equal(chmod(in_sandbox(name), 0600), 0);
        assert_int_equal(chown(in_sandbox(name), uid, gid), 0);
}

static void test_root_inside(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct stat st;
        char *path = NULL;
        cleanup_close int map = idmap_root_fd(1000, 1000, lab, ARRAY_LEN(lab), &e);
        const struct mounts root = mounts_with_map(&m, map);
        make_dir(in_sandbox("ri"), 1000, 1000, 0755);
        make_file("ri/hers", 1000, 1000);
        make_file("ri/bobs", 1001, 1001);
        make_file("ri/roots", 0, 0);
        make_file("ri/labs", 1000, 2000);
        cleanup_close int fd = open_dir(in_sandbox("ri"));
        assert_int_equal(mounts_attach(&root, fd, "k", "x", false, &path, NULL, &e), 0);
        assert_int_equal(as_user(0, 0, NULL, 0, use_as_root_inside, path), 0);
        assert_int_equal(stat(in_sandbox("ri/made"), &st), 0);
        assert_int_equal(st.st_uid, 1000);
        assert_int_equal(st.st_gid, 2000);
        assert_int_equal(mounts_visible(path, 0, true, &e), 0);
        free(path);
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
}

/* Where there is no map there is no mount: root inside would be root outside. */
static void test_root_inside_needs_its_map(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char *path = NULL;
        bool mapped = true;
        cleanup_close int map = idmap_root_fd(1000, 1000, NULL, 0, &e);
        const struct mounts root = mounts_with_map(&m, map);
        make_dir(in_sandbox("ramfs"), 0, 0, 0755);
        assert_int_equal(mount("ramfs", in_sandbox("ramfs"), "ramfs", 0, NULL), 0);
        cleanup_close int ramfs = open_dir(in_sandbox("ramfs"));
        assert_int_equal(mounts_try(&root, ramfs, &mapped, &e), 0);
        assert_false(mapped);
        assert_int_equal(mounts_attach(&root, ramfs, "k", "x", false, &path, NULL, &e), -1);
        assert_non_null(strstr(e.msg, "takes no id map"));
        assert_null(path);
        /* One that was mounted without is not taken for one with. */
        assert_int_equal(mounts_attach(&m, ramfs, "k", "x", false, &path, NULL, &e), 0);
        assert_int_equal(mounts_visible(path, 0, false, &e), 0);
        assert_int_equal(mounts_visible(path, 0, true, &e), -1);
        assert_non_null(strstr(e.msg, "without an id map"));
        free(path);
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
        umount(in_sandbox("ramfs"));
}

/* What is tried leaves no mount behind. */
static void test_try(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        const struct mounts only = { .dir_fd = -1, .userns_fd = m.userns_fd };
        bool mapped = false;
        cleanup_mountinfo struct mountinfo before = { 0 }, after = { 0 };
        cleanup_close int plain = open_dir(sandbox), proc = open_dir("/proc");
        assert_int_equal(mountinfo_read(0, &before, &e), 0);
        assert_int_equal(mounts_try(&only, plain, &mapped, &e), 0);
        assert_true(mapped);
        assert_int_equal(mounts_try(&only, proc, &mapped, &e), 0);
        assert_false(mapped);
        assert_int_equal(mountinfo_read(0, &after, &e), 0);
        assert_int_equal(before.n, after.n);
}

static void test_refused(void **state)
{
        (void)state;
        static const char *const bad[] = { "", ".", "..", "a/b", "../x", " ", ".hidden" };
        cleanup_close int fd = open_dir(in_sandbox("d"));
        char *path = NULL;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct err e = ERR_INIT;
                assert_int_equal(mounts_attach(&m, fd, bad[i], "x", false, &path, NULL, &e), -1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_int_equal(mounts_attach(&m, fd, "k", bad[i], false, &path, NULL, &e), -1);
                assert_int_equal(mounts_put_file(&m, "k", bad[i], "", &path, &e), -1);
                assert_int_equal(mounts_detach_all(&m, bad[i], &e), -1);
                assert_null(path);
        }
        struct err e = ERR_INIT;
        cleanup_close int tree =
                open_tree(AT_FDCWD, in_sandbox("d"), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        /* Kernels that allow cloning a detached tree get no further than others: the check says no.
         */
        if (mounts_attach(&m, tree, "k", "x", false, &path, NULL, &e) == 0)
                free(path);
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
}

/* A process with a mount namespace of its own, which is private to it, or a slave of ours. */
static pid_t bystander(unsigned long propagation)
{
        int ready[2];
        char c;
        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
                if (propagation && (unshare(CLONE_NEWNS) ||
                                           mount(NULL, "/", NULL, MS_REC | propagation, NULL)))
                        _exit(1);
                (void)!write(ready[1], "x", 1);
                pause();
                _exit(0);
        }
        assert_int_equal(read(ready[0], &c, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
}

static void test_visible(void **state)
{
        (void)state;
        static const struct {
                unsigned long sandbox_is, bystander_is;
                bool sees;
        } table[] = {
                { MS_PRIVATE, 0, true },       /* the engine in our namespace */
                { MS_SHARED, MS_SLAVE, true }, /* in one that receives our mounts */
                { MS_SHARED, MS_PRIVATE, false },
                { MS_PRIVATE, MS_SLAVE, false },
        };
        make_dir(in_sandbox("v"), 1000, 1000, 0755);
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct err e = ERR_INIT;
                assert_int_equal(mount(NULL, sandbox, NULL, table[i].sandbox_is, NULL), 0);
                pid_t pid = bystander(table[i].bystander_is);
                cleanup_free char *path = attach("v", "k", "workspace", false);
                assert_int_equal(mounts_visible(path, 0, false, &e), 0);
                assert_int_equal(mounts_visible(path, pid, false, &e), table[i].sees ? 0 : -1);
                if (!table[i].sees)
                        assert_non_null(strstr(e.msg, "does not see"));
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
                assert_int_equal(mounts_visible(path, pid, false, &e), -1);
                assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
                assert_int_equal(mounts_visible(path, 0, false, &e), -1);
                assert_int_equal(mount(NULL, sandbox, NULL, MS_PRIVATE, NULL), 0);
        }
}

static void test_visible_wants_the_very_mount(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_free char *path = attach("v", "k", "workspace", false);
        pid_t pid = bystander(MS_PRIVATE);
        /* The bystander's copy still shows v; here something else lies on the same path now. */
        assert_int_equal(mounts_visible(path, pid, false, &e), 0);
        free(attach("d", "k", "workspace", false));
        assert_int_equal(mounts_visible(path, pid, false, &e), -1);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        /* An engine that has ended is no fault of the folder's. */
        assert_int_equal(mounts_visible(path, pid, false, &e), -1);
        assert_int_equal(e.code, ERR_ENGINE);
        /* And without the flags it is not accepted, even in our own namespace. */
        assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL), 0);
        assert_int_equal(mounts_visible(path, 0, false, &e), -1);
        assert_non_null(strstr(e.msg, "nosuid,nodev"));
        assert_int_equal(mounts_detach_all(&m, "k", &e), 0);
}

static void collect_key(void *arg, const char *key)
{
        struct err e = ERR_INIT;
        strv_add(arg, key);
        assert_int_equal(mounts_detach_all(&m, key, &e), 0);
}

static void test_detach_and_keys(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char *file = NULL;
        free(attach("v", "one", "workspace", false));
        free(attach("d", "one", "data-1", true));
        free(attach("d", "one", "data-1", true)); /* a second time: replaces the first */
        free(attach("v", "two", "workspace", false));
        assert_int_equal(mounts_put_file(&m, "one", "passwd", "first", &file, &e), 0);
        free(file);
        assert_int_equal(
                mounts_put_file(&m, "one", "passwd", "root:x:0:0::/:/bin/sh\n", &file, &e), 0);
        struct stat st;
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        assert_int_equal(st.st_size, 22);
        free(file);
        /* One on top of another, as a crash between two steps may leave it. */
        cleanup_free char *over = xasprintf("%s/two/workspace", m.path);
        assert_int_equal(mount(in_sandbox("d"), over, NULL, MS_BIND, NULL), 0);
        cleanup_strv struct strv keys = { 0 };
        assert_int_equal(mounts_each_key(&m, collect_key, &keys, &e), 0);
        assert_int_equal(keys.n, 2);
        assert_true(strv_has(&keys, "one") && strv_has(&keys, "two"));
        cleanup_mountinfo struct mountinfo mi = { 0 };
        assert_int_equal(mountinfo_read(0, &mi, &e), 0);
        for (size_t i = 0; i < mi.n; i++)
                assert_false(str_starts(mi.rows[i].path, m.path));
        assert_int_equal(mounts_detach_all(&m, "one", &e), 0);
        assert_int_equal(mounts_detach_all(&m, "never-was", &e), 0);
        cleanup_strv struct strv none = { 0 };
        assert_int_equal(mounts_each_key(&m, collect_key, &none, &e), 0);
        assert_int_equal(none.n, 0);
        /* What was mounted is untouched. */
        assert_int_equal(access(in_sandbox("d/still-writable-outside"), F_OK), 0);
}

/* Busy mounts go too: whoever is in one keeps it until they leave. */
static void test_detach_while_in_use(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_free char *path = attach("v", "busy", "workspace", false);
        cleanup_close int inside = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(inside >= 0);
        assert_int_equal(mounts_detach_all(&m, "busy", &e), 0);
        assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_runtime_folder),
                cmocka_unit_test(test_runtime_folder_must_be_ours),
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_setuid_has_no_effect),
                cmocka_unit_test(test_read_only),
                cmocka_unit_test(test_submounts_stay_out),
                cmocka_unit_test(test_without_id_map),
                cmocka_unit_test(test_root_inside),
                cmocka_unit_test(test_root_inside_needs_its_map),
                cmocka_unit_test(test_try),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_visible),
                cmocka_unit_test(test_visible_wants_the_very_mount),
                cmocka_unit_test(test_detach_and_keys),
                cmocka_unit_test(test_detach_while_in_use),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, setup, teardown));
}
