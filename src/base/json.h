/* SPDX-License-Identifier: MIT */
/*
 * JSON, on top of jansson: strict parsing, and getters for documents whose shape we don't control.
 *
 * json_parse refuses trailing bytes, duplicate keys, bad UTF-8, NUL in strings, and nesting deeper
 * than JSON_DEPTH_MAX. The getters never fail: a missing or differently typed member gives the
 * fallback, because the engine's answers differ between versions. Messages of our own protocol are
 * checked against rpc/api.def instead.
 */
#pragma once

#include "base/err.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define cleanup_json CLEANUP(json_unref_p)
static inline void json_unref_p(json_t **j)
{
        json_decref(*j);
}

/* Parses one document of n bytes with at most max_depth levels. The caller owns *ret (json_decref). */
int json_parse(const char *text, size_t n, unsigned max_depth, json_t **ret, struct err *e);

/* Strings are borrowed from the object. `path` walks members: "State/Running". */
const json_t *json_at(const json_t *obj, const char *path);
const char *json_str(const json_t *obj, const char *path); /* NULL if absent or no string */
int64_t json_int(const json_t *obj, const char *path, int64_t fallback);
bool json_bool(const json_t *obj, const char *path, bool fallback);

/* Compact text with keys in insertion order; owned by the caller. */
char *json_text(const json_t *j);
/* The same in ASCII, all else as \uNNNN: nothing in it directs a terminal or ends a line. */
char *json_text_ascii(const json_t *j);
