/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/idmap.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

static void *wait_for_byte(void *arg)
{
        char c;
        (void)!read(*(int *)arg, &c, 1);
        return NULL;
}

/* ds01d has threads when it makes the map; unshare(CLONE_NEWUSER) would fail here. */
static void test_with_other_threads(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int hold[2];
        pthread_t thread;
        assert_int_equal(pipe(hold), 0);
        assert_int_equal(pthread_create(&thread, NULL, wait_for_byte, &hold[0]), 0);
        int fd = idmap_userns_fd(&e);
        close(hold[1]);
        pthread_join(thread, NULL);
        close(hold[0]);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
}

static int maps_of_namespace(void *arg)
{
        int fd = *(int *)arg;
        unsigned inside, outside, count;
        if (setns(fd, CLONE_NEWUSER))
                return 1;
        static const char *const files[] = { "/proc/self/uid_map", "/proc/self/gid_map" };
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                FILE *f = fopen(files[i], "re");
                if (!f || fscanf(f, "%u %u %u", &inside, &outside, &count) != 3)
                        return 2;
                if (inside != 1 || outside != 1 || count != 4294967294u)
                        return 3;
                if (fscanf(f, "%u", &inside) == 1)
                        return 4; /* a second line */
                fclose(f);
        }
        return 0;
}

static void test_maps(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int fd = idmap_userns_fd(&e);
        assert_true(fd >= 0);
        assert_int_equal(as_user(0, 0, NULL, 0, maps_of_namespace, &fd), 0);
        close(fd);
}

/* The lines of a map in the namespace, joined by commas. */
struct seen_map {
        int fd;
        char uids[256], gids[8192];
};

static void read_map(const char *file, char *ret, size_t size)
{
        unsigned inside, outside, count;
        FILE *f = fopen(file, "re");
        while (f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3) {
                size_t n = strlen(ret);
                snprintf(ret + n, size - n, "%u-%u-%u,", inside, outside, count);
        }
        if (f)
                fclose(f);
}

static int see_maps(void *arg)
{
        struct seen_map *seen = arg;
        if (setns(seen->fd, CLONE_NEWUSER))
                return 1;
        read_map("/proc/self/uid_map", seen->uids, sizeof seen->uids);
        read_map("/proc/self/gid_map", seen->gids, sizeof seen->gids);
        return 0;
}

/* What the child sees is in memory that it shares. */
static struct seen_map *see_root_map(uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
        struct err e = ERR_INIT;
        struct seen_map *seen =
                mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(seen != MAP_FAILED);
        seen->fd = idmap_root_fd(uid, gid, groups, n, &e);
        assert_true(seen->fd >= 0);
        assert_int_equal(as_user(0, 0, NULL, 0, see_maps, seen), 0);
        close(seen->fd);
        return seen;
}

/* On disk, in the mount, how many: the user is root, root and all others are nobody. */
static void test_root_map(void **state)
{
        (void)state;
        static const gid_t groups[] = { 2000, 0, 44, 999, 1000, 2001, 2000, (gid_t)-1 };
        struct seen_map *seen = see_root_map(1000, 1000, groups, ARRAY_LEN(groups));
        assert_string_equal(seen->uids, "1000-0-1,");
        assert_string_equal(seen->gids, "1000-0-1,2000-2000-1,2001-2001-1,");
        munmap(seen, sizeof *seen);
        seen = see_root_map(4294967294u, 100, NULL, 0);
        assert_string_equal(seen->uids, "4294967294-0-1,");
        assert_string_equal(seen->gids, "100-0-1,");
        munmap(seen, sizeof *seen);
}

/* The kernel refuses a map as long as a page. */
static void test_more_groups_than_fit(void **state)
{
        (void)state;
        gid_t groups[IDMAP_GROUPS_MAX + 100];
        for (size_t i = 0; i < ARRAY_LEN(groups); i++)
                groups[i] = (gid_t)(4000000000u + i);
        struct seen_map *seen = see_root_map(4000000000u, 4000009999u, groups, ARRAY_LEN(groups));
        size_t n = 0;
        for (const char *p = seen->gids; *p; p++)
                n += *p == ',';
        assert_int_equal(n, 1 + IDMAP_GROUPS_MAX);
        munmap(seen, sizeof *seen);
}

static void test_root_is_no_user(void **state)
{
        (void)state;
        static const struct {
                uid_t uid;
                gid_t gid;
        } bad[] = { { 0, 1000 }, { 1000, 0 }, { (uid_t)-1, 1000 }, { 1000, (gid_t)-1 } };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct err e = ERR_INIT;
                assert_int_equal(idmap_root_fd(bad[i].uid, bad[i].gid, NULL, 0, &e), -1);
                assert_int_equal(e.code, ERR_INVALID);
        }
}

static int open_descriptors(void)
{
        int n = 0;
        DIR *d = opendir("/proc/self/fd");
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static void test_nothing_stays_behind(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        int before = open_descriptors();
        for (int i = 0; i < 20; i++) {
                int fd = idmap_userns_fd(&e);
                assert_true(fd >= 0);
                close(fd);
        }
        assert_int_equal(open_descriptors(), before);
        errno = 0;
        assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
        assert_int_equal(errno, ECHILD);
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_with_other_threads),
                cmocka_unit_test(test_maps),
                cmocka_unit_test(test_root_map),
                cmocka_unit_test(test_more_groups_than_fit),
                cmocka_unit_test(test_root_is_no_user),
                cmocka_unit_test(test_nothing_stays_behind),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
