/* SPDX-License-Identifier: MIT */
/*
 * YAML for files that an admin writes: nodes that know where they stand, and a walker that compares
 * a map with a table of known keys.
 *
 * One document of at most 1 MiB, 65536 nodes and 16 levels. Refused, because a policy that can be
 * read in two ways is worse than none: duplicate keys, anchors and aliases, tags, keys that are not
 * scalars, a second document. A file with nothing but comments is an empty map. Every message
 * starts with "file:line:column: ". No I/O: the caller brings the text.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_TEXT_MAX ((size_t)1024 * 1024)
#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 65536

enum yaml_kind { YAML_KIND_SCALAR, YAML_KIND_LIST, YAML_KIND_MAP };

struct yaml_node {
        enum yaml_kind kind;
        bool plain;              /* a scalar without quotes: only these can mean null */
        unsigned line, column;   /* from 1 */
        const char *file;        /* borrowed from the root */
        char *text;              /* scalars */
        struct yaml_node **v;    /* elements of a list, values of a map, in the file's order */
        struct yaml_node **keys; /* maps: scalars, one for each of v */
        size_t n;
};

/* Parses the text of `file`, a name that only serves messages. The caller owns *ret
 * (yaml_tree_free). */
int yaml_tree_parse(
        const char *file, const char *text, size_t n, struct yaml_node **ret, struct err *e);
void yaml_tree_free(struct yaml_node *root);
DEFINE_CLEANUP(struct yaml_node *, yaml_tree_free)
#define cleanup_yaml CLEANUP(yaml_tree_freep)

/* The value of a map's key, or NULL. Borrowed. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* True for an unquoted null, ~ or nothing at all. */
bool yaml_is_null(const struct yaml_node *node);
/* ERR_INVALID with the node's place before the sentence. Returns -1. */
int yaml_refuse(const struct yaml_node *node, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* Appends "file:line:column: sentence" to a list of warnings, which may be NULL. */
void yaml_warn(const struct yaml_node *node, struct strv *warnings, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* A number as it was written: num / den with den a power of ten, in lowest terms. */
struct yaml_decimal {
        int64_t num, den;
};

/*
 * Readings of one scalar; `name` is the key that messages quote. All refuse null, other kinds of
 * node, and values outside their range. Sizes are bytes, written 512, 64k, 32g, 1.5g or 96GiB
 * (always powers of 1024). A text is owned by the caller and not empty.
 */
int yaml_read_text(const struct yaml_node *node, const char *name, char **ret, struct err *e);
int yaml_read_bool(const struct yaml_node *node, const char *name, bool *ret, struct err *e);
int yaml_read_int(const struct yaml_node *node, const char *name, int64_t min, int64_t max,
        int64_t *ret, struct err *e);
int yaml_read_size(const struct yaml_node *node, const char *name, int64_t min, int64_t max,
        int64_t *ret, struct err *e);
/* At most six digits after the point, 0 to max. */
int yaml_read_decimal(const struct yaml_node *node, const char *name, int64_t max,
        struct yaml_decimal *ret, struct err *e);
/* A list of texts replaces what *ret had; null gives an empty list. */
int yaml_read_list(const struct yaml_node *node, const char *name, struct strv *ret, struct err *e);

struct yaml_key;
/* Reads one value into the object that yaml_walk() was given. */
typedef int yaml_take_fn(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e);

/* One known key. A table ends with a row without a name. */
struct yaml_key {
        const char *name;           /* "storage_*" stands for every key that begins so */
        yaml_take_fn *take;         /* NULL: known, and whatever it says has no effect */
        size_t offset;              /* for the taker: where in obj the value goes */
        int64_t min, max;           /* for the takers of integers and sizes */
        const struct yaml_key *sub; /* for yaml_take_map() */
};

/*
 * Takers for members of a struct: char * (replaced), bool, int64_t, int64_t in bytes, struct strv.
 * The two "or_none" forms read null as -1. yaml_take_map() walks key->sub into the same object.
 */
yaml_take_fn yaml_take_text, yaml_take_bool, yaml_take_int, yaml_take_size, yaml_take_list,
        yaml_take_int_or_none, yaml_take_size_or_none, yaml_take_map;

/*
 * Gives each value of a map (null counts as an empty one) to its key's taker, in the file's order.
 * An unknown key is a warning with the nearest known one, or an error if `warnings` is NULL. A key
 * without a taker adds "… is known but not enforced" to `ignored`, which may be NULL.
 */
int yaml_walk(const struct yaml_node *map, const char *what, const struct yaml_key *keys, void *obj,
        struct strv *warnings, struct strv *ignored, struct err *e);
