/* SPDX-License-Identifier: MIT */
/* Help in its four depths, all from the command table and topics.def: nothing is written twice. */
#pragma once

#include "cli/cli.h"

void help_overview(void);                   /* every command, a line each */
void help_noun(const char *noun);           /* the verbs of one noun */
void help_command(const struct command *);  /* --help: usage, options, examples */
void help_info(const struct command *);     /* --info: also details and exit status */
void help_concepts(const struct command *); /* --concepts: its topic page */
