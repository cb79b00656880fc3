/* SPDX-License-Identifier: MIT */
/*
 * The generated files, byte for byte (golden/) and, for every combination, by what must hold of
 * them. After a wanted change: DS01_WRITE_GOLDEN=1 test-template, then read the difference.
 */
#include "project/template.h"

#include "image/dockerfile.h"
#include "project/packages.h"
#include "project/pyproject.h"
#include "project/recipe.h"

#include "scratch.h"

static struct template_values base_values(const char *type, const char *framework)
{
        return (struct template_values){ .name = "my-thesis",
                .description = "Reads \"quotes\", \\ and ümlauts",
                .type = type,
                .framework = framework,
                .version = strcmp(framework, "none") == 0 ? NULL : "1.2.3",
                .base_image = "aimehub/pytorch-2.8.0-cuda12.6.3:latest",
                .author = "alice",
                .created = "2026-11-23",
                .gpus = -1 };
}

/* "golden/cv-pytorch/dot.gitignore": dots would hide the files and act on our own repository. */
static char *golden_path(const char *combination, const char *path)
{
        char *name =
                xasprintf("%s/%s/%s%s", GOLDEN_DIR, combination, *path == '.' ? "dot" : "", path);
        for (char *s = name + strlen(GOLDEN_DIR) + strlen(combination) + 2; *s; s++)
                if (*s == '/')
                        *s = '_';
        return name;
}

static void compare(const char *combination, const struct template_values *v)
{
        struct err e = ERR_INIT;
        if (template_check(v, &e))
                fail_msg("%s", e.msg);
        for (const struct template_file *f = template_files; f->path; f++) {
                if (!f->wanted(v) || str_ends(f->path, ".gitkeep"))
                        continue;
                cleanup_free char *path = golden_path(combination, f->path);
                cleanup_free char *made = f->make(v);
                cleanup_free char *golden = NULL;
                if (getenv("DS01_WRITE_GOLDEN") &&
                        fd_replace_file(AT_FDCWD, path, made, strlen(made), 0644, &e))
                        fail_msg("%s", e.msg);
                if (fd_read_file(AT_FDCWD, path, 1 << 20, &golden, NULL, &e))
                        fail_msg("%s", e.msg);
                assert_string_equal(made, golden);
        }
}

static void golden(void **state)
{
        (void)state;
        struct template_values cv = base_values("cv", "pytorch");
        cv.gpus = 1;
        compare("cv-pytorch", &cv);

        struct template_values nlp = base_values("nlp", "tensorflow");
        cleanup_strv struct strv pip = { 0 };
        cleanup_strv struct strv apt = { 0 };
        strv_add(&pip, "numpy==1.26.4");
        strv_add(&pip, "rich");
        strv_add(&apt, "git");
        nlp.base_image = "tensorflow/tensorflow:2.16.1-gpu";
        nlp.pip = &pip;
        nlp.apt = &apt;
        nlp.jupyter = nlp.git_lfs = nlp.devcontainer = true;
        compare("nlp-tensorflow", &nlp);

        struct template_values custom = base_values("custom", "none");
        custom.blank = custom.cpu_only = true;
        custom.base_image = "debian:12";
        custom.description = NULL;
        compare("custom-none", &custom);

        struct template_values llm = base_values("llm", "pytorch");
        llm.image = "aime/pytorch:2.8.0";
        llm.gpus = 2;
        compare("llm-pytorch", &llm);
}

static void check_pyproject(const struct template_values *v)
{
        cleanup_free char *text = template_pyproject(v);
        cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
        struct err e = ERR_INIT;
        if (pyproject_parse(text, strlen(text), "generated", &p, &e))
                fail_msg("%s\n%s", e.msg, text);
        assert_string_equal(p.name, v->name);
        assert_string_equal(p.description, str_or_empty(v->description));
        assert_string_equal(p.type, v->type);
        assert_string_equal(p.framework, v->framework);
        assert_true(str_eq(p.framework_version, v->version));
        assert_string_equal(p.author, v->author);
        assert_string_equal(p.created, v->created);
        assert_int_equal(p.gpus, v->gpus);
}

static void check_requirements(const struct template_values *v)
{
        static const char *const frameworks[] = { "torch", "torchvision", "torchaudio",
                "tensorflow", "jax", "jaxlib" };
        cleanup_free char *text = template_requirements(v);
        size_t packages = 0;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                if (*line == '#')
                        continue;
                packages++;
                if (!requirement_ok(line))
                        fail_msg("not a requirement: %s", line);
                for (size_t i = 0; i < ARRAY_LEN(frameworks); i++)
                        if (str_starts(line, frameworks[i]) &&
                                !strchr("-_", line[strlen(frameworks[i])]))
                                fail_msg("%s/%s lists the framework: %s", v->type, v->framework,
                                        line);
        }
        bool empty = strcmp(v->type, "custom") == 0;
        assert_int_equal(packages == 0, empty);
}

/* FROM, COPY, RUN, … only, and in the order that keeps edits of requirements.txt to one layer. */
static void check_dockerfile(const struct template_values *v)
{
        cleanup_free char *text = template_dockerfile(v);
        cleanup_free char *from = xasprintf("\nFROM %s\n", v->base_image);
        const char *from_at = strstr(text, from);
        const char *apt_at = strstr(text, "\n" APT_BLOCK_BEGIN);
        const char *copy_at = strstr(text, "\nCOPY requirements.txt ");
        const char *pip_at = strstr(text, "pip install --no-cache-dir -r /tmp/requirements.txt");
        const char *dir_at = strstr(text, "\nWORKDIR /workspace\n");
        assert_true(from_at && apt_at > from_at && copy_at > apt_at && pip_at > copy_at);
        assert_true(dir_at > pip_at);
        /* The block stands there to be edited, with or without packages. */
        struct strv more = { 0 };
        strv_add(&more, "nano");
        struct err e = ERR_INIT;
        char *edited = NULL;
        if (apt_edit(text, &more, NULL, &edited, NULL, &e))
                fail_msg("%s", e.msg);
        assert_non_null(strstr(edited, "        nano \\\n"));
        cleanup_dockerfile struct dockerfile d = { 0 };
        if (dockerfile_check(text, strlen(text), NULL, &d, &e) ||
                (dockerfile_done(&d), dockerfile_check(edited, strlen(edited), NULL, &d, &e)))
                fail_msg("%s", e.msg);
        free(edited);
        strv_done(&more);
        /* Nothing of the person's words stands on a shell line. */
        assert_null(strstr(text, "quotes"));
}

static void every_combination(void **state)
{
        (void)state;
        static const char *const frameworks[] = { "pytorch", "tensorflow", "jax", "none" };
        for (const char *const *type = project_types; *type; type++)
                for (size_t i = 0; i < ARRAY_LEN(frameworks); i++) {
                        struct template_values v = base_values(*type, frameworks[i]);
                        struct err e = ERR_INIT;
                        if (template_check(&v, &e))
                                fail_msg("%s", e.msg);
                        check_pyproject(&v);
                        check_requirements(&v);
                        check_dockerfile(&v);
                        for (const struct template_file *f = template_files; f->path; f++) {
                                cleanup_free char *text = f->make(&v);
                                size_t n = strlen(text);
                                assert_true(n == 0 || text[n - 1] == '\n');
                        }
                }
}

/* Packages that pull PyTorch in are offered, not installed, beside another framework. */
static void pytorch_only_with_pytorch(void **state)
{
        (void)state;
        struct buf b = BUF_INIT(4096);
        packages_add_requirements(&b, "cv", "jax", false);
        assert_non_null(strstr(buf_str(&b), "\n#timm\n"));
        assert_null(strstr(buf_str(&b), "\ntimm\n"));
        assert_non_null(strstr(buf_str(&b), "\nalbumentations\n"));
        buf_clear(&b);
        packages_add_requirements(&b, "cv", "pytorch", false);
        assert_non_null(strstr(buf_str(&b), "\ntimm\n"));
        buf_done(&b);
}

static void refused(void **state)
{
        (void)state;
        static const struct {
                size_t field;
                const char *value;
        } cases[] = {
#define FIELD(f) offsetof(struct template_values, f)
                { FIELD(name), "../x" },
                { FIELD(name), "$(id)" },
                { FIELD(type), "vision" },
                { FIELD(description), "two\nlines" },
                { FIELD(description), "a\x1b[31m" },
                { FIELD(description), "\xff" },
                { FIELD(description), "\xe2\x80\xae"
                                      "rtl" },
                { FIELD(framework), "py torch" },
                { FIELD(framework), "" },
                { FIELD(framework), "a\"b" },
                { FIELD(version), "1\nRUN x" },
                { FIELD(version), "1;2" },
                { FIELD(base_image), "x\nRUN y" },
                { FIELD(base_image), "x AS y" },
                { FIELD(base_image), "" },
                { FIELD(base_image), "--platform=x" },
                { FIELD(image), "a b" },
                { FIELD(author), "a\nb" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct template_values v = base_values("ml", "pytorch");
                struct err e = ERR_INIT;
                memcpy((char *)&v + cases[i].field, &cases[i].value, sizeof cases[i].value);
                if (template_check(&v, &e) != -1)
                        fail_msg("accepted '%s'", cases[i].value);
                assert_int_equal(e.code, ERR_INVALID);
                assert_null(strpbrk(e.msg, "\n\x1b"));
        }
        struct strv evil = { 0 };
        struct err e = ERR_INIT;
        strv_add(&evil, "vim; reboot");
        struct template_values v = base_values("ml", "pytorch");
        v.apt = &evil;
        assert_int_equal(template_check(&v, &e), -1);
        strv_done(&evil);
}

/* What a person may well type arrives whole. */
static void odd_descriptions(void **state)
{
        (void)state;
        static const char *const texts[] = { "it's \"quoted\"", "C:\\path\\new",
                "$(reboot) `x` ${HOME}", "日本語 ümlaut 🙂", "''' \"\"\"", "# not a comment",
                "", "trailing \\" };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct template_values v = base_values("ml", "pytorch");
                struct err e = ERR_INIT;
                v.description = texts[i];
                if (template_check(&v, &e))
                        fail_msg("%s", e.msg);
                check_pyproject(&v);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(golden),
                cmocka_unit_test(every_combination), cmocka_unit_test(pytorch_only_with_pytorch),
                cmocka_unit_test(refused), cmocka_unit_test(odd_descriptions) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
