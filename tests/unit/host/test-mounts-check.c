/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/mounts.h"

#include <errno.h>
#include <sys/xattr.h>

static gid_t lab[] = { 2000 };
static const struct peer alice = {
        .uid = 1000, .gid = 1000, .groups = lab, .n_groups = 1, .user = (char[]){ "alice" }
};

static void test_source(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        struct mount_source s;
        struct stat st;
        make_dir(in_sandbox("plain"), 1000, 1000, 0755);
        cleanup_close int fd = open_dir(in_sandbox("plain"));
        assert_int_equal(mounts_check_dir(fd, &s, &e), 0);
        assert_int_equal(stat(in_sandbox("plain"), &st), 0);
        assert_int_equal(s.dev, st.st_dev);
        assert_int_equal(s.ino, st.st_ino);
        assert_string_equal(s.fstype, "tmpfs");
        assert_int_equal(mounts_check_dir(fd, NULL, &e), 0);
}

static void test_files_are_refused(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        write_text(in_sandbox("file"), "");
        cleanup_close int fd = open(in_sandbox("file"), O_PATH | O_CLOEXEC);
        assert_int_equal(mounts_check_dir(fd, NULL, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(mounts_check_dir(ends[0], NULL, &e), -1);
        close(ends[0]);
        close(ends[1]);
        assert_int_equal(mounts_check_dir(ends[0], NULL, &e), -1);
}

static void test_kernel_file_systems_are_refused(void **state)
{
        (void)state;
        static const char *const paths[] = { "/proc", "/proc/self", "/sys", "/dev", "/dev/pts" };
        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                struct err e = ERR_INIT;
                struct mount_source s = { .ino = 5 };
                cleanup_close int fd = open_dir(paths[i]);
                assert_int_equal(mounts_check_dir(fd, &s, &e), -1);
                assert_int_equal(e.code, ERR_DENIED);
                assert_int_equal(s.ino, 5);
        }
}

/* A FUSE mount whose server never answers: what it is must be seen without asking it. */
static void test_fuse_is_refused_without_asking(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int server = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        sandbox_need(server >= 0, "opening /dev/fuse");
        char options[128];
        snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", server);
        static const char *const types[] = { "fuse", "fuse.sshfs" };
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                make_dir(in_sandbox("fuse"), 0, 0, 0755);
                assert_int_equal(mount("server", in_sandbox("fuse"), types[i], 0, options), 0);
                alarm(20);
                /* Without O_DIRECTORY: that alone would not ask the server either, but be sure. */
                cleanup_close int fd = open(in_sandbox("fuse"), O_PATH | O_CLOEXEC);
                assert_true(fd >= 0);
                assert_int_equal(mounts_check_dir(fd, NULL, &e), -1);
                alarm(0);
                assert_int_equal(e.code, ERR_DENIED);
                assert_non_null(strstr(e.msg, types[i]));
                close(server);
                server = open("/dev/fuse", O_RDWR | O_CLOEXEC);
                snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0",
                        server);
                assert_int_equal(umount2(in_sandbox("fuse"), MNT_DETACH), 0);
                assert_int_equal(rmdir(in_sandbox("fuse")), 0);
        }
        close(server);
}

static void test_other_mount_namespace(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        make_dir(in_sandbox("inner"), 1000, 1000, 0755);
        /* A clone that is mounted nowhere stands for one that only another namespace has. */
        cleanup_close int fd =
                open_tree(AT_FDCWD, in_sandbox("inner"), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(mounts_check_dir(fd, NULL, &e), -1);
        assert_int_equal(e.code, ERR_DENIED);
        assert_non_null(strstr(e.msg, "mount namespace"));
        assert_true(e.fix[0] != '\0');
}

static void test_root_folder(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        const struct peer root = { .user = (char[]){ "root" } };
        cleanup_close int fd = open_dir("/");
        assert_int_equal(mounts_check_dir(fd, NULL, &e), 0);
        assert_int_equal(mounts_check_workspace(fd, &root, NULL, &e), -1);
        assert_int_equal(e.code, ERR_DENIED);
        /* By another name it is the same. */
        make_dir(in_sandbox("bound"), 0, 0, 0755);
        assert_int_equal(mount("/", in_sandbox("bound"), NULL, MS_BIND, NULL), 0);
        cleanup_close int bound = open_dir(in_sandbox("bound"));
        assert_int_equal(mounts_check_workspace(bound, &root, NULL, &e), -1);
        assert_int_equal(umount2(in_sandbox("bound"), MNT_DETACH), 0);
}

/* What the kernel says to the user themself, to compare with. */
static int kernel_allows(void *path)
{
        return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
}

static void check_against_kernel(const char *path, bool expect)
{
        struct err e = ERR_INIT;
        char copy[512];
        snprintf(copy, sizeof copy, "%s", path);
        cleanup_close int fd = open_dir(path);
        int r = mounts_check_workspace(fd, &alice, NULL, &e);
        assert_int_equal(as_user(1000, 1000, lab, 1, kernel_allows, copy), expect);
        assert_int_equal(r, expect ? 0 : -1);
        if (!expect) {
                assert_int_equal(e.code, ERR_DENIED);
                assert_non_null(strstr(e.msg, "alice may not write"));
        }
}

static void test_modes(void **state)
{
        (void)state;
        static const struct {
                uid_t uid;
                gid_t gid;
                mode_t mode;
                bool allowed;
        } table[] = {
                { 1000, 1000, 0700, true },
                { 1000, 1000, 0300, true },
                { 1000, 1000, 0500, false },
                { 1000, 1000, 0600, false },
                { 1000, 1000, 0077, false },
                { 0, 1000, 0770, true },
                { 0, 2000, 02775, true },
                { 0, 2000, 0755, false },
                { 0, 2000, 0707, false },
                { 1001, 1001, 0777, true },
                { 1001, 1001, 01777, true },
                { 1001, 1001, 0775, false },
                { 1001, 1001, 0772, false },
                { 0, 0, 0755, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                make_dir(in_sandbox("mode"), table[i].uid, table[i].gid, table[i].mode);
                check_against_kernel(in_sandbox("mode"), table[i].allowed);
                assert_int_equal(rmdir(in_sandbox("mode")), 0);
        }
}

struct entry {
        uint16_t tag, perm;
        uint32_t id;
};
#define NO_ID 0xffffffffu

static void set_acl(const char *path, const struct entry *v, size_t n)
{
        struct {
                uint32_t version;
                struct entry v[8];
        } raw = { .version = 2 };
        memcpy(raw.v, v, n * sizeof *v);
        assert_int_equal(setxattr(path, "system.posix_acl_access", &raw, 4 + n * sizeof *v, 0), 0);
}

/* Tags: 1 owner, 2 user, 4 owning group, 8 group, 16 mask, 32 others. */
static void test_acls(void **state)
{
        (void)state;
        static const struct {
                uid_t uid;
                gid_t gid;
                struct entry v[8];
                size_t n;
                bool allowed;
        } table[] = {
                /* A user entry opens what the mode closes, if the mask lets it. */
                { 1001, 1001,
                        { { 1, 7, NO_ID }, { 2, 7, 1000 }, { 4, 0, NO_ID }, { 16, 7, NO_ID },
                                { 32, 0, NO_ID } },
                        5, true },
                { 1001, 1001,
                        { { 1, 7, NO_ID }, { 2, 7, 1000 }, { 4, 0, NO_ID }, { 16, 5, NO_ID },
                                { 32, 0, NO_ID } },
                        5, false },
                /* It also closes what others may. */
                { 1001, 1001,
                        { { 1, 7, NO_ID }, { 2, 0, 1000 }, { 4, 7, NO_ID }, { 16, 7, NO_ID },
                                { 32, 7, NO_ID } },
                        5, false },
                /* Group entries: any that grants it is enough; belonging to one shuts out "others".
                 */
                { 1001, 1001,
                        { { 1, 7, NO_ID }, { 4, 0, NO_ID }, { 8, 3, 2000 }, { 16, 7, NO_ID },
                                { 32, 0, NO_ID } },
                        5, true },
                { 1001, 1000,
                        { { 1, 7, NO_ID }, { 4, 5, NO_ID }, { 8, 7, 2000 }, { 16, 7, NO_ID },
                                { 32, 0, NO_ID } },
                        5, true },
                { 1001, 1001,
                        { { 1, 7, NO_ID }, { 4, 0, NO_ID }, { 8, 5, 2000 }, { 16, 7, NO_ID },
                                { 32, 7, NO_ID } },
                        5, false },
                { 1001, 1001,
                        { { 1, 7, NO_ID }, { 4, 0, NO_ID }, { 8, 7, 3000 }, { 16, 7, NO_ID },
                                { 32, 0, NO_ID } },
                        5, false },
                /* The mode's group bits show the mask, not what the group may. */
                { 1001, 2000,
                        { { 1, 7, NO_ID }, { 2, 7, 1001 }, { 4, 5, NO_ID }, { 16, 7, NO_ID },
                                { 32, 0, NO_ID } },
                        5, false },
                { 1000, 1000,
                        { { 1, 7, NO_ID }, { 2, 0, 1000 }, { 4, 0, NO_ID }, { 16, 0, NO_ID },
                                { 32, 0, NO_ID } },
                        5, true },
                { 1000, 1000,
                        { { 1, 5, NO_ID }, { 2, 7, 1000 }, { 4, 7, NO_ID }, { 16, 7, NO_ID },
                                { 32, 7, NO_ID } },
                        5, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                make_dir(in_sandbox("acl"), table[i].uid, table[i].gid, 0700);
                set_acl(in_sandbox("acl"), table[i].v, table[i].n);
                check_against_kernel(in_sandbox("acl"), table[i].allowed);
                assert_int_equal(rmdir(in_sandbox("acl")), 0);
        }
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_source),
                cmocka_unit_test(test_files_are_refused),
                cmocka_unit_test(test_kernel_file_systems_are_refused),
                cmocka_unit_test(test_fuse_is_refused_without_asking),
                cmocka_unit_test(test_other_mount_namespace),
                cmocka_unit_test(test_root_folder),
                cmocka_unit_test(test_modes),
                cmocka_unit_test(test_acls),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
