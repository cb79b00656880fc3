/* SPDX-License-Identifier: MIT */
/*
 * A Dockerfile as a list of steps: one step for each instruction, its lines joined, comments gone.
 *
 * What the engine's parser and this one could read differently is refused rather than guessed:
 * parser directives, heredocs, control characters and Unicode spaces outside comments, lines that
 * end in two backslashes. Used by image/dockerfile.c, which knows what the instructions mean. Pure.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* The instructions: name, the options it may have (each with its '='), NULL for none. */
#define STEP_KINDS(X)                                                                              \
        X(ADD, "--chown=")                                                                         \
        X(ARG, NULL)                                                                               \
        X(CMD, NULL)                                                                               \
        X(COPY, "--from= --chown=")                                                                \
        X(ENTRYPOINT, NULL)                                                                        \
        X(ENV, NULL)                                                                               \
        X(EXPOSE, NULL)                                                                            \
        X(FROM, NULL)                                                                              \
        X(HEALTHCHECK, "--interval= --timeout= --start-period= --retries=")                        \
        X(LABEL, NULL)                                                                             \
        X(MAINTAINER, NULL)                                                                        \
        X(ONBUILD, NULL)                                                                           \
        X(RUN, NULL)                                                                               \
        X(SHELL, NULL)                                                                             \
        X(STOPSIGNAL, NULL)                                                                        \
        X(USER, NULL)                                                                              \
        X(VOLUME, NULL)                                                                            \
        X(WORKDIR, NULL)

enum step_kind {
#define X(name, options) STEP_##name,
        STEP_KINDS(X)
#undef X
};

enum { STEP_SHOWN_MAX = 40 }; /* bytes of foreign text in a sentence about a step */

struct step {
        enum step_kind kind;
        unsigned line, lines; /* where it begins, counted from 1, and how many lines it takes */
        char *rest;           /* what follows the instruction's word, without blanks at its ends */
};

struct steps {
        struct step *v;
        size_t n;
};
#define cleanup_steps CLEANUP(steps_done)
void steps_done(struct steps *l);

/*
 * Splits n bytes of UTF-8 text without NUL into steps. ERR_INVALID, "Dockerfile line N: …", for an
 * unknown instruction (with the nearest one), an option that the instruction doesn't have or that
 * the classic builder lacks, and for what the head of this file names.
 */
int steps_parse(const char *text, size_t n, struct steps *ret, struct err *e);

const char *step_name(enum step_kind kind);

/*
 * Takes the options at the front of step->rest into `options` and returns where the rest begins,
 * borrowed from the step.
 */
const char *step_options(const struct step *step, struct strv *options);

/* Splits at blanks; with `quotes`, quoted blanks and blanks after a backslash don't split. */
void step_words(const char *s, bool quotes, struct strv *ret);

/* Fills *e with ERR_INVALID, "Dockerfile line N: " and the sentence, and the way out. Returns -1.
 */
int step_refuse(struct err *e, unsigned line, const char *fix, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
