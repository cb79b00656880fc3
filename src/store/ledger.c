/* SPDX-License-Identifier: MIT */
#include "store/ledger.h"

#include <string.h>

#define F(state) (1u << LEDGER_##state)
#define F_ANY (((1u << LEDGER_STATE_COUNT) - 1) & ~F(NONE))

static const struct {
        const char *wire;
        unsigned entered_from, seen_from;
        enum ledger_recovery if_born, otherwise;
} states[LEDGER_STATE_COUNT] = {
        [LEDGER_NONE] = { "", 0, 0, RECOVERY_KEEP, RECOVERY_KEEP },
#define X(state, wire, entered_from, seen_from, if_born, otherwise)                                \
        [state] = { wire, entered_from, seen_from, if_born, otherwise },
#include "store/ledger.def"
#undef X
};

bool ledger_may_enter(enum ledger_state from, enum ledger_state to)
{
        return states[to].entered_from & 1u << from;
}

bool ledger_may_observe(enum ledger_state from, enum ledger_state to)
{
        return states[to].seen_from & 1u << from;
}

enum ledger_recovery ledger_recovery(enum ledger_state state, bool born_in_this_op)
{
        return born_in_this_op ? states[state].if_born : states[state].otherwise;
}

const char *ledger_wire(enum ledger_state state)
{
        return states[state].wire;
}

enum ledger_state ledger_from_wire(const char *wire)
{
        for (int i = LEDGER_NONE + 1; i < LEDGER_STATE_COUNT; i++)
                if (strcmp(states[i].wire, wire) == 0)
                        return (enum ledger_state)i;
        return LEDGER_NONE;
}
