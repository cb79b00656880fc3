/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "cli/build.h"
#include "cli/catalogue.h"
#include "cli/out.h"
#include "cli/pick-project.h"
#include "cli/recipe.h"
#include "project/find.h"
#include "project/pyproject.h"
#include "project/recipe.h"
#include "project/template.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int write_new(int dir_fd, const char *name, const char *text, struct err *e)
{
        if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        if (fd_replace_file(dir_fd, name, text, strlen(text), 0644, e) < 0)
                return -1;
        out_say("Wrote %s.", name);
        return 0;
}

/* -r FILE: its lines are the requirements; a requirements.txt that is there already is not lost. */
static int take_requirements(struct cli *c, int dir_fd, struct err *e)
{
        const char *file = cli_value(c, "requirements");
        cleanup_free char *text = NULL, *old = NULL;
        if (!file)
                return 0;
        if (fd_read_file(AT_FDCWD, file, REQUIREMENTS_MAX, &text, NULL, e) < 0 ||
                requirements_read(dir_fd, &old, e) < 0)
                return -1;
        if (strcmp(old, text) == 0)
                return 0;
        if (*old && fd_replace_file(dir_fd, "requirements.txt.old", old, strlen(old), 0644, e) < 0)
                return -1;
        if (*old)
                out_say("The former requirements.txt is kept as requirements.txt.old.");
        return fd_replace_file(dir_fd, "requirements.txt", text, strlen(text), 0644, e);
}

/* Writes what is missing: an existing Dockerfile or requirements.txt is the user's. */
static int write_recipe(
        struct cli *c, const char *name, int dir_fd, const struct pyproject *py, struct err *e)
{
        cleanup_strv struct strv pip = { 0 }, apt = { 0 };
        cleanup_base struct base base = { 0 };
        recipe_words(cli_value(c, "packages"), &pip);
        recipe_words(cli_value(c, "system"), &apt);
        bool has_dockerfile = faccessat(dir_fd, "Dockerfile", F_OK, 0) == 0;
        if (has_dockerfile && (cli_has(c, "framework") || cli_has(c, "type") || apt.n > 0)) {
                cli_usage(c, e,
                        "%s has a Dockerfile already: --framework, --type and --system are for a new one",
                        name);
                return err_fix(e, "image-update %s --add-system PACKAGE\nimage-update %s --edit",
                        name, name);
        }
        const char *framework = cli_value(c, "framework");
        if (!has_dockerfile && base_choose(c, framework ? framework : py->framework,
                                       framework ? NULL : py->framework_version, &base, e) < 0)
                return -1;
        const char *type = cli_value(c, "type") ? cli_value(c, "type")
                           : py->type           ? py->type
                                                : "custom";
        struct template_values v = { .name = name,
                .type = type,
                .framework = base.word,
                .version = base.version,
                .base_image = base.image,
                .pip = &pip,
                .apt = &apt,
                .gpus = -1 };
        cleanup_free char *unused = NULL;
        if ((!has_dockerfile && template_check(&v, e) < 0) ||
                requirements_edit("", &pip, NULL, &unused, NULL, e) < 0 ||
                take_requirements(c, dir_fd, e) < 0)
                return -1;
        bool has_requirements = faccessat(dir_fd, "requirements.txt", F_OK, 0) == 0;
        if (!has_dockerfile) {
                cleanup_free char *requirements = template_requirements(&v);
                cleanup_free char *dockerfile = template_dockerfile(&v);
                if (write_new(dir_fd, "requirements.txt", requirements, e) < 0 ||
                        write_new(dir_fd, "Dockerfile", dockerfile, e) < 0)
                        return -1;
        }
        /* A new requirements.txt has them already; one of the user's gets them added. */
        if (pip.n == 0 || (!has_dockerfile && !has_requirements))
                return 0;
        struct recipe_change change = { .add = pip };
        return recipe_apply(c, name, dir_fd, &change, e);
}

static int run(struct cli *c, struct err *e)
{
        char name[41];
        cleanup_close int dir_fd = -1;
        cleanup_free char *path = NULL;
        cleanup_pyproject struct pyproject py = PYPROJECT_INIT;
        bool exists;
        const char *type = cli_value(c, "type");
        if (check_project_type(c, type, e) < 0)
                return -1;
        if (pick_project(c, "Select a project to build:", name, e) < 0 ||
                project_open(name, &dir_fd, &path, e) < 0)
                return -1;
        cleanup_free char *folder = project_shown(name);
        if (pyproject_load(dir_fd, folder, &py, &exists, e) < 0 ||
                write_recipe(c, name, dir_fd, &py, e) < 0)
                return -1;
        if (cli_has(c, "no-build")) {
                out_say("Build it: image-create %s", name);
                return 0;
        }
        if (build_project(c, name, dir_fd, &py, cli_has(c, "no-cache"), e) < 0)
                return -1;
        out_say("Next: project launch %s", name);
        return 0;
}

static const struct opt opts[] = {
        { 'f', "framework", OPT_VALUE, "NAME[:VERSION]",
                "Base for a new Dockerfile: pytorch, tensorflow, jax, none" },
        { 't', "type", OPT_VALUE, "TYPE", "Packages for: ml cv nlp rl audio ts llm custom" },
        { 'p', "packages", OPT_VALUE, "LIST", "Python packages to add to requirements.txt" },
        { 's', "system", OPT_VALUE, "LIST", "Debian packages for a new Dockerfile" },
        { 'r', "requirements", OPT_VALUE, "FILE", "Use this file as requirements.txt" },
        { 0, "no-build", OPT_FLAG, NULL, "Only write the files" },
        { 0, "no-cache", OPT_FLAG, NULL, "Run every step anew" },
        { 0 },
};

const struct command cmd_image_create = {
        .noun = "image",
        .verb = "create",
        .args = "[name]",
        .max_args = 1,
        .names = { NAMES_PROJECTS },
        .flags = CMD_ACCOUNT,
        .summary = "Builds a project's image, from a new Dockerfile if it has none",
        .details = "  An existing Dockerfile is used as it is. Ctrl-C ends the build.\n",
        .examples = "image-create my-thesis\n"
                    "image-create my-thesis --no-cache\n"
                    "image-create my-thesis -p \"rich tqdm\"",
        .topic = "images",
        .opts = opts,
        .run = run,
};
