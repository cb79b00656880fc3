/* SPDX-License-Identifier: MIT */
#include "cli/start.h"

#include "base/json.h"
#include "cli/launch.h"
#include "cli/slow.h"

static int get(struct cli *c, const char *name, json_t **ret, struct err *e)
{
        if (cli_call(c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", name), ret, e) == 0)
                return 0;
        return e->code == ERR_NOT_FOUND
                       ? err_fix(e, "container-list --all\ncontainer-create %s", name)
                       : -1;
}

int start_container(struct cli *c, const char *name, const struct wait *wait, bool *ret_already,
        json_t **ret_reply, struct err *e)
{
        cleanup_json json_t *row = NULL, *reply = NULL;
        *ret_reply = NULL;
        if (get(c, name, &row, e) < 0)
                return -1;
        const char *state = str_or_empty(json_str(row, "state"));
        *ret_already = str_eq(state, "running");
        if (*ret_already)
                return 0;
        if (str_eq(state, "paused"))
                return slow_call(c, "Thawing its processes", "it may still be paused",
                        "io.ds01.Containers.Unpause", json_pack("{s:s}", "name", name), &reply, e);
        return launch_start(c, row, wait, ret_reply, e);
}
