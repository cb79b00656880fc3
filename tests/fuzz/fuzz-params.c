/* SPDX-License-Identifier: MIT */
/*
 * What a caller can say to a method: the input, as JSON, is offered to each of api.def as its parameters.
 * Handlers take names and types for granted, so what passes is an object of known keys, each of its type and
 * size, with all that are required. What doesn't pass is refused with a sentence that can be sent and shown, and
 * with the key it is about. ds01 understands the error that comes of it as the same one.
 */
#include "rpc/api.h"

#include "base/json.h"
#include "base/str.h"
#include "calm.h"
#include "rpc/frame.h"
#include "rpc/message.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_short(const json_t *v)
{
        return json_is_string(v) && json_string_length(v) <= API_STRING_MAX &&
               strlen(json_string_value(v)) == json_string_length(v);
}

static bool fits(enum api_type type, const json_t *v)
{
        switch (type) {
        case API_STRING:
                return is_short(v);
        case API_INT:
                return json_is_integer(v);
        case API_BOOL:
                return json_is_boolean(v);
        case API_STRINGS:
                for (size_t i = 0; i < json_array_size(v); i++)
                        if (!is_short(json_array_get(v, i)))
                                return false;
                return json_is_array(v) && json_array_size(v) <= API_STRINGS_MAX;
        }
        return false;
}

/* By the walk along the table, where the check looks up each key. */
static bool is_good(const struct api_method *m, const json_t *params)
{
        size_t known = 0;
        const struct api_field *f;
        for (size_t i = 0; (f = api_param_at(m, i)); i++) {
                const json_t *v = json_object_get(params, f->name);
                known += v != NULL;
                if (json_is_null(v))
                        v = NULL;
                if ((v && !fits(f->type, v)) || (!v && (f->flags & API_REQUIRED)))
                        return false;
        }
        return json_is_object(params) && known == json_object_size(params);
}

static void check_refusal(const struct err *e, const char *parameter)
{
        const json_t *params;
        bool continues;
        struct err told = ERR_INIT;
        if (e->code != ERR_INVALID || !calm_sentence(e->msg, sizeof e->msg) ||
                strlen(parameter) >= API_KEY_MAX)
                abort();
        cleanup_json json_t *error =
                message_varlink_error_new(MESSAGE_BAD_PARAMETER, "parameter", parameter, e);
        if (message_parse_reply(error, &params, &continues, &told) == 0 || told.code != e->code ||
                strcmp(told.msg, e->msg) != 0 || strcmp(told.fix, e->fix) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_json json_t *params = NULL;
        char parameter[API_KEY_MAX];
        const struct api_method *m;
        struct err ignored = ERR_INIT;
        if (json_parse((const char *)data, n, FRAME_DEPTH_MAX, &params, &ignored) < 0)
                return 0;
        for (size_t i = 0; (m = api_method_at(i)); i++) {
                struct err e = ERR_INIT;
                bool passed = api_check_params(m, params, 0, parameter, &e) == 0;
                if (passed != is_good(m, params) || (passed && *parameter))
                        abort();
                if (!passed)
                        check_refusal(&e, parameter);
                (void)api_check_reply(m, params, &ignored);
        }
        return 0;
}
