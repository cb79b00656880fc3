/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/gpus.h"
#include "cli/out.h"
#include "cli/plan.h"
#include "cli/queue.h"

#include <stdio.h>

/* ds01d launches later what must be there now: nobody will be there to build it then. */
static int have_image(struct plan *p, struct err *e)
{
        if (p->py.image)
                return plan_catalogue_image(p, e);
        if (json_bool(p->image, "exists", false))
                return 0;
        err_set(e, ERR_NO_IMAGE, "Image %s not found", str_or_empty(json_str(p->image, "image")));
        return err_fix(e, "image-create %s\ngpu-queue join %s --launch", p->name, p->name);
}

static int check_launch(const struct plan *p, struct err *e)
{
        if (p->container) {
                launch_say_exists(p->name, str_or_empty(json_str(p->container, "state")), e);
                return -1;
        }
        if (p->gpus != 0)
                return 0;
        err_set(e, ERR_INVALID, "%s is set to run without a GPU: there is nothing to wait for",
                p->name);
        return err_fix(
                e, "project launch %s\ngpu-queue join %s --launch --gpus=1", p->name, p->name);
}

static int join_launch(struct cli *c, const char *name, json_t **ret, struct err *e)
{
        cleanup_plan struct plan p = PLAN_INIT(c);
        cleanup_folders struct folders f = FOLDERS_INIT;
        snprintf(p.name, sizeof p.name, "%s", name);
        if (plan_read(&p, e) < 0 || check_launch(&p, e) < 0 || have_image(&p, e) < 0 ||
                plan_folders(&p, &f, e) < 0)
                return -1;
        struct launch l = plan_launch(&p, &f);
        return launch_join(c, &l, ret, e);
}

static int join(struct cli *c, const char *name, int gpus, json_t **ret, struct err *e)
{
        json_t *params = json_pack("{s:i}", "gpus", gpus < 0 ? 1 : gpus);
        if (*name)
                json_object_set_new(params, "name", json_string(name));
        return cli_call(c, "io.ds01.Queue.Join", params, ret, e);
}

/* What becomes of the turn. */
static void say_then(const json_t *ticket)
{
        const char *name = str_or_empty(json_str(ticket, "name"));
        if (str_eq(json_str(ticket, "state"), "turn"))
                return;
        if (str_eq(json_str(ticket, "kind"), "launch"))
                out_say("%s is then launched by itself, and you are told on your terminals.", name);
        else
                out_say("It is then kept for %s for some minutes, and you are told on your terminals.",
                        *name ? name : "your next launch");
}

static void tell(const json_t *ticket)
{
        cleanup_free char *sentence = queue_sentence(ticket);
        cleanup_free char *next = queue_next(ticket);
        if (json_bool(ticket, "already", false))
                out_say("It is in the queue already, and keeps its place.");
        out_say("%s", sentence);
        say_then(ticket);
        out_say("%s", next);
}

static int run(struct cli *c, struct err *e)
{
        char name[41] = "";
        int gpus;
        cleanup_json json_t *ticket = NULL;
        if (gpus_asked(c, NULL, &gpus, e) < 0 ||
                (c->n_args > 0 && cli_name(c->args[0], name, e) < 0))
                return -1;
        if (gpus == 0)
                return cli_usage(c, e, "Who needs no GPU need not wait for one");
        if (cli_has(c, "launch") && !*name)
                return cli_usage(c, e, "Option --launch needs the name of a project");
        if ((cli_has(c, "launch") ? join_launch(c, name, &ticket, e)
                                  : join(c, name, gpus, &ticket, e)) < 0)
                return -1;
        if (cli_has(c, "json")) {
                cleanup_json json_t *one = json_pack("[O]", ticket);
                queue_print_json(one);
        } else {
                tell(ticket);
        }
        return 0;
}

static const struct opt opts[] = {
        { 0, "gpus", OPT_VALUE, "N", "How many GPUs to wait for (default: 1)" },
        { 0, "launch", OPT_FLAG, NULL, "Launch the project of that name when its turn comes" },
        { 0 },
};

const struct command cmd_gpu_queue_join = {
        .noun = "gpu-queue",
        .verb = "join",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_PROJECTS },
        .flags = CMD_JSON | CMD_ACCOUNT,
        .summary = "Waits in line for a GPU",
        .details =
                "  When the turn comes the GPU is kept for some minutes: for the container of that name, or,\n"
                "  without a name, for whichever you launch next. You are told on your terminals. A turn that\n"
                "  is not used goes to the next in line.\n"
                "\n"
                "  With --launch, ds01d launches the project by itself. Its image must be built. What is in\n"
                "  pyproject.toml counts as it is now; if the image, your limits or your groups change before\n"
                "  the turn, or the machine restarts, the GPU is kept and nothing starts by itself.\n"
                "\n"
                "  project launch --wait stays on the terminal instead, and opens a shell when the turn comes.\n",
        .examples = "gpu-queue join\n"
                    "gpu-queue join my-thesis --launch\n"
                    "gpu-queue join my-thesis --gpus=2",
        .topic = "gpus",
        .opts = opts,
        .run = run,
};
