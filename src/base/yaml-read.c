/* SPDX-License-Identifier: MIT */
/* The second half of base/yaml.h: reading values, and the walk along a table of keys. */
#include "base/yaml.h"

#include <string.h>
#include <strings.h>

static const char *shown(const struct yaml_node *node)
{
        switch (node->kind) {
        case YAML_KIND_LIST:
                return "a list";
        case YAML_KIND_MAP:
                return "a map";
        case YAML_KIND_SCALAR:
        default:
                return yaml_is_null(node) ? "null" : node->text;
        }
}

static bool is_value(const struct yaml_node *node)
{
        return node->kind == YAML_KIND_SCALAR && !yaml_is_null(node);
}

int yaml_read_text(const struct yaml_node *node, const char *name, char **ret, struct err *e)
{
        if (!is_value(node) || !*node->text)
                return yaml_refuse(node, e, "'%s' needs a text, not %.60s", name,
                        *shown(node) ? shown(node) : "an empty one");
        str_replace(ret, node->text);
        return 0;
}

int yaml_read_bool(const struct yaml_node *node, const char *name, bool *ret, struct err *e)
{
        static const struct {
                const char *word;
                bool value;
        } words[] = { { "true", true }, { "false", false }, { "yes", true }, { "no", false },
                { "on", true }, { "off", false } };
        if (is_value(node))
                for (size_t i = 0; i < ARRAY_LEN(words); i++)
                        if (strcasecmp(node->text, words[i].word) == 0) {
                                *ret = words[i].value;
                                return 0;
                        }
        return yaml_refuse(node, e, "'%s' needs true or false, not %.60s", name, shown(node));
}

int yaml_read_int(const struct yaml_node *node, const char *name, int64_t min, int64_t max,
        int64_t *ret, struct err *e)
{
        long long v;
        if (!is_value(node) || !str_to_int(node->text, min, max, &v))
                return yaml_refuse(node, e,
                        "'%s' needs a whole number from %lld to %lld, not %.60s", name,
                        (long long)min, (long long)max, shown(node));
        *ret = v;
        return 0;
}

/* "12.5" with what follows it, without ever going through a binary fraction. */
static bool scan_decimal(const char *s, struct yaml_decimal *ret, const char **ret_rest)
{
        enum { INTEGER_MAX = 1000000000, PLACES = 6 };
        struct yaml_decimal d = { 0, 1 };
        if (*s < '0' || *s > '9')
                return false;
        for (; *s >= '0' && *s <= '9'; s++) {
                d.num = d.num * 10 + (*s - '0');
                if (d.num > (int64_t)INTEGER_MAX * 1000000)
                        return false;
        }
        if (*s == '.') {
                const char *start = ++s;
                for (; *s >= '0' && *s <= '9'; s++) {
                        if (s - start >= PLACES || d.num > (int64_t)INTEGER_MAX * 1000000)
                                return false;
                        d.num = d.num * 10 + (*s - '0');
                        d.den *= 10;
                }
                if (s == start)
                        return false;
        }
        for (int64_t f = 5; f >= 2; f -= 3)
                while (d.den % f == 0 && d.num % f == 0) {
                        d.num /= f;
                        d.den /= f;
                }
        *ret = d;
        *ret_rest = s;
        return true;
}

int yaml_read_decimal(const struct yaml_node *node, const char *name, int64_t max,
        struct yaml_decimal *ret, struct err *e)
{
        struct yaml_decimal d;
        const char *rest;
        if (!is_value(node) || !scan_decimal(node->text, &d, &rest) || *rest ||
                d.num / d.den > max || (d.num / d.den == max && d.num % d.den))
                return yaml_refuse(node, e,
                        "'%s' needs a number from 0 to %lld, such as 0.5, not %.60s", name,
                        (long long)max, shown(node));
        *ret = d;
        return 0;
}

/* The power of 1024 that a suffix stands for, or -1. */
static int size_suffix(const char *s)
{
        static const char letters[] = "bkmgt";
        if (!*s)
                return 0;
        const char *at = strchr(letters, *s | 0x20);
        if (!at)
                return -1;
        int power = (int)(at - letters);
        s++;
        bool ends = !*s || (power && (strcasecmp(s, "b") == 0 || strcasecmp(s, "ib") == 0));
        return ends ? power : -1;
}

int yaml_read_size(const struct yaml_node *node, const char *name, int64_t min, int64_t max,
        int64_t *ret, struct err *e)
{
        struct yaml_decimal d;
        const char *rest;
        int power = -1;
        if (is_value(node) && scan_decimal(node->text, &d, &rest))
                power = size_suffix(rest);
        int64_t bytes;
        if (power < 0 || __builtin_mul_overflow(d.num, (int64_t)1 << (10 * power), &bytes) ||
                bytes / d.den < min || bytes / d.den > max)
                return yaml_refuse(node, e,
                        "'%s' needs a size from %lld bytes up, such as 512m or 32g, not %.60s",
                        name, (long long)min, shown(node));
        *ret = bytes / d.den;
        return 0;
}

int yaml_read_list(const struct yaml_node *node, const char *name, struct strv *ret, struct err *e)
{
        cleanup_strv struct strv l = { 0 };
        if (node->kind != YAML_KIND_LIST && !yaml_is_null(node))
                return yaml_refuse(node, e, "'%s' needs a list, not %.60s", name, shown(node));
        for (size_t i = 0; i < node->n; i++) {
                char *text = NULL;
                if (yaml_read_text(node->v[i], name, &text, e))
                        return -1;
                strv_take(&l, text);
        }
        strv_done(ret);
        *ret = l;
        l = (struct strv){ 0 };
        return 0;
}

/* ---- takers ---- */

static void *member(void *obj, const struct yaml_key *key)
{
        return (char *)obj + key->offset;
}

int yaml_take_text(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_read_text(value, key->name, member(obj, key), e);
}

int yaml_take_bool(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_read_bool(value, key->name, member(obj, key), e);
}

int yaml_take_int(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_read_int(value, key->name, key->min, key->max, member(obj, key), e);
}

int yaml_take_size(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_read_size(value, key->name, key->min, key->max, member(obj, key), e);
}

int yaml_take_list(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_read_list(value, key->name, member(obj, key), e);
}

int yaml_take_int_or_none(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        if (!yaml_is_null(value))
                return yaml_take_int(value, key, obj, e);
        *(int64_t *)member(obj, key) = -1;
        return 0;
}

int yaml_take_size_or_none(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        if (!yaml_is_null(value))
                return yaml_take_size(value, key, obj, e);
        *(int64_t *)member(obj, key) = -1;
        return 0;
}

int yaml_take_map(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        return yaml_walk(value, key->name, key->sub, obj, NULL, NULL, e);
}

/* ---- the walk ---- */

static const struct yaml_key *find_key(const struct yaml_key *keys, const char *name)
{
        for (; keys->name; keys++) {
                size_t n = strlen(keys->name);
                bool prefix = keys->name[n - 1] == '*';
                if (prefix ? strncmp(keys->name, name, n - 1) == 0 : strcmp(keys->name, name) == 0)
                        return keys;
        }
        return NULL;
}

static const char *nearest_key(const struct yaml_key *keys, const char *name)
{
        size_t n = 0;
        while (keys[n].name)
                n++;
        cleanup_free const char **names = xcalloc(n + 1, sizeof(char *));
        for (size_t i = 0; i < n; i++)
                names[i] = keys[i].name;
        return str_nearest(name, names);
}

static int unknown_key(const struct yaml_node *at, const char *what, const struct yaml_key *keys,
        struct strv *warnings, struct err *e)
{
        const char *near = nearest_key(keys, at->text);
        if (warnings) {
                yaml_warn(at, warnings, "Unknown key '%.60s' in %s%s%s%s", at->text, what,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
                return 0;
        }
        yaml_refuse(at, e, "Unknown key '%.60s' in %s", at->text, what);
        return near ? err_fix(e, "Did you mean '%s'?", near) : -1;
}

int yaml_walk(const struct yaml_node *map, const char *what, const struct yaml_key *keys, void *obj,
        struct strv *warnings, struct strv *ignored, struct err *e)
{
        if (yaml_is_null(map))
                return 0;
        if (map->kind != YAML_KIND_MAP)
                return yaml_refuse(
                        map, e, "%s needs \"key: value\" lines, not %.60s", what, shown(map));
        for (size_t i = 0; i < map->n; i++) {
                const struct yaml_node *at = map->keys[i];
                const struct yaml_key *key = find_key(keys, at->text);
                int r = 0;
                if (!key)
                        r = unknown_key(at, what, keys, warnings, e);
                else if (key->take)
                        r = key->take(map->v[i], key, obj, e);
                else
                        yaml_warn(at, ignored, "'%.60s' is known but not enforced", at->text);
                if (r)
                        return -1;
        }
        return 0;
}
