/* SPDX-License-Identifier: MIT */
#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* The root carries the file's name for all of its nodes. */
struct yaml_root {
        struct yaml_node node;
        char *file;
};

struct reader {
        yaml_parser_t parser;
        const char *file;
        size_t nodes;
};

/* ---- places and messages ---- */

static int refuse_v(const char *file, unsigned line, unsigned column, struct err *e,
        const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));
static int refuse_v(const char *file, unsigned line, unsigned column, struct err *e,
        const char *fmt, va_list ap)
{
        char text[512];
        vsnprintf(text, sizeof text, fmt, ap);
        cleanup_free char *safe = str_safe(text);
        return err_set(e, ERR_INVALID, "%s:%u:%u: %s", file, line, column, safe);
}

int yaml_refuse(const struct yaml_node *node, struct err *e, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        int r = refuse_v(node->file, node->line, node->column, e, fmt, ap);
        va_end(ap);
        return r;
}

void yaml_warn(const struct yaml_node *node, struct strv *warnings, const char *fmt, ...)
{
        if (!warnings)
                return;
        char text[512];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        cleanup_free char *safe = str_safe(text);
        strv_take(warnings, xasprintf("%s:%u:%u: %s", node->file, node->line, node->column, safe));
}

static int refuse_at(const struct reader *r, yaml_mark_t at, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
static int refuse_at(const struct reader *r, yaml_mark_t at, struct err *e, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        int ret = refuse_v(r->file, (unsigned)at.line + 1, (unsigned)at.column + 1, e, fmt, ap);
        va_end(ap);
        return ret;
}

/* ---- parsing ---- */

static int next_event(struct reader *r, yaml_event_t *ev, struct err *e)
{
        if (yaml_parser_parse(&r->parser, ev))
                return 0;
        const yaml_parser_t *p = &r->parser;
        return refuse_at(r, p->problem_mark, e, "Not valid YAML: %s%s%s",
                p->problem ? p->problem : "unreadable", p->context ? ", " : "",
                p->context ? p->context : "");
}

static void node_done(struct yaml_node *node)
{
        for (size_t i = 0; i < node->n; i++) {
                node_done(node->v[i]);
                free(node->v[i]);
                if (node->keys) {
                        node_done(node->keys[i]);
                        free(node->keys[i]);
                }
        }
        free(node->v);
        free(node->keys);
        free(node->text);
}

static void node_free(struct yaml_node *node)
{
        node_done(node);
        free(node);
}

DEFINE_CLEANUP(struct yaml_node *, node_free)

void yaml_tree_free(struct yaml_node *root)
{
        if (!root)
                return;
        free(((struct yaml_root *)(void *)root)->file);
        node_free(root);
}

/* Room for one more element; doubling at powers of two keeps long lists linear. */
static void node_add(struct yaml_node *node, struct yaml_node *key, struct yaml_node *value)
{
        if ((node->n & (node->n - 1)) == 0) {
                size_t cap = node->n ? node->n * 2 : 1;
                node->v = xrealloc(node->v, cap, sizeof(struct yaml_node *));
                if (key)
                        node->keys = xrealloc(node->keys, cap, sizeof(struct yaml_node *));
        }
        if (key)
                node->keys[node->n] = key;
        node->v[node->n++] = value;
}

static int compare_keys(const void *a, const void *b)
{
        const struct yaml_node *x = *(struct yaml_node *const *)a;
        const struct yaml_node *y = *(struct yaml_node *const *)b;
        int r = strcmp(x->text, y->text);
        if (r == 0 && x->line != y->line)
                return x->line < y->line ? -1 : 1;
        return r ? r : (x->column > y->column) - (x->column < y->column);
}

/* Sorts a copy, so that a file of 1 MiB of keys does not take quadratic time. */
static int check_duplicates(const struct yaml_node *map, struct err *e)
{
        if (map->n < 2)
                return 0;
        cleanup_free struct yaml_node **sorted = xcalloc(map->n, sizeof(struct yaml_node *));
        memcpy(sorted, map->keys, map->n * sizeof(struct yaml_node *));
        qsort(sorted, map->n, sizeof(struct yaml_node *), compare_keys);
        for (size_t i = 1; i < map->n; i++)
                if (strcmp(sorted[i]->text, sorted[i - 1]->text) == 0)
                        return yaml_refuse(sorted[i], e, "'%.60s' is set twice, first on line %u",
                                sorted[i]->text, sorted[i - 1]->line);
        return 0;
}

static int fill(
        struct reader *r, yaml_event_t *ev, unsigned depth, struct yaml_node *node, struct err *e);

static int read_child(
        struct reader *r, yaml_event_t *ev, unsigned depth, struct yaml_node **ret, struct err *e)
{
        CLEANUP(node_freep) struct yaml_node *child = xcalloc(1, sizeof *child);
        if (fill(r, ev, depth, child, e))
                return -1;
        *ret = take_ptr(child);
        return 0;
}

static int fill_list(struct reader *r, unsigned depth, struct yaml_node *node, struct err *e)
{
        for (;;) {
                yaml_event_t ev;
                if (next_event(r, &ev, e))
                        return -1;
                if (ev.type == YAML_SEQUENCE_END_EVENT) {
                        yaml_event_delete(&ev);
                        return 0;
                }
                struct yaml_node *child;
                if (read_child(r, &ev, depth + 1, &child, e))
                        return -1;
                node_add(node, NULL, child);
        }
}

static int fill_map(struct reader *r, unsigned depth, struct yaml_node *node, struct err *e)
{
        for (;;) {
                yaml_event_t ev;
                if (next_event(r, &ev, e))
                        return -1;
                if (ev.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&ev);
                        return check_duplicates(node, e);
                }
                CLEANUP(node_freep) struct yaml_node *key = NULL;
                struct yaml_node *value;
                if (read_child(r, &ev, depth + 1, &key, e))
                        return -1;
                if (key->kind != YAML_KIND_SCALAR)
                        return yaml_refuse(key, e, "A key must be a plain word");
                if (next_event(r, &ev, e) || read_child(r, &ev, depth + 1, &value, e))
                        return -1;
                node_add(node, take_ptr(key), value);
        }
}

static int fill_scalar(
        struct reader *r, const yaml_event_t *ev, struct yaml_node *node, struct err *e)
{
        const char *text = (const char *)ev->data.scalar.value;
        size_t n = ev->data.scalar.length;
        if (ev->data.scalar.anchor)
                return refuse_at(r, ev->start_mark, e, "Anchors (&name) are not understood here");
        if (ev->data.scalar.tag)
                return refuse_at(r, ev->start_mark, e, "Tags (!name) are not understood here");
        if (strlen(text) != n)
                return refuse_at(r, ev->start_mark, e, "A text contains a NUL byte");
        node->kind = YAML_KIND_SCALAR;
        node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->text = xstrndup(text, n);
        return 0;
}

/* Lists and maps look alike up to their end event. */
static int open_collection(const struct reader *r, const yaml_event_t *ev, unsigned depth,
        struct yaml_node *node, struct err *e)
{
        bool list = ev->type == YAML_SEQUENCE_START_EVENT;
        const yaml_char_t *anchor =
                list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor;
        const yaml_char_t *tag = list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag;
        if (anchor)
                return refuse_at(r, ev->start_mark, e, "Anchors (&name) are not understood here");
        if (tag)
                return refuse_at(r, ev->start_mark, e, "Tags (!name) are not understood here");
        if (depth >= YAML_DEPTH_MAX)
                return refuse_at(
                        r, ev->start_mark, e, "Nested deeper than %d levels", YAML_DEPTH_MAX);
        node->kind = list ? YAML_KIND_LIST : YAML_KIND_MAP;
        return 0;
}

/* Reads the node that starts with *ev, which it deletes. */
static int fill(
        struct reader *r, yaml_event_t *ev, unsigned depth, struct yaml_node *node, struct err *e)
{
        yaml_event_type_t type = ev->type;
        int ret;
        node->file = r->file;
        node->line = (unsigned)ev->start_mark.line + 1;
        node->column = (unsigned)ev->start_mark.column + 1;
        if (++r->nodes > YAML_NODES_MAX)
                ret = refuse_at(r, ev->start_mark, e, "More than %d values", YAML_NODES_MAX);
        else if (type == YAML_SCALAR_EVENT)
                ret = fill_scalar(r, ev, node, e);
        else if (type == YAML_ALIAS_EVENT)
                ret = refuse_at(r, ev->start_mark, e, "Aliases (*name) are not understood here");
        else
                ret = open_collection(r, ev, depth, node, e);
        yaml_event_delete(ev);
        if (ret || type == YAML_SCALAR_EVENT)
                return ret;
        return type == YAML_SEQUENCE_START_EVENT ? fill_list(r, depth, node, e)
                                                 : fill_map(r, depth, node, e);
}

static int read_stream(struct reader *r, struct yaml_node *root, struct err *e)
{
        yaml_event_t ev;
        for (;;) {
                if (next_event(r, &ev, e))
                        return -1;
                if (ev.type != YAML_STREAM_START_EVENT && ev.type != YAML_DOCUMENT_START_EVENT)
                        break;
                yaml_event_delete(&ev);
        }
        if (ev.type == YAML_STREAM_END_EVENT) {
                yaml_event_delete(&ev);
                root->kind = YAML_KIND_MAP;
                root->line = root->column = 1;
                root->file = r->file;
                return 0;
        }
        if (fill(r, &ev, 0, root, e) || next_event(r, &ev, e))
                return -1;
        yaml_event_delete(&ev); /* the document's end */
        if (next_event(r, &ev, e))
                return -1;
        bool more = ev.type != YAML_STREAM_END_EVENT;
        yaml_mark_t at = ev.start_mark;
        yaml_event_delete(&ev);
        return more ? refuse_at(r, at, e, "A second document starts here; only one is read") : 0;
}

int yaml_tree_parse(
        const char *file, const char *text, size_t n, struct yaml_node **ret, struct err *e)
{
        if (n > YAML_TEXT_MAX)
                return err_set(e, ERR_INVALID, "%s is larger than %zu bytes", file, YAML_TEXT_MAX);
        struct yaml_root *root = xcalloc(1, sizeof *root);
        root->file = xstrdup(file);
        cleanup_yaml struct yaml_node *node = &root->node;
        struct reader r = { .file = root->file };
        if (!yaml_parser_initialize(&r.parser))
                return err_set(e, ERR_FAILED, "Can't start the YAML parser");
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
        int failed = read_stream(&r, node, e);
        yaml_parser_delete(&r.parser);
        if (failed)
                return -1;
        /* An empty document ("---") says as much as an empty file. */
        if (yaml_is_null(node)) {
                free(take_ptr(node->text));
                node->kind = YAML_KIND_MAP;
        }
        *ret = take_ptr(node);
        return 0;
}

/* ---- looking ---- */

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
        if (map && map->kind == YAML_KIND_MAP)
                for (size_t i = 0; i < map->n; i++)
                        if (strcmp(map->keys[i]->text, key) == 0)
                                return map->v[i];
        return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
        static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
        if (node->kind == YAML_KIND_SCALAR && node->plain)
                for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
                        if (strcmp(node->text, nulls[i]) == 0)
                                return true;
        return false;
}
