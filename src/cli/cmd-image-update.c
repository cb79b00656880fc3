/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/fd.h"
#include "base/json.h"
#include "cli/build.h"
#include "cli/editor.h"
#include "cli/out.h"
#include "cli/pick-project.h"
#include "cli/prompt.h"
#include "cli/recipe.h"
#include "project/find.h"
#include "project/fingerprint.h"
#include "project/pyproject.h"
#include "project/recipe.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct update {
        struct cli *c;
        char name[41];
        int dir_fd;
        char *path;
        struct pyproject py;
        struct recipe_change change;
        bool edit;
        char dockerfile_sha[FINGERPRINT_LEN + 1],
                requirements_sha[FINGERPRINT_LEN + 1]; /* before */
};

static void update_done(struct update *u)
{
        if (u->dir_fd >= 0)
                close(u->dir_fd);
        free(u->path);
        pyproject_done(&u->py);
        recipe_change_done(&u->change);
}

static bool has_change(const struct update *u)
{
        return u->change.add.n + u->change.remove.n + u->change.add_apt.n > 0;
}

static int open_project(struct update *u, struct err *e)
{
        bool exists;
        cleanup_free char *folder = project_shown(u->name), *dockerfile = NULL;
        if (project_open(u->name, &u->dir_fd, &u->path, e) < 0 ||
                pyproject_load(u->dir_fd, folder, &u->py, &exists, e) < 0)
                return -1;
        if (u->py.image) {
                cleanup_free char *image = str_safe(u->py.image);
                err_set(e, ERR_INVALID,
                        "Project %s runs on %s as it is: there is no image of its own to update",
                        u->name, image);
                return err_fix(e,
                        "Remove the line 'image' from %s/pyproject.toml, then: image-create %s",
                        folder, u->name);
        }
        if (dockerfile_read(u->dir_fd, u->name, &dockerfile, e) < 0)
                return -1;
        return fingerprint_project(u->dir_fd, u->dockerfile_sha, u->requirements_sha, e);
}

/* The lists of an option that may be given several times. */
static void take_lists(const struct cli *c, const char *option, struct strv *ret)
{
        cleanup_strv struct strv values = { 0 };
        cli_values(c, option, &values);
        for (size_t i = 0; i < values.n; i++)
                recipe_words(values.v[i], ret);
}

static int take_file(struct cli *c, struct strv *ret, struct err *e)
{
        const char *file = cli_value(c, "requirements");
        cleanup_free char *text = NULL;
        if (!file)
                return 0;
        cleanup_free char *shown = str_safe(file);
        return fd_read_file(AT_FDCWD, file, REQUIREMENTS_MAX, &text, NULL, e) < 0 ||
                               requirements_list(text, shown, ret, e) < 0
                       ? -1
                       : 0;
}

static int ask_list(struct cli *c, const char *question, struct strv *ret, struct err *e)
{
        char *answer = NULL;
        if (prompt_line(c, question, NULL, &answer, e) < 0)
                return -1;
        recipe_words(answer, ret);
        free(answer);
        return 0;
}

/* What to do, where nothing was said. */
static int menu(struct update *u, struct err *e)
{
        static const char *const rows[] = { "Add Python packages", "Add Debian packages",
                "Remove packages", "Edit Dockerfile and requirements.txt", "Rebuild" };
        cleanup_choices struct choices l = { 0 };
        size_t chosen;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                choices_add(&l, rows[i], NULL);
        cleanup_free char *title =
                xasprintf("What would you like to do with the image of %s?", u->name);
        if (prompt_pick(u->c, title, &l, &chosen, e) < 0)
                return -1;
        switch (chosen) {
        case 0:
                return ask_list(
                        u->c, "Python packages (such as pandas>=2 rich)", &u->change.add, e);
        case 1:
                return ask_list(
                        u->c, "Debian packages (such as ffmpeg git)", &u->change.add_apt, e);
        case 2:
                return ask_list(u->c, "Packages to remove", &u->change.remove, e);
        case 3:
                u->edit = true;
                return 0;
        default:
                return 0;
        }
}

static int read_options(struct update *u, bool picked, struct err *e)
{
        struct cli *c = u->c;
        static const char *const lists[] = { "add", "add-system", "remove" };
        struct strv *const into[] = { &u->change.add, &u->change.add_apt, &u->change.remove };
        bool said = cli_has(c, "rebuild") || cli_has(c, "no-cache") || cli_has(c, "requirements");
        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
                take_lists(c, lists[i], into[i]);
                said = said || cli_has(c, lists[i]);
                if (cli_has(c, lists[i]) && into[i]->n == 0)
                        return cli_usage(c, e, "Option --%s names no package", lists[i]);
        }
        u->edit = cli_has(c, "edit");
        if (take_file(c, &u->change.add, e) < 0)
                return -1;
        return said || u->edit || !picked ? 0 : menu(u, e);
}

static int edit_by_hand(struct update *u, bool *ret_changed, struct err *e)
{
        char dockerfile_sha[FINGERPRINT_LEN + 1], requirements_sha[FINGERPRINT_LEN + 1];
        bool has_list = faccessat(u->dir_fd, "requirements.txt", F_OK, 0) == 0;
        const char *const files[] = { "Dockerfile", has_list ? "requirements.txt" : NULL, NULL };
        if (editor_run(u->path, files, e) < 0 ||
                fingerprint_project(u->dir_fd, dockerfile_sha, requirements_sha, e) < 0)
                return -1;
        *ret_changed = strcmp(dockerfile_sha, u->dockerfile_sha) != 0 ||
                       strcmp(requirements_sha, u->requirements_sha) != 0;
        return 0;
}

struct users {
        const char *project, *image_id;
        bool running, stopped; /* a container of the project that was made from another image */
        char name[41];
};

static int on_container(const json_t *row, void *ctx)
{
        struct users *u = ctx;
        if (!str_eq(json_str(row, "project"), u->project) ||
                str_eq(json_str(row, "image_id"), u->image_id) ||
                str_eq(json_str(row, "state"), "removing"))
                return 0;
        bool running = str_eq(json_str(row, "state"), "running");
        if (running || !u->running)
                snprintf(u->name, sizeof u->name, "%s", str_or_empty(json_str(row, "name")));
        u->running = u->running || running;
        u->stopped = u->stopped || !running;
        return 0;
}

/* Containers keep the image that they were made from. */
static int say_next(struct update *u, struct err *e)
{
        cleanup_json json_t *image = NULL;
        if (cli_call(u->c, "io.ds01.Images.Get", json_pack("{s:s}", "project", u->name), &image,
                    e) < 0)
                return -1;
        struct users users = { .project = u->name,
                .image_id = str_or_empty(json_str(image, "id")) };
        if (rpc_stream(u->c->rpc, "io.ds01.Containers.List", json_pack("{s:b}", "all", 1), NULL, 0,
                    on_container, &users, e) < 0)
                return -1;
        if (users.running || users.stopped)
                out_say("Container %s keeps the old image until it is retired: container retire %s",
                        users.name, users.name);
        out_say("Next: project launch %s", u->name);
        return 0;
}

static int update(struct update *u, bool picked, struct err *e)
{
        bool changed = true;
        if (open_project(u, e) < 0 || read_options(u, picked, e) < 0)
                return -1;
        if (has_change(u) && recipe_apply(u->c, u->name, u->dir_fd, &u->change, e) < 0)
                return -1;
        if (u->edit && edit_by_hand(u, &changed, e) < 0)
                return -1;
        if (!changed && !has_change(u) && !cli_has(u->c, "rebuild") && !cli_has(u->c, "no-cache")) {
                out_say("Nothing was changed, so nothing is built.");
                return 0;
        }
        if (build_project(u->c, u->name, u->dir_fd, &u->py, cli_has(u->c, "no-cache"), e) < 0) {
                if (has_change(u) && e->code != ERR_INTERRUPTED)
                        out_say("The files keep the change; the image is the one from before.");
                return -1;
        }
        return say_next(u, e);
}

static int run(struct cli *c, struct err *e)
{
        struct update u = { .c = c, .dir_fd = -1, .py = PYPROJECT_INIT };
        if (pick_project(c, "Select a project to update:", u.name, e) < 0)
                return -1;
        int r = update(&u, c->n_args == 0, e);
        update_done(&u);
        return r;
}

static const struct opt opts[] = {
        { 0, "add", OPT_LIST, "LIST", "Python packages to add to requirements.txt" },
        { 0, "add-system", OPT_LIST, "LIST", "Debian packages to add to the Dockerfile" },
        { 0, "remove", OPT_LIST, "LIST", "Packages to remove from either" },
        { 'r', "requirements", OPT_VALUE, "FILE", "Add the packages that this file lists" },
        { 0, "edit", OPT_FLAG, NULL, "Open Dockerfile and requirements.txt in $VISUAL or $EDITOR" },
        { 0, "rebuild", OPT_FLAG, NULL, "Build, even if nothing changed" },
        { 0, "no-cache", OPT_FLAG, NULL, "Run every step anew" },
        { 0 },
};

const struct command cmd_image_update = {
        .noun = "image",
        .verb = "update",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_PROJECTS },
        .flags = CMD_ACCOUNT,
        .summary = "Changes what a project's image holds and rebuilds it",
        .details =
                "  With a name alone it rebuilds; without a name it asks. Changes go to requirements.txt and\n"
                "  to the list of Debian packages in the Dockerfile; everything else there stays as it is.\n"
                "  Of the image only what changed is built again. A container keeps its image until it is\n"
                "  retired.\n",
        .examples = "image-update my-thesis\n"
                    "image-update my-thesis --add \"pandas>=2 rich\"\n"
                    "image-update my-thesis --add-system ffmpeg --remove seaborn\n"
                    "image-update my-thesis --edit",
        .topic = "images",
        .opts = opts,
        .run = run,
};
