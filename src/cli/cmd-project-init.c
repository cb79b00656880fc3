/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "cli/catalogue.h"
#include "cli/out.h"
#include "cli/pick-project.h"
#include "cli/prompt.h"
#include "project/find.h"
#include "project/git.h"
#include "project/init.h"
#include "project/pyproject.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int get_name(struct cli *c, char ret[41], struct err *e)
{
        if (c->n_args > 0)
                return cli_name(c->args[0], ret, e);
        if (!c->tty || cli_has(c, "quick"))
                return cli_usage(c, e, "A project needs a name");
        for (int tries = 1;; tries++) {
                cleanup_free char *answer = NULL;
                if (prompt_line(c, "Project name (such as thesis)", NULL, &answer, e) < 0)
                        return -1;
                if (cli_name(answer, ret, e) == 0)
                        return 0;
                if (tries == 3)
                        return -1;
                out_say("%s.", e->msg);
        }
}

static void report(const char *name, const struct init_report *r)
{
        if (r->adopted && r->added.n == 0)
                out_say("%s has all its files already; nothing was changed.", r->path);
        else
                out_say(r->adopted ? "Completed %s:" : "Made %s:", r->path);
        cleanup_buf struct buf line = BUF_INIT(4096);
        for (size_t i = 0; i < r->added.n; i++)
                buf_printf(&line, "  %s", r->added.v[i]);
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
        out_say("Next: project launch %s", name);
}

/*
 * The framework that was asked for, else the one of a project that exists. Where its Dockerfile exists
 * too, it need not be in the catalogue: what FROM would name is written nowhere.
 */
static int choose_base(struct cli *c, const char *name, struct base *ret, struct err *e)
{
        cleanup_pyproject struct pyproject py = PYPROJECT_INIT;
        cleanup_close int dir_fd = -1;
        cleanup_free char *path = NULL;
        struct err ignored = ERR_INIT;
        bool exists;
        const char *framework = cli_value(c, "framework");
        if (!framework && project_open(name, &dir_fd, &path, &ignored) == 0)
                (void)pyproject_load(dir_fd, name, &py, &exists, &ignored);
        bool has_dockerfile = dir_fd >= 0 && faccessat(dir_fd, "Dockerfile", F_OK, 0) == 0;
        if (base_choose(c, framework ? framework : py.framework,
                    framework ? NULL : py.framework_version, ret, e) == 0)
                return 0;
        if (!has_dockerfile || !py.framework || (e->code != ERR_INVALID && e->code != ERR_NO_IMAGE))
                return -1;
        *ret = (struct base){ .word = xstrdup(py.framework),
                .version = xstrdup(py.framework_version),
                .image = xstrdup("scratch") };
        return 0;
}

static int run(struct cli *c, struct err *e)
{
        char name[41];
        cleanup_base struct base base = { 0 };
        cleanup_init_report struct init_report r = { 0 };
        const char *type = cli_value(c, "type");
        if (check_project_type(c, type, e) < 0)
                return -1;
        if (get_name(c, name, e) < 0 || prompt_guide(c, GUIDE_PROJECT, e) < 0 ||
                choose_base(c, name, &base, e) < 0)
                return -1;
        struct init_options o = { .values = { .name = name,
                                          .description = cli_value(c, "desc"),
                                          .type = type ? type : "ml",
                                          .framework = base.word,
                                          .version = base.version,
                                          .base_image = base.image,
                                          .gpus = -1,
                                          .jupyter = cli_has(c, "jupyter"),
                                          .git_lfs = !cli_has(c, "no-git") && git_has_lfs(),
                                          .devcontainer = cli_has(c, "devcontainer"),
                                          .blank = cli_has(c, "blank") },
                .no_git = cli_has(c, "no-git") };
        if (project_init(&o, &r, e) < 0)
                return -1;
        report(name, &r);
        prompt_told(c, GUIDE_PROJECT_MADE);
        return 0;
}

static const struct opt opts[] = {
        { 0, "type", OPT_VALUE, "TYPE", "ml (default) cv nlp rl audio ts llm custom" },
        { 0, "framework", OPT_VALUE, "NAME[:VERSION]", "pytorch, tensorflow, jax or none" },
        { 0, "desc", OPT_VALUE, "TEXT", "A line that describes it" },
        { 0, "quick", OPT_FLAG, NULL, "Ask nothing" },
        { 0, "no-git", OPT_FLAG, NULL, "Make no Git repository" },
        { 0, "blank", OPT_FLAG, NULL, "Only the files that a build needs" },
        { 0, "jupyter", OPT_FLAG, NULL, "Add JupyterLab" },
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
                "  A folder that exists is completed: only missing files are added. The framework is the one\n"
                "  given, or the first whose image is on this machine.\n",
        .examples = "project init my-thesis --quick\n"
                    "project init vision --type=cv --framework=pytorch",
        .topic = "workspaces",
        .opts = opts,
        .run = run,
};
