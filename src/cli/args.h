/* SPDX-License-Identifier: MIT */
/*
 * From argv to a command and its options.
 *
 * One binary answers to many names: `container-attach x`, `container attach x` and
 * `ds01 container attach x` are the same. Options may stand anywhere before `--`; they are not
 * abbreviated, because a script that relies on an abbreviation breaks when an option is added. That,
 * and telling apart what stands behind `--`, is why getopt_long(3) does not do this.
 */
#pragma once

#include "cli/cli.h"

enum args_outcome {
        ARGS_RUN, /* c->cmd is set, its options are parsed */
        /* Help: about c->cmd or, where that is NULL, about *ret_noun, which may be ds01 itself. */
        ARGS_HELP,
        ARGS_INFO,     /* --info */
        ARGS_CONCEPTS, /* --concepts */
};

/*
 * Parses argv (argv[0] included). Unknown verbs and options fail with ERR_INVALID and the nearest
 * known one. c->given and c->args are owned by *c and borrow from argv.
 */
int args_parse(struct cli *c, int argc, char **argv, enum args_outcome *ret, const char **ret_noun,
        struct err *e);

/*
 * The first step of it alone: takes the words that name a command off argv (argv[0] included) and sets
 * c->cmd; or, where a verb is still to come, sets *ret_noun.
 */
int args_command(struct cli *c, int *argc, char ***argv, const char **ret_noun, struct err *e);
/* The option of a command: by the `len` bytes of its name or, where letter isn't 0, by that; or NULL. */
const struct opt *args_option(const struct command *cmd, const char *name, size_t len, char letter);
/* The next word is its value where none is written with it. */
bool args_takes_value(const struct opt *o);

/* The options every command of these flags has; ends with a NULL name. */
extern const struct opt args_common[];
/* True if `o` of args_common applies to the command. */
bool args_common_applies(const struct command *cmd, const struct opt *o);
/* Finds a command by noun and verb (or alias); NULL if there is none. */
const struct command *args_find(const char *noun, const char *verb);
