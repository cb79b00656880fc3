/* SPDX-License-Identifier: MIT */
/*
 * What a shell may offer for the word that is being typed: verbs, options, their values, and names of
 * what there is. All of it follows from the command table; names come from a source, which tests replace.
 *
 * The shells' scripts (completion.h) run `ds01 __complete WORD…` at every press of Tab, so complete_run()
 * says nothing but candidates, whatever fails, and takes at most a fifth of a second.
 */
#pragma once

#include "cli/cli.h"
#include "cli/prompt.h"

/* Where names come from. */
struct complete_source {
        /*
         * Adds what there is of a kind, each with a note about it. `user` is what --user names, or NULL;
         * `typed` is what stands there already: it need not be looked at but for files and folders, which
         * are those that begin like it.
         */
        void (*add)(enum names what, const char *user, const char *typed, struct choices *ret);
};

/*
 * Adds the candidates for the last of n words to *ret, in order. The words are those of the command line
 * up to the cursor, with the program's name; the last may be empty. A candidate replaces the whole word;
 * one that ends in '=' or '/' goes on without a blank.
 */
void complete(
        char *const *words, size_t n, const struct complete_source *from, struct choices *ret);

/* Prints them, a line each, the note behind a tab; returns an exit status. */
int complete_run(int n_words, char **words);

/* The source of complete_run(): ds01d and the caller's folders (complete-names.c). */
extern const struct complete_source complete_names;
