/* SPDX-License-Identifier: MIT */
#include "cli/live.h"

#include "cli/alone.h"

#include <dlfcn.h>
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
        cleanup_free char *folder = alone_folder();
        cleanup_free char *path = LIVE_MODULE[0] == '/'
                                          ? xstrdup(LIVE_MODULE)
                                          : xasprintf("%s/" LIVE_MODULE, str_or_empty(folder));
        /* Never closed: a thread that hangs may be left in it. */
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        live_fn *run = module ? (live_fn *)dlsym(module, LIVE_ENTRY) : NULL;
        if (!run) {
                err_set(e, ERR_FAILED, "Can't open the live view: %s", dlerror());
                return err_fix(e, "dashboard");
        }
        return run(c, parts, e);
}
