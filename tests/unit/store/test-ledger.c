/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

enum { STATES = LEDGER_STATE_COUNT };

/* Every pair, written down by hand: o = an operation may, e = the engine may be seen to, b = both.
 */
static const char moves[STATES][STATES + 1] = {
        /* to:            -crSRPTX      (none creating created Starting Running Paused sTopped X) */
        [LEDGER_NONE] = "-o------",
        [LEDGER_CREATING] = "--o----o",
        [LEDGER_CREATED] = "---oe-bo",
        [LEDGER_STARTING] = "----b-bo",
        [LEDGER_RUNNING] = "-----bbo",
        [LEDGER_PAUSED] = "----b-bo",
        [LEDGER_STOPPED] = "---oe--o",
        [LEDGER_REMOVING] = "-------o",
};

static void test_moves(void **state)
{
        (void)state;
        for (int from = 0; from < STATES; from++)
                for (int to = 0; to < STATES; to++) {
                        char m = moves[from][to];
                        enum ledger_state a = (enum ledger_state)from, b = (enum ledger_state)to;
                        if (ledger_may_enter(a, b) != (m == 'o' || m == 'b') ||
                                ledger_may_observe(a, b) != (m == 'e' || m == 'b'))
                                fail_msg("'%s' -> '%s'", ledger_wire(a), ledger_wire(b));
                }
}

static void test_recovery(void **state)
{
        (void)state;
        static const struct {
                enum ledger_state state;
                enum ledger_recovery if_born, otherwise;
        } table[] = {
                { LEDGER_CREATING, RECOVERY_REMOVE, RECOVERY_REMOVE },
                { LEDGER_CREATED, RECOVERY_KEEP, RECOVERY_KEEP },
                { LEDGER_STARTING, RECOVERY_REMOVE, RECOVERY_SETTLE },
                { LEDGER_RUNNING, RECOVERY_VERIFY, RECOVERY_VERIFY },
                { LEDGER_PAUSED, RECOVERY_VERIFY, RECOVERY_VERIFY },
                { LEDGER_STOPPED, RECOVERY_KEEP, RECOVERY_KEEP },
                { LEDGER_REMOVING, RECOVERY_FINISH, RECOVERY_FINISH },
        };
        assert_int_equal(ARRAY_LEN(table), STATES - 1);
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                assert_int_equal(ledger_recovery(table[i].state, true), table[i].if_born);
                assert_int_equal(ledger_recovery(table[i].state, false), table[i].otherwise);
        }
}

static void test_wire(void **state)
{
        (void)state;
        static const char *const names[STATES] = { "", "creating", "created", "starting", "running",
                "paused", "stopped", "removing" };
        for (int i = 0; i < STATES; i++) {
                assert_string_equal(ledger_wire((enum ledger_state)i), names[i]);
                assert_int_equal(ledger_from_wire(names[i]), i);
        }
        assert_int_equal(ledger_from_wire("Running"), LEDGER_NONE);
        assert_int_equal(ledger_from_wire("dead"), LEDGER_NONE);
}

/* From everywhere there is a way to REMOVING, and from there none back. */
static void test_removing_is_final(void **state)
{
        (void)state;
        for (int i = LEDGER_NONE + 1; i < STATES; i++) {
                assert_true(ledger_may_enter((enum ledger_state)i, LEDGER_REMOVING));
                if (i != LEDGER_REMOVING)
                        assert_false(ledger_may_enter(LEDGER_REMOVING, (enum ledger_state)i));
                assert_false(ledger_may_observe(LEDGER_REMOVING, (enum ledger_state)i));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_moves),
                cmocka_unit_test(test_recovery),
                cmocka_unit_test(test_wire),
                cmocka_unit_test(test_removing_is_final),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
