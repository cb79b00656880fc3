/* SPDX-License-Identifier: MIT */
#include "cli/deploy.h"

#include "base/fd.h"
#include "base/json.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "cli/pull.h"
#include "project/find.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void deploy_done(struct deploy *d)
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
        const char *framework = str_or_empty(json_str(row, "framework"));
        choices_add(
                &o->rows, project, *framework ? framework : str_or_empty(json_str(row, "image")));
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
        choices_add(&o->rows, title,
                json_bool(row, "local", false) ? "catalogue" : "catalogue, to be fetched");
        strv_take(&o->images, xasprintf("aime/%s:%s", word, version));
        strv_add(&o->names, word);
        return 0;
}

static bool name_taken(struct cli *c, const char *name)
{
        struct err ignored = ERR_INIT;
        cleanup_json json_t *row = NULL;
        return cli_call(c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", name), &row,
                       &ignored) == 0;
}

static void offer_done(struct offer *o)
{
        choices_done(&o->rows);
        strv_done(&o->images);
        strv_done(&o->names);
}

static int take_free_name(const char *answer, void *ctx, struct err *e)
{
        struct deploy *d = ctx;
        if (cli_name(answer, d->name, e) < 0)
                return -1;
        return name_taken(d->c, d->name)
                       ? err_set(e, ERR_INVALID, "You have a container %s already", d->name)
                       : 0;
}

static int name_it(struct deploy *d, const char *usual, struct err *e)
{
        if (!name_taken(d->c, usual))
                return cli_name(usual, d->name, e);
        cleanup_free char *question =
                xasprintf("You have a container %s already. Name of the new one", usual);
        return prompt_checked(d->c, question, NULL, take_free_name, d, e);
}

/*
 * Your images, then the catalogue; a container of a catalogue image is called after its framework. One
 * of your own images keeps its project, whatever the container is called.
 */
static int pick(struct deploy *d, struct err *e)
{
        CLEANUP(offer_done) struct offer o = { 0 };
        size_t i;
        if (cli_connect(d->c, e) < 0 ||
                rpc_stream(d->c->rpc, "io.ds01.Images.List", json_object(), NULL, 0, offer_own, &o,
                        e) < 0 ||
                rpc_stream(d->c->rpc, "io.ds01.Images.Catalogue", json_object(), NULL, 0,
                        offer_catalogue, &o, e) < 0)
                return -1;
        if (o.rows.n == 0) {
                err_set(e, ERR_NO_IMAGE, "You have no images, and the catalogue is empty");
                return err_fix(e, "project init my-project\nproject launch my-project");
        }
        if (prompt_pick(d->c, d->title, &o.rows, &i, e) < 0)
                return -1;
        if (name_it(d, o.names.v[i], e) < 0)
                return -1;
        str_replace(&d->image, o.images.v[i]);
        return cli_name(*d->image ? d->name : o.names.v[i], d->project, e);
}

int deploy_arguments(struct deploy *d, struct err *e)
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
        if (gpus_asked(c, NULL, &d->gpus, e) < 0)
                return -1;
        const char *project = cli_value(c, "project"), *name = c->n_args > 0 ? c->args[0] : project;
        if (!name && (image || framework || !c->tty))
                return cli_usage(c, e,
                        c->tty ? "A container of that image needs a name"
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
        json_t *query = *d->image
                                ? json_pack("{s:s, s:s}", "project", d->project, "image", d->image)
                                : json_pack("{s:s}", "project", d->project);
        if (cli_call(d->c, "io.ds01.Images.Get", query, &d->info, e) < 0)
                return -1;
        bool exists = json_bool(d->info, "exists", false);
        if (exists && !cli_has(d->c, "dry-run"))
                return 0;
        if ((exists || json_bool(d->info, "catalogue", false)) &&
                launch_check(d->c, d->name, d->gpus, d->wait, e) < 0)
                return -1;
        if (exists)
                return 0;
        const char *ref = str_or_empty(json_str(d->info, "image"));
        if (json_bool(d->info, "catalogue", false) && !cli_has(d->c, "dry-run"))
                return image_pull(d->c, d->image, e);
        if (json_bool(d->info, "catalogue", false))
                return 0;
        err_set(e, ERR_NO_IMAGE, "Image %s not found", ref);
        return *d->image ? err_fix(e, "image-list --all")
                         : err_fix(e, "project launch %s", d->project);
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

/* One that is being made or removed may be gone by now: ds01d has the last word on those. */
static bool is_settled(const char *state)
{
        static const char *const settled[] = { "running", "stopped", "created", "paused", NULL };
        for (const char *const *s = settled; *s; s++)
                if (strcmp(*s, state) == 0)
                        return true;
        return false;
}

int deploy_check_name(struct deploy *d, const char **ret_state, struct err *e)
{
        cleanup_json json_t *existing = NULL;
        struct err missing = ERR_INIT;
        *ret_state = NULL;
        if (cli_call(d->c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", d->name), &existing,
                    &missing) < 0) {
                if (missing.code == ERR_NOT_FOUND)
                        return 0;
                *e = missing;
                return -1;
        }
        const char *state = str_or_empty(json_str(existing, "state"));
        if (!is_settled(state))
                return 0;
        launch_say_exists(d->name, state, e);
        *ret_state = strcmp(state, "running") == 0 ? "running" : "";
        return -1;
}

int deploy_folders(struct deploy *d, struct folders *f, struct err *e)
{
        cleanup_strv struct strv data = { 0 };
        if (find_image(d, e) < 0 || find_workspace(d, f, e) < 0)
                return -1;
        cli_values(d->c, "data", &data);
        for (size_t i = 0; i < data.n; i++)
                if (folders_data(f, data.v[i], e) < 0)
                        return -1;
        return 0;
}
