/* SPDX-License-Identifier: MIT */
/*
 * What `project init` is to make: from the command line, from a folder that is there already, and from
 * the questions of a table, for what neither answers.
 *
 * Nothing is asked without a terminal, with --quick and with --yes; defaults count then. Nothing is
 * written here.
 */
#pragma once

#include "cli/catalogue.h"
#include "project/pyproject.h"

struct wizard {
        struct cli *c;
        bool asks;
        size_t asked; /* how many questions were */
        char name[41];
        const char *type; /* borrowed */
        struct base base;
        struct strv pip; /* packages besides those of the type */
        bool jupyter, git, build;
        /* What is in the folder already; py is PYPROJECT_INIT where there is none. */
        bool folder, has_pyproject, has_dockerfile, has_requirements;
        struct pyproject py;
};
#define cleanup_wizard CLEANUP(wizard_done)
#define WIZARD_INIT(cli) ((struct wizard){ .c = (cli), .py = PYPROJECT_INIT })
void wizard_done(struct wizard *w);

/*
 * Fills *w. Where something was asked it shows at the end what will be made, and asks for a last time;
 * *ret_go is the answer. Ctrl-C and `q` leave with ERR_INTERRUPTED.
 */
int wizard_run(struct wizard *w, bool *ret_go, struct err *e);

/* The options that answer the questions; for the table of the command. */
#define WIZARD_OPTS                                                                                \
        { 0, "type", OPT_VALUE, "TYPE", "ml (default) cv nlp rl audio ts llm custom" },            \
                { 0, "framework", OPT_VALUE, "NAME[:VERSION]",                                     \
                        "pytorch, tensorflow, jax or none" },                                      \
                { 'p', "packages", OPT_VALUE, "LIST",                                              \
                        "Python packages besides those of the type; \"\" for none" },              \
                { 0, "jupyter", OPT_FLAG, NULL, "Add JupyterLab" },                                \
                { 0, "no-jupyter", OPT_FLAG, NULL, "Don't (default)" },                            \
                { 0, "git", OPT_FLAG, NULL, "Make a Git repository (default)" },                   \
                { 0, "no-git", OPT_FLAG, NULL, "Make none" },                                      \
                { 0, "build", OPT_FLAG, NULL, "Build its image at once" },                         \
        {                                                                                          \
                0, "no-build", OPT_FLAG, NULL, "Leave that to the first launch (default)"          \
        }
