/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "cli/build.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "cli/wizard.h"
#include "project/find.h"
#include "project/git.h"
#include "project/init.h"

#include <unistd.h>

static void report(const struct init_report *r)
{
        if (r->adopted && r->added.n == 0)
                out_say("%s has all its files already; nothing was changed.", r->path);
        else
                out_say(r->adopted ? "Completed %s:" : "Made %s:", r->path);
        cleanup_buf struct buf line = BUF_INIT(4096);
        size_t width = isatty(STDERR_FILENO) ? (size_t)out_width(stderr) : SIZE_MAX;
        for (size_t i = 0; i < r->added.n; i++) {
                if (line.len > 0 && line.len + 2 + str_width(r->added.v[i]) > width) {
                        out_say("%s", buf_str(&line));
                        buf_clear(&line);
                }
                buf_printf(&line, "  %s", r->added.v[i]);
        }
        if (line.len > 0)
                out_say("%s", buf_str(&line));
        if (r->adopted && r->kept.n > 0) {
                buf_clear(&line);
                for (size_t i = 0; i < r->kept.n; i++)
                        buf_printf(&line, "%s%s", i ? " " : "", r->kept.v[i]);
                out_say("Kept as they are: %s", buf_str(&line));
        }
        for (size_t i = 0; i < r->notes.n; i++)
                out_say("%s", r->notes.v[i]);
}

static int build(struct wizard *w, struct err *e)
{
        cleanup_close int dir_fd = -1;
        cleanup_free char *path = NULL, *shown = project_shown(w->name);
        cleanup_pyproject struct pyproject py = PYPROJECT_INIT;
        bool exists;
        if (project_open(w->name, &dir_fd, &path, e) < 0 ||
                pyproject_load(dir_fd, shown, &py, &exists, e) < 0)
                return -1;
        if (py.image) {
                out_say("There is nothing to build: %s runs on an image as it is.", w->name);
                return 0;
        }
        if (prompt_guide(w->c, GUIDE_IMAGE, e) < 0 ||
                build_project(w->c, w->name, dir_fd, &py, false, e) < 0)
                return -1;
        prompt_told(w->c, GUIDE_IMAGE_BUILT);
        return 0;
}

static int make(struct wizard *w, struct err *e)
{
        struct cli *c = w->c;
        cleanup_init_report struct init_report r = { 0 };
        struct init_options o = { .values = { .name = w->name,
                                          .description = cli_value(c, "desc"),
                                          .type = w->type,
                                          .framework = w->base.word,
                                          .version = w->base.version,
                                          .base_image = w->base.image,
                                          .pip = &w->pip,
                                          .gpus = -1,
                                          .jupyter = w->jupyter,
                                          .git_lfs = w->git && git_has_lfs(),
                                          .devcontainer = cli_has(c, "devcontainer"),
                                          .blank = cli_has(c, "blank") },
                .no_git = !w->git };
        if (project_init(&o, &r, e) < 0)
                return -1;
        report(&r);
        if (w->build && build(w, e) < 0)
                return -1;
        if (!w->build)
                prompt_told(c, GUIDE_PROJECT_MADE);
        out_say("Next: project launch %s", w->name);
        return 0;
}

static int run(struct cli *c, struct err *e)
{
        cleanup_wizard struct wizard w = WIZARD_INIT(c);
        bool go;
        if (wizard_run(&w, &go, e) < 0)
                return -1;
        if (!go) {
                out_say("Nothing was made.");
                return 0;
        }
        return make(&w, e);
}

static const struct opt opts[] = {
        WIZARD_OPTS,
        { 0, "desc", OPT_VALUE, "TEXT", "A line that describes it" },
        { 0, "quick", OPT_FLAG, NULL, "Ask nothing" },
        { 0, "blank", OPT_FLAG, NULL, "Only the files that a build needs" },
        { 0, "devcontainer", OPT_FLAG, NULL, "Add .devcontainer/devcontainer.json" },
        { 0 },
};

const struct command cmd_project_init = {
        .noun = "project",
        .verb = "init",
        .args = "[name]",
        .max_args = 1,
        .flags = CMD_GUIDED | CMD_ACCOUNT,
        .summary = "Makes a project folder that builds and launches",
        .details =
                "  On a terminal it asks what no option says, and shows what it will make before it makes it.\n"
                "  Elsewhere, and with --quick or --yes, defaults count: the framework is then PyTorch, or another\n"
                "  whose image is on this machine already. A folder that exists is completed: only missing files\n"
                "  are added.\n",
        .examples = "project init my-thesis\n"
                    "project init my-thesis --quick\n"
                    "project init vision --type=cv --framework=pytorch",
        .topic = "workspaces",
        .opts = opts,
        .run = run,
};
