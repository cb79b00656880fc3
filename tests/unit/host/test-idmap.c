/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/idmap.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>

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
                cmocka_unit_test(test_nothing_stays_behind),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
