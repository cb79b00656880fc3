/* SPDX-License-Identifier: MIT */
/* The name of one of the caller's containers: from the command line, or from the picker. */
#pragma once

#include "cli/prompt.h"

enum pick_which {
        PICK_RUNNING,
        PICK_PAUSED,
        PICK_ACTIVE, /* running or paused */
        PICK_IDLE,   /* stopped, created or paused: what a start would help */
        PICK_ALL,
};

/* Fills ret_name from the first argument, checked, or lets the user choose. */
int pick_container(
        struct cli *c, const char *title, enum pick_which which, char ret_name[41], struct err *e);

/* Those that it would offer. */
int pick_list(struct cli *c, enum pick_which which, struct choices *ret, struct err *e);
/* "You have no containers": the sentence, without its full stop, where there is none. */
const char *pick_nothing(enum pick_which which);
