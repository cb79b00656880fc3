/* SPDX-License-Identifier: MIT */
#include "cli/slow.h"

#include "cli/interrupt.h"
#include "cli/progress.h"

int slow_call(struct cli *c, const char *what, const char *still, const char *method,
        json_t *params, json_t **ret, struct err *e)
{
        struct progress p;
        struct interrupt interrupt;
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        progress_start_late(&p, what);
        interrupt_begin(&interrupt, c);
        int r = cli_call(c, method, params, ret, e);
        interrupt_end(&interrupt);
        progress_end(&p);
        if (r < 0 && e->code == ERR_INTERRUPTED) {
                err_set(e, ERR_INTERRUPTED, "Interrupted; %s", still);
                err_fix(e, "container-list --all");
        }
        return r;
}
