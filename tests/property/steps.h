/* SPDX-License-Identifier: MIT */
/*
 * What can happen, as steps of a script: "LAUNCH 0 2 1 0 once 4711".
 *
 * Behind the word stand a (an account, or what steps.def says), b (the name of a container), c and d;
 * then whether it is asked twice, and `fate`: what goes wrong inside the step; 0: nothing.
 */
#pragma once

#include "world.h"

enum step_op {
#define X(op, weight, nested, fn, meaning) STEP_##op,
#include "steps.def"
#undef X
        STEP_COUNT
};

const char *step_name(int op);
int step_find(const char *name); /* -1: no such */
/* One that is drawn from a number; accounts: another one, which says who takes part. */
struct step step_draw(uint64_t number, int accounts);

/* Does one, and looks at what must always be so. */
void step_run(const struct step *s);
/* At the end of a history: who waits gets what they wait for, once others give back. */
void steps_finish(void);
