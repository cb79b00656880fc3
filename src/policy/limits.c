/* SPDX-License-Identifier: MIT */
#include "policy/limits.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const struct limit_info infos[LIMIT_COUNT] = {
#define LIMIT(id, key, unit, min, max, builtin, nullable, enforced, meaning)                       \
        [id] = { key, key, false, unit, min, max, builtin, nullable, enforced, meaning },
#define AGGREGATE(id, key, unit, min, max, builtin, nullable, enforced, meaning)                   \
        [id] = { "aggregate." key, key, true, unit, min, max, builtin, nullable, enforced,         \
                meaning },
#include "policy/limits.def"
};

static const char *const sights[] = {
        [LIMIT_SEES_COUNTS] = "counts",
        [LIMIT_SEES_USERS] = "users",
        [LIMIT_SEES_ALL] = "all",
};

const struct limit_info *limit_info(enum limit_key key)
{
        return &infos[key];
}

struct limit limit_builtin(enum limit_key key)
{
        int64_t v = infos[key].builtin;
        return v == LIMIT_NONE ? (struct limit){ LIMIT_UNLIMITED, 0, 1 }
                               : (struct limit){ LIMIT_SET, v, 1 };
}

/* ---- reading ---- */

/* A decimal times `scale`, which must come out whole (or is cut, for hours: nobody sees it). */
static int read_scaled(const struct limit_info *info, const struct yaml_node *node, int64_t scale,
        bool whole, int64_t *ret, struct err *e)
{
        struct yaml_decimal d;
        if (yaml_read_decimal(node, info->name, info->max / scale, &d, e))
                return -1;
        int64_t v = d.num * scale / d.den;
        if ((whole && d.num * scale % d.den) || v < info->min || v > info->max)
                return yaml_refuse(node, e, "'%s' can't be %.60s: it goes from %g to %lld",
                        info->name, node->text, (double)info->min / (double)scale,
                        (long long)(info->max / scale));
        *ret = v;
        return 0;
}

static int read_percent(
        const struct limit_info *info, const struct yaml_node *node, int64_t *ret, struct err *e)
{
        struct yaml_node number = *node;
        size_t n = node->kind == YAML_KIND_SCALAR ? strlen(node->text) : 0;
        cleanup_free char *digits =
                n ? xstrndup(node->text, node->text[n - 1] == '%' ? n - 1 : n) : NULL;
        if (!digits || !str_to_int(digits, info->min, info->max, &(long long){ 0 }))
                return yaml_refuse(node, e,
                        "'%s' needs a percentage of one CPU, such as 400%%, not %.60s", info->name,
                        n ? node->text : "null");
        number.text = digits;
        return yaml_read_int(&number, info->name, info->min, info->max, ret, e);
}

static int read_visibility(
        const struct limit_info *info, const struct yaml_node *node, int64_t *ret, struct err *e)
{
        if (node->kind == YAML_KIND_SCALAR)
                for (size_t i = 0; i < ARRAY_LEN(sights); i++)
                        if (strcmp(node->text, sights[i]) == 0) {
                                *ret = (int64_t)i;
                                return 0;
                        }
        return yaml_refuse(node, e, "'%s' needs counts, users or all", info->name);
}

static int read_gpus(const struct limit_info *info, const struct yaml_node *node, struct limit *ret,
        struct err *e)
{
        struct yaml_decimal d;
        if (yaml_read_decimal(node, info->name, info->max, &d, e))
                return -1;
        ret->value = d.num;
        ret->den = d.den;
        return 0;
}

static int read_bool(
        const struct limit_info *info, const struct yaml_node *node, int64_t *ret, struct err *e)
{
        bool yes;
        if (yaml_read_bool(node, info->name, &yes, e))
                return -1;
        *ret = yes;
        return 0;
}

static int read_value(const struct limit_info *info, const struct yaml_node *node,
        struct limit *ret, struct err *e)
{
        switch (info->unit) {
        case LIMIT_UNIT_GPUS:
                return read_gpus(info, node, ret, e);
        case LIMIT_UNIT_BOOL:
                return read_bool(info, node, &ret->value, e);
        case LIMIT_UNIT_MILLICPUS:
                return read_scaled(info, node, 1000, true, &ret->value, e);
        case LIMIT_UNIT_HOURS:
                return read_scaled(info, node, 3600, false, &ret->value, e);
        case LIMIT_UNIT_BYTES:
                return yaml_read_size(node, info->name, info->min, info->max, &ret->value, e);
        case LIMIT_UNIT_PERCENT:
                return read_percent(info, node, &ret->value, e);
        case LIMIT_UNIT_VISIBILITY:
                return read_visibility(info, node, &ret->value, e);
        case LIMIT_UNIT_COUNT:
        case LIMIT_UNIT_SECONDS:
        default:
                return yaml_read_int(node, info->name, info->min, info->max, &ret->value, e);
        }
}

/* systemd's word for it, in the keys that are systemd's. */
static bool is_infinity(const struct limit_info *info, const struct yaml_node *node)
{
        return info->aggregate && node->kind == YAML_KIND_SCALAR &&
               strcmp(node->text, "infinity") == 0;
}

int limit_read(enum limit_key key, const struct yaml_node *node, struct limit *ret, struct err *e)
{
        const struct limit_info *info = &infos[key];
        struct limit l = { LIMIT_SET, 0, 1 };
        if (info->nullable && (yaml_is_null(node) || is_infinity(info, node)))
                l.state = LIMIT_UNLIMITED;
        else if (read_value(info, node, &l, e))
                return -1;
        *ret = l;
        return 0;
}

/* ---- showing ---- */

/* A fraction of a power of ten (or 1000 for CPUs) without trailing zeros. */
static void decimal_text(int64_t num, int64_t den, char out[LIMIT_TEXT_SIZE])
{
        if (den <= 1 || num % den == 0) {
                snprintf(out, LIMIT_TEXT_SIZE, "%lld", (long long)(num / (den ? den : 1)));
                return;
        }
        int n = snprintf(out, LIMIT_TEXT_SIZE, "%lld.%06lld", (long long)(num / den),
                (long long)(num % den * 1000000 / den));
        while (n > 0 && out[n - 1] == '0')
                out[--n] = '\0';
}

static void bytes_text(int64_t bytes, char out[LIMIT_TEXT_SIZE])
{
        static const char *const letters[] = { "", "k", "m", "g", "t" };
        size_t power = 0;
        while (power + 1 < ARRAY_LEN(letters) && bytes && bytes % 1024 == 0) {
                bytes /= 1024;
                power++;
        }
        snprintf(out, LIMIT_TEXT_SIZE, "%lld%s", (long long)bytes, letters[power]);
}

void limit_text(enum limit_key key, const struct limit *l, char out[LIMIT_TEXT_SIZE])
{
        char duration[CLOCK_DURATION_LEN];
        const char *text = NULL;
        if (l->state != LIMIT_SET)
                text = "none";
        else if (infos[key].unit == LIMIT_UNIT_BOOL)
                text = l->value ? "yes" : "no";
        else if (infos[key].unit == LIMIT_UNIT_VISIBILITY)
                text = sights[l->value];
        if (text) {
                snprintf(out, LIMIT_TEXT_SIZE, "%s", text);
                return;
        }
        switch (infos[key].unit) {
        case LIMIT_UNIT_GPUS:
                decimal_text(l->value, l->den, out);
                return;
        case LIMIT_UNIT_MILLICPUS:
                decimal_text(l->value, 1000, out);
                return;
        case LIMIT_UNIT_BYTES:
                bytes_text(l->value, out);
                return;
        case LIMIT_UNIT_PERCENT:
                snprintf(out, LIMIT_TEXT_SIZE, "%lld%%", (long long)l->value);
                return;
        case LIMIT_UNIT_HOURS:
        case LIMIT_UNIT_SECONDS:
                clock_duration(l->value, duration);
                snprintf(out, LIMIT_TEXT_SIZE, "%s", duration);
                return;
        case LIMIT_UNIT_COUNT:
        case LIMIT_UNIT_BOOL:
        case LIMIT_UNIT_VISIBILITY:
        default:
                snprintf(out, LIMIT_TEXT_SIZE, "%lld", (long long)l->value);
        }
}

int64_t limits_get(const struct limits *l, enum limit_key key)
{
        const struct limit *v = &l->v[key];
        return v->state == LIMIT_SET ? v->value / (v->den ? v->den : 1) : LIMIT_NONE;
}
