/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "base/fd.h"
#include "store/images.h"
#include "store/users.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_instance(void **state)
{
        struct fixture *f = *state;
        char instance[RANDOM_HEX_LEN + 1];
        assert_int_equal(strlen(store_instance(f->s)), RANDOM_HEX_LEN);
        assert_int_equal(strspn(store_instance(f->s), "0123456789abcdef"), RANDOM_HEX_LEN);
        snprintf(instance, sizeof instance, "%s", store_instance(f->s));
        fixture_reopen(f);
        assert_string_equal(store_instance(f->s), instance);

        struct fixture *g;
        fixture_setup((void **)&g);
        assert_string_not_equal(store_instance(g->s), instance);
        fixture_teardown((void **)&g);
}

static void test_mode_and_leftovers(void **state)
{
        struct fixture *f = *state;
        struct stat st;
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        cleanup_free char *wal = xasprintf("%s-wal", f->path);
        cleanup_free char *tmp = xasprintf("%s.new", f->path);
        fixture_reserve(f, 1000, "x");
        assert_int_equal(stat(wal, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(tmp, &st), -1);
        /* A clean end leaves one file. */
        store_close(take_ptr(f->s));
        assert_int_equal(stat(wal, &st), -1);
}

/* A file that an interrupted first start left is not taken for a database. */
static void test_interrupted_creation(void **state)
{
        struct fixture *f = *state;
        store_close(take_ptr(f->s));
        assert_int_equal(unlink(f->path), 0);
        cleanup_free char *tmp = xasprintf("%s.new", f->path);
        ok(fd_replace_file(AT_FDCWD, tmp, "half", 4, 0600, &f->e));
        ok(store_open(f->dir, &f->s, &f->e));
        assert_int_equal(access(tmp, F_OK), -1);
        fixture_reserve(f, 1000, "x");
}

static void test_no_directory(void **state)
{
        struct fixture *f = *state;
        struct store *s = NULL;
        fails_with(ERR_FAILED, store_open("/nonexistent/ds01", &s, &f->e));
        assert_non_null(strstr(f->e.msg, "/nonexistent/ds01"));
        assert_null(s);
}

/* Opens a database whose file holds these bytes: must be refused, and left as it is. */
static void refused(struct fixture *f, const char *bytes, size_t n, const char *what)
{
        cleanup_free char *after = NULL;
        size_t n_after;
        store_close(take_ptr(f->s));
        ok(fd_replace_file(AT_FDCWD, f->path, bytes, n, 0600, &f->e));
        if (store_open(f->dir, &f->s, &f->e) == 0)
                fail_msg("accepted: %s", what);
        assert_null(f->s);
        assert_int_equal(f->e.code, ERR_FAILED);
        assert_string_equal(f->e.fix, "ds01d --rebuild");
        if (!strstr(f->e.msg, f->path))
                fail_msg("%s: %s", what, f->e.msg);
        ok(fd_read_file(AT_FDCWD, f->path, 1 << 24, &after, &n_after, &f->e));
        if (n_after != n || memcmp(after, bytes, n) != 0)
                fail_msg("changed: %s", what);
}

/* A database of some pages, as bytes. */
static char *filled(struct fixture *f, size_t *ret_n)
{
        char *bytes;
        for (int i = 0; i < 60; i++) {
                cleanup_free char *name = xasprintf("c%d", i);
                fixture_reserve(f, 1000, name);
        }
        store_close(take_ptr(f->s));
        ok(fd_read_file(AT_FDCWD, f->path, 1 << 24, &bytes, ret_n, &f->e));
        assert_true(*ret_n > 8 * 4096);
        return bytes;
}

static void test_damaged(void **state)
{
        struct fixture *f = *state;
        size_t n;
        cleanup_free char *good = filled(f, &n);
        cleanup_free char *bad = xcalloc(n, 1);

        refused(f, "", 0, "empty");
        refused(f, "not a database, but text\n", 25, "text");
        refused(f, good, 50, "half a header");
        refused(f, good, n / 2, "cut in the middle");
        refused(f, good, n - 4096, "last page missing");
        refused(f, good, n - 1, "last byte missing");
        memcpy(bad, good, n);
        memset(bad, 'x', 16);
        refused(f, bad, n, "magic");
        for (size_t page = 1; page < n / 4096; page++) {
                memcpy(bad, good, n);
                memset(bad + page * 4096, 0xa5, 4096);
                refused(f, bad, n, "a page of garbage");
        }
        /* And what was refused was not refused for another reason. */
        ok(fd_replace_file(AT_FDCWD, f->path, good, n, 0600, &f->e));
        ok(store_open(f->dir, &f->s, &f->e));
        int count;
        ok(containers_count(f->s, 1000, &count, &f->e));
        assert_int_equal(count, 60);
}

/* A process that ended without closing left a log; a damaged database keeps it, unapplied. */
static void test_damaged_with_log(void **state)
{
        struct fixture *f = *state;
        size_t n, n_before, n_after;
        cleanup_free char *bytes = filled(f, &n), *before = NULL, *after = NULL, *prefix = NULL;
        cleanup_free char *wal = xasprintf("%s-wal", f->path);
        pid_t pid = fork();
        if (pid == 0)
                _exit(store_open(f->dir, &f->s, &f->e) ||
                        users_image_prefix(f->s, 1000, "alice", &prefix, &f->e));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        ok(fd_read_file(AT_FDCWD, wal, 1 << 24, &before, &n_before, &f->e));
        assert_true(n_before > 0);
        memset(bytes + n - 4096, 0xa5, 4096);
        refused(f, bytes, n, "a page of garbage beside a log");
        ok(fd_read_file(AT_FDCWD, wal, 1 << 24, &after, &n_after, &f->e));
        assert_int_equal(n_after, n_before);
        assert_memory_equal(after, before, n_before);
}

static void test_foreign(void **state)
{
        struct fixture *f = *state;
        store_close(take_ptr(f->s));
        fixture_sql(f, "PRAGMA application_id = 0");
        fails_with(ERR_FAILED, store_open(f->dir, &f->s, &f->e));
        assert_non_null(strstr(f->e.msg, "not written by ds01d"));
}

static void test_missing_with_log(void **state)
{
        struct fixture *f = *state;
        cleanup_free char *wal = xasprintf("%s-wal", f->path);
        store_close(take_ptr(f->s));
        assert_int_equal(rename(f->path, wal), 0);
        fails_with(ERR_FAILED, store_open(f->dir, &f->s, &f->e));
        assert_string_equal(f->e.fix, "ds01d --rebuild");
        assert_int_equal(access(f->path, F_OK), -1);
}

#define OTHER "0123456789abcdef0123456789abcdef"

static int count_of(struct fixture *f, uid_t uid)
{
        int n;
        ok(containers_count(f->s, uid, &n, &f->e));
        return n;
}

static void test_rebuild(void **state)
{
        struct fixture *f = *state;
        struct store *fresh = NULL;
        cleanup_free char *aside = NULL, *none = NULL;
        fixture_reserve(f, 1000, "x");
        store_close(take_ptr(f->s));
        /* One that is given up leaves everything as it was. */
        ok(store_begin_rebuild(f->dir, OTHER, &fresh, &f->e));
        assert_string_equal(store_instance(fresh), OTHER);
        store_abandon_rebuild(f->dir, take_ptr(fresh));
        ok(store_open(f->dir, &f->s, &f->e));
        assert_int_equal(count_of(f, 1000), 1);
        store_close(take_ptr(f->s));

        ok(store_begin_rebuild(f->dir, OTHER, &fresh, &f->e));
        struct container c = { .uid = 2000, .name = S("y"), .born_op = OP_A };
        enum reserve_verdict verdict;
        ok(containers_reserve(fresh, &c, -1, &verdict, &f->e));
        ok(store_finish_rebuild(f->dir, take_ptr(fresh), &aside, &f->e));
        assert_non_null(aside);
        assert_int_equal(access(aside, F_OK), 0);
        ok(store_open(f->dir, &f->s, &f->e));
        assert_string_equal(store_instance(f->s), OTHER);
        assert_int_equal(count_of(f, 1000), 0);
        assert_int_equal(count_of(f, 2000), 1);
        store_close(take_ptr(f->s));

        assert_int_equal(unlink(f->path), 0);
        ok(store_begin_rebuild(f->dir, NULL, &fresh, &f->e));
        ok(store_finish_rebuild(f->dir, take_ptr(fresh), &none, &f->e));
        assert_null(none);
}

static void touch(const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0 && write(fd, "x", 1) == 1);
        close(fd);
}

/* Where a crash may leave a rebuild: what the next start makes of it. */
static void test_rebuild_cut_short(void **state)
{
        struct fixture *f = *state;
        struct store *fresh = NULL;
        cleanup_free char *half = xasprintf("%s.rebuilding", f->path);
        cleanup_free char *whole = xasprintf("%s.rebuilt", f->path);
        cleanup_free char *log = xasprintf("%s-wal", f->path);
        fixture_reserve(f, 1000, "x");
        store_close(take_ptr(f->s));

        /* While it is filled, with its log beside it. */
        ok(store_begin_rebuild(f->dir, OTHER, &fresh, &f->e));
        ok(store_open(f->dir, &f->s, &f->e));
        assert_int_equal(count_of(f, 1000), 1);
        assert_int_equal(access(half, F_OK), -1);
        store_close(take_ptr(f->s));
        store_close(take_ptr(fresh));

        /* Whole, but not exchanged: the old one holds. */
        ok(store_begin_rebuild(f->dir, OTHER, &fresh, &f->e));
        store_close(take_ptr(fresh));
        assert_int_equal(rename(half, whole), 0);
        ok(store_open(f->dir, &f->s, &f->e));
        assert_int_equal(count_of(f, 1000), 1);
        assert_int_equal(access(whole, F_OK), -1);
        store_close(take_ptr(f->s));

        /* In the middle of the exchange: the new one, and not with the old one's log. */
        ok(store_begin_rebuild(f->dir, OTHER, &fresh, &f->e));
        store_close(take_ptr(fresh));
        assert_int_equal(rename(half, whole), 0);
        assert_int_equal(unlink(f->path), 0);
        touch(log);
        ok(store_open(f->dir, &f->s, &f->e));
        assert_string_equal(store_instance(f->s), OTHER);
        assert_int_equal(count_of(f, 1000), 0);
        assert_int_equal(access(whole, F_OK), -1);
}

/*
 * Goes through the life of containers for ever, and tells on `fd` what has returned. The first byte
 * of a message is what happened: 'r' reserved, 'd' deleted.
 */
static void write_for_ever(const char *dir, int fd)
{
        struct store *s;
        struct err e;
        if (store_open(dir, &s, &e))
                _exit(1);
        for (int i = 0;; i++) {
                char name[32], message[40];
                struct container c = { .uid = 1000, .name = name, .born_op = OP_A };
                enum reserve_verdict verdict;
                snprintf(name, sizeof name, "c%d", i);
                if (containers_reserve(s, &c, -1, &verdict, &e) || verdict != RESERVED)
                        _exit(2);
                snprintf(message, sizeof message, "r%s\n", name);
                (void)!write(fd, message, strlen(message));
                if (i % 2)
                        continue;
                if (containers_move(s, c.id, OP_A, LEDGER_REMOVING, &e) ||
                        containers_delete(s, c.id, OP_A, &e))
                        _exit(3);
                message[0] = 'd';
                (void)!write(fd, message, strlen(message));
        }
}

/* What returned before the kill must be there; and of the rest, nothing half. */
static void check_after_kill(struct fixture *f, char *log)
{
        bool found;
        for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
                cleanup_container struct container c = { 0 };
                ok(containers_find(f->s, 1000, line + 1, &c, &found, &f->e));
                int number = atoi(line + 2);
                if (line[0] == 'd' || number % 2)
                        assert_int_equal(found, line[0] == 'r');
                if (found) {
                        assert_string_equal(c.op, OP_A);
                        assert_true(c.state == LEDGER_CREATING || c.state == LEDGER_REMOVING);
                }
        }
}

static void test_kill(void **state)
{
        struct fixture *f = *state;
        store_close(take_ptr(f->s));
        for (int round = 0; round < 8; round++) {
                int p[2];
                assert_int_equal(pipe2(p, O_CLOEXEC), 0);
                pid_t pid = fork();
                if (pid == 0)
                        write_for_ever(f->dir, p[1]);
                close(p[1]);
                usleep((useconds_t)(20000 + round * 7001));
                kill(pid, SIGKILL);
                int status;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSIGNALED(status));
                char log[65536];
                size_t n = 0;
                ssize_t r;
                while (n < sizeof log - 1 && (r = read(p[0], log + n, sizeof log - 1 - n)) > 0)
                        n += (size_t)r;
                log[n] = '\0';
                close(p[0]);
                ok(store_open(f->dir, &f->s, &f->e));
                check_after_kill(f, log);
                store_close(take_ptr(f->s));
                /* For the next round: the same names are free again. */
                fixture_sql(f, "DELETE FROM containers");
        }
}

/* In a mount namespace of its own, on a file system that is really full. */
static int fill_disk(struct fixture *f)
{
        if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
                mount("tmpfs", f->dir, "tmpfs", 0, "size=512k"))
                return 77;
        if (store_open(f->dir, &f->s, &f->e))
                return 1;
        int64_t kept = fixture_reserve(f, 1000, "kept");
        cleanup_free char *ballast = xasprintf("%s/ballast", f->dir);
        cleanup_close int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        char page[4096] = { 1 };
        while (write(fd, page, sizeof page) > 0)
                ;
        int rc = 0;
        for (int i = 0; i < 100 && rc == 0; i++) {
                char name[32];
                snprintf(name, sizeof name, "c%d", i);
                struct container c = { .uid = 1000, .name = name, .born_op = OP_A };
                enum reserve_verdict verdict;
                rc = containers_reserve(f->s, &c, -1, &verdict, &f->e);
        }
        if (rc == 0 || f->e.code != ERR_FAILED || !strstr(f->e.msg, "No space left") ||
                !strstr(f->e.msg, f->path))
                return 2;
        /* Reading goes on, and so does writing once there is room. */
        bool found;
        cleanup_container struct container c = { 0 };
        if (containers_get(f->s, kept, &c, &found, &f->e) || !found)
                return 3;
        if (unlink(ballast) || ftruncate(fd, 0))
                return 4;
        if (containers_move(f->s, kept, OP_A, LEDGER_CREATED, &f->e))
                return 5;
        store_close(take_ptr(f->s));
        return store_open(f->dir, &f->s, &f->e) ? 6 : 0;
}

static void test_disk_full(void **state)
{
        struct fixture *f = *state;
        store_close(take_ptr(f->s));
        pid_t pid = fork();
        if (pid == 0)
                _exit(fill_disk(f));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip(); /* needs the right to mount */
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* More threads than reading connections, all reading and writing, from within a callback too. */
static int read_again(const struct container *c, void *ctx)
{
        struct err e;
        bool found = false;
        cleanup_container struct container again = { 0 };
        containers_get(ctx, c->id, &again, &found, &e);
        return found ? 0 : -1;
}

static void *read_and_write(void *ctx)
{
        struct store *s = ctx;
        struct err e;
        for (int i = 0; i < 20; i++)
                if (containers_each(s, STORE_EVERYONE, true, read_again, s, &e) ||
                        images_pulled_put(s, "python:3.12", &e))
                        return ctx;
        return NULL;
}

static void test_many_threads(void **state)
{
        struct fixture *f = *state;
        pthread_t threads[24];
        for (int i = 0; i < 5; i++) {
                cleanup_free char *name = xasprintf("c%d", i);
                fixture_reserve(f, 1000, name);
        }
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, read_and_write, f->s), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
                void *failed;
                pthread_join(threads[i], &failed);
                assert_null(failed);
        }
}

static void test_not_a_database(void **state)
{
        struct fixture *f = *state;
        store_close(take_ptr(f->s));
        fixture_sql(f, "DELETE FROM meta");
        fails_with(ERR_FAILED, store_open(f->dir, &f->s, &f->e));
        assert_non_null(strstr(f->e.msg, "no instance"));
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(mkdir(f->path, 0700), 0);
        fails_with(ERR_FAILED, store_open(f->dir, &f->s, &f->e));
        assert_non_null(strstr(f->e.msg, "not a file"));
        assert_int_equal(rmdir(f->path), 0);
}

/* No descriptor left to open a reader with: an error, and afterwards all is well again. */
static void test_no_descriptors(void **state)
{
        struct fixture *f = *state;
        struct rlimit before, none;
        int count = 42;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = before;
        none.rlim_cur = 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int failed = 0;
        for (int i = 0; i < 20; i++)
                failed += containers_count(f->s, 1000, &count, &f->e) != 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(failed, 20);
        assert_int_equal(count, 42);
        ok(containers_count(f->s, 1000, &count, &f->e));
        assert_int_equal(count, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_instance),
                fixture_test(test_mode_and_leftovers),
                fixture_test(test_interrupted_creation),
                fixture_test(test_no_directory),
                fixture_test(test_damaged),
                fixture_test(test_damaged_with_log),
                fixture_test(test_foreign),
                fixture_test(test_missing_with_log),
                fixture_test(test_rebuild),
                fixture_test(test_rebuild_cut_short),
                fixture_test(test_kill),
                fixture_test(test_disk_full),
                fixture_test(test_many_threads),
                fixture_test(test_not_a_database),
                fixture_test(test_no_descriptors),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
