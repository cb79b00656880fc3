/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of ds01d: the tables of api.def, and the checks that follow from them.
 *
 * The server checks every request and every reply against the tables, so a handler may take the
 * parameters' names and types for granted. Pure: no I/O, nothing but constants is kept. Who a
 * caller is, is decided elsewhere; the table only says who may call.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The stop_reason of a container that its owner stopped. */
#define API_ON_REQUEST "on request"

enum api_who {
        API_ANYONE = 1,    /* also people without access */
        API_USER,          /* an account with access, for itself; never root */
        API_USER_OR_ADMIN, /* the same; or an admin, who may then name the owner in `user` */
};

enum api_method_flags {
        API_MORE = 1, /* several replies; the caller must set `more` */
        API_FD = 2, /* the reply carries one descriptor, and the connection is kept for its sake */
        API_LONG = 4, /* may last as long as a shell, or makes the connection do so */
};

/* Methods that make their connection a stream: those are counted apart from requests. */
#define API_STREAM (API_MORE | API_FD | API_LONG)

enum api_type { API_STRING, API_INT, API_BOOL, API_STRINGS };
enum api_field_flags { API_REQUIRED = 1 };

enum { API_STRING_MAX = 4096, /* bytes */ API_STRINGS_MAX = 1024, API_KEY_MAX = 64 };

enum api_method_id {
#define I(name, doc)
#define M(id, name, who, flags, max_fds, doc) API_##id,
#define P(id, name, type, flags, doc)
#define R(id, name, type, doc)
#include "rpc/api.def"
#undef I
#undef M
#undef P
#undef R
        API_METHOD_COUNT
};

struct api_interface {
        const char *name; /* "io.ds01.Containers" */
        const char *doc;
};

struct api_method {
        enum api_method_id id;
        const char *name; /* with its interface: "io.ds01.Containers.Launch" */
        enum api_who who;
        unsigned flags;
        size_t max_fds;
        const char *doc;
};

struct api_field {
        enum api_method_id method;
        const char *name;
        enum api_type type;
        unsigned flags;
        const char *doc;
};

/* The method of that full name, or NULL. */
const struct api_method *api_find(const char *name);

/*
 * Walks through the tables: the i-th interface or method of all, the i-th parameter or reply field
 * of a method. NULL past the end.
 */
const struct api_interface *api_interface_at(size_t i);
const struct api_method *api_method_at(size_t i);
const struct api_field *api_param_at(const struct api_method *m, size_t i);
const struct api_field *api_reply_at(const struct api_method *m, size_t i);

/*
 * Checks a request against the table: `params` is an object (NULL counts as an empty one) with all
 * the required keys, no unknown one, each of its type and size, and no more descriptors than the
 * method takes. null counts as absent. On failure (ERR_INVALID) `parameter` names the key, or is
 * empty when the fault is not one key's.
 */
int api_check_params(const struct api_method *m, const json_t *params, size_t n_fds,
        char parameter[API_KEY_MAX], struct err *e);

/*
 * Checks a reply that ds01d is about to give: only fields of the table, each of its type. Sizes are
 * left to the frame. ERR_FAILED: it is our own mistake.
 */
int api_check_reply(const struct api_method *m, const json_t *params, struct err *e);
