/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "store/decisions.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEPT = 200 };

static void add(struct fixture *f, uid_t uid, int64_t at, const char *name, const char *what,
        const char *text)
{
        const struct decision d = { at, name, what, text };
        ok(decisions_add(f->s, uid, &d, &f->e));
}

struct list {
        char text[1024];
        int n, stop_at; /* 0: never */
};

static int add_line(const struct decision *d, void *ctx)
{
        struct list *l = ctx;
        size_t used = strlen(l->text);
        snprintf(l->text + used, sizeof l->text - used, "%d %s %s %s; ", (int)d->at, d->name,
                d->what, d->text);
        return ++l->n == l->stop_at ? -1 : 0;
}

/* What is read of an account, latest first. */
static const char *lines(struct fixture *f, uid_t uid, const char *name, int max)
{
        static struct list l;
        l = (struct list){ 0 };
        ok(decisions_each(f->s, uid, name, max, add_line, &l, &f->e));
        return l.text;
}

static void test_round_trip(void **state)
{
        struct fixture *f = *state;
        add(f, 1000, 1, "a", "granted", "GPU 0: free");
        add(f, 1000, 2, "", "refused", "limit \"1/1\" \xc3\xa4\xe2\x80\xa6");
        add(f, 1001, 3, "a", "joined", "first in line");
        add(f, 1000, 4, "a", "lapsed", "GPU 0");
        fixture_reopen(f);
        assert_string_equal(lines(f, 1000, NULL, 10),
                "4 a lapsed GPU 0; 2  refused limit \"1/1\" \xc3\xa4\xe2\x80\xa6; "
                "1 a granted GPU 0: free; ");
        assert_string_equal(lines(f, 1000, "a", 10), "4 a lapsed GPU 0; 1 a granted GPU 0: free; ");
        assert_string_equal(
                lines(f, 1000, "", 10), "2  refused limit \"1/1\" \xc3\xa4\xe2\x80\xa6; ");
        assert_string_equal(lines(f, 1000, NULL, 1), "4 a lapsed GPU 0; ");
        assert_string_equal(lines(f, 1000, "a", 1), "4 a lapsed GPU 0; ");
        assert_string_equal(lines(f, 1000, NULL, 0), "");
        assert_string_equal(lines(f, 1000, "b", 10), "");
        assert_string_equal(lines(f, 1001, NULL, 10), "3 a joined first in line; ");
        assert_string_equal(lines(f, 1002, NULL, 10), "");
}

static void test_stop_early(void **state)
{
        struct fixture *f = *state;
        struct list l = { .stop_at = 1 };
        add(f, 1000, 1, "a", "x", "1");
        add(f, 1000, 2, "a", "x", "2");
        ok(decisions_each(f->s, 1000, NULL, 10, add_line, &l, &f->e));
        assert_string_equal(l.text, "2 a x 2; ");
}

static void test_said_once(void **state)
{
        struct fixture *f = *state;
        add(f, 1000, 1, "a", "refused", "busy");
        add(f, 1000, 2, "a", "refused", "busy"); /* the same again */
        add(f, 1001, 3, "a", "refused", "busy"); /* another account's */
        add(f, 1000, 4, "b", "refused", "busy"); /* another name's */
        add(f, 1000, 5, "a", "refused", "busy"); /* still the last of its name */
        add(f, 1000, 6, "a", "left", "busy");
        add(f, 1000, 7, "a", "left", "Busy");
        add(f, 1000, 8, "a", "refused", "busy"); /* said before, but not last */
        assert_string_equal(lines(f, 1000, NULL, 10),
                "8 a refused busy; 7 a left Busy; 6 a left busy; 4 b refused busy; "
                "1 a refused busy; ");
        assert_string_equal(lines(f, 1001, NULL, 10), "3 a refused busy; ");
}

static int count_one(const struct decision *d, void *ctx)
{
        struct list *l = ctx;
        if (l->n++ == 0)
                snprintf(l->text, sizeof l->text, "%s", d->text);
        l->stop_at = (int)d->at; /* of the oldest */
        return 0;
}

static void test_the_last_are_kept(void **state)
{
        struct fixture *f = *state;
        add(f, 1001, 1, "a", "x", "theirs");
        for (int i = 1; i <= KEPT + 2; i++) {
                char text[16];
                snprintf(text, sizeof text, "%d", i);
                add(f, 1000, i, i % 2 ? "a" : "b", "x", text);
                if (i < KEPT - 1)
                        continue;
                struct list l = { 0 };
                ok(decisions_each(f->s, 1000, NULL, 1000, count_one, &l, &f->e));
                assert_int_equal(l.n, i < KEPT ? i : KEPT);
                assert_string_equal(l.text, text);
                assert_int_equal(l.stop_at, i <= KEPT ? 1 : i - KEPT + 1);
        }
        assert_string_equal(lines(f, 1001, NULL, 10), "1 a x theirs; ");
}

static void test_long_text(void **state)
{
        enum { LENGTH = 100000 };
        struct fixture *f = *state;
        cleanup_free char *text = xcalloc(LENGTH + 1, 1);
        memset(text, 'x', LENGTH);
        add(f, 1000, 1, "a", "x", text);
        add(f, 1000, 2, "a", "x", text);
        assert_int_equal(fixture_sql(f, "SELECT sum(length(text)) FROM decisions"), LENGTH);
}

/* Ours comes before libc's, so it is SQLite that is counted. */
static int syncs;
int fdatasync(int fd)
{
        syncs++;
        return (int)syscall(SYS_fdatasync, fd);
}

static void test_waits_for_no_disk(void **state)
{
        struct fixture *f = *state;
        fixture_reserve(f, 1000, "a");
        assert_true(syncs > 0);
        syncs = 0;
        add(f, 1000, 1, "a", "x", "1");
        assert_int_equal(syncs, 0);
}

static void test_failures(void **state)
{
        struct fixture *f = *state;
        const struct decision d = { 1, "a", "x", "1" }, no_text = { 1, "b", "x", NULL };
        struct list l = { 0 };
        fails_with(ERR_EXISTS, decisions_add(f->s, 1000, &no_text, &f->e));
        fixture_sql(f, "DROP TABLE decisions");
        fails_with(ERR_FAILED, decisions_add(f->s, 1000, &d, &f->e));
        fails_with(ERR_FAILED, decisions_each(f->s, 1000, NULL, 1, add_line, &l, &f->e));
        fails_with(ERR_FAILED, decisions_each(f->s, 1000, "a", 1, add_line, &l, &f->e));
        assert_int_equal(l.n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(test_round_trip),
                fixture_test(test_stop_early),
                fixture_test(test_said_once),
                fixture_test(test_the_last_are_kept),
                fixture_test(test_long_text),
                fixture_test(test_waits_for_no_disk),
                fixture_test(test_failures),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
