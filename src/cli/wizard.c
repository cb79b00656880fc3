/* SPDX-License-Identifier: MIT */
#include "cli/wizard.h"

#include "cli/out.h"
#include "cli/pick-project.h"
#include "cli/prompt.h"
#include "cli/recipe.h"
#include "project/find.h"
#include "project/recipe.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void wizard_done(struct wizard *w)
{
        base_done(&w->base);
        strv_done(&w->pip);
        pyproject_done(&w->py);
}

/* ---- what need not be asked ---- */

static int check_packages(const struct strv *pip, struct err *e)
{
        cleanup_free char *unused = NULL;
        return requirements_edit("", pip, NULL, &unused, NULL, e);
}

static int check_options(struct wizard *w, struct err *e)
{
        static const char *const pairs[][2] = { { "jupyter", "no-jupyter" }, { "git", "no-git" },
                { "build", "no-build" } };
        struct cli *c = w->c;
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
                if (cli_has(c, pairs[i][0]) && cli_has(c, pairs[i][1]))
                        return cli_usage(c, e, "Options --%s and --%s exclude each other",
                                pairs[i][0], pairs[i][1]);
        recipe_words(cli_value(c, "packages"), &w->pip);
        if (check_project_type(c, cli_value(c, "type"), e) < 0 || check_packages(&w->pip, e) < 0)
                return -1;
        if (c->n_args == 0)
                return w->asks ? 0 : cli_usage(c, e, "A project needs a name");
        return cli_name(c->args[0], w->name, e);
}

/* A folder that can't be opened is told by project_init(), which knows what is wrong with it. */
static int look(struct wizard *w, struct err *e)
{
        cleanup_close int dir_fd = -1;
        cleanup_free char *path = NULL, *shown = project_shown(w->name);
        struct err ignored = ERR_INIT;
        if (project_open(w->name, &dir_fd, &path, &ignored) < 0)
                return 0;
        w->folder = true;
        w->has_dockerfile = faccessat(dir_fd, "Dockerfile", F_OK, 0) == 0;
        w->has_requirements = faccessat(dir_fd, "requirements.txt", F_OK, 0) == 0;
        if (pyproject_load(dir_fd, shown, &w->py, &w->has_pyproject, e) < 0)
                return -1;
        if (!w->has_requirements || w->pip.n == 0)
                return 0;
        cli_usage(w->c, e, "%s has a requirements.txt already: --packages is for a new one", shown);
        return err_fix(e, "image-update %s --add \"%s\"", w->name, cli_value(w->c, "packages"));
}

/*
 * The framework that was asked for, else the one of a project that exists. Where its Dockerfile exists
 * too, it need not be in the catalogue: what FROM would name is written nowhere.
 */
static int choose_base(struct wizard *w, struct err *e)
{
        const char *framework = cli_value(w->c, "framework");
        if (base_choose(w->c, framework ? framework : w->py.framework,
                    framework ? NULL : w->py.framework_version, &w->base, e) == 0)
                return 0;
        if (framework || !w->has_dockerfile || !w->py.framework ||
                (e->code != ERR_INVALID && e->code != ERR_NO_IMAGE))
                return -1;
        w->base = (struct base){ .word = xstrdup(w->py.framework),
                .version = xstrdup(w->py.framework_version),
                .image = xstrdup("scratch") };
        return 0;
}

/* ---- the questions ---- */

static int take_name(const char *answer, void *ctx, struct err *e)
{
        struct wizard *w = ctx;
        return cli_name(answer, w->name, e);
}

static int ask_type(struct wizard *w, struct err *e)
{
        cleanup_choices struct choices l = { 0 };
        size_t i;
        for (i = 0; project_types[i]; i++)
                choices_add(&l, project_types[i], project_type_subjects[i]);
        cleanup_free char *title = xasprintf("What is %s about?", w->name);
        if (prompt_choose(w->c, title, &l, 0, &i, e) < 0)
                return -1;
        w->type = project_types[i];
        return 0;
}

static int ask_framework(struct wizard *w, struct err *e)
{
        return base_pick(w->c, &w->base, e);
}

static int take_packages(const char *answer, void *ctx, struct err *e)
{
        struct wizard *w = ctx;
        strv_done(&w->pip);
        w->pip = (struct strv){ 0 };
        recipe_words(answer, &w->pip);
        return check_packages(&w->pip, e);
}

static int ask_packages(struct wizard *w, struct err *e)
{
        return prompt_checked(w->c, "Further Python packages (such as pandas>=2 rich; Enter: none)",
                "", take_packages, w, e);
}

static int ask_jupyter(struct wizard *w, struct err *e)
{
        return prompt_yes(w->c, false, &w->jupyter, e, "Add JupyterLab?");
}

static int ask_git(struct wizard *w, struct err *e)
{
        return prompt_yes(w->c, true, &w->git, e, "Make it a Git repository?");
}

static int ask_build(struct wizard *w, struct err *e)
{
        return prompt_yes(
                w->c, false, &w->build, e, "Build its image now, not at the first launch?");
}

/* The files that an answer would go into are there, and are the user's. */
static bool type_known(const struct wizard *w)
{
        return w->py.type || (w->has_pyproject && w->has_dockerfile && w->has_requirements);
}

static bool framework_known(const struct wizard *w)
{
        return w->py.framework || (w->has_pyproject && w->has_dockerfile);
}

static bool packages_known(const struct wizard *w)
{
        return w->has_requirements;
}

static bool git_known(const struct wizard *w)
{
        return w->folder;
}

static bool build_known(const struct wizard *w)
{
        return w->py.image;
}

static const struct question {
        const char *options[2]; /* which answer it */
        bool (*known)(const struct wizard *w);
        int (*ask)(struct wizard *w, struct err *e);
} questions[] = {
        { { "type" }, type_known, ask_type },
        { { "framework" }, framework_known, ask_framework },
        { { "packages" }, packages_known, ask_packages },
        { { "jupyter", "no-jupyter" }, packages_known, ask_jupyter },
        { { "git", "no-git" }, git_known, ask_git },
        { { "build", "no-build" }, build_known, ask_build },
};

static bool is_answered(const struct wizard *w, const struct question *q)
{
        for (size_t i = 0; i < ARRAY_LEN(q->options) && q->options[i]; i++)
                if (cli_has(w->c, q->options[i]))
                        return true;
        return q->known(w);
}

static int ask_all(struct wizard *w, struct err *e)
{
        for (size_t i = 0; w->asks && i < ARRAY_LEN(questions); i++) {
                if (is_answered(w, &questions[i]))
                        continue;
                w->asked++;
                if (questions[i].ask(w, e) < 0)
                        return -1;
        }
        return w->base.word ? 0 : choose_base(w, e);
}

/* ---- the end ---- */

static void show(const struct wizard *w)
{
        char framework[PYPROJECT_DISPLAY_LEN];
        cleanup_free char *folder = project_shown(w->name);
        cleanup_buf struct buf packages = BUF_INIT(65536);
        framework_display(w->base.word, w->base.version, framework);
        buf_str_add(&packages,
                w->has_requirements ? "those of its requirements.txt" : "those of the type");
        if (w->jupyter)
                buf_str_add(&packages, ", jupyterlab");
        for (size_t i = 0; i < w->pip.n; i++)
                buf_printf(&packages, ", %s", w->pip.v[i]);
        out_say("\nThis will be made:\n");
        out_say("  Folder      %s%s", folder, w->folder ? ", only what it lacks" : "");
        out_say("  Type        %s", w->type);
        out_say("  Framework   %s", w->has_dockerfile ? "what its Dockerfile names" : framework);
        out_say("  Packages    %s", buf_str(&packages));
        out_say("  Git         %s", w->folder ? "as it is" : w->git ? "a repository" : "none");
        out_say("  Image       %s\n", w->py.image ? "the one that pyproject.toml names"
                                      : w->build  ? "built now"
                                                  : "built at the first launch");
}

int wizard_run(struct wizard *w, bool *ret_go, struct err *e)
{
        struct cli *c = w->c;
        w->asks = c->tty && !c->yes && !cli_has(c, "quick");
        w->jupyter = cli_has(c, "jupyter");
        w->git = !cli_has(c, "no-git");
        w->build = cli_has(c, "build");
        *ret_go = true;
        if (check_options(w, e) < 0 || cli_connect(c, e) < 0 ||
                prompt_guide(c, GUIDE_PROJECT, e) < 0)
                return -1;
        if (!*w->name) {
                w->asked++;
                if (prompt_checked(c, "Project name (such as thesis)", NULL, take_name, w, e) < 0)
                        return -1;
        }
        if (look(w, e) < 0)
                return -1;
        const char *type = cli_value(c, "type");
        /* As project_init() has it: the file that is there decides. */
        w->type = w->py.type ? w->py.type : type ? type : project_types[0];
        if (ask_all(w, e) < 0)
                return -1;
        /* A file that is there is left as it is. */
        w->jupyter = w->jupyter && !w->has_requirements;
        if (w->asked == 0)
                return 0;
        show(w);
        return prompt_yes(c, true, ret_go, e, "Make it?");
}
