/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/build.h"
#include "cli/gpus.h"
#include "cli/out.h"
#include "cli/pick-project.h"
#include "cli/plan.h"
#include "cli/prompt.h"
#include "cli/retire.h"
#include "cli/session.h"

#include <string.h>

static int have_image(struct plan *p, bool *ret_built, struct err *e)
{
        enum build_need need;
        cleanup_free char *why = NULL;
        *ret_built = false;
        bool exists = json_bool(p->image, "exists", false);
        if (p->py.image)
                return (!exists || p->dry_run) && plan_check(p, e) < 0 ? -1
                                                                       : plan_catalogue_image(p, e);
        if (build_needed(p->dir_fd, p->image, &need, &why, e) < 0)
                return -1;
        const char *ref = str_or_empty(json_str(p->image, "image"));
        bool build = cli_has(p->c, "rebuild");
        if ((build || need != BUILD_CURRENT || p->dry_run) && plan_check(p, e) < 0)
                return -1;
        if (!build && need != BUILD_CURRENT && p->dry_run) {
                out_say("Would offer to build %s: %s.", ref, why);
                return 0;
        }
        if (!build && need == BUILD_MISSING) {
                out_say("Image %s is needed: %s.", ref, why);
                if (prompt_guide(p->c, GUIDE_IMAGE, e) < 0 ||
                        prompt_yes(p->c, true, &build, e, "Build it now?") < 0)
                        return -1;
                if (!build) {
                        err_set(e, ERR_NO_IMAGE, "Image %s not found", ref);
                        return err_fix(e, "project launch %s\nimage-create %s", p->name, p->name);
                }
        } else if (!build && need == BUILD_STALE) {
                out_say("Image %s is out of date: %s.", ref, why);
                /* Unattended, an image that works is used: nobody waits there for a build they didn't ask for. */
                if (!p->c->tty && !p->c->yes)
                        out_say("Using it as it is. Rebuild: project launch %s --rebuild", p->name);
                else if (prompt_yes(p->c, true, &build, e, "Rebuild it now?") < 0)
                        return -1;
        }
        if (!build)
                return 0;
        if (p->dry_run) {
                out_say("Would build %s.", ref);
                return 0;
        }
        *ret_built = true;
        if (build_project(p->c, p->name, p->dir_fd, &p->py, false, e) < 0)
                return -1;
        prompt_told(p->c, GUIDE_IMAGE_BUILT);
        return 0;
}

/* `instead`: of the container that is there; it goes once the new one's folders could be opened. */
static int launch_new(struct plan *p, bool instead, struct err *e)
{
        cleanup_folders struct folders f = FOLDERS_INIT;
        cleanup_json json_t *reply = NULL;
        if (plan_folders(p, &f, e) < 0)
                return -1;
        struct launch l = plan_launch(p, &f);
        if (p->dry_run) {
                out_say("Would launch %s from %s with %s at /workspace.", p->name,
                        str_or_empty(json_str(p->image, "image")), p->path);
                return 0;
        }
        if (prompt_guide(p->c, GUIDE_LAUNCH, e) < 0 ||
                (instead && retire_container(p->c, p->name, true, false, e) < 0) ||
                launch_request(p->c, &l, &reply, e) < 0)
                return -1;
        launch_say("Launched", p->name, reply);
        prompt_told(p->c, GUIDE_RUNS);
        return 0;
}

/* A container that is stopped or was never started: started again, or made anew if its image changed. */
static int launch_existing(struct plan *p, bool built, struct err *e)
{
        const char *old = str_or_empty(json_str(p->container, "image_id"));
        const char *now = str_or_empty(json_str(p->image, "id"));
        bool changed = built || (*now && *old && strcmp(old, now) != 0);
        bool recreate = false;
        if (changed) {
                out_say("%s was made from an older image.", p->name);
                /* Unattended, nothing that is in the container is thrown away unasked. */
                if (p->dry_run)
                        recreate = p->c->yes;
                else if (!p->c->tty && !p->c->yes)
                        out_say("Starting it as it is. Make it anew: project launch %s --yes",
                                p->name);
                else if (prompt_yes(p->c, true, &recreate, e,
                                 "Make it anew? What is not in /workspace is lost.") < 0)
                        return -1;
        }
        if (!recreate && cli_has(p->c, "data"))
                out_say("%s keeps the folders that it was made with. For others: container retire %s",
                        p->name, p->name);
        if (p->dry_run) {
                out_say("Would %s %s.", recreate ? "make anew" : "start", p->name);
                return 0;
        }
        if (recreate)
                return launch_new(p, true, e);
        cleanup_json json_t *reply = NULL;
        if (launch_start(p->c, p->container, &p->wait, &reply, e) < 0)
                return -1;
        launch_say("Started", p->name, reply);
        return 0;
}

static int launch(struct plan *p, struct err *e)
{
        bool built;
        int status = 0;
        if (plan_read(p, e) < 0)
                return -1;
        const char *state = p->container ? str_or_empty(json_str(p->container, "state")) : "";
        if (strcmp(state, "running") == 0)
                return launch_exists(p->c, p->name, &status, e) < 0 ? -1 : status;
        if (strcmp(state, "paused") == 0)
                return launch_say_exists(p->name, state, e);
        if (have_image(p, &built, e) < 0)
                return -1;
        if ((p->container ? launch_existing(p, built, e) : launch_new(p, false, e)) < 0)
                return -1;
        if (p->dry_run || cli_has(p->c, "background"))
                return 0;
        return session_open(p->c, p->name, &status, e) < 0 ? -1 : status;
}

static int run(struct cli *c, struct err *e)
{
        struct plan p = PLAN_INIT(c);
        p.dry_run = cli_has(c, "dry-run");
        if (cli_has(c, "open") && cli_has(c, "background"))
                return cli_usage(c, e, "Options --open and --background exclude each other");
        if (wait_option(c, &p.wait, e) < 0 || gpus_asked(c, NULL, &p.gpus, e) < 0 ||
                pick_project(c, "Select a project to launch:", p.name, e) < 0)
                return -1;
        int r = launch(&p, e);
        plan_done(&p);
        return r;
}

static const struct opt opts[] = {
        { 0, "open", OPT_FLAG, NULL, "Open a shell in it (default)" },
        { 0, "background", OPT_FLAG, NULL, "Start it without a shell" },
        { 0, "rebuild", OPT_FLAG, NULL, "Build the image first, even if it is up to date" },
        { 'd', "data", OPT_LIST, "DIR[:rw]", "Also mount a folder, as /data/<its name>" },
        GPU_OPTS,
        WAIT_OPT,
        { 0, "dry-run", OPT_FLAG, NULL, "Say what would be done, do nothing" },
        { 0 },
};

const struct command cmd_project_launch = {
        .noun = "project",
        .verb = "launch",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_PROJECTS },
        .flags = CMD_GUIDED | CMD_ACCOUNT,
        .summary = "Starts a project's container and opens a shell in it",
        .details =
                "  Checks the project's image, offers to build it if it is missing or out of date, creates\n"
                "  the container, starts it and opens a shell. Without a name it asks which project.\n"
                "  Without a terminal, what stands on stdin is run as commands; with nothing there it is\n"
                "  the same as --background.\n",
        .examples = "project launch my-thesis\n"
                    "project launch my-thesis --background\n"
                    "project launch my-thesis --rebuild\n"
                    "project launch my-thesis --gpus=2\n"
                    "project launch my-thesis --wait=2h  # Wait in line for a GPU\n"
                    "project launch my-thesis --data=/srv/datasets/imagenet",
        .topic = "containers",
        .opts = opts,
        .run = run,
};
