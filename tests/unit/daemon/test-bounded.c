/* SPDX-License-Identifier: MIT */
/* Work that ends, work that doesn't, and that no more of it is left than is allowed. */
#include "daemon/bounded.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static struct bounded kind, other;
static atomic_int begun, freed;
static int gate[2]; /* what hangs, hangs in a read of it */

static void quick(void *arg)
{
        *(int *)arg = 42;
}

static void hangs(void *arg)
{
        char c;
        (void)arg;
        atomic_fetch_add(&begun, 1);
        (void)!read(gate[0], &c, 1);
}

static void done(void *arg)
{
        free(arg);
        atomic_fetch_add(&freed, 1);
}

static void test_ends(void **state)
{
        (void)state;
        int *arg = xcalloc(1, sizeof *arg);
        assert_true(bounded_run(&kind, quick, done, arg, 10 * 1000));
        assert_int_equal(*arg, 42);
        assert_int_equal(atomic_load(&freed), 0);
        free(arg);
}

static void test_hangs(void **state)
{
        (void)state;
        assert_int_equal(pipe(gate), 0);
        for (int i = 0; i < BOUNDED_LEFT_MAX; i++) {
                int64_t before = clock_mono_ms();
                assert_false(bounded_run(&kind, hangs, done, xcalloc(1, 1), 30));
                assert_true(clock_mono_ms() - before < 5000);
        }
        assert_int_equal(atomic_load(&freed), 0);
        for (int i = 0; i < 1000 && atomic_load(&begun) < BOUNDED_LEFT_MAX; i++)
                usleep(10 * 1000);
        /* One more is not begun, and given back at once. */
        assert_false(bounded_run(&kind, hangs, done, xcalloc(1, 1), 10 * 1000));
        assert_int_equal(atomic_load(&begun), BOUNDED_LEFT_MAX);
        assert_int_equal(atomic_load(&freed), 1);
        /* Another kind is not in its way. */
        int *arg = xcalloc(1, sizeof *arg);
        assert_true(bounded_run(&other, quick, done, arg, 10 * 1000));
        assert_int_equal(*arg, 42);
        close(gate[1]);
        for (int i = 0; i < 1000 && atomic_load(&freed) < BOUNDED_LEFT_MAX + 1; i++)
                usleep(10 * 1000);
        assert_int_equal(atomic_load(&freed), BOUNDED_LEFT_MAX + 1);
        /* They are counted no more: that comes after the work was given back. */
        for (int i = 0; i < 1000 && atomic_load(&kind.left) > 0; i++)
                usleep(10 * 1000);
        *arg = 0;
        assert_true(bounded_run(&kind, quick, done, arg, 10 * 1000));
        free(arg);
        close(gate[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ends),
                cmocka_unit_test(test_hangs),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
