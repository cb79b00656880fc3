/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/deploy.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "cli/session.h"

static int deploy(struct deploy *d, struct err *e)
{
        cleanup_folders struct folders f = FOLDERS_INIT;
        cleanup_json json_t *reply = NULL;
        const char *state;
        int status = 0;
        if (deploy_check_name(d, &state, e) < 0) {
                if (!state || !*state)
                        return -1;
                return launch_exists(d->c, d->name, &status, e) < 0 ? -1 : status;
        }
        if (deploy_folders(d, &f, e) < 0)
                return -1;
        if (cli_has(d->c, "dry-run")) {
                out_say("Would deploy %s from %s with %s at /workspace.", d->name,
                        str_or_empty(json_str(d->info, "image")), f.workspace);
                return 0;
        }
        struct launch l = { .name = d->name,
                .project = d->project,
                .image = d->image,
                .interface = "orchestration",
                .folders = &f,
                .gpus = d->gpus,
                .wait = d->wait };
        if (folders_open(&f, e) < 0 || prompt_guide(d->c, GUIDE_DEPLOY, e) < 0 ||
                launch_request(d->c, &l, &reply, e) < 0)
                return -1;
        launch_say("Deployed", d->name, reply);
        prompt_told(d->c, GUIDE_RUNS);
        if (cli_has(d->c, "background"))
                return 0;
        return session_open(d->c, d->name, &status, e) < 0 ? -1 : status;
}

static int run(struct cli *c, struct err *e)
{
        struct deploy d = { .c = c, .title = "Select an image to deploy:" };
        if (cli_has(c, "open") && cli_has(c, "background"))
                return cli_usage(c, e, "Options --open and --background exclude each other");
        struct wait wait;
        if (wait_option(c, &wait, e) < 0)
                return -1;
        d.wait = &wait;
        int r = deploy_arguments(&d, e) < 0 ? -1 : deploy(&d, e);
        deploy_done(&d);
        return r;
}

static const struct opt opts[] = {
        { 0, "open", OPT_FLAG, NULL, "Open a shell in it (default)" },
        { 0, "background", OPT_FLAG, NULL, "Start it without a shell" },
        WAIT_OPT,
        DEPLOY_OPTS,
        { 0 },
};

const struct command cmd_container_deploy = {
        .noun = "container",
        .verb = "deploy",
        .args = "[name] [image]",
        .max_args = 2,
        .names = { NAMES_BUILT, NAMES_IMAGES },
        .flags = CMD_GUIDED | CMD_ACCOUNT,
        .summary = "Creates and starts a container from an existing image",
        .details =
                "  Uses the image of the project of that name, or the one given. It never builds. Without a\n"
                "  name it offers your images and the catalogue.\n",
        .examples = "container deploy my-thesis\n"
                    "container deploy my-thesis --background\n"
                    "container deploy test --image=aime/pytorch:2.8.0",
        .topic = "images",
        .opts = opts,
        .run = run,
};
