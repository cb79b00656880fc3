/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

const struct command *const commands[] = {
#define X(name) &name,
#include "cli/commands.def"
#undef X
        NULL,
};
