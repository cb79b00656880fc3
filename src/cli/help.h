/* SPDX-License-Identifier: MIT */
/* Help in its four depths, all from the command table and topics.def: nothing is written twice. */
#pragma once

#include "cli/cli.h"

void help_overview(void); /* every command, a line each */

/* The same levels for a noun, which stands for its verbs; "ds01" for all of them. */
void help_noun(const char *noun);
void help_noun_info(const char *noun);
void help_noun_concepts(const char *noun);

void help_command(const struct command *);  /* --help: usage, options, examples */
void help_info(const struct command *);     /* --info: also details and exit status */
void help_concepts(const struct command *); /* --concepts: its topic page */

/*
 * What is used by the man pages as well, which src/cli/print/ds01-man.c makes of the same tables.
 * The i-th topic, and the i-th exit status with what it stands for (owned); false past the end.
 */
struct help_topic {
        const char *name, *title, *text;
};
const struct help_topic *help_topic_at(size_t i);
bool help_exit_status_at(size_t i, int *ret_status, char **ret_meaning);
/* When a command asks, as lines that are indented by two. */
extern const char help_questions[];
/* "-f, --framework=NAME[:VERSION]", or "    --framework=…" without a letter, or the like; owned. */
char *help_option(const struct opt *o);
