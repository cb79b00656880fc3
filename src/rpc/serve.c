/* SPDX-License-Identifier: MIT */
#include "rpc/serve.h"

#include "base/json.h"
#include "base/str.h"
#include "rpc/describe.h"
#include "rpc/message.h"

#include <string.h>
#include <unistd.h>

#define SERVICE "org.varlink.service"

/* The methods that every Varlink service has. They tell nothing of anyone, so all may call. */
static const struct api_method get_info = {
        .id = API_METHOD_COUNT, .name = SERVICE ".GetInfo", .who = API_ANYONE
};
static const struct api_method get_description = {
        .id = API_METHOD_COUNT, .name = SERVICE ".GetInterfaceDescription", .who = API_ANYONE
};

/* Stands in where there is no method yet, so that an answer has something to refer to. */
static const struct api_method no_method = {
        .id = API_METHOD_COUNT, .name = "a request", .who = API_ANYONE
};

/* Answers with an error after which the connection is closed. */
static void reject(struct rpc_call *call, const char *varlink, const char *key, const char *value,
        const struct err *e)
{
        rpc_answer(call,
                varlink ? message_varlink_error_new(varlink, key, value, e) : message_error_new(e));
        call->conn->closing = true;
}

static void answer_info(struct rpc_call *call)
{
        const struct api_interface *face;
        json_t *names = json_array();
        json_array_append_new(names, json_string(SERVICE));
        json_array_append_new(names, json_string(DESCRIBE_ERRORS));
        for (size_t i = 0; (face = api_interface_at(i)); i++)
                json_array_append_new(names, json_string(face->name));
        json_t *params = json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", "ds01", "product",
                "ds01d", "version", DS01_VERSION, "url", "", "interfaces", names);
        rpc_answer(call, message_reply_new(params, false));
}

static void answer_description(struct rpc_call *call, const json_t *params)
{
        struct err e = ERR_INIT;
        const char *name = json_str(params, "interface");
        if (!name || json_object_size(params) != 1) {
                err_set(&e, ERR_INVALID, "%s takes one key, 'interface'", call->method->name);
                reject(call, MESSAGE_BAD_PARAMETER, "parameter", "interface", &e);
                return;
        }
        cleanup_free char *text = describe_interface(name);
        if (!text) {
                cleanup_free char *safe = str_safe_max(name, 200);
                err_set(&e, ERR_NOT_FOUND, "There is no interface %s", safe);
                rpc_answer(call,
                        message_varlink_error_new(MESSAGE_NO_INTERFACE, "interface", safe, &e));
                return;
        }
        rpc_answer(call, message_reply_new(json_pack("{s:s}", "description", text), false));
}

/* True if it was one of Varlink's own methods and is answered. */
static bool answer_service(struct rpc_call *call, const struct message_call *m)
{
        if (strcmp(m->method, get_info.name) == 0) {
                call->method = &get_info;
                answer_info(call);
                return true;
        }
        if (strcmp(m->method, get_description.name) == 0) {
                call->method = &get_description;
                answer_description(call, m->params);
                return true;
        }
        return false;
}

/* Fills in method and params; false if the caller has been told that they are wrong. */
static bool check(struct rpc_call *call, const struct message_call *m)
{
        struct err e = ERR_INIT;
        char parameter[API_KEY_MAX];
        const struct api_method *method = api_find(m->method);
        if (!method) {
                cleanup_free char *safe = str_safe_max(m->method, 200);
                err_set(&e, ERR_INVALID, "There is no method %s", safe);
                reject(call, MESSAGE_NO_METHOD, "method", m->method, &e);
                return false;
        }
        call->method = method;
        call->more = m->more && (method->flags & API_MORE);
        if (api_check_params(method, m->params, call->n_fds, parameter, &e) < 0) {
                reject(call, parameter[0] ? MESSAGE_BAD_PARAMETER : NULL, "parameter", parameter,
                        &e);
                return false;
        }
        if ((method->flags & API_MORE) && !m->more) {
                err_set(&e, ERR_INVALID, "%s gives several replies and needs \"more\"",
                        method->name);
                reject(call, MESSAGE_WANTS_MORE, NULL, NULL, &e);
                return false;
        }
        return true;
}

static void run(struct rpc_call *call, const struct serve_ops *ops)
{
        struct err e = ERR_INIT;
        if (ops->enter(call->conn, call->method, &e) < 0) {
                rpc_fail(call, &e);
                return;
        }
        if (ops->authorize(call, ops->ctx, &e) < 0) {
                rpc_fail(call, &e);
        } else {
                ops->handle(call, ops->ctx);
                if (!call->answered) {
                        err_set(&e, ERR_FAILED, "%s ended without an answer", call->method->name);
                        rpc_fail(call, &e);
                }
        }
        ops->leave(call->conn);
}

int serve_next(struct rpc_conn *c, const struct serve_ops *ops)
{
        struct err e = ERR_INIT;
        struct message_call m;
        cleanup_json json_t *frame = NULL;
        cleanup_json json_t *none = json_object();
        struct rpc_call call = {
                .method = &no_method, .peer = c->peer, .conn_fd = c->frame.fd, .conn = c
        };
        int r = frame_read(&c->frame, -1, &frame, call.fds, &call.n_fds, &e);
        if (r == 0 || (r < 0 && e.code != ERR_INVALID))
                return 0;
        if (r < 0 || message_parse_call(frame, &m, &e) < 0) {
                reject(&call, NULL, NULL, NULL, &e);
        } else if (!answer_service(&call, &m) && check(&call, &m)) {
                call.params = m.params ? m.params : none;
                run(&call, ops);
        }
        while (call.n_fds > 0)
                mem_closep(&call.fds[--call.n_fds]);
        return !c->closing;
}
