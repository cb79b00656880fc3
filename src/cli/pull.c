/* SPDX-License-Identifier: MIT */
#include "cli/pull.h"

#include "base/json.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

static int on_row(const json_t *row, void *ctx)
{
        progress_tick(ctx, json_str(row, "text"));
        return 0;
}

int image_pull(struct cli *c, const char *image, struct err *e)
{
        if (cli_connect(c, e) < 0)
                return -1;
        cleanup_free char *what = xasprintf("Fetching %s", image);
        struct progress p;
        progress_start(&p, what);
        struct interrupt interrupt;
        interrupt_begin(&interrupt, c);
        int r = rpc_stream(c->rpc, "io.ds01.Images.Pull", json_pack("{s:s}", "image", image), NULL,
                0, on_row, &p, e);
        interrupt_end(&interrupt);
        progress_end(&p);
        return r;
}
