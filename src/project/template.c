/* SPDX-License-Identifier: MIT */
#include "project/template.h"

#include "base/json.h"
#include "project/find.h"
#include "project/packages.h"
#include "project/pyproject.h"
#include "project/recipe.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 64 * 1024, LINE_MAX_BYTES = 1000, WORD_MAX = 300 };

const char *const template_folders[] = { "data", "notebooks", "src", "tests", "models", NULL };

/* Text of one line that may hold any characters of any language, but nothing that acts. */
static bool is_line(const char *s)
{
        size_t n = strlen(s);
        if (n > LINE_MAX_BYTES || !str_is_utf8(s, n))
                return false;
        cleanup_free char *shown = str_safe(s);
        return strcmp(shown, s) == 0;
}

static bool is_word(const char *s, const char *marks)
{
        size_t n = strlen(s);
        for (const char *c = s; *c; c++)
                if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                            (*c >= '0' && *c <= '9') || strchr(marks, *c)))
                        return false;
        return n > 0 && n <= WORD_MAX && !strchr(marks, *s);
}

static int refuse(const char *what, const char *value, struct err *e)
{
        cleanup_free char *shown = str_safe_max(value, 200);
        return err_set(e, ERR_INVALID, "The %s can't be '%s'", what, shown);
}

static int check_list(
        const struct strv *list, bool (*ok)(const char *), const char *what, struct err *e)
{
        for (size_t i = 0; list && i < list->n; i++)
                if (!ok(list->v[i]))
                        return refuse(what, list->v[i], e);
        return 0;
}

int template_check(const struct template_values *v, struct err *e)
{
        bool known = false;
        for (const char *const *t = project_types; *t; t++)
                known = known || str_eq(*t, v->type);
        if (!project_name_ok(v->name))
                return refuse("project name", v->name, e);
        if (!known) {
                refuse("project type", str_or_empty(v->type), e);
                return err_fix(e, "Use one of ml, cv, nlp, rl, audio, ts, llm, custom");
        }
        if (!is_line(str_or_empty(v->description))) {
                err_set(e, ERR_INVALID,
                        "The description must be one line of at most %d bytes, "
                        "without control characters",
                        LINE_MAX_BYTES);
                return -1;
        }
        if (!v->framework || !is_word(v->framework, "._-"))
                return refuse("framework", str_or_empty(v->framework), e);
        if (v->version && *v->version && !is_word(v->version, "._+-"))
                return refuse("framework version", v->version, e);
        if (!v->base_image || !is_word(v->base_image, "._-/:@"))
                return refuse("base image", str_or_empty(v->base_image), e);
        if (v->image && !is_word(v->image, "._-/:@"))
                return refuse("image", v->image, e);
        if (!is_line(str_or_empty(v->author)))
                return refuse("author", v->author, e);
        if (check_list(v->pip, requirement_ok, "Python package", e))
                return -1;
        return check_list(v->apt, apt_package_ok, "apt package", e);
}

/* A basic string of TOML: what is left to escape in text that is_line() passed. */
static void add_toml(struct buf *b, const char *key, const char *value)
{
        buf_printf(b, "%s = \"", key);
        for (const char *s = str_or_empty(value); *s; s++) {
                if (*s == '"' || *s == '\\')
                        buf_putc(b, '\\');
                buf_putc(b, *s);
        }
        buf_str_add(b, "\"\n");
}

static bool has_text(const char *s)
{
        return s && *s;
}

char *template_pyproject(const struct template_values *v)
{
        struct buf b = BUF_INIT(TEXT_MAX);
        buf_str_add(&b, "[project]\n");
        add_toml(&b, "name", v->name);
        add_toml(&b, "version", "0.1.0");
        add_toml(&b, "description", v->description);
        add_toml(&b, "requires-python", ">=3.10");
        buf_str_add(&b, "\n[tool.ds01]\n");
        add_toml(&b, "type", v->type);
        add_toml(&b, "framework", v->framework);
        if (has_text(v->version))
                add_toml(&b, "framework-version", v->version);
        if (has_text(v->image))
                add_toml(&b, "image", v->image);
        if (v->cpu_only)
                buf_str_add(&b, "cpu-only = true\n");
        else if (v->gpus >= 0)
                buf_printf(&b, "gpus = %d\n", v->gpus);
        add_toml(&b, "created", v->created);
        add_toml(&b, "author", v->author);
        return buf_take(&b);
}

char *template_requirements(const struct template_values *v)
{
        struct buf b = BUF_INIT(TEXT_MAX);
        char shown[PYPROJECT_DISPLAY_LEN];
        framework_display(v->framework, NULL, shown);
        buf_printf(&b, "# Python packages of %s, one a line.\n", v->name);
        if (!str_eq(v->framework, "none"))
                buf_printf(&b, "# %s comes with the base image: leave it out.\n", shown);
        packages_add_requirements(&b, v->type, v->framework, v->jupyter);
        if (v->pip && v->pip->n > 0) {
                char *without = buf_take(&b);
                char *with = NULL;
                struct err e = ERR_INIT;
                b = BUF_INIT(TEXT_MAX);
                /* The values were checked, so that only the size can be refused. */
                if (requirements_edit(without, v->pip, NULL, &with, NULL, &e) == 0) {
                        free(without);
                        return with;
                }
                return without;
        }
        return buf_take(&b);
}

char *template_dockerfile(const struct template_values *v)
{
        struct buf b = BUF_INIT(TEXT_MAX);
        cleanup_strv struct strv apt = { 0 };
        packages_list_apt(v->type, &apt);
        for (size_t i = 0; v->apt && i < v->apt->n; i++)
                if (!strv_has(&apt, v->apt->v[i]))
                        strv_add(&apt, v->apt->v[i]);
        buf_printf(&b,
                "# The image of %s. This file is yours; it was written once.\n"
                "# Python packages belong in requirements.txt: a change there rebuilds one layer.\n"
                "FROM %s\n\n",
                v->name, v->base_image);
        apt_block_add(&b, &apt);
        buf_putc(&b, '\n');
        pip_layer_add(&b);
        buf_str_add(&b, "\n"
                        "WORKDIR /workspace\n");
        return buf_take(&b);
}

static char *make_readme(const struct template_values *v)
{
        struct buf b = BUF_INIT(TEXT_MAX);
        char shown[PYPROJECT_DISPLAY_LEN];
        framework_display(v->framework, v->version, shown);
        buf_printf(&b, "# %s\n\n", v->name);
        if (has_text(v->description))
                buf_printf(&b, "%s\n\n", v->description);
        buf_printf(&b,
                "Runs in a container: %s.\n\n"
                "    project launch %s       # build if needed, start, open a shell in /workspace\n"
                "    container retire %s     # done: free the GPU\n\n",
                shown, v->name, v->name);
        buf_str_add(&b,
                "| Path | Holds |\n"
                "|---|---|\n"
                "| `src/` | code |\n"
                "| `notebooks/` | notebooks |\n"
                "| `tests/` | tests |\n"
                "| `data/` | data sets; not in Git, not in the image |\n"
                "| `models/` | trained models and checkpoints; not in Git, not in the image |\n"
                "| `requirements.txt` | Python packages |\n"
                "| `Dockerfile` | how the image is built |\n"
                "| `pyproject.toml` | name, framework, GPUs |\n\n");
        buf_printf(&b,
                "A package that is missing: add it to `requirements.txt`, then `image-update "
                "%s`.\n",
                v->name);
        return buf_take(&b);
}

static char *make_gitignore(const struct template_values *v)
{
        (void)v;
        return xstrdup("# Data and models stay out of Git; the folders stay in it.\n"
                       "/data/*\n"
                       "!/data/.gitkeep\n"
                       "/models/*\n"
                       "!/models/.gitkeep\n"
                       "/outputs/\n"
                       "\n"
                       "# Experiment logs\n"
                       "wandb/\n"
                       "mlruns/\n"
                       "runs/\n"
                       "lightning_logs/\n"
                       "\n"
                       "# Python\n"
                       "__pycache__/\n"
                       "*.py[cod]\n"
                       "*.egg-info/\n"
                       ".ipynb_checkpoints/\n"
                       ".pytest_cache/\n"
                       ".mypy_cache/\n"
                       ".ruff_cache/\n"
                       ".cache/\n"
                       ".venv/\n"
                       "venv/\n"
                       "\n"
                       "# Secrets\n"
                       ".env\n"
                       "*.pem\n");
}

static char *make_gitattributes(const struct template_values *v)
{
        static const char plain[] = "* text=auto\n"
                                    "*.ipynb text eol=lf\n"
                                    "*.sh text eol=lf\n";
        if (!v->git_lfs)
                return xstrdup(plain);
        static const char *const weights[] = { "pt", "pth", "ckpt", "h5", "bin", "onnx",
                "safetensors" };
        struct buf b = BUF_INIT(TEXT_MAX);
        buf_str_add(&b, plain);
        for (size_t i = 0; i < ARRAY_LEN(weights); i++)
                buf_printf(&b, "*.%s filter=lfs diff=lfs merge=lfs -text\n", weights[i]);
        return buf_take(&b);
}

static char *make_dockerignore(const struct template_values *v)
{
        (void)v;
        return xstrdup(
                "# What a build doesn't need. The whole folder is at /workspace when it runs.\n"
                ".git\n"
                "data/\n"
                "models/\n"
                "notebooks/\n"
                "outputs/\n"
                "wandb/\n"
                "mlruns/\n"
                "runs/\n"
                "lightning_logs/\n"
                ".cache/\n"
                ".venv/\n"
                "venv/\n"
                ".env\n"
                "**/__pycache__\n"
                "**/.ipynb_checkpoints\n"
                "**/*.pt\n"
                "**/*.pth\n"
                "**/*.ckpt\n"
                "**/*.safetensors\n");
}

static char *make_devcontainer(const struct template_values *v)
{
        cleanup_json json_t *j = json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:{s:{s:[s, s]}}}",
                "name", v->name, "build", "dockerfile", "../Dockerfile", "context", "..",
                "workspaceFolder", "/workspace", "workspaceMount",
                "source=${localWorkspaceFolder},target=/workspace,type=bind", "customizations",
                "vscode", "extensions", "ms-python.python", "ms-toolsai.jupyter");
        char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
        if (!text)
                abort();
        char *with_newline = xasprintf("%s\n", text);
        free(text);
        return with_newline;
}

static char *make_gitkeep(const struct template_values *v)
{
        (void)v;
        return xstrdup("");
}

static bool always(const struct template_values *v)
{
        (void)v;
        return true;
}

static bool not_blank(const struct template_values *v)
{
        return !v->blank;
}

static bool with_devcontainer(const struct template_values *v)
{
        return v->devcontainer;
}

const struct template_file template_files[] = {
        { "pyproject.toml", template_pyproject, always },
        { "Dockerfile", template_dockerfile, always },
        { "requirements.txt", template_requirements, always },
        { ".dockerignore", make_dockerignore, always },
        { "README.md", make_readme, not_blank },
        { ".gitignore", make_gitignore, not_blank },
        { ".gitattributes", make_gitattributes, not_blank },
        { ".devcontainer/devcontainer.json", make_devcontainer, with_devcontainer },
        { "data/.gitkeep", make_gitkeep, not_blank },
        { "notebooks/.gitkeep", make_gitkeep, not_blank },
        { "src/.gitkeep", make_gitkeep, not_blank },
        { "tests/.gitkeep", make_gitkeep, not_blank },
        { "models/.gitkeep", make_gitkeep, not_blank },
        { NULL, NULL, NULL },
};
