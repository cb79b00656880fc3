/* SPDX-License-Identifier: MIT */
#include "image/dockerfile.h"

#include "image/lint.h"
#include "image/shown.h"
#include "image/variable.h"

#include <string.h>
#include <strings.h>

enum { VARIABLES_MAX = 256, STAGE_NAME_MAX = 128 };

static void image_done(struct dockerfile_image *image)
{
        reference_done(&image->reference);
        free(image->before);
        free(image->after);
}

void dockerfile_done(struct dockerfile *d)
{
        for (size_t i = 0; i < d->n_stages; i++)
                free(d->stages[i].name);
        for (size_t i = 0; i < d->n_images; i++)
                image_done(&d->images[i]);
        free(d->stages);
        free(d->images);
        steps_done(&d->steps);
        *d = (struct dockerfile){ 0 };
}

/* The reading of one Dockerfile. */
struct reader {
        struct dockerfile *d;
        struct dockerfile_rules rules;
        struct variables *variables; /* those in front of the first FROM */
        struct err *e;
};

/* Among the first n stages, the one that a FROM or --from means by this name; -1 if none. */
static int find_stage(const struct dockerfile *d, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (d->stages[i].name && strcasecmp(d->stages[i].name, name) == 0)
                        return (int)i;
        return -1;
}

/* Notes an image of a step; `after` is what follows its name. The sentence gets the line in front.
 */
static int add_image(struct reader *r, size_t step, const char *name, const char *before,
        const char *after, bool copied)
{
        unsigned line = r->d->steps.v[step].line;
        struct reference reference;
        if (reference_parse(name, &reference, r->e) < 0)
                return err_wrap(r->e, "Dockerfile line %u", line);
        r->d->images = xrealloc(r->d->images, r->d->n_images + 1, sizeof *r->d->images);
        r->d->images[r->d->n_images++] = (struct dockerfile_image){
                .reference = reference,
                .line = line,
                .copied = copied,
                .step = step,
                .before = xstrdup(before),
                .after = xstrdup(after),
        };
        return 0;
}

/* A stage's name as the builder takes it: a lower-case letter, then letters, digits and "-_.". */
static int check_stage_name(struct reader *r, const char *name, unsigned line)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
        cleanup_free char *shown = shown_text(name, STEP_SHOWN_MAX);
        bool ok = name[0] >= 'a' && name[0] <= 'z' && name[strspn(name, letters)] == '\0' &&
                  strlen(name) <= STAGE_NAME_MAX;
        if (!ok || str_eq(name, "scratch") || str_eq(name, "context"))
                return step_refuse(r->e, line, "use a name such as build or runtime",
                        "'%s' can't be the name of a stage", shown);
        if (find_stage(r->d, r->d->n_stages, name) >= 0)
                return step_refuse(r->e, line, "give each stage a name of its own",
                        "a stage named '%s' exists already", shown);
        return 0;
}

static void lower(char *s)
{
        for (; *s; s++)
                if (*s >= 'A' && *s <= 'Z')
                        *s = (char)(*s + 32);
}

/* Finds out what a stage is built from and writes that into the step, without variables. */
static int resolve_base(
        struct reader *r, size_t at, const char *word, struct dockerfile_stage *stage)
{
        struct step *step = &r->d->steps.v[at];
        cleanup_free char *base = NULL;
        if (variables_expand(r->variables, word, &base, r->e) < 0) {
                cleanup_free char *shown = shown_text(word, STEP_SHOWN_MAX);
                return err_wrap(r->e, "Dockerfile line %u: FROM %s", step->line, shown);
        }
        cleanup_free char *as = stage->name ? xasprintf(" AS %s", stage->name) : xstrdup("");
        stage->parent = find_stage(r->d, r->d->n_stages, base);
        stage->scratch = stage->parent < 0 && str_eq(base, "scratch");
        if (stage->parent < 0 && !stage->scratch)
                return add_image(r, at, base, "", as, false);
        free(step->rest);
        step->rest = xasprintf(
                "%s%s", stage->scratch ? "scratch" : r->d->stages[stage->parent].name, as);
        return 0;
}

static int read_from(struct reader *r, size_t at)
{
        struct step *step = &r->d->steps.v[at];
        cleanup_strv struct strv words = { 0 };
        step_words(step->rest, false, &words);
        bool named = words.n == 3 && strcasecmp(words.v[1], "as") == 0;
        if (words.n != 1 && !named)
                return step_refuse(r->e, step->line, "write FROM IMAGE or FROM IMAGE AS NAME",
                        "FROM takes one image");
        if (r->d->n_stages == r->rules.max_stages)
                return step_refuse(r->e, step->line, "use fewer stages",
                        "there are more than %zu stages", r->rules.max_stages);
        cleanup_free char *name = named ? xstrdup(words.v[2]) : NULL;
        if (name) {
                lower(name);
                if (check_stage_name(r, name, step->line) < 0)
                        return -1;
        }
        struct dockerfile_stage stage = { .name = name, .parent = -1, .line = step->line };
        if (resolve_base(r, at, words.v[0], &stage) < 0)
                return -1;
        r->d->stages = xrealloc(r->d->stages, r->d->n_stages + 1, sizeof *r->d->stages);
        stage.name = take_ptr(name);
        r->d->stages[r->d->n_stages++] = stage;
        return 0;
}

/* ARG in front of the first FROM. A value that can't be read here matters only if a FROM uses it.
 */
static int read_arg(struct reader *r, const struct step *step)
{
        cleanup_strv struct strv words = { 0 };
        step_words(step->rest, true, &words);
        for (size_t i = 0; i < words.n; i++) {
                size_t n = strcspn(words.v[i], "=");
                cleanup_free char *shown = shown_text(words.v[i], STEP_SHOWN_MAX);
                if (!variable_name_ok(words.v[i], n))
                        return step_refuse(r->e, step->line, "write ARG NAME=VALUE",
                                "'%s' doesn't begin with a variable's name", shown);
                if (r->variables->n == VARIABLES_MAX)
                        return step_refuse(r->e, step->line, "use fewer of them",
                                "there are more than %d variables", VARIABLES_MAX);
                cleanup_free char *value = NULL;
                struct err ignored = ERR_INIT;
                if (words.v[i][n] == '=')
                        (void)variables_expand(r->variables, words.v[i] + n + 1, &value, &ignored);
                variables_set(r->variables, words.v[i], n, value);
        }
        return 0;
}

/* 1 if --from names an earlier stage, 0 if an image, -1 refused. */
static int from_is_stage(struct reader *r, const char *from, unsigned line)
{
        size_t earlier = r->d->n_stages - 1;
        cleanup_free char *shown = shown_text(from, STEP_SHOWN_MAX);
        if (from[0] == '\0' || strchr(from, '$'))
                return step_refuse(r->e, line,
                        "name the image in a stage of its own: FROM IMAGE AS files\n"
                        "and copy from it: COPY --from=files SOURCE DESTINATION",
                        "COPY --from=%s has no fixed name", shown);
        if (find_stage(r->d, earlier, from) >= 0)
                return 1;
        const char *own = r->d->stages[earlier].name;
        long long number = 0;
        bool digits = from[strspn(from, "0123456789")] == '\0';
        if (digits && str_to_int(from, 0, (long long)earlier - 1, &number))
                return 1;
        if (digits || (own && strcasecmp(own, from) == 0))
                return step_refuse(r->e, line, "copy from a stage that stands above this one",
                        "COPY --from=%s is not an earlier stage", shown);
        return 0;
}

static int read_copy(struct reader *r, size_t at)
{
        const struct step *step = &r->d->steps.v[at];
        cleanup_strv struct strv options = { 0 };
        const char *rest = step_options(step, &options);
        const char *from = NULL;
        cleanup_buf struct buf after = BUF_INIT(strlen(step->rest) + 2);
        for (size_t i = 0; i < options.n; i++) {
                if (!str_starts(options.v[i], "--from=")) {
                        buf_printf(&after, " %s", options.v[i]);
                        continue;
                }
                if (from)
                        return step_refuse(
                                r->e, step->line, "keep one of them", "COPY has --from twice");
                from = options.v[i] + strlen("--from=");
        }
        if (!from)
                return 0;
        int stage = from_is_stage(r, from, step->line);
        if (stage != 0)
                return stage < 0 ? -1 : 0;
        buf_printf(&after, " %s", rest);
        return add_image(r, at, from, "--from=", buf_str(&after), true);
}

static int read_step(struct reader *r, size_t at)
{
        const struct step *step = &r->d->steps.v[at];
        if (step->kind == STEP_FROM)
                return read_from(r, at);
        if (r->d->n_stages == 0 && step->kind == STEP_ARG)
                return read_arg(r, step);
        if (r->d->n_stages == 0)
                return step_refuse(r->e, step->line, "begin the Dockerfile with FROM IMAGE",
                        "%s stands in front of the first FROM", step_name(step->kind));
        if (lint_step(step, r->e) < 0)
                return -1;
        return step->kind == STEP_COPY ? read_copy(r, at) : 0;
}

static int check_size(
        const char *text, size_t n, const struct dockerfile_rules *rules, struct err *e)
{
        if (n > rules->max_bytes) {
                err_set(e, ERR_INVALID, "The Dockerfile has %zu bytes, more than %zu", n,
                        rules->max_bytes);
                return err_fix(e, "move long scripts into files of the project and COPY them");
        }
        if (!str_is_utf8(text, n)) {
                err_set(e, ERR_INVALID, "The Dockerfile is not UTF-8 text");
                return err_fix(e, "save it as UTF-8 in your editor");
        }
        return 0;
}

int dockerfile_check(const char *text, size_t n, const struct dockerfile_rules *rules,
        struct dockerfile *ret, struct err *e)
{
        cleanup_dockerfile struct dockerfile d = { 0 };
        cleanup_variables struct variables variables = { 0 };
        struct reader r = { &d, rules ? *rules : DOCKERFILE_RULES_DEFAULT, &variables, e };
        if (check_size(text, n, &r.rules, e) < 0 || steps_parse(text, n, &d.steps, e) < 0)
                return -1;
        for (size_t i = 0; i < d.steps.n; i++)
                if (read_step(&r, i) < 0)
                        return -1;
        if (d.n_stages == 0) {
                err_set(e, ERR_INVALID, "The Dockerfile has no FROM instruction");
                return err_fix(
                        e, "begin it with the image to build on, such as FROM aime/pytorch:2.8.0");
        }
        *ret = d;
        d = (struct dockerfile){ 0 };
        return 0;
}

void dockerfile_use(struct dockerfile *d, size_t i, const struct reference *reference)
{
        struct reference copy;
        reference_copy(reference, &copy);
        reference_done(&d->images[i].reference);
        d->images[i].reference = copy;
}

/* Writes ARG NAME="value" with what is special inside double quotes escaped. */
static int add_pair(struct buf *b, const char *pair, struct err *e)
{
        size_t n = strcspn(pair, "=");
        if (!variable_name_ok(pair, n) || pair[n] != '=') {
                cleanup_free char *shown = shown_text(pair, STEP_SHOWN_MAX);
                return err_set(e, ERR_INVALID, "Build variable '%s' is not NAME=value", shown);
        }
        const char *value = pair + n + 1;
        for (const unsigned char *p = (const unsigned char *)value; *p; p++)
                if (*p < ' ' || *p == 0x7f)
                        return err_set(e, ERR_INVALID,
                                "The value of the build variable %.*s has a control character",
                                (int)n, pair);
        buf_printf(b, "ARG %.*s=\"", (int)n, pair);
        for (; *value; value++) {
                if (strchr("\"\\$", *value))
                        buf_putc(b, '\\');
                buf_putc(b, *value);
        }
        buf_str_add(b, "\"\n");
        return 0;
}

int dockerfile_text(const struct dockerfile *d, const struct strv *pairs, char **ret, struct err *e)
{
        cleanup_buf struct buf b = BUF_INIT(1024 * 1024);
        cleanup_buf struct buf args = BUF_INIT(64 * 1024);
        unsigned line = 1;
        size_t image = 0;
        for (size_t i = 0; pairs && i < pairs->n; i++)
                if (add_pair(&args, pairs->v[i], e) < 0)
                        return -1;
        for (size_t i = 0; i < d->steps.n; i++) {
                const struct step *step = &d->steps.v[i];
                for (; line < step->line; line++)
                        buf_putc(&b, '\n');
                buf_printf(&b, "%s ", step_name(step->kind));
                if (image < d->n_images && d->images[image].step == i) {
                        cleanup_free char *name = reference_text(&d->images[image].reference);
                        buf_printf(&b, "%s%s%s", d->images[image].before, name,
                                d->images[image].after);
                        image++;
                } else {
                        buf_str_add(&b, step->rest);
                }
                buf_putc(&b, '\n');
                line++;
                if (step->kind == STEP_FROM)
                        buf_str_add(&b, buf_str(&args));
        }
        if (b.full || args.full)
                return err_set(e, ERR_INVALID,
                        "The Dockerfile and the build variables are too long together");
        *ret = buf_take(&b);
        return 0;
}

int dockerfile_with_args(
        const char *text, size_t n, const struct strv *pairs, char **ret, struct err *e)
{
        cleanup_dockerfile struct dockerfile d = { 0 };
        if (dockerfile_check(text, n, NULL, &d, e) < 0)
                return -1;
        return dockerfile_text(&d, pairs, ret, e);
}
