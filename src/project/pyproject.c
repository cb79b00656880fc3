/* SPDX-License-Identifier: MIT */
#include "project/pyproject.h"

#include "base/fd.h"
#include "base/json.h"
#include "image/catalogue.h"
#include "project/toml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { GPUS_MAX = 64, STRING_MAX = 4096, DATA_MAX = 32 };

const char *const project_types[] = { "ml", "cv", "nlp", "rl", "audio", "ts", "llm", "custom",
        NULL };
const char *const project_type_subjects[] = { "machine learning", "computer vision", "language",
        "reinforcement learning", "sound", "time series", "large language models",
        "no packages but yours", NULL };
_Static_assert(ARRAY_LEN(project_types) == ARRAY_LEN(project_type_subjects), "one for each");

enum kind { KIND_STRING, KIND_TYPE, KIND_STRINGS, KIND_FLAG, KIND_GPUS, KIND_SIZE };

/* The known keys of [tool.ds01]: what they hold and where it goes. */
static const struct key {
        const char *name;
        enum kind kind;
        size_t offset;
} keys[] = {
        { "type", KIND_TYPE, offsetof(struct pyproject, type) },
        { "framework", KIND_STRING, offsetof(struct pyproject, framework) },
        { "framework-version", KIND_STRING, offsetof(struct pyproject, framework_version) },
        { "gpus", KIND_GPUS, offsetof(struct pyproject, gpus) },
        { "cpu-only", KIND_FLAG, offsetof(struct pyproject, cpu_only) },
        { "data", KIND_STRINGS, offsetof(struct pyproject, data) },
        { "shm", KIND_SIZE, offsetof(struct pyproject, shm_bytes) },
        { "image", KIND_STRING, offsetof(struct pyproject, image) },
        { "created", KIND_STRING, offsetof(struct pyproject, created) },
        { "author", KIND_STRING, offsetof(struct pyproject, author) },
};

/* What a value has to look like, for the sentence about one that doesn't. */
static const char *const wanted[] = {
        [KIND_STRING] = "text in quotes, without control characters",
        [KIND_TYPE] =
                "one of \"ml\", \"cv\", \"nlp\", \"rl\", \"audio\", \"ts\", \"llm\", \"custom\"",
        [KIND_STRINGS] =
                "a folder in quotes, or a list of at most 32: [\"/data/a\", \"/data/b:rw\"]",
        [KIND_FLAG] = "true or false",
        [KIND_GPUS] = "a whole number from 0 to 64",
        [KIND_SIZE] = "a size such as \"8g\" or \"512m\"",
};

struct reader {
        const char *shown_path;
        const json_t *where;
        struct err *e;
};

void pyproject_done(struct pyproject *p)
{
        free(p->name);
        free(p->description);
        free(p->type);
        free(p->framework);
        free(p->framework_version);
        free(p->image);
        free(p->author);
        free(p->created);
        strv_done(&p->data);
        *p = PYPROJECT_INIT;
}

/* "PATH:LINE:COLUMN: sentence", and the file to edit as the way out. */
__attribute__((format(printf, 3, 4))) static int refuse(
        const struct reader *r, const char *pointer, const char *fmt, ...)
{
        cleanup_buf struct buf sentence = BUF_INIT(512);
        char text[384];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        str_safe_add(&sentence, text, strlen(text), false);
        unsigned line, column;
        toml_place(r->where, pointer, &line, &column);
        err_set(r->e, ERR_INVALID, "%s:%u:%u: %s", r->shown_path, line, column, buf_str(&sentence));
        return err_fix(r->e, "Edit %s, line %u", r->shown_path, line);
}

/* A string that can be shown, passed on and put into an argument list. */
static bool is_clean(const json_t *j)
{
        const char *s = json_string_value(j);
        size_t n = json_string_length(j);
        if (!s || n > STRING_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                        return false;
        return true;
}

/* "8g", "512m", "1.5g", "64MiB": a number and a unit of 1024s. False if it is something else. */
static bool size_from_text(const char *s, int64_t *ret_bytes)
{
        static const char units[] = "bkmgt";
        size_t digits = strspn(s, "0123456789.");
        if (digits == 0 || digits > 12 || *s == '.' || s[digits - 1] == '.')
                return false;
        char *end;
        double value = strtod(s, &end);
        if (end != s + digits)
                return false;
        int64_t factor = 1;
        if (*end) {
                const char *unit = strchr(units, *end | 0x20);
                if (!unit)
                        return false;
                factor <<= 10 * (unit - units);
                end++;
                if (*end && strcasecmp(end, "b") != 0 && strcasecmp(end, "ib") != 0)
                        return false;
        }
        double bytes = value * (double)factor;
        if (bytes < 1 || bytes > (double)(INT64_C(1) << 50))
                return false;
        *ret_bytes = (int64_t)bytes;
        return true;
}

static bool take_strings(const json_t *value, struct strv *ret)
{
        if (is_clean(value)) {
                strv_add(ret, json_string_value(value));
                return true;
        }
        if (!json_is_array(value) || json_array_size(value) > DATA_MAX)
                return false;
        for (size_t i = 0; i < json_array_size(value); i++) {
                const json_t *item = json_array_get(value, i);
                if (!is_clean(item) || json_string_length(item) == 0)
                        return false;
                strv_add(ret, json_string_value(item));
        }
        return true;
}

static bool take_value(const struct key *key, const json_t *value, struct pyproject *p)
{
        void *to = (char *)p + key->offset;
        switch (key->kind) {
        case KIND_STRING:
                if (!is_clean(value))
                        return false;
                *(char **)to = xstrdup(json_string_value(value));
                return true;
        case KIND_TYPE:
                for (const char *const *t = project_types; *t; t++)
                        if (str_eq(*t, json_string_value(value))) {
                                *(char **)to = xstrdup(*t);
                                return true;
                        }
                return false;
        case KIND_STRINGS:
                return take_strings(value, to);
        case KIND_FLAG:
                *(bool *)to = json_is_true(value);
                return json_is_boolean(value);
        case KIND_GPUS:
                if (!json_is_integer(value) || json_integer_value(value) < 0 ||
                        json_integer_value(value) > GPUS_MAX)
                        return false;
                *(int *)to = (int)json_integer_value(value);
                return true;
        case KIND_SIZE:
                return json_is_string(value) &&
                       strlen(json_string_value(value)) == json_string_length(value) &&
                       size_from_text(json_string_value(value), to);
        }
        return false;
}

static int unknown_key(const struct reader *r, const char *pointer, const char *name)
{
        const char *names[ARRAY_LEN(keys) + 1] = { NULL };
        cleanup_buf struct buf known = BUF_INIT(512);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                names[i] = keys[i].name;
                buf_printf(&known, "%s%s", i ? ", " : "", keys[i].name);
        }
        refuse(r, pointer, "Unknown key '%s' in [tool.ds01]", name);
        const char *nearest = str_nearest(name, names);
        if (nearest)
                return err_detail(r->e, "Did you mean '%s'?", nearest);
        return err_detail(r->e, "Known keys: %s", buf_str(&known));
}

static const struct key *find_key(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

/* The JSON pointer of a key of [tool.ds01]; "~" and "/" in it are escaped (RFC 6901). */
static char *pointer_to(const char *name)
{
        struct buf b = BUF_INIT(TOML_TEXT_MAX * 2);
        buf_str_add(&b, "/tool/ds01/");
        for (; *name; name++) {
                if (*name == '~' || *name == '/')
                        buf_str_add(&b, *name == '~' ? "~0" : "~1");
                else
                        buf_putc(&b, *name);
        }
        return buf_take(&b);
}

static int read_ds01(const struct reader *r, json_t *table, struct pyproject *p)
{
        const char *name;
        json_t *value;
        json_object_foreach (table, name, value) {
                cleanup_free char *pointer = pointer_to(name);
                const struct key *key = find_key(name);
                if (!key)
                        return unknown_key(r, pointer, name);
                if (!take_value(key, value, p))
                        return refuse(r, pointer, "'%s' in [tool.ds01] must be %s", name,
                                wanted[key->kind]);
        }
        if (p->cpu_only && p->gpus > 0)
                return refuse(r, "/tool/ds01/gpus", "'gpus' and 'cpu-only' exclude each other");
        /* Older files wrote the name of the project's own image, which is derived today. */
        if (p->image && (str_starts(p->image, "ds01-") || *p->image == '\0'))
                str_replace(&p->image, NULL);
        return 0;
}

/* Of [project] only what we show; its shape is its own tools' business. */
static void read_project(const json_t *tree, struct pyproject *p)
{
        const json_t *name = json_at(tree, "project/name");
        const json_t *description = json_at(tree, "project/description");
        if (is_clean(name))
                p->name = xstrdup(json_string_value(name));
        if (is_clean(description))
                p->description = xstrdup(json_string_value(description));
}

static int read_tree(const struct reader *r, const json_t *tree, struct pyproject *p)
{
        read_project(tree, p);
        const json_t *tool = json_object_get(tree, "tool");
        if (tool && !json_is_object(tool))
                return refuse(r, "/tool", "'tool' must be a table");
        json_t *ds01 = json_object_get(tool, "ds01");
        if (!ds01)
                return 0;
        if (!json_is_object(ds01))
                return refuse(r, "/tool/ds01", "'tool.ds01' must be a table");
        p->has_ds01 = true;
        return read_ds01(r, ds01, p);
}

int pyproject_parse(
        const char *text, size_t n, const char *shown_path, struct pyproject *ret, struct err *e)
{
        cleanup_json json_t *tree = NULL;
        cleanup_json json_t *where = NULL;
        struct toml_failure failure;
        if (toml_parse(text, n, &tree, &where, &failure)) {
                cleanup_free char *reason = str_safe(failure.reason);
                err_set(e, ERR_INVALID, "%s:%u:%u: %s", shown_path, failure.line, failure.column,
                        reason);
                return err_fix(e, "Edit %s, line %u", shown_path, failure.line);
        }
        struct reader r = { .shown_path = shown_path, .where = where, .e = e };
        struct pyproject p = PYPROJECT_INIT;
        if (read_tree(&r, tree, &p)) {
                pyproject_done(&p);
                return -1;
        }
        *ret = p;
        return 0;
}

int pyproject_load(int project_dirfd, const char *shown_folder, struct pyproject *ret,
        bool *ret_exists, struct err *e)
{
        cleanup_free char *text = NULL;
        cleanup_free char *shown_path = xasprintf("%s/pyproject.toml", shown_folder);
        size_t n;
        if (fd_read_file(project_dirfd, "pyproject.toml", TOML_TEXT_MAX, &text, &n, e)) {
                if (errno == EFBIG)
                        return err_set(e, ERR_INVALID, "%s is larger than 256 KiB", shown_path);
                if (errno != ENOENT)
                        return err_set(
                                e, ERR_FAILED, "Can't read %s: %s", shown_path, strerror(errno));
                *ret = PYPROJECT_INIT;
                *ret_exists = false;
                return 0;
        }
        if (pyproject_parse(text, n, shown_path, ret, e))
                return -1;
        *ret_exists = true;
        return 0;
}

void framework_display(const char *framework, const char *version, char out[PYPROJECT_DISPLAY_LEN])
{
        const char *shown = catalogue_pretty(str_or_empty(framework), version, NULL);
        bool numbered = *shown && version && *version;
        snprintf(out, PYPROJECT_DISPLAY_LEN, "%s%s%s", shown, numbered ? " " : "",
                numbered ? version : "");
}

void pyproject_display(const struct pyproject *p, char out[PYPROJECT_DISPLAY_LEN])
{
        framework_display(p->framework, p->framework_version, out);
}
