/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/fd.h"
#include "base/json.h"
#include "cli/launch.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "cli/pull.h"
#include "cli/session.h"
#include "project/find.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct deploy {
        struct cli *c;
        char name[41], project[41];
        char *image; /* as asked for: "" for the project's own */
        json_t *info; /* Images.Get */
};

static void deploy_done(struct deploy *d)
{
        free(d->image);
        json_decref(d->info);
}

struct offer {
        struct choices rows;
        struct strv images, names; /* for each row: what to ask for, how to call the container */
};

static int offer_own(const json_t *row, void *ctx)
{
        struct offer *o = ctx;
        const char *project = str_or_empty(json_str(row, "project"));
        choices_add(&o->rows, project, str_or_empty(json_str(row, "framework")));
        strv_add(&o->images, "");
        strv_add(&o->names, project);
        return 0;
}

static int offer_catalogue(const json_t *row, void *ctx)
{
        struct offer *o = ctx;
        const char *framework = str_or_empty(json_str(row, "framework"));
        const char *version = str_or_empty(json_str(row, "version"));
        cleanup_free char *title = xasprintf("%s %s", framework, version);
        cleanup_free char *word = xstrdup(str_or_empty(json_str(row, "word")));
        choices_add(&o->rows, title, json_bool(row, "local", false) ? "catalogue" : "catalogue, to be fetched");
        strv_take(&o->images, xasprintf("aime/%s:%s", word, version));
        strv_add(&o->names, word);
        return 0;
}

static bool name_taken(struct cli *c, const char *name)
{
        struct err ignored = ERR_INIT;
        cleanup_json json_t *row = NULL;
        return cli_call(c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", name), &row, &ignored) == 0;
}

static void offer_done(struct offer *o)
{
        choices_done(&o->rows);
        strv_done(&o->images);
        strv_done(&o->names);
}

/*
 * Your images, then the catalogue; a container of a catalogue image is called after its framework. One
 * of your own images keeps its project, whatever the container is called.
 */
static int pick(struct deploy *d, struct err *e)
{
        CLEANUP(offer_done) struct offer o = { 0 };
        cleanup_free char *name = NULL;
        size_t i;
        if (cli_connect(d->c, e) < 0 ||
                rpc_stream(d->c->rpc, "io.ds01.Images.List", json_object(), NULL, 0, offer_own, &o, e) < 0 ||
                rpc_stream(d->c->rpc, "io.ds01.Images.Catalogue", json_object(), NULL, 0, offer_catalogue, &o,
                        e) < 0)
                return -1;
        if (o.rows.n == 0) {
                err_set(e, ERR_NO_IMAGE, "You have no images, and the catalogue is empty");
                return err_fix(e, "project init my-project\nproject launch my-project");
        }
        if (prompt_pick(d->c, "Select an image to deploy:", &o.rows, &i, e) < 0)
                return -1;
        if (name_taken(d->c, o.names.v[i])) {
                cleanup_free char *question =
                        xasprintf("You have a container %s already. Name of the new one", o.names.v[i]);
                if (prompt_line(d->c, question, NULL, &name, e) < 0)
                        return -1;
        }
        if (cli_name(name ? name : o.names.v[i], d->name, e) < 0)
                return -1;
        str_replace(&d->image, o.images.v[i]);
        return cli_name(*d->image ? d->name : o.names.v[i], d->project, e);
}

static int read_arguments(struct deploy *d, struct err *e)
{
        struct cli *c = d->c;
        const char *image = cli_value(c, "image"), *framework = cli_value(c, "framework");
        if (image && c->n_args > 1)
                return cli_usage(c, e, "The image is given twice: '%s' and --image", c->args[1]);
        if (c->n_args > 1)
                image = c->args[1];
        if (image && framework)
                return cli_usage(c, e, "An image and --framework exclude each other");
        if (cli_has(c, "workspace") && cli_has(c, "project"))
                return cli_usage(c, e, "Options --workspace and --project exclude each other");
        d->image = framework ? xasprintf("aime/%s", framework) : xstrdup(str_or_empty(image));
        const char *project = cli_value(c, "project"), *name = c->n_args > 0 ? c->args[0] : project;
        if (!name && (image || framework || !c->tty))
                return cli_usage(c, e, c->tty ? "A container of that image needs a name"
                                              : "A name is needed where there is no terminal");
        if (!name)
                return pick(d, e);
        if (cli_name(name, d->name, e) < 0)
                return -1;
        memcpy(d->project, d->name, sizeof d->project);
        return project && project != name ? cli_name(project, d->project, e) : 0;
}

/* The image must be there: a catalogue image is fetched, a missing one of the user's own is an error. */
static int find_image(struct deploy *d, struct err *e)
{
        json_t *query = *d->image ? json_pack("{s:s, s:s}", "project", d->project, "image", d->image)
                                  : json_pack("{s:s}", "project", d->project);
        if (cli_call(d->c, "io.ds01.Images.Get", query, &d->info, e) < 0)
                return -1;
        if (json_bool(d->info, "exists", false))
                return 0;
        const char *ref = str_or_empty(json_str(d->info, "image"));
        if (json_bool(d->info, "catalogue", false) && !cli_has(d->c, "dry-run"))
                return image_pull(d->c, d->image, e);
        if (json_bool(d->info, "catalogue", false))
                return 0;
        err_set(e, ERR_NO_IMAGE, "Image %s not found", ref);
        return err_fix(e, "project launch %s", d->project);
}

/* A catalogue image needs no project: its workspace is made, as the user, if it isn't there. */
static int find_workspace(struct deploy *d, struct folders *f, struct err *e)
{
        const char *given = cli_value(d->c, "workspace");
        cleanup_free char *root = NULL;
        if (!given && project_root(&root, e) < 0)
                return -1;
        cleanup_free char *path = given ? xstrdup(given) : xasprintf("%s/%s", root, d->project);
        if (folders_workspace(f, path, e) < 0)
                return -1;
        struct stat st;
        bool missing = stat(f->workspace, &st) < 0 && errno == ENOENT;
        if (!missing || given || cli_has(d->c, "dry-run"))
                return 0;
        if (!json_bool(d->info, "catalogue", false)) {
                cleanup_close int fd = -1;
                cleanup_free char *ignored = NULL;
                return project_open(d->project, &fd, &ignored, e);
        }
        if (fd_mkdir_all(f->workspace, 0755) < 0)
                return err_sys(e, errno, "Can't make the workspace %s", f->workspace);
        out_say("Made %s for your files; it is /workspace in the container.", f->workspace);
        return 0;
}

static int deploy(struct deploy *d, struct err *e)
{
        cleanup_folders struct folders f = FOLDERS_INIT;
        cleanup_strv struct strv data = { 0 };
        cleanup_json json_t *reply = NULL, *existing = NULL;
        struct err missing = ERR_INIT;
        int status = 0;
        if (cli_call(d->c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", d->name), &existing, &missing) == 0) {
                const char *state = str_or_empty(json_str(existing, "state"));
                if (strcmp(state, "running") == 0)
                        return launch_exists(d->c, d->name, &status, e) < 0 ? -1 : status;
                /* One that is being made or removed may be gone by now: ds01d has the last word. */
                if (strcmp(state, "stopped") == 0 || strcmp(state, "created") == 0 || strcmp(state, "paused") == 0) {
                        err_set(e, ERR_EXISTS, "Container %s already exists (%s)", d->name, state);
                        return err_fix(e, "project launch %s\ncontainer retire %s", d->name, d->name);
                }
        } else if (missing.code != ERR_NOT_FOUND) {
                *e = missing;
                return -1;
        }
        if (find_image(d, e) < 0 || find_workspace(d, &f, e) < 0)
                return -1;
        cli_values(d->c, "data", &data);
        for (size_t i = 0; i < data.n; i++)
                if (folders_data(&f, data.v[i], e) < 0)
                        return -1;
        if (cli_has(d->c, "dry-run")) {
                out_say("Would deploy %s from %s with %s at /workspace.", d->name,
                        str_or_empty(json_str(d->info, "image")), f.workspace);
                return 0;
        }
        struct launch l = { .name = d->name, .project = d->project, .image = d->image,
                .interface = "orchestration", .folders = &f };
        if (folders_open(&f, e) < 0 ||
                prompt_guide(d->c, e,
                        "Now a container is created from the image as it is and started. Your folder appears\n"
                        "in it as /workspace.") < 0 ||
                launch_request(d->c, &l, &reply, e) < 0)
                return -1;
        launch_say("Deployed", d->name);
        if (cli_has(d->c, "background"))
                return 0;
        return session_open(d->c, d->name, &status, e) < 0 ? -1 : status;
}

static int run(struct cli *c, struct err *e)
{
        struct deploy d = { .c = c };
        if (cli_has(c, "open") && cli_has(c, "background"))
                return cli_usage(c, e, "Options --open and --background exclude each other");
        int r = read_arguments(&d, e) < 0 ? -1 : deploy(&d, e);
        deploy_done(&d);
        return r;
}

static const struct opt opts[] = {
        { 0, "open", OPT_FLAG, NULL, "Open a shell in it (default)" },
        { 0, "background", OPT_FLAG, NULL, "Start it without a shell" },
        { 0, "project", OPT_VALUE, "NAME", "Use this project's folder and image" },
        { 0, "image", OPT_VALUE, "IMAGE", "Use this image" },
        { 0, "framework", OPT_VALUE, "NAME[:VERSION]", "Use this framework's image from the catalogue" },
        { 'w', "workspace", OPT_VALUE, "DIR", "Use this folder as /workspace" },
        { 'd', "data", OPT_LIST, "DIR[:rw]", "Also mount a folder, as /data/<its name>" },
        { 0, "dry-run", OPT_FLAG, NULL, "Say what would be done, do nothing" },
        { 0 },
};

const struct command cmd_container_deploy = {
        .noun = "container",
        .verb = "deploy",
        .args = "[name] [image]",
        .max_args = 2,
        .flags = CMD_GUIDED | CMD_ACCOUNT,
        .summary = "Creates and starts a container from an existing image",
        .details = "  Uses the image of the project of that name, or the one given. It never builds. Without a\n"
                   "  name it offers your images and the catalogue.\n",
        .examples = "container deploy my-thesis\n"
                    "container deploy my-thesis --background\n"
                    "container deploy test --image=aime/pytorch:2.8.0",
        .topic = "images",
        .opts = opts,
        .run = run,
};
