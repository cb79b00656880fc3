/* SPDX-License-Identifier: MIT */
/*
 * What a check of `ds01 doctor` found: a state, a sentence, and for admins what else there is and what
 * helps. Pure; zero it to start.
 *
 * Sentences are written by ds01d; a name of an account, a file or a version that stands in one is made
 * safe when it is put there. None of it ends with a full stop.
 */
#pragma once

#include "base/str.h"

enum finding_state { /* the later outweighs the earlier */
        FINDING_OK,
        FINDING_UNCHECKED,
        FINDING_WARNING,
        FINDING_PROBLEM,
};
enum { FINDING_TEXT_SIZE = 512, FINDING_DETAILS_MAX = 32 };

struct finding {
        enum finding_state state;
        char text[FINDING_TEXT_SIZE]; /* for admins: what weighs most */
        char public
                [FINDING_TEXT_SIZE]; /* what everybody else reads in its place; empty: the same */
        struct strv details;         /* for admins: the other sentences */
        struct strv fixes;           /* for admins: commands, none twice */
};
#define cleanup_finding CLEANUP(finding_done)
void finding_done(struct finding *f);

/* "ok", "not checked", "warning", "problem" */
const char *finding_state_word(enum finding_state state);

/* What to say where nothing is wrong: kept only as long as nothing is. */
void finding_say(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Adds what was found; `fix` is one or more lines of commands or short instructions, or NULL. What
 * weighs more than all before becomes the text, and what was the text a detail.
 */
void finding_add(struct finding *f, enum finding_state state, const char *fix, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* Adds lines to what helps. */
void finding_fix(struct finding *f, const char *lines);
/* Sets what those read who are no admins. */
void finding_public(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
