/* SPDX-License-Identifier: MIT */
/* Commands that take several containers: by name, all that they fit, or one from the picker. */
#pragma once

#include "cli/pick.h"

struct each {
        const char *title;     /* of the picker: "Select a container to stop:" */
        const char *verb;      /* "Stop": the question of --all begins with it */
        enum pick_which which; /* what --all takes, and the picker offers */
        /* Does it for one, and says what was done. */
        int (*one)(struct cli *c, const char *name, struct err *e);
};

/*
 * Returns an exit status, or -1. --all asks once, unless --force was given. With several, a failure is
 * printed and the others have their turn; the status is then that of the first that failed.
 */
int each_container(struct cli *c, const struct each *what, struct err *e);
