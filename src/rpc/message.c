/* SPDX-License-Identifier: MIT */
#include "rpc/message.h"

#include "base/json.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

json_t *message_call_new(const char *method, json_t *params, bool more)
{
        json_t *j = json_object();
        json_object_set_new(j, "method", json_string(method));
        json_object_set_new(j, "parameters", params ? params : json_object());
        if (more)
                json_object_set_new(j, "more", json_true());
        return j;
}

json_t *message_reply_new(json_t *params, bool continues)
{
        json_t *j = json_object();
        json_object_set_new(j, "parameters", params ? params : json_object());
        if (continues)
                json_object_set_new(j, "continues", json_true());
        return j;
}

/* A text that was cut to fit a struct err may end within a character. */
static void set_text(json_t *params, const char *key, const char *text)
{
        if (str_is_utf8(text, strlen(text))) {
                json_object_set_new(params, key, json_string(text));
                return;
        }
        cleanup_free char *safe = str_safe(text);
        json_object_set_new(params, key, json_string(safe));
}

static json_t *error_new(const char *name, json_t *params, const struct err *e)
{
        json_t *j = json_object();
        set_text(params, "message", e->msg);
        if (e->detail[0])
                set_text(params, "detail", e->detail);
        if (e->fix[0])
                set_text(params, "fix", e->fix);
        json_object_set_new(j, "error", json_string(name));
        json_object_set_new(j, "parameters", params);
        return j;
}

json_t *message_error_new(const struct err *e)
{
        return error_new(err_wire_name(e->code), json_object(), e);
}

json_t *message_varlink_error_new(
        const char *name, const char *key, const char *value, const struct err *e)
{
        json_t *params = json_object();
        if (key)
                set_text(params, key, value);
        return error_new(name, params, e);
}

int message_parse_call(const json_t *frame, struct message_call *ret, struct err *e)
{
        struct message_call call = { 0 };
        if (!json_is_object(frame))
                return err_set(e, ERR_INVALID, "A request must be a JSON object");
        json_t *object = (json_t *)frame; /* iterating takes no const, and changes nothing */
        for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
                const char *key = json_object_iter_key(it);
                json_t *v = json_object_iter_value(it);
                bool known = true, good = true;
                if (strcmp(key, "method") == 0) {
                        good = json_is_string(v);
                        call.method = json_string_value(v);
                } else if (strcmp(key, "parameters") == 0) {
                        good = json_is_object(v) || json_is_null(v);
                        call.params = json_is_object(v) ? v : NULL;
                } else if (strcmp(key, "more") == 0) {
                        good = json_is_boolean(v);
                        call.more = json_is_true(v);
                } else {
                        known = false;
                }
                cleanup_free char *safe = known && good ? NULL : str_safe_max(key, 200);
                if (!known)
                        return err_set(e, ERR_INVALID, "Unknown key '%s' in a request", safe);
                if (!good)
                        return err_set(
                                e, ERR_INVALID, "Key '%s' of a request has the wrong type", safe);
        }
        if (!call.method)
                return err_set(e, ERR_INVALID, "A request must have the key 'method'");
        *ret = call;
        return 0;
}

static int other_version(const char *method, struct err *e)
{
        err_set(e, ERR_FAILED, "ds01d does not know %s: it is of another version than ds01",
                method);
        return err_fix(e, "sudo systemctl restart ds01d");
}

static int parse_error(const char *name, const json_t *params, struct err *e)
{
        const char *msg = json_str(params, "message");
        enum err_code code = err_from_wire(name);
        if (strcmp(name, MESSAGE_NO_METHOD) == 0)
                return other_version(str_or_empty(json_str(params, "method")), e);
        if (strcmp(name, MESSAGE_BAD_PARAMETER) == 0) {
                code = ERR_INVALID;
                if (!msg)
                        return err_set(e, code, "ds01d does not take the key '%s'",
                                str_or_empty(json_str(params, "parameter")));
        }
        if (!msg)
                return err_set(e, code, "ds01d answered with the error %s", name);
        err_set(e, code, "%s", msg);
        err_detail(e, "%s", str_or_empty(json_str(params, "detail")));
        return err_fix(e, "%s", str_or_empty(json_str(params, "fix")));
}

int message_parse_reply(
        const json_t *frame, const json_t **ret_params, bool *ret_continues, struct err *e)
{
        const json_t *params = json_object_get(frame, "parameters");
        const json_t *error = json_object_get(frame, "error");
        if (json_is_string(error))
                return parse_error(json_string_value(error), params, e);
        if (!json_is_object(frame) || error || (params && !json_is_object(params)))
                return err_set(e, ERR_DAEMON, "ds01d's answer can't be understood");
        *ret_params = params;
        *ret_continues = json_is_true(json_object_get(frame, "continues"));
        return 0;
}
