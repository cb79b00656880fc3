/* SPDX-License-Identifier: MIT */
#include "daemon/audit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "rpc/api.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Does the file end within a line, which a full disk or a crash cut short? */
static bool ends_within_a_line(int fd)
{
        char last = '\n';
        off_t size = lseek(fd, 0, SEEK_END);
        return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int append(const struct daemon *d, const char *line)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        cleanup_free char *path = xasprintf("%s/audit.jsonl", d->config.state_dir);
        cleanup_close int fd =
                open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -1;
        pthread_mutex_lock(&lock);
        /* What was cut short stays a line by itself: the next one must not be joined to it. */
        cleanup_free char *whole = xasprintf("%s%s\n", ends_within_a_line(fd) ? "\n" : "", line);
        size_t n = strlen(whole);
        ssize_t written = write(fd, whole, n);
        pthread_mutex_unlock(&lock);
        if (written >= 0 && (size_t)written < n)
                errno = ENOSPC;
        return written == (ssize_t)n && fdatasync(fd) == 0 ? 0 : -1;
}

static void put(const struct daemon *d, json_t *taken)
{
        cleanup_json json_t *record = taken;
        cleanup_free char *line = json_text_ascii(record);
        if (append(d, line) < 0)
                log_error("Can't write the audit log: %s: %s", strerror(errno), line);
}

/* "Containers.Retire" */
static const char *op_of(const struct rpc_call *call)
{
        const char *name = call->method->name;
        return str_starts(name, "io.ds01.") ? name + strlen("io.ds01.") : name;
}

static json_t *record(const struct caller *who, const struct rpc_call *call, const struct audit *a,
        const char *event)
{
        char now[CLOCK_RFC3339_LEN];
        const char *user = json_str(call->params, "user");
        const char *name = json_str(call->params, "name"), *image = json_str(call->params, "image");
        clock_rfc3339(clock_unix(), now);
        json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "time", now, "event", event,
                "id", a->id, "admin_uid", (json_int_t)who->peer.uid, "admin", who->peer.user, "op",
                op_of(call), "target", user ? user : "all");
        if (name)
                json_object_set_new(j, "container", json_string(name));
        if (image)
                json_object_set_new(j, "image", json_string(image));
        return j;
}

void audit_begin(
        struct daemon *d, const struct caller *who, const struct rpc_call *call, struct audit *ret)
{
        const char *user = json_str(call->params, "user");
        *ret = (struct audit){ 0 };
        if (call->method->who != API_USER_OR_ADMIN || !caller_is_admin(who))
                return;
        /* An admin who asks for what is its own is a user; root has nothing of its own. */
        if (who->peer.uid != 0 && (!user || strcmp(user, who->peer.user) == 0))
                return;
        ret->active = true;
        random_hex(ret->id);
        put(d, record(who, call, ret, "begin"));
}

void audit_end(struct daemon *d, const struct caller *who, const struct rpc_call *call,
        const struct audit *a, const struct err *e)
{
        if (!a->active)
                return;
        json_t *j = record(who, call, a, "end");
        json_object_set_new(j, "result", json_string(e ? err_wire_name(e->code) : "done"));
        if (e) {
                /* A sentence that was cut to its maximum can end within a character. */
                cleanup_free char *msg = str_safe(e->msg);
                json_object_set_new(j, "error", json_string(msg));
        }
        put(d, j);
}
