/* SPDX-License-Identifier: MIT */
#include "daemon/attach.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/images.h"
#include "daemon/named.h"
#include "engine/exec.h"
#include "host/cgroup.h"
#include "host/identity.h"
#include "policy/mainproc.h"
#include "policy/name.h"
#include "policy/spec.h"
#include "store/containers.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        EXEC_S = 30,
        ECHO_MS = 2000, /* how long the terminal may take to echo a line */
        CLAIM_MS = 10 * 1000,
        HANGUP_MS = 5 * 1000, /* from SIGHUP to SIGKILL */
        POLL_MS = 50,
};

/*
 * Sessions of the former process, between our start and the end of their grace; and those that could
 * not be hung up because the engine did not answer.
 */
static struct {
        pthread_mutex_t lock;
        struct session_ref *head;
        int64_t deadline;
} unclaimed = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void ref_free(struct session_ref *r)
{
        if (r->stream_fd >= 0)
                close(r->stream_fd);
        free(r);
}

static struct session_ref *take_ref(struct session_ref **head, const char *exec_id)
{
        for (struct session_ref **p = head; *p; p = &(*p)->next)
                if (strcmp((*p)->session.exec_id, exec_id) == 0) {
                        struct session_ref *found = *p;
                        *p = found->next;
                        return found;
                }
        return NULL;
}

static struct session_ref *add_ref(
        struct session_ref **head, const struct session *s, int stream_fd)
{
        struct session_ref *r = xcalloc(1, sizeof *r);
        r->session = *s;
        r->stream_fd = stream_fd;
        r->next = *head;
        return *head = r;
}

/* ---- attaching ---- */

static int find_running(struct daemon *d, const struct caller *who, const char *name,
        struct container *ret, struct err *e)
{
        if (container_named(d, who->peer.uid, name, ret, e) < 0)
                return -1;
        if (ret->state == LEDGER_RUNNING)
                return 0;
        err_set(e, ERR_NOT_RUNNING, "Container %s is not running (%s)", name,
                ledger_wire(ret->state));
        if (ret->state == LEDGER_STOPPED && ret->stop_reason)
                err_detail(e, "It was stopped: %s.", ret->stop_reason);
        else if (ret->exit_code > 0)
                err_detail(e, "It ended with exit code %d.%s%s", ret->exit_code,
                        str_or_empty(ret->last_lines)[0] ? " Its last lines:\n" : "",
                        str_or_empty(ret->last_lines));
        return ret->state == LEDGER_PAUSED
                       ? err_fix(e, "container-unpause %s", name)
                       : err_fix(e, "container-start %s\nproject launch %s", name, name);
}

/* TERM goes into the environment: only what terminfo names are made of. */
static const char *safe_term(const char *term)
{
        if (!term || !*term || strlen(term) > 64)
                return "dumb";
        for (const char *p = term; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("-+._", *p))
                        return "dumb";
        return term;
}

/*
 * With a terminal, the command begins once its window has a size: the engine can only set that after
 * the start, and a program that looks at once would see 0 0. The shell that runs first waits for the
 * line that open_terminal() sends. Without one it is there for what it says where there is no such
 * command: the engine's own sentence is about runtimes, and comes as if the command had said it.
 */
static json_t *by_shell(const json_t *words, bool tty)
{
        const char *script = tty ? "IFS= read -r _; exec \"$@\"" : "exec \"$@\"";
        json_t *cmd = json_pack("[ssss]", "/bin/sh", "-c", script, "sh");
        json_array_extend(cmd, (json_t *)(uintptr_t)words);
        return cmd;
}

static json_t *exec_body(const struct container *c, const struct caller *who, const json_t *params,
        bool tty, bool has_shell)
{
        char hostname[NAME_SIZE];
        name_hostname(c->name, hostname);
        const json_t *words = json_object_get(params, "command");
        bool shell = json_array_size(words) == 0;
        cleanup_json json_t *plain = shell ? mainproc_shell() : json_deep_copy(words);
        cleanup_json json_t *cmd =
                has_shell && (tty || !shell) ? by_shell(plain, tty) : json_incref(plain);
        cleanup_free char *user = identity_name(who->peer.user);
        struct spec_exec x = { .uid = c->uid,
                .gid = c->gid,
                .root = c->root,
                .user = user,
                .hostname = hostname,
                .term = safe_term(json_str(params, "term")),
                .cmd = cmd,
                .tty = tty,
                /* An input that has to be closed again costs the engine a tenth of an exec. */
                .with_stdin = !json_bool(params, "no_input", false) };
        return spec_exec_body(&x);
}

static int check_shell(struct daemon *d, const struct container *c, const json_t *params,
        bool *ret_has_shell, struct err *e)
{
        struct image_facts facts = { 0 };
        if (images_facts(d, c->image_id, &facts, e) < 0)
                return -1;
        *ret_has_shell = facts.has_shell;
        facts_done(&facts);
        if (*ret_has_shell || json_array_size(json_object_get(params, "command")) > 0)
                return 0;
        err_set(e, ERR_FAILED,
                "Container %s has no shell: there is neither sh nor bash in image %s", c->name,
                c->image_ref);
        return err_fix(e, "container-attach %s -- COMMAND", c->name);
}

static void end_or_keep(struct daemon *d, struct session_ref *r);

/* Starts the process and remembers the session before anybody can lose sight of it. */
static int start_session(struct daemon *d, const struct container *c, const json_t *body, bool tty,
        struct session *s, int *ret_fd, struct err *e)
{
        struct engine_wait w = daemon_wait(EXEC_S);
        *s = (struct session){
                .container_id = c->id, .uid = c->uid, .tty = tty, .created_at = clock_unix()
        };
        memcpy(s->engine_id, c->engine_id, sizeof s->engine_id);
        memcpy(s->boot_id, d->boot, sizeof s->boot_id);
        if (engine_exec_create(d->engine, &w, c->engine_id, body, s->exec_id, e) < 0 ||
                sessions_add(d->store, s, e) < 0)
                return -1;
        if (engine_exec_start(d->engine, &w, s->exec_id, tty, ret_fd, e) < 0) {
                /* Not answered is not "not started": a process that nobody holds must not stay. */
                struct session_ref *lost = NULL;
                end_or_keep(d, add_ref(&lost, s, -1));
                return -1;
        }
        return 0;
}

static void resize(struct daemon *d, const char *exec_id, const json_t *params)
{
        struct engine_wait w = daemon_wait(EXEC_S);
        struct err e = ERR_INIT;
        int64_t rows = json_int(params, "rows", 0), cols = json_int(params, "cols", 0);
        if (rows < 1 || cols < 1 || rows > 10000 || cols > 10000)
                return;
        /* One that has ended already has no size: its output is still to be read. */
        if (engine_exec_resize(d->engine, &w, exec_id, (int)rows, (int)cols, &e) < 0)
                log_debug("resize: %s", e.msg);
}

/*
 * Sets the window's size, then lets the command begin. The kernel echoes the line at once, before any
 * program of the container has a say: what it echoed is taken out of the stream again.
 */
static void open_terminal(
        struct daemon *d, const char *exec_id, const json_t *params, int fd, bool has_shell)
{
        char echo[2];
        int64_t deadline = clock_mono_ms() + ECHO_MS;
        resize(d, exec_id, params);
        if (!has_shell || fd_write_all(fd, "\n", 1, deadline) < 0)
                return;
        for (ssize_t n = 0; n < 2 && fd_wait_readable(fd, deadline) > 0;) {
                n = recv(fd, echo, sizeof echo, MSG_PEEK | MSG_DONTWAIT);
                if (n == 0)
                        return;
                if (n == 2 && memcmp(echo, "\r\n", 2) == 0)
                        (void)!recv(fd, echo, sizeof echo, MSG_DONTWAIT);
                else if (n == 1)
                        usleep(1000);
        }
}

int attach_start(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        const json_t *params = call->params;
        cleanup_container struct container c = { 0 };
        struct session s;
        cleanup_close int fd = -1;
        bool tty = json_bool(params, "tty", false), has_shell = false;
        if (daemon_engine(d, NULL, e) < 0 ||
                find_running(d, who, json_str(params, "name"), &c, e) < 0 ||
                check_shell(d, &c, params, &has_shell, e) < 0)
                return -1;
        cleanup_json json_t *body = exec_body(&c, who, params, tty, has_shell);
        if (start_session(d, &c, body, tty, &s, &fd, e) < 0) {
                if (e->code == ERR_NOT_RUNNING || e->code == ERR_NOT_FOUND) {
                        err_set(e, ERR_NOT_RUNNING, "Container %s is not running", c.name);
                        err_fix(e, "project launch %s", c.name);
                }
                return -1;
        }
        if (tty)
                open_terminal(d, s.exec_id, params, fd, has_shell);
        add_ref(&who->sessions, &s, fcntl(fd, F_DUPFD_CLOEXEC, 0));
        return rpc_reply_fd(
                call, json_pack("{s:s, s:b}", "session", s.exec_id, "tty", (int)tty), fd);
}

/* ---- the client's other requests ---- */

static int find_session(struct daemon *d, const struct caller *who, const json_t *params,
        struct session *ret, struct err *e)
{
        bool found = false;
        if (sessions_find(d->store, json_str(params, "session"), who->peer.uid, ret, &found, e) < 0)
                return -1;
        return found ? 0 : err_set(e, ERR_NOT_FOUND, "No such session of yours");
}

int attach_resize(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct session s;
        if (find_session(d, who, call->params, &s, e) < 0)
                return -1;
        resize(d, s.exec_id, call->params);
        return rpc_reply(call, json_object());
}

int attach_claim(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct session s;
        cleanup_container struct container c = { 0 };
        bool found = false;
        if (find_session(d, who, call->params, &s, e) < 0 ||
                containers_get(d->store, s.container_id, &c, &found, e) < 0)
                return -1;
        pthread_mutex_lock(&unclaimed.lock);
        struct session_ref *r = take_ref(&unclaimed.head, s.exec_id);
        pthread_mutex_unlock(&unclaimed.lock);
        if (!r)
                return err_set(e, ERR_NOT_FOUND, "No such session of yours");
        r->next = who->sessions;
        who->sessions = r;
        return rpc_reply(call,
                json_pack("{s:s, s:b}", "container", str_or_empty(c.name), "tty", (int)s.tty));
}

/* Waits for the process; *ret_code is 137 if it went with its container. */
static int wait_exec(
        struct daemon *d, const char *exec_id, int hangup_fd, int *ret_code, struct err *e)
{
        for (int ms = 2;; ms = ms * 2 > POLL_MS ? POLL_MS : ms * 2) {
                struct engine_exec x;
                struct engine_wait w = daemon_wait(EXEC_S);
                w.hangup_fd = hangup_fd;
                if (engine_exec_inspect(d->engine, &w, exec_id, &x, e) < 0) {
                        if (e->code != ERR_NOT_FOUND)
                                return -1;
                        *ret_code = 128 + SIGKILL;
                        return 0;
                }
                if (!x.running) {
                        *ret_code = x.exit_code < 0 ? 128 + SIGKILL : x.exit_code;
                        return 0;
                }
                struct pollfd p = { .fd = hangup_fd, .events = POLLIN | POLLRDHUP };
                if (poll(&p, 1, ms) > 0)
                        return err_set(e, ERR_INTERRUPTED, "The client left");
        }
}

int attach_wait(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct session s;
        struct err ignored = ERR_INIT;
        int code;
        if (find_session(d, who, call->params, &s, e) < 0 ||
                wait_exec(d, s.exec_id, call->conn_fd, &code, e) < 0)
                return -1;
        struct session_ref *r = take_ref(&who->sessions, s.exec_id);
        if (r)
                ref_free(r);
        if (sessions_remove(d->store, s.exec_id, &ignored) < 0)
                log_warning("session: %s", ignored.msg);
        return rpc_reply(call, json_pack("{s:i}", "exit_code", code));
}

/* ---- vanished clients ---- */

/*
 * SIGHUP and SIGCONT to the session, SIGKILL to the shell if it is still there five seconds later.
 * False if the engine could not be asked: then nothing is known.
 */
static bool hang_up(struct daemon *d, struct session_ref *r)
{
        struct engine_exec x;
        struct engine_wait w = daemon_wait(EXEC_S);
        struct err e = ERR_INIT;
        const struct session *s = &r->session;
        if (r->stream_fd >= 0)
                shutdown(r->stream_fd, SHUT_RDWR);
        if (engine_exec_inspect(d->engine, &w, s->exec_id, &x, &e) < 0) {
                if (e.code != ERR_NOT_FOUND)
                        return false;
                goto out;
        }
        if (!x.running)
                goto out;
        log_info("a client of uid %u vanished: ending its shell", (unsigned)s->uid);
        cgroup_end_session(x.pid, s->engine_id, SIGHUP, &e);
        for (int64_t deadline = clock_mono_ms() + HANGUP_MS; clock_mono_ms() < deadline;
                usleep(POLL_MS * 1000)) {
                w = daemon_wait(EXEC_S);
                if (engine_exec_inspect(d->engine, &w, s->exec_id, &x, &e) < 0 || !x.running)
                        goto out;
        }
        cgroup_kill_process(x.pid, s->engine_id, &e);
out:
        if (sessions_remove(d->store, s->exec_id, &e) < 0)
                log_warning("session: %s", e.msg);
        return true;
}

/* Takes the reference: hung up, or left to the sweep. */
static void end_or_keep(struct daemon *d, struct session_ref *r)
{
        if (!hang_up(d, r)) {
                pthread_mutex_lock(&unclaimed.lock);
                add_ref(&unclaimed.head, &r->session, -1);
                pthread_mutex_unlock(&unclaimed.lock);
        }
        ref_free(r);
}

void attach_connection_closed(struct caller *who)
{
        struct daemon *d = who->daemon;
        for (struct session_ref *r; (r = who->sessions);) {
                who->sessions = r->next;
                if (atomic_load(&d->stopping))
                        ref_free(r);
                else
                        end_or_keep(d, r);
        }
}

static int remember(const struct session *s, void *ctx)
{
        struct daemon *d = ctx;
        struct err e = ERR_INIT;
        if (strcmp(s->boot_id, d->boot) == 0)
                add_ref(&unclaimed.head, s, -1);
        else if (sessions_remove(d->store, s->exec_id, &e) < 0)
                log_warning("session: %s", e.msg);
        return 0;
}

void attach_recover(struct daemon *d)
{
        struct err e = ERR_INIT;
        pthread_mutex_lock(&unclaimed.lock);
        if (sessions_each(d->store, 0, remember, d, &e) < 0)
                log_warning("sessions: %s", e.msg);
        unclaimed.deadline = clock_mono_ms() + CLAIM_MS;
        pthread_mutex_unlock(&unclaimed.lock);
}

void attach_sweep(struct daemon *d)
{
        struct session_ref *gone = NULL;
        pthread_mutex_lock(&unclaimed.lock);
        if (unclaimed.head && clock_mono_ms() >= unclaimed.deadline)
                gone = take_ptr(unclaimed.head);
        pthread_mutex_unlock(&unclaimed.lock);
        while (gone) {
                struct session_ref *next = gone->next;
                end_or_keep(d, gone);
                gone = next;
        }
}
