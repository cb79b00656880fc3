/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/prompt.h"
#include "cli/retire.h"
#include "cli/save-packages.h"

#include <string.h>

/* The container's row, so that questions name what will be lost and missing ones fail before asking. */
static int look(struct cli *c, const char *name, json_t **ret, struct err *e)
{
        json_t *params = json_pack("{s:s}", "name", name);
        cli_for_user(c, params);
        return cli_call(c, "io.ds01.Containers.Get", params, ret, e);
}

static int run(struct cli *c, struct err *e)
{
        char name[41];
        cleanup_json json_t *row = NULL;
        bool force = cli_has(c, "force"), go = true, image = cli_has(c, "images");
        if (image && cli_has(c, "keep-image"))
                return cli_usage(c, e, "Options --images and --keep-image exclude each other");
        if (cli_has(c, "save-packages") && cli_value(c, "user"))
                return cli_usage(c, e, "Options --save-packages and --user exclude each other");
        if (pick_container(c, "Select a container to retire:", PICK_ALL, name, e) < 0 ||
                look(c, name, &row, e) < 0)
                return -1;
        const char *ref = str_or_empty(json_str(row, "image"));
        if (cli_has(c, "dry-run")) {
                out_say("Would %sstop and remove %s (%s)%s%s. Files in %s stay.",
                        cli_has(c, "save-packages")
                                ? "save the packages added to requirements.txt, then "
                                : "",
                        name, str_or_empty(json_str(row, "state")),
                        image ? " and remove image " : "", image ? ref : "",
                        str_or_empty(json_str(row, "workspace")));
                return 0;
        }
        if (!force) {
                if (prompt_guide(c, GUIDE_RETIRE, e) < 0)
                        return -1;
                out_say("This stops and removes %s (%s). Files in /workspace are kept.", name,
                        str_or_empty(json_str(row, "state")));
                if (prompt_yes(c, true, &go, e, "Continue?") < 0)
                        return -1;
        }
        if (!go) {
                out_say("Nothing was done.");
                return 0;
        }
        if (save_packages(c, name, row, e) < 0)
                return -1;
        /* Only an image of the caller's own can go. */
        if (!force && !image && !cli_has(c, "keep-image") && str_starts(ref, "ds01-") &&
                prompt_yes(c, false, &image, e, "Also remove the image?") < 0)
                return -1;
        if (retire_container(c, name, force, image, e) < 0)
                return -1;
        prompt_told(c, GUIDE_RETIRED);
        return 0;
}

static const struct opt opts[] = {
        { 'f', "force", OPT_FLAG, NULL, "Ask nothing, kill its processes at once" },
        { 0, "keep-image", OPT_FLAG, NULL, "Keep the image without asking" },
        { 0, "images", OPT_FLAG, NULL, "Remove the image as well" },
        { 0, "save-packages", OPT_FLAG, NULL,
                "First write pip packages added by hand to requirements.txt" },
        { 0, "dry-run", OPT_FLAG, NULL, "Say what would be done, do nothing" },
        { 0 },
};

const struct command cmd_container_retire = {
        .noun = "container",
        .verb = "retire",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_CONTAINERS },
        .flags = CMD_GUIDED | CMD_ADMIN,
        .summary = "Stops and removes a container and frees what it held",
        .details =
                "  Processes are asked to end (SIGTERM, then SIGHUP for shells) and have time to save their\n"
                "  work; with --force they are killed. The project folder is never touched.\n"
                "  Without a terminal nothing is asked: the container goes, its image stays.\n",
        .examples = "container retire my-thesis\n"
                    "container retire my-thesis --force\n"
                    "container retire my-thesis --save-packages",
        .topic = "containers",
        .opts = opts,
        .run = run,
};
