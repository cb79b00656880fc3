/* SPDX-License-Identifier: MIT */
#include "cli/launch.h"

#include "base/json.h"
#include "cli/interrupt.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/session.h"
#include "project/find.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TURNS_MAX = 3 };

void folders_done(struct folders *f)
{
        for (size_t i = 0; i < f->n_fds; i++)
                close(f->fds[i]);
        free(f->workspace);
        strv_done(&f->data_ro);
        strv_done(&f->data_rw);
        *f = FOLDERS_INIT;
}

/* The path as it is recorded: absolute, symlinks kept, so that a moved home is found again. */
static int absolute(const char *path, char **ret, struct err *e)
{
        if (!*path)
                return err_set(e, ERR_INVALID, "An empty path names no folder");
        if (!str_is_utf8(path, strlen(path))) {
                cleanup_free char *safe = str_safe(path);
                return err_set(e, ERR_INVALID, "The path '%s' is not UTF-8", safe);
        }
        cleanup_free char *base = NULL;
        /* A shell expands ~ at the start of a word, which in --data=~/x it isn't. */
        if (str_starts(path, "~/")) {
                if (project_home(&base, e) < 0)
                        return -1;
                path += 2;
        } else if (*path != '/' && !(base = getcwd(NULL, 0))) {
                return err_sys(e, errno, "Can't tell the working directory");
        }
        char *full = base ? xasprintf("%s/%s", base, path) : xstrdup(path);
        size_t n = strlen(full);
        while (n > 1 && full[n - 1] == '/')
                full[--n] = '\0';
        *ret = full;
        return 0;
}

int folders_workspace(struct folders *f, const char *path, struct err *e)
{
        char *full;
        if (absolute(path, &full, e) < 0)
                return -1;
        free(f->workspace);
        f->workspace = full;
        return 0;
}

int folders_data(struct folders *f, const char *spec, struct err *e)
{
        bool writable = str_ends(spec, ":rw");
        cleanup_free char *path =
                xstrndup(spec, strlen(spec) - (writable                       ? 3
                                                      : str_ends(spec, ":ro") ? 3
                                                                              : 0));
        char *full;
        if (absolute(path, &full, e) < 0)
                return -1;
        strv_take(writable ? &f->data_rw : &f->data_ro, full);
        return 0;
}

static int open_folder(struct folders *f, const char *path, const char *what, struct err *e)
{
        if (f->n_fds == ARRAY_LEN(f->fds))
                return err_set(e, ERR_INVALID, "More than %zu folders for one container",
                        ARRAY_LEN(f->fds) - 1);
        /* O_PATH: the kernel checks that we may reach it, faccessat() that we may look into it. */
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && faccessat(fd, "", R_OK | X_OK, AT_EMPTY_PATH | AT_EACCESS) == 0) {
                f->fds[f->n_fds++] = fd;
                return 0;
        }
        int saved = errno;
        if (fd >= 0)
                close(fd);
        err_set(e,
                saved == ENOENT   ? ERR_NOT_FOUND
                : saved == EACCES ? ERR_DENIED
                                  : ERR_INVALID,
                "%s folder %s: %s", what, path,
                saved == ENOENT    ? "no such directory"
                : saved == ENOTDIR ? "not a directory"
                : saved == EACCES  ? "you may not read it"
                                   : strerror(saved));
        return saved == ENOENT ? err_fix(e, "mkdir -p '%s'", path) : -1;
}

int folders_open(struct folders *f, struct err *e)
{
        if (open_folder(f, f->workspace, "Workspace", e) < 0)
                return -1;
        for (size_t i = 0; i < f->data_ro.n; i++)
                if (open_folder(f, f->data_ro.v[i], "Data", e) < 0)
                        return -1;
        for (size_t i = 0; i < f->data_rw.n; i++)
                if (open_folder(f, f->data_rw.v[i], "Data", e) < 0)
                        return -1;
        return 0;
}

static json_t *string_array(const struct strv *l)
{
        json_t *a = json_array();
        for (size_t i = 0; i < l->n; i++)
                json_array_append_new(a, json_string(l->v[i]));
        return a;
}

static int call_with_folders(struct cli *c, const char *method, json_t *params,
        const struct folders *f, json_t **ret, struct err *e)
{
        json_object_set_new(params, "workspace", json_string(f->workspace));
        json_object_set_new(params, "data_ro", string_array(&f->data_ro));
        json_object_set_new(params, "data_rw", string_array(&f->data_rw));
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        struct interrupt interrupt;
        interrupt_begin(&interrupt, c);
        int r = rpc_call(c->rpc, method, params, f->fds, f->n_fds, ret, NULL, e);
        interrupt_end(&interrupt);
        if (r < 0 && e->code == ERR_INTERRUPTED) {
                err_set(e, ERR_INTERRUPTED, "Interrupted; the container may still be starting");
                err_fix(e, "container-list --all");
        }
        return r;
}

/* What ds01d has to say besides. */
static void say_notice(const json_t *reply)
{
        const char *notice = str_or_empty(json_str(reply, "notice"));
        if (*notice)
                out_say("%s", notice);
}

static json_t *launch_params(const struct launch *l)
{
        json_t *params = json_pack("{s:s, s:s, s:s, s:s}", "name", l->name, "project", l->project,
                "image", l->image, "interface", l->interface);
        if (l->gpus >= 0)
                json_object_set_new(params, "gpus", json_integer(l->gpus));
        return params;
}

static int request_once(struct cli *c, const struct launch *l, const char *what, const char *method,
        json_t **ret_reply, struct err *e)
{
        struct progress p;
        progress_start(&p, what);
        int r = call_with_folders(c, method, launch_params(l), l->folders, ret_reply, e);
        progress_end(&p);
        if (r == 0)
                say_notice(*ret_reply);
        return r;
}

static int request(struct cli *c, const struct launch *l, const char *what, const char *method,
        json_t **ret_reply, struct err *e)
{
        bool may_wait = l->wait && l->wait->wanted;
        for (int turns = 0;; turns++) {
                if (request_once(c, l, what, method, ret_reply, e) == 0)
                        return 0;
                /* Refused although it is its turn, again and again: waiting is not what helps. */
                if (e->code != ERR_UNAVAILABLE || !may_wait || turns == TURNS_MAX ||
                        wait_for_turn(c, l->name, l->gpus, l->wait, e) < 0)
                        return -1;
        }
}

int launch_request(struct cli *c, const struct launch *l, json_t **ret_reply, struct err *e)
{
        return request(c, l, "Starting the container", "io.ds01.Containers.Launch", ret_reply, e);
}

int launch_create(struct cli *c, const struct launch *l, json_t **ret_reply, struct err *e)
{
        return request(c, l, "Creating the container", "io.ds01.Containers.Create", ret_reply, e);
}

int launch_check(struct cli *c, const char *name, int gpus, const struct wait *wait, struct err *e)
{
        bool dry = cli_has(c, "dry-run"), may_wait = !dry || (wait && wait->wanted);
        json_t *params = json_pack("{s:s, s:b}", "name", name, "may_wait", (int)may_wait);
        cleanup_json json_t *reply = NULL;
        if (gpus >= 0)
                json_object_set_new(params, "gpus", json_integer(gpus));
        if (cli_call(c, "io.ds01.Containers.Check", params, &reply, e) < 0)
                return -1;
        if (dry && json_bool(reply, "waits", false))
                out_say("Would wait in line for a GPU.");
        return 0;
}

int launch_join(struct cli *c, const struct launch *l, json_t **ret_ticket, struct err *e)
{
        json_t *params = launch_params(l);
        json_object_set_new(params, "launch", json_true());
        int r = call_with_folders(c, "io.ds01.Queue.Join", params, l->folders, ret_ticket, e);
        if (r == 0)
                say_notice(*ret_ticket);
        return r;
}

static int start_or_wait(struct cli *c, const json_t *row, const struct folders *f,
        const struct wait *wait, json_t **ret_reply, struct err *e)
{
        const char *name = json_str(row, "name");
        for (;;) {
                struct progress p;
                progress_start(&p, "Starting the container");
                int r = call_with_folders(c, "io.ds01.Containers.Start",
                        json_pack("{s:s}", "name", name), f, ret_reply, e);
                progress_end(&p);
                if (r == 0)
                        return 0;
                const json_t *uuids = json_object_get(row, "gpu_uuids");
                if (e->code != ERR_UNAVAILABLE || !wait || !wait->wanted ||
                        wait_for_own(c, name, uuids, wait, e) < 0)
                        return -1;
        }
}

int launch_start(struct cli *c, const json_t *row, const struct wait *wait, json_t **ret_reply,
        struct err *e)
{
        static const struct {
                const char *key, *suffix;
        } lists[] = { { "data_ro", ":ro" }, { "data_rw", ":rw" } };
        cleanup_folders struct folders f = FOLDERS_INIT;
        if (folders_workspace(&f, str_or_empty(json_str(row, "workspace")), e) < 0)
                return -1;
        for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
                size_t i;
                json_t *path;
                json_array_foreach (json_object_get(row, lists[k].key), i, path) {
                        cleanup_free char *spec =
                                xasprintf("%s%s", json_string_value(path), lists[k].suffix);
                        if (folders_data(&f, spec, e) < 0)
                                return -1;
                }
        }
        if (folders_open(&f, e) < 0)
                return -1;
        int r = start_or_wait(c, row, &f, wait, ret_reply, e);
        if (r == 0 && json_bool(*ret_reply, "limits_older", false))
                out_say("%s keeps the limits it was made with; yours are others now (check-limits). To have those:\n"
                        "container retire %s, then launch it again.",
                        json_str(row, "name"), json_str(row, "name"));
        return r;
}

void launch_say(const char *verb, const char *name, const json_t *reply)
{
        const char *gpus = str_or_empty(json_str(reply, "gpu_text"));
        out_say("%s %s %s%s. Attach: container-attach %s · Done: container retire %s", verb, name,
                *gpus ? "on " : "without a GPU", gpus, name, name);
}

int launch_say_exists(const char *name, const char *state, struct err *e)
{
        static const struct {
                const char *state, *command;
        } ways[] = { { "running", "container-attach" }, { "paused", "container-unpause" } };
        const char *command = "container-start";
        for (size_t i = 0; i < ARRAY_LEN(ways); i++)
                if (strcmp(ways[i].state, state) == 0)
                        command = ways[i].command;
        err_set(e, ERR_EXISTS, "Container %s already exists (%s)", name, state);
        return err_fix(e, "%s %s\ncontainer retire %s", command, name, name);
}

int launch_exists(struct cli *c, const char *name, int *ret_status, struct err *e)
{
        launch_say_exists(name, "running", e);
        if (!c->tty || cli_has(c, "background") || cli_has(c, "dry-run"))
                return -1;
        bool open = false;
        struct err asked = ERR_INIT;
        out_error(e);
        fputc('\n', stderr);
        if (prompt_yes(c, true, &open, &asked, "Open it now?") < 0) {
                *e = asked;
                return -1;
        }
        if (!open)
                return *ret_status = err_exit_status(ERR_EXISTS), 0;
        return session_open(c, name, ret_status, e);
}
