/* SPDX-License-Identifier: MIT */
#include "rpc/api.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

static const struct api_interface interfaces[] = {
#define I(name, doc) { name, doc },
#define M(id, name, who, flags, max_fds, doc)
#define P(id, name, type, flags, doc)
#define R(id, name, type, doc)
#include "rpc/api.def"
#undef I
#undef M
#define I(name, doc)
};

static const struct api_method methods[API_METHOD_COUNT] = {
#define M(id, name, who, flags, max_fds, doc) { API_##id, name, who, flags, max_fds, doc },
#include "rpc/api.def"
#undef M
#define M(id, name, who, flags, max_fds, doc)
};

static const struct api_field params_table[] = {
#undef P
#define P(id, name, type, flags, doc) { API_##id, name, type, flags, doc },
#include "rpc/api.def"
#undef P
#define P(id, name, type, flags, doc)
};

static const struct api_field replies_table[] = {
#undef R
#define R(id, name, type, doc) { API_##id, name, type, 0, doc },
#include "rpc/api.def"
#undef I
#undef M
#undef P
#undef R
};

static const struct api_field *field_at(
        const struct api_field *table, size_t n, const struct api_method *m, size_t i)
{
        for (size_t k = 0; k < n; k++)
                if (table[k].method == m->id && i-- == 0)
                        return &table[k];
        return NULL;
}

static const struct api_field *field_find(
        const struct api_field *table, size_t n, const struct api_method *m, const char *name)
{
        for (size_t k = 0; k < n; k++)
                if (table[k].method == m->id && strcmp(table[k].name, name) == 0)
                        return &table[k];
        return NULL;
}

const struct api_method *api_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(methods); i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return NULL;
}

const struct api_interface *api_interface_at(size_t i)
{
        return i < ARRAY_LEN(interfaces) ? &interfaces[i] : NULL;
}

const struct api_method *api_method_at(size_t i)
{
        return i < ARRAY_LEN(methods) ? &methods[i] : NULL;
}

const struct api_field *api_param_at(const struct api_method *m, size_t i)
{
        return field_at(params_table, ARRAY_LEN(params_table), m, i);
}

const struct api_field *api_reply_at(const struct api_method *m, size_t i)
{
        return field_at(replies_table, ARRAY_LEN(replies_table), m, i);
}

/* What the value should have been, or NULL if it is of the type. */
static const char *mismatch(enum api_type type, const json_t *v)
{
        switch (type) {
        case API_STRING:
                return json_is_string(v) ? NULL : "a string";
        case API_INT:
                return json_is_integer(v) ? NULL : "an integer";
        case API_BOOL:
                return json_is_boolean(v) ? NULL : "true or false";
        case API_STRINGS:
                if (!json_is_array(v))
                        return "a list of strings";
                for (size_t i = 0; i < json_array_size(v); i++)
                        if (!json_is_string(json_array_get(v, i)))
                                return "a list of strings";
                return NULL;
        }
        return "of a known type";
}

static int check_size(const char *key, const json_t *v, struct err *e)
{
        if (json_is_string(v) && json_string_length(v) > API_STRING_MAX)
                return err_set(
                        e, ERR_INVALID, "Key '%s' is longer than %d bytes", key, API_STRING_MAX);
        if (!json_is_array(v))
                return 0;
        if (json_array_size(v) > API_STRINGS_MAX)
                return err_set(
                        e, ERR_INVALID, "Key '%s' has more than %d items", key, API_STRINGS_MAX);
        for (size_t i = 0; i < json_array_size(v); i++)
                if (check_size(key, json_array_get(v, i), e) < 0)
                        return -1;
        return 0;
}

static int unknown_key(const struct api_method *m, const char *key, struct err *e)
{
        const char *names[ARRAY_LEN(params_table) + 1];
        size_t n = 0;
        for (const struct api_field *f; (f = api_param_at(m, n));)
                names[n++] = f->name;
        names[n] = NULL;
        cleanup_free char *safe = str_safe_max(key, 200);
        err_set(e, ERR_INVALID, "Unknown key '%s' for %s", safe, m->name);
        const char *near = str_nearest(key, names);
        return near ? err_fix(e, "Did you mean '%s'?", near) : -1;
}

static int check_value(
        const struct api_method *m, const char *key, const json_t *value, struct err *e)
{
        const struct api_field *f = field_find(params_table, ARRAY_LEN(params_table), m, key);
        if (!f)
                return unknown_key(m, key, e);
        if (json_is_null(value))
                return 0;
        const char *want = mismatch(f->type, value);
        if (want)
                return err_set(e, ERR_INVALID, "Key '%s' of %s must be %s", key, m->name, want);
        return check_size(key, value, e);
}

int api_check_params(const struct api_method *m, const json_t *params, size_t n_fds,
        char parameter[API_KEY_MAX], struct err *e)
{
        const struct api_field *f;
        parameter[0] = '\0';
        if (params && !json_is_object(params))
                return err_set(e, ERR_INVALID, "The parameters of %s must be an object", m->name);
        if (n_fds > m->max_fds)
                return err_set(e, ERR_INVALID, "%s came with %zu descriptors and takes at most %zu",
                        m->name, n_fds, m->max_fds);
        json_t *object = (json_t *)params; /* iterating takes no const, and changes nothing */
        for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
                const char *key = json_object_iter_key(it);
                if (check_value(m, key, json_object_iter_value(it), e) == 0)
                        continue;
                snprintf(parameter, API_KEY_MAX, "%s", key);
                return -1;
        }
        for (size_t i = 0; (f = api_param_at(m, i)); i++) {
                const json_t *value = json_object_get(params, f->name);
                if (!(f->flags & API_REQUIRED) || (value && !json_is_null(value)))
                        continue;
                snprintf(parameter, API_KEY_MAX, "%s", f->name);
                return err_set(e, ERR_INVALID, "%s needs the key '%s'", m->name, f->name);
        }
        return 0;
}

int api_check_reply(const struct api_method *m, const json_t *params, struct err *e)
{
        if (params && !json_is_object(params))
                return err_set(e, ERR_FAILED, "The reply to %s is not an object", m->name);
        json_t *object = (json_t *)params;
        for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
                const char *key = json_object_iter_key(it);
                const json_t *value = json_object_iter_value(it);
                const struct api_field *f =
                        field_find(replies_table, ARRAY_LEN(replies_table), m, key);
                if (!f)
                        return err_set(e, ERR_FAILED, "The reply to %s has the unknown field '%s'",
                                m->name, key);
                const char *want = json_is_null(value) ? NULL : mismatch(f->type, value);
                if (want)
                        return err_set(e, ERR_FAILED, "Field '%s' of the reply to %s is not %s",
                                key, m->name, want);
        }
        return 0;
}
