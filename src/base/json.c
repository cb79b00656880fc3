/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/str.h"

#include <string.h>

/*
 * jansson recurses to its own limit of 2048; ours is checked on the bytes first, which costs one
 * pass and keeps hostile nesting away from the parser altogether.
 */
static bool deeper_than(const char *s, size_t n, unsigned max)
{
        unsigned depth = 0;
        bool in_string = false;
        for (size_t i = 0; i < n; i++) {
                if (in_string) {
                        if (s[i] == '\\')
                                i++;
                        else if (s[i] == '"')
                                in_string = false;
                } else if (s[i] == '"') {
                        in_string = true;
                } else if (s[i] == '{' || s[i] == '[') {
                        if (++depth > max)
                                return true;
                } else if ((s[i] == '}' || s[i] == ']') && depth > 0) {
                        depth--;
                }
        }
        return false;
}

int json_parse(const char *text, size_t n, unsigned max_depth, json_t **ret, struct err *e)
{
        if (deeper_than(text, n, max_depth))
                return err_set(e, ERR_INVALID, "JSON is nested deeper than %u levels", max_depth);
        json_error_t je;
        json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
        if (!j) {
                cleanup_free char *why = str_safe(je.text); /* it quotes the text */
                return err_set(e, ERR_INVALID, "Not valid JSON: %s", why);
        }
        *ret = j;
        return 0;
}

const json_t *json_at(const json_t *obj, const char *path)
{
        char key[128];
        while (obj && *path) {
                size_t n = strcspn(path, "/");
                if (n >= sizeof key)
                        return NULL;
                memcpy(key, path, n);
                key[n] = '\0';
                obj = json_object_get(obj, key);
                path += n + (path[n] == '/');
        }
        return obj;
}

const char *json_str(const json_t *obj, const char *path)
{
        return json_string_value(json_at(obj, path));
}

int64_t json_int(const json_t *obj, const char *path, int64_t fallback)
{
        const json_t *j = json_at(obj, path);
        return json_is_integer(j) ? json_integer_value(j) : fallback;
}

bool json_bool(const json_t *obj, const char *path, bool fallback)
{
        const json_t *j = json_at(obj, path);
        return json_is_boolean(j) ? json_is_true(j) : fallback;
}

static char *text_of(const json_t *j, size_t flags)
{
        char *s = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | flags);
        if (!s)
                abort();
        return s;
}

char *json_text(const json_t *j)
{
        return text_of(j, 0);
}

char *json_text_ascii(const json_t *j)
{
        return text_of(j, JSON_ENSURE_ASCII);
}
