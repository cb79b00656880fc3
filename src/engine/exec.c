/* SPDX-License-Identifier: MIT */
#include "engine/exec.h"

#include "engine/call.h"
#include "engine/upgrade.h"

#include <string.h>

static struct call exec_call(
        const char *method, const char *verb, const char *exec_id, const char *tail)
{
        struct call c = call_new(method, "%s exec %.12s", verb, exec_id);
        call_path(&c, "/exec/");
        call_name(&c, exec_id);
        call_path(&c, tail);
        c.on_404 = ERR_NOT_FOUND;
        c.on_409 = ERR_NOT_RUNNING;
        return c;
}

int engine_exec_create(struct engine *en, const struct engine_wait *w, const char *container_id,
        const json_t *body, char ret_exec[ENGINE_ID_LEN + 1], struct err *e)
{
        cleanup_call struct call c =
                call_new("POST", "start a process in container %s", container_id);
        cleanup_free char *text = json_text(body);
        cleanup_json json_t *answer = NULL;
        call_path(&c, "/containers/");
        call_name(&c, container_id);
        call_path(&c, "/exec");
        c.json = text;
        c.on_404 = ERR_NOT_FOUND;
        c.on_409 = ERR_NOT_RUNNING;
        if (call_run_json(en, w, &c, &answer, e))
                return -1;
        const char *id = json_str(answer, "Id");
        if (!id || !*id || strlen(id) > ENGINE_ID_LEN)
                return err_set(e, ERR_ENGINE, "Can't %s: the container engine gave no id", c.what);
        call_copy(ret_exec, ENGINE_ID_LEN + 1, id);
        return 0;
}

int engine_exec_start(struct engine *en, const struct engine_wait *w, const char *exec_id, bool tty,
        int *ret_fd, struct err *e)
{
        cleanup_call struct call c = exec_call("POST", "start", exec_id, "/start");
        int api;
        if (c.bad_path)
                return err_set(e, ERR_INVALID, "Can't %s: that is no valid name", c.what);
        if (call_api(en, w, &api, e))
                return -1;
        cleanup_free char *target = xasprintf("/v1.%d%s", api, buf_str(&c.path));
        const char *body =
                tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false,\"Tty\":false}";
        int status;
        if (upgrade_post(http_socket(en->http), w, c.what, target, body, ret_fd, &status, c.message,
                    sizeof c.message, e) == 0)
                return 0;
        if (status == 404)
                e->code = ERR_NOT_FOUND;
        else if (status == 409)
                e->code = ERR_NOT_RUNNING;
        return -1;
}

int engine_exec_resize(struct engine *en, const struct engine_wait *w, const char *exec_id,
        int rows, int cols, struct err *e)
{
        cleanup_call struct call c = exec_call("POST", "resize", exec_id, "/resize");
        call_query_int(&c, "h", rows);
        call_query_int(&c, "w", cols);
        if (call_run(en, w, &c, e) == 0)
                return 0;
        /* The engine says 500 where the process is only not there. */
        if (c.reply.status == 500)
                e->code = ERR_NOT_RUNNING;
        return -1;
}

int engine_exec_inspect(struct engine *en, const struct engine_wait *w, const char *exec_id,
        struct engine_exec *ret, struct err *e)
{
        cleanup_call struct call c = exec_call("GET", "look at", exec_id, "/json");
        cleanup_json json_t *answer = NULL;
        if (call_run_json(en, w, &c, &answer, e))
                return -1;
        if (!json_is_boolean(json_at(answer, "Running")) || !json_str(answer, "ContainerID"))
                return call_nonsense(&c, e);
        struct engine_exec x = { .running = json_bool(answer, "Running", false),
                .exit_code = (int)json_int(answer, "ExitCode", -1),
                .pid = (pid_t)json_int(answer, "Pid", 0) };
        call_copy(x.container_id, sizeof x.container_id, json_str(answer, "ContainerID"));
        *ret = x;
        return 0;
}
