/* SPDX-License-Identifier: MIT */
/*
 * Messages: what a frame says. A call {method, parameters, more}, a reply {parameters, continues},
 * or an error {error, parameters}.
 *
 * Both sides use it. Errors of ours travel as io.ds01.* with {message, detail, fix} and come out as
 * the same struct err; those of org.varlink.service carry their own parameter beside the message.
 * Pure: no I/O.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct message_call {
        const char *method; /* both borrowed from the frame */
        json_t *params;     /* NULL if there were none */
        bool more;
};

#define MESSAGE_NO_METHOD "org.varlink.service.MethodNotFound"
#define MESSAGE_BAD_PARAMETER "org.varlink.service.InvalidParameter"
#define MESSAGE_NO_INTERFACE "org.varlink.service.InterfaceNotFound"
#define MESSAGE_WANTS_MORE "org.varlink.service.ExpectedMore"

/* A call; params are taken and may be NULL. The result is the caller's. */
json_t *message_call_new(const char *method, json_t *params, bool more);
/* A reply; params are taken and may be NULL. `continues` says that others follow. */
json_t *message_reply_new(json_t *params, bool continues);
/* An error as io.ds01.*; what is not UTF-8 in it is escaped. */
json_t *message_error_new(const struct err *e);
/*
 * An error of org.varlink.service with its one parameter (key may be NULL), and the sentence of *e
 * for people.
 */
json_t *message_varlink_error_new(
        const char *name, const char *key, const char *value, const struct err *e);

/* Takes a call apart. ERR_INVALID: not a call, or with members that we don't know. */
int message_parse_call(const json_t *frame, struct message_call *ret, struct err *e);

/*
 * Takes a reply apart; *ret_params is borrowed from the frame, NULL if there are none. An error
 * reply fails with what it says; ERR_DAEMON: it is neither.
 */
int message_parse_reply(
        const json_t *frame, const json_t **ret_params, bool *ret_continues, struct err *e);
