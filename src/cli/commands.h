/* SPDX-License-Identifier: MIT */
#pragma once

#include "cli/cli.h"

#define X(name) extern const struct command name;
#include "cli/commands.def"
#undef X
