/* SPDX-License-Identifier: MIT */
#include "policy/frac.h"

#include "machine.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_text(void **state)
{
        (void)state;
        static const struct {
                int64_t num, den;
                const char *text;
        } rows[] = {
                { 0, 5, "0" },
                { 2, 1, "2" },
                { 6, 3, "2" },
                { 1, 2, "0.5" },
                { 5, 2, "2.5" },
                { 9, 4, "2.25" },
                { 1, 100, "0.01" },
                { 1, 20, "0.05" },
                { 3, 7, "3/7" },
                { 10, 7, "1 3/7" },
                { 1, 8, "1/8" },
                { 1001, 1000, "1 1/1000" },
                { -1, 2, "-0.5" },
                { -10, 7, "-1 3/7" },
                { 3, -7, "-3/7" },
                { INT64_MAX, 1, "9223372036854775807" },
                { INT64_MIN, 1, "-9223372036854775808" },
                { INT64_MAX, INT64_MAX - 1, "1 1/9223372036854775806" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char out[FRAC_TEXT_SIZE];
                frac_text(frac_make(rows[i].num, rows[i].den), out);
                assert_string_equal(out, rows[i].text);
        }
}

static void test_exact(void **state)
{
        (void)state;
        struct frac a = frac_add(frac_make(3, 7), frac_make(4, 7));
        assert_true(a.num == 1 && a.den == 1);
        /* Ten tenths are one, which they aren't as doubles. */
        struct frac sum = FRAC_ZERO;
        for (int i = 0; i < 10; i++)
                sum = frac_add(sum, frac_make(1, 10));
        assert_int_equal(frac_compare(sum, frac_make(1, 1)), 0);
        assert_true(frac_compare(frac_make(3, 7), frac_make(428571, 1000000)) > 0);
        assert_true(frac_compare(frac_make(-1, 2), FRAC_ZERO) < 0);
        struct frac d = frac_sub(frac_make(1, 2), frac_make(1, 4));
        assert_true(d.num == 1 && d.den == 4);
        assert_true(frac_double(frac_make(-3, 2)) == -1.5);
}

static struct frac random_frac(uint64_t *seed)
{
        static const int64_t dens[] = { 1, 2, 4, 7, 8, 10, 28, 1000000 };
        return frac_make((int64_t)machine_dice(seed, 4000) - 2000,
                dens[machine_dice(seed, ARRAY_LEN(dens))]);
}

static void test_laws(void **state)
{
        (void)state;
        uint64_t seed = 1;
        for (int i = 0; i < 10000; i++) {
                struct frac a = random_frac(&seed), b = random_frac(&seed);
                struct frac sum = frac_add(a, b), other = frac_add(b, a);
                struct frac back = frac_sub(sum, b);
                assert_true(sum.num == other.num && sum.den == other.den && sum.den >= 1);
                assert_true(back.num == a.num && back.den == a.den);
                assert_int_equal(frac_compare(a, b), -frac_compare(b, a));
                assert_int_equal(frac_compare(sum, a), frac_compare(b, FRAC_ZERO));
        }
}

static void too_much(void)
{
        frac_add(frac_make(INT64_MAX, 3), frac_make(INT64_MAX, 5));
}

static void nothing_below(void)
{
        frac_make(1, 0);
}

/* What can only be a mistake ends the program. */
static void test_aborts(void **state)
{
        (void)state;
        static void (*const mistakes[])(void) = { too_much, nothing_below };
        for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
                pid_t pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        signal(SIGABRT, SIG_DFL);
                        mistakes[i]();
                        _exit(0);
                }
                int status;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_exact),
                cmocka_unit_test(test_laws),
                cmocka_unit_test(test_aborts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
