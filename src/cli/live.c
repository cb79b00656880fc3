/* SPDX-License-Identifier: MIT */
#include "cli/live.h"

#include "cli/module.h"

#include <stdlib.h>
#include <string.h>

static int no_terminal(struct err *e, const char *why)
{
        err_set(e, ERR_INVALID, "The live view needs a terminal%s", why);
        return err_fix(e, "dashboard");
}

int live_run(struct cli *c, unsigned parts, struct err *e)
{
        const char *term = str_or_empty(getenv("TERM"));
        if (!c->tty)
                return no_terminal(e, "");
        if (!*term || strcmp(term, "dumb") == 0)
                return no_terminal(e, *term ? ", and TERM says 'dumb'" : ", and TERM is not set");
        void *run;
        if (module_entry("ds01-live.so", LIVE_ENTRY, "the live view", &run, e) < 0)
                return err_fix(e, "dashboard");
        return ((live_fn *)run)(c, parts, e);
}
