/* SPDX-License-Identifier: MIT */
/*
 * pyproject.toml, which anybody's clone can bring. What is taken keeps the bounds that the rest of ds01 counts
 * on: known keys only (none that widens rights), one of the types, whole numbers in range, texts without control
 * characters, at most 32 folders. What is refused is refused with the file's name, a place in it, and a sentence
 * that can be shown. Every key has a place. No text ends the program, however deep or long.
 */
#include "project/pyproject.h"

#include "base/json.h"
#include "calm.h"
#include "project/toml.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SHOWN "~/workspace/x/pyproject.toml"

static size_t lines_of(const char *text, size_t n)
{
        size_t lines = 1;
        for (size_t i = 0; i < n; i++)
                lines += text[i] == '\n';
        return lines;
}

static void check_text(const char *text)
{
        for (const char *s = str_or_empty(text); *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f)
                        abort();
        if (!str_is_utf8(str_or_empty(text), strlen(str_or_empty(text))))
                abort();
}

static void check_project(const struct pyproject *p)
{
        const char *const texts[] = { p->name, p->description, p->type, p->framework,
                p->framework_version, p->image, p->author, p->created };
        char shown[PYPROJECT_DISPLAY_LEN];
        bool known = !p->type;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                check_text(texts[i]);
        for (const char *const *t = project_types; *t; t++)
                known |= str_eq(*t, p->type);
        if (!known || p->gpus < -1 || p->gpus > 64 || (p->cpu_only && p->gpus > 0) ||
                p->shm_bytes < -1 || p->shm_bytes == 0 || p->shm_bytes > INT64_C(1) << 50 ||
                p->data.n > 32)
                abort();
        for (size_t i = 0; i < p->data.n; i++)
                check_text(p->data.v[i]);
        if (p->image && (*p->image == '\0' || str_starts(p->image, "ds01-")))
                abort();
        pyproject_display(p, shown);
        if (strlen(shown) >= sizeof shown)
                abort();
}

/* The keys of the table, and that each has its place in the text. */
static void check_keys(const json_t *tree, const json_t *where, size_t lines)
{
        static const char *const known[] = { "type", "framework", "framework-version", "gpus",
                "cpu-only", "data", "shm", "image", "created", "author", NULL };
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)json_at(tree, "tool/ds01"), key, value) {
                bool found = false;
                unsigned line, column;
                for (const char *const *k = known; *k; k++)
                        found |= str_eq(*k, key);
                cleanup_free char *pointer = xasprintf("/tool/ds01/%s", key);
                toml_place(where, pointer, &line, &column);
                if (!found || line < 1 || line > lines || column < 1)
                        abort();
        }
}

static void check_refusal(const struct err *e, size_t lines)
{
        unsigned line = 0, column = 0;
        if (e->code != ERR_INVALID || !calm_sentence(e->msg, sizeof e->msg) ||
                !calm(e->detail, strlen(e->detail), true, true) ||
                sscanf(e->msg, SHOWN ":%u:%u: ", &line, &column) != 2 || line > lines)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        const char *text = (const char *)data;
        cleanup_json json_t *tree = NULL, *where = NULL;
        cleanup_pyproject struct pyproject p = PYPROJECT_INIT;
        struct toml_failure failure = { 0 };
        struct err e = ERR_INIT;
        size_t lines = lines_of(text, n);
        int parsed = toml_parse(text, n, &tree, &where, &failure);
        if (pyproject_parse(text, n, SHOWN, &p, &e) < 0) {
                check_refusal(&e, lines);
                return 0;
        }
        if (parsed < 0)
                abort();
        check_keys(tree, where, lines);
        check_project(&p);
        return 0;
}
