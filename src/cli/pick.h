/* SPDX-License-Identifier: MIT */
/* The name of one of the caller's containers: from the command line, or from the picker. */
#pragma once

#include "cli/cli.h"

enum pick_which { PICK_RUNNING, PICK_ALL };

/* Fills ret_name from the first argument, checked, or lets the user choose. */
int pick_container(struct cli *c, const char *title, enum pick_which which, char ret_name[41], struct err *e);
