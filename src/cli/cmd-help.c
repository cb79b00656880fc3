/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/help.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>

static int run_help(struct cli *c, struct err *e)
{
        (void)c;
        (void)e;
        help_overview();
        return 0;
}

const struct command cmd_help = {
        .noun = "ds01",
        .verb = "help",
        .args = "",
        .max_args = 0,
        .summary = "Lists the commands",
        .details = "",
        .examples = "ds01 help",
        .topic = "containers",
        .run = run_help,
};

static int run_version(struct cli *c, struct err *e)
{
        cleanup_json json_t *info = NULL;
        /* The client's own version is worth having without a daemon, too. */
        int r = cli_call(c, "io.ds01.System.Info", json_object(), &info, e);
        if (cli_has(c, "json")) {
                if (r < 0)
                        return -1;
                cleanup_json json_t *j = json_pack(
                        "{s:i, s:s, s:O}", "schema", 1, "version", DS01_VERSION, "daemon", info);
                out_json(stdout, j);
                return 0;
        }
        printf("ds01 %s\n", DS01_VERSION);
        fflush(stdout);
        if (r < 0)
                return -1;
        printf("ds01d %s\n", str_or_empty(json_str(info, "version")));
        const char *engine = str_or_empty(json_str(info, "engine"));
        if (*engine) {
                printf("engine %s\n", engine);
                return 0;
        }
        return err_set(e, ERR_ENGINE, "%s", str_or_empty(json_str(info, "engine_error")));
}

const struct command cmd_version = {
        .noun = "ds01",
        .verb = "version",
        .args = "",
        .max_args = 0,
        .flags = CMD_JSON,
        .summary = "Shows the versions of ds01, ds01d and the engine",
        .details = "",
        .examples = "ds01 version",
        .topic = "containers",
        .run = run_version,
};
