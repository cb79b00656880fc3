/* SPDX-License-Identifier: MIT */
/*
 * Questions on the terminal. Nothing here is called without one, except through --yes, which takes
 * the default. Ctrl-C, Ctrl-D and `q` leave with ERR_INTERRUPTED and nothing done.
 */
#pragma once

#include "cli/cli.h"

/* "question [Y/n] " or "[y/N] "; Enter takes the default. Fills *ret. */
int prompt_yes(const struct cli *c, bool fallback, bool *ret, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));

/* Asks for a line of text; Enter and --yes take `fallback` (NULL: asks again). The caller owns *ret. */
int prompt_line(
        const struct cli *c, const char *question, const char *fallback, char **ret, struct err *e);

/*
 * The same until check() takes the answer: three times, then its error, whose code is ERR_INVALID. An
 * error of another kind ends it at once. What was wrong is said in between.
 */
int prompt_checked(const struct cli *c, const char *question, const char *fallback,
        int (*check)(const char *answer, void *ctx, struct err *e), void *ctx, struct err *e);

/* A row of the picker: what is chosen, and what is known about it ("PyTorch 2.8.0"); both owned. */
struct choice {
        char *name, *note;
};
struct choices {
        struct choice *v;
        size_t n;
};
#define cleanup_choices CLEANUP(choices_done)
void choices_done(struct choices *l);
void choices_add(struct choices *l, const char *name, const char *note);
void choices_note(struct choices *l, size_t i, const char *note); /* in place of the one it has */

/*
 * The picker of contract.md: rows with numbers, "Choice [1-N]: "; `/text` narrows; a wrong answer
 * asks again, three times, then fails with ERR_INVALID. Fills *ret with an index into `l`. Without a
 * terminal it fails with the usage line. `l` must not be empty.
 */
int prompt_pick(const struct cli *c, const char *title, const struct choices *l, size_t *ret,
        struct err *e);

/* The same; Enter takes the row `fallback`: "Choice [1-N] (default: D): ". */
int prompt_choose(const struct cli *c, const char *title, const struct choices *l, size_t fallback,
        size_t *ret, struct err *e);

enum guide {
#define BEFORE(id, text) id,
#define AFTER(id, text) id,
#include "cli/guide.def"
};

/*
 * A paragraph of guide.def in guided mode, and nothing otherwise. What comes before a step ends with "Press
 * Enter to continue..." unless --yes; what comes after one can't fail.
 */
int prompt_guide(const struct cli *c, enum guide before, struct err *e);
void prompt_told(const struct cli *c, enum guide after);
