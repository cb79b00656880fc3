/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/deploy.h"
#include "cli/out.h"
#include "cli/prompt.h"

static int create(struct deploy *d, struct err *e)
{
        cleanup_folders struct folders f = FOLDERS_INIT;
        cleanup_json json_t *reply = NULL;
        const char *state;
        if (deploy_check_name(d, &state, e) < 0 || deploy_folders(d, &f, e) < 0)
                return -1;
        const char *image = str_or_empty(json_str(d->info, "image"));
        if (cli_has(d->c, "dry-run")) {
                out_say("Would create %s from %s with %s at /workspace.", d->name, image,
                        f.workspace);
                return 0;
        }
        struct launch l = { .name = d->name,
                .project = d->project,
                .image = d->image,
                .interface = "atomic",
                .folders = &f,
                .gpus = d->gpus };
        if (folders_open(&f, e) < 0 || prompt_guide(d->c, GUIDE_CREATE, e) < 0 ||
                launch_create(d->c, &l, &reply, e) < 0)
                return -1;
        const char *gpus = str_or_empty(json_str(reply, "gpu_text"));
        out_say("Created %s from %s%s%s. Start: container-start %s · Start and enter: container-run %s ·\n"
                "Done: container-remove %s",
                d->name, image, *gpus ? " with " : "", gpus, d->name, d->name, d->name);
        prompt_told(d->c, GUIDE_CREATED);
        return 0;
}

static int run(struct cli *c, struct err *e)
{
        struct deploy d = { .c = c, .title = "Select an image to create a container from:" };
        int r = deploy_arguments(&d, e) < 0 ? -1 : create(&d, e);
        deploy_done(&d);
        return r;
}

static const struct opt opts[] = { DEPLOY_OPTS, { 0 } };

const struct command cmd_container_create = {
        .noun = "container",
        .verb = "create",
        .args = "[name] [image]",
        .max_args = 2,
        .names = { NAMES_BUILT, NAMES_IMAGES },
        .flags = CMD_GUIDED | CMD_ACCOUNT,
        .summary = "Creates a container without starting it",
        .details =
                "  Takes the image of the project of that name, or the one given. The container gets its limits\n"
                "  now and keeps them for its life. Most of the time container deploy, which also starts it, is\n"
                "  what you want.\n",
        .examples = "container-create my-thesis\n"
                    "container-create test aime/pytorch:2.8.0\n"
                    "container-create my-thesis --data=/srv/datasets",
        .topic = "states",
        .opts = opts,
        .run = run,
};
