/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include "base/fd.h"
#include "base/str.h"
#include "engine/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ENGINE_PID_FILE "/run/docker.pid"

struct engine *engine_new(const char *socket_path)
{
        struct engine *en = xcalloc(1, sizeof *en);
        en->http = http_new(socket_path);
        pthread_mutex_init(&en->lock, NULL);
        return en;
}

void engine_free(struct engine *en)
{
        if (!en)
                return;
        http_free(en->http);
        pthread_mutex_destroy(&en->lock);
        free(en);
}

void engine_tell(struct engine *en, engine_told *fn, void *ctx)
{
        en->told = fn;
        en->told_ctx = ctx;
}

int engine_ping(struct engine *en, const struct engine_wait *w, struct err *e)
{
        cleanup_call struct call c = call_new("GET", "reach the container engine");
        call_path(&c, "/_ping");
        return call_run(en, w, &c, e);
}

static void read_security(const json_t *options, struct engine_version *v)
{
        size_t i;
        json_t *option;
        cleanup_buf struct buf all = BUF_INIT(sizeof v->security - 1);
        json_array_foreach (options, i, option) {
                const char *s = str_or_empty(json_string_value(option));
                if (str_starts(s, "name=userns"))
                        v->userns_remap = true;
                if (str_starts(s, "name=rootless"))
                        v->rootless = true;
                buf_printf(&all, "%s%s", i ? " " : "", s);
        }
        call_copy(v->security, sizeof v->security, buf_str(&all));
}

int engine_version(
        struct engine *en, const struct engine_wait *w, struct engine_version *ret, struct err *e)
{
        cleanup_call struct call c = call_new("GET", "ask what the container engine is");
        cleanup_json json_t *info = NULL;
        int api;
        call_path(&c, "/info");
        if (call_run_json(en, w, &c, &info, e) || call_api(en, w, &api, e))
                return -1;
        struct engine_version v = { .cpus = (int)json_int(info, "NCPU", 0),
                .memory_bytes = json_int(info, "MemTotal", 0),
                .live_restore = json_bool(info, "LiveRestoreEnabled", false),
                .nvidia_runtime = json_at(info, "Runtimes/nvidia") != NULL };
        long long cgroup_version = 1;
        str_to_int(json_str(info, "CgroupVersion"), 1, 2, &cgroup_version);
        v.cgroup_version = (int)cgroup_version;
        snprintf(v.api, sizeof v.api, "1.%d", api);
        call_copy(v.version, sizeof v.version, json_str(info, "ServerVersion"));
        call_copy(v.cgroup_driver, sizeof v.cgroup_driver, json_str(info, "CgroupDriver"));
        call_copy(v.storage_driver, sizeof v.storage_driver, json_str(info, "Driver"));
        call_copy(v.default_runtime, sizeof v.default_runtime, json_str(info, "DefaultRuntime"));
        call_copy(v.root_dir, sizeof v.root_dir, json_str(info, "DockerRootDir"));
        read_security(json_at(info, "SecurityOptions"), &v);
        *ret = v;
        return 0;
}

static void read_components(const json_t *version, struct engine_details *d)
{
        size_t i;
        json_t *part;
        json_array_foreach (json_at(version, "Components"), i, part) {
                const char *name = str_or_empty(json_str(part, "Name"));
                if (strcmp(name, "containerd") == 0)
                        call_copy(d->containerd, sizeof d->containerd, json_str(part, "Version"));
                if (strcmp(name, "runc") == 0)
                        call_copy(d->runc, sizeof d->runc, json_str(part, "Version"));
        }
}

static void read_warnings(const json_t *warnings, struct engine_details *d)
{
        size_t i, n = 0;
        json_t *warning;
        json_array_foreach (warnings, i, warning) {
                cleanup_free char *line = str_safe(str_or_empty(json_string_value(warning)));
                size_t len = strlen(line);
                if (len == 0 || n + len + 2 > sizeof d->warnings)
                        continue;
                n += (size_t)snprintf(
                        d->warnings + n, sizeof d->warnings - n, "%s%s", n ? "\n" : "", line);
        }
}

int engine_details(
        struct engine *en, const struct engine_wait *w, struct engine_details *ret, struct err *e)
{
        cleanup_call struct call of_version = call_new("GET", "ask for the engine's version");
        cleanup_call struct call of_info = call_new("GET", "ask what the container engine is");
        cleanup_json json_t *version = NULL, *info = NULL;
        call_path(&of_version, "/version");
        call_path(&of_info, "/info");
        if (call_run_json(en, w, &of_version, &version, e) ||
                call_run_json(en, w, &of_info, &info, e))
                return -1;
        struct engine_details d = {
                .authorization = json_array_size(json_at(info, "Plugins/Authorization")) > 0,
                .ipv4_forwarding = json_bool(info, "IPv4Forwarding", true),
        };
        read_components(version, &d);
        read_warnings(json_at(info, "Warnings"), &d);
        *ret = d;
        return 0;
}

static bool is_named(pid_t pid, const char *name)
{
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        cleanup_free char *comm = NULL;
        struct err ignored;
        if (pid <= 0 || fd_read_file(AT_FDCWD, path, 64, &comm, NULL, &ignored))
                return false;
        comm[strcspn(comm, "\n")] = '\0';
        return str_eq(comm, name);
}

static pid_t pid_from_file(void)
{
        cleanup_free char *text = NULL;
        struct err ignored;
        long long pid;
        if (fd_read_file(AT_FDCWD, ENGINE_PID_FILE, 32, &text, NULL, &ignored))
                return 0;
        text[strcspn(text, "\n")] = '\0';
        return str_to_int(text, 1, INT32_MAX, &pid) && is_named((pid_t)pid, "dockerd") ? (pid_t)pid
                                                                                       : 0;
}

pid_t engine_pid(const struct engine *en)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        struct ucred peer;
        socklen_t n = sizeof peer;
        const char *path = http_socket(en->http);
        cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || strlen(path) >= sizeof a.sun_path)
                return 0;
        memcpy(a.sun_path, path, strlen(path));
        if (connect(fd, (struct sockaddr *)&a, sizeof a) ||
                getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n))
                return 0;
        /* With socket activation the credentials are those of whoever called listen(2). */
        return peer.pid == 1 || is_named(peer.pid, "systemd") ? pid_from_file() : peer.pid;
}
