/* SPDX-License-Identifier: MIT */
#include "policy/spec.h"

#include "gpu/gpu.h"
#include "policy/seccomp.h"

#include <stdio.h>
#include <string.h>

#define WORKDIR "/workspace"
#define NOFILE_SOFT 65536

/*
 * The engine ends a session when it sees these keys, and holds back the first ones until it knows.
 * The default begins with Ctrl-P, which every shell user types. Five keys that nobody types in a
 * row; the first (Ctrl-@) sets the mark in Emacs, where waiting for the next key is not noticed.
 */
#define DETACH_KEYS "ctrl-@,ctrl-^,ctrl-@,ctrl-_,ctrl-@"

/* jansson fails only without memory and on texts that are not UTF-8; a bad text becomes "". */
static void set_text(json_t *obj, const char *key, const char *value)
{
        json_t *text = json_string(str_or_empty(value));
        json_object_set_new(obj, key, text ? text : json_string(""));
}

static void set_int(json_t *obj, const char *key, int64_t value)
{
        json_object_set_new(obj, key, json_integer(value));
}

static void set_bool(json_t *obj, const char *key, bool value)
{
        json_object_set_new(obj, key, json_boolean(value));
}

static void set_new(json_t *obj, const char *key, json_t *value)
{
        json_object_set_new(obj, key, value);
}

/* A copy: the caller's tree is borrowed and const. */
static json_t *array_copy(const json_t *list)
{
        return json_is_array(list) ? json_deep_copy(list) : json_array();
}

static bool may_run_as(uid_t uid, gid_t gid)
{
        return uid != 0 && gid != 0 && uid != (uid_t)-1 && gid != (gid_t)-1;
}

static bool may_mount(const struct spec_mount *m)
{
        return m->source && m->target && m->source[0] == '/' && m->target[0] == '/' &&
               m->source[1] && m->target[1] && str_is_utf8(m->source, strlen(m->source)) &&
               str_is_utf8(m->target, strlen(m->target)) && !strstr(m->source, "docker.sock") &&
               !strstr(m->source, "/..") && !strstr(m->target, "/..");
}

/* Only a network of ours: on the engine's own bridge, which "" means too, containers meet. */
static bool may_join(const char *network)
{
        static const char *const builtin[] = { "", "host", "none", "bridge", "default" };
        static const char plain[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
        for (size_t i = 0; i < ARRAY_LEN(builtin); i++)
                if (str_eq(str_or_empty(network), builtin[i]))
                        return false;
        return network[strspn(network, plain)] == '\0';
}

/* A word such as "all", or a list in one, would be more than what was decided. */
static bool may_have(const char *uuid)
{
        static const char plain[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/";
        bool prefixed =
                str_starts(uuid, "GPU-") || str_starts(uuid, "MIG-") || gpu_is_simulated(uuid);
        return prefixed && strlen(uuid) < GPU_UUID_SIZE && uuid[strspn(uuid, plain)] == '\0';
}

static size_t n_gpus(const struct spec *s)
{
        return s->gpus ? s->gpus->n : 0;
}

/* "GPU-1,GPU-2", or what stands for none; owned. */
static char *gpu_list(const struct spec *s, const char *none)
{
        struct buf b = BUF_INIT(1 << 16);
        for (size_t i = 0; i < n_gpus(s); i++)
                buf_printf(&b, "%s%s", i ? "," : "", s->gpus->v[i]);
        if (n_gpus(s) == 0)
                buf_str_add(&b, none);
        return buf_take(&b);
}

#define ROOT_USER "0:0"

bool spec_user_is_root(const char *user)
{
        return str_eq(user, ROOT_USER);
}

static void set_user(json_t *body, bool root, uid_t uid, gid_t gid)
{
        char text[32];
        snprintf(text, sizeof text, "%u:%u", uid, gid);
        set_text(body, "User", root ? ROOT_USER : text);
}

/* ---- labels and environment ---- */

/* Every key is on every container: a label of the image's must never show through. */
static json_t *labels(const struct spec *s)
{
        char uid[16];
        snprintf(uid, sizeof uid, "%u", s->uid);
        cleanup_free char *gpus = gpu_list(s, "");
        const struct {
                const char *key, *value;
        } rows[] = {
                { "ds01.managed", "1" },
                { "ds01.version", s->version },
                { "ds01.instance", s->instance },
                { "ds01.uid", uid },
                { "ds01.user", s->user },
                { "ds01.name", s->name },
                { "ds01.project", s->project },
                { "ds01.op", s->op },
                { "ds01.image", s->image_ref },
                { "ds01.framework", s->framework },
                { "ds01.gpu.uuids", gpus },
                { "ds01.interface", s->interface },
                { "ds01.created_at", s->created_at },
                { "ds01.workspace", s->workspace_path },
                { "ds01.data", s->data_label },
                { "ds01.build", s->build_label },
                { "ds01.protected", "" },
        };
        json_t *obj = json_object();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                set_text(obj, rows[i].key, rows[i].value);
        if (s->root) {
                /* "User" doesn't tell it there. */
                char gid[16];
                snprintf(gid, sizeof gid, "%u", s->gid);
                set_text(obj, "ds01.gid", gid);
                char mark[SECCOMP_MARK_SIZE];
                seccomp_root_mark(mark);
                set_text(obj, "ds01.filter", mark);
        }
        return obj;
}

static bool env_has(const json_t *env, const char *name)
{
        size_t n = strlen(name);
        for (size_t i = 0; i < json_array_size(env); i++) {
                const char *s = json_string_value(json_array_get(env, i));
                if (s && strncmp(s, name, n) == 0 && s[n] == '=')
                        return true;
        }
        return false;
}

static void env_add(json_t *env, const char *name, const char *value)
{
        cleanup_free char *line = xasprintf("%s=%s", name, str_or_empty(value));
        json_t *text = json_string(line);
        if (text)
                json_array_append_new(env, text);
}

static json_t *environment(const struct spec *s)
{
        json_t *env = json_array();
        cleanup_free char *home = xasprintf("/home/%s", str_or_empty(s->user));
        env_add(env, "HOME", home);
        env_add(env, "USER", s->root ? "root" : s->user);
        env_add(env, "LOGNAME", s->root ? "root" : s->user);
        if (!env_has(s->image_env, "LANG") && !env_has(s->image_env, "LC_ALL"))
                env_add(env, "LANG", s->lang_default ? s->lang_default : "C.UTF-8");
        if (s->root) {
                env_add(env, "DEBIAN_FRONTEND", "noninteractive");
                env_add(env, "PIP_ROOT_USER_ACTION", "ignore");
        }
        env_add(env, "LD_PRELOAD", "");
        env_add(env, "LD_AUDIT", "");
        /* What the engine's hook is told besides, so that a shell opened later sees the same. */
        cleanup_free char *gpus = gpu_list(s, "void");
        env_add(env, "NVIDIA_VISIBLE_DEVICES", gpus);
        return env;
}

/* ---- the host side ---- */

static json_t *groups(const struct spec *s)
{
        json_t *list = json_array();
        char text[16];
        for (size_t i = 0; i < s->n_groups; i++) {
                gid_t g = s->groups[i];
                if (g == 0 || g == (gid_t)-1 || g == s->gid)
                        continue;
                snprintf(text, sizeof text, "%u", g);
                json_array_append_new(list, json_string(text));
        }
        return list;
}

static json_t *mounts(const struct spec *s)
{
        json_t *list = json_array();
        for (size_t i = 0; i < s->n_mounts; i++) {
                const struct spec_mount *m = &s->mounts[i];
                json_t *obj = json_object();
                set_text(obj, "Type", "bind");
                set_text(obj, "Source", m->source);
                set_text(obj, "Target", m->target);
                set_bool(obj, "ReadOnly", m->read_only);
                set_new(obj, "BindOptions",
                        json_pack("{s:s, s:b}", "Propagation", "rprivate", "NonRecursive", 1));
                json_array_append_new(list, obj);
        }
        return list;
}

static json_t *ulimits(const struct spec *s)
{
        json_t *list = json_pack("[{s:s, s:i, s:i}]", "Name", "core", "Soft", 0, "Hard", 0);
        if (s->nofile_hard > 0) {
                json_int_t hard = s->nofile_hard;
                json_int_t soft = hard < NOFILE_SOFT ? hard : NOFILE_SOFT;
                json_array_append_new(list,
                        json_pack("{s:s, s:I, s:I}", "Name", "nofile", "Soft", soft, "Hard", hard));
        }
        return list;
}

/* The engine's "no limit" is 0. */
static int64_t or_zero(int64_t limit)
{
        return limit < 0 ? 0 : limit;
}

/* Only a size makes sense for /dev/shm. What is in it counts as memory, so that is limit enough. */
static int64_t shm_size(const struct spec_limits *l)
{
        const int64_t as_good_as_unlimited = (int64_t)1 << 40;
        if (l->shm > 0)
                return l->shm;
        return l->memory > 0 ? l->memory : as_good_as_unlimited;
}

static void set_limits(json_t *host, const struct spec *s)
{
        set_int(host, "Memory", or_zero(s->limits.memory));
        set_int(host, "MemorySwap", or_zero(s->limits.memory));
        set_int(host, "NanoCpus", or_zero(s->limits.nano_cpus));
        set_int(host, "PidsLimit", or_zero(s->limits.pids));
        set_int(host, "ShmSize", shm_size(&s->limits));
        set_text(host, "CgroupParent", s->cgroup_parent);
        set_int(host, "OomScoreAdj", 500);
        set_bool(host, "OomKillDisable", false);
        set_new(host, "Ulimits", ulimits(s));
}

/* Said although they are the engine's defaults: a default that changes must not change us. */
static void set_nothing(json_t *host)
{
        static const char *const lists[] = { "CapAdd", "Binds", "VolumesFrom", "Links", "Devices",
                "DeviceCgroupRules", "DeviceRequests", "ExtraHosts", "Dns", "DnsOptions",
                "DnsSearch" };
        static const char *const maps[] = { "Sysctls", "Tmpfs", "PortBindings" };
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                set_new(host, lists[i], json_array());
        for (size_t i = 0; i < ARRAY_LEN(maps); i++)
                set_new(host, maps[i], json_object());
}

/*
 * The engine lets everybody inside bind ports below 1024. From one of those a client passes for root of
 * its machine, also behind the engine's NAT: a file server with AUTH_SYS would believe any uid it says.
 */
static void keep_low_ports(json_t *host)
{
        set_text(json_object_get(host, "Sysctls"), "net.ipv4.ip_unprivileged_port_start", "1024");
}

/*
 * One request with a list: of several, the engine's hook would see only the last. Never empty, which
 * would mean all to an image that says so, and with the capabilities named, which an image could
 * widen otherwise.
 */
static json_t *device_requests(const struct spec *s)
{
        json_t *ids = json_array();
        for (size_t i = 0; i < n_gpus(s); i++)
                if (!gpu_is_simulated(s->gpus->v[i]))
                        json_array_append_new(ids, json_string(s->gpus->v[i]));
        if (json_array_size(ids) == 0) {
                json_decref(ids);
                return json_array();
        }
        return json_pack("[{s:s, s:i, s:o, s:[[s, s, s]], s:{}}]", "Driver", "nvidia", "Count", 0,
                "DeviceIDs", ids, "Capabilities", "gpu", "compute", "utility", "Options");
}

/* What installing packages takes: giving files away, and becoming other users of the container. */
static json_t *capabilities(void)
{
        return json_pack("[s, s, s, s, s, s, s]", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID",
                "KILL", "SETGID", "SETUID");
}

/*
 * The engine's own list, which this replaces, and what the mode alone keeps from others than root: a
 * driver's settings for all GPUs, and the kernel's debug messages.
 */
static json_t *readonly_paths(void)
{
        return json_pack("[s, s, s, s, s, s, s]", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                "/proc/sysrq-trigger", "/proc/driver", "/proc/dynamic_debug");
}

static void set_root(json_t *host)
{
        cleanup_free char *option = xasprintf("seccomp=%s", seccomp_root_profile());
        set_new(host, "CapAdd", capabilities());
        set_new(host, "ReadonlyPaths", readonly_paths());
        json_array_append_new(json_object_get(host, "SecurityOpt"), json_string(option));
}

static json_t *host_config(const struct spec *s)
{
        json_t *host = json_object();
        set_bool(host, "Privileged", false);
        set_new(host, "CapDrop", json_pack("[s]", "ALL"));
        set_new(host, "SecurityOpt", json_pack("[s]", "no-new-privileges:true"));
        set_text(host, "Runtime", "runc");
        set_text(host, "NetworkMode", s->network);
        set_text(host, "IpcMode", "private");
        set_text(host, "CgroupnsMode", "private");
        set_text(host, "PidMode", "");
        set_text(host, "UTSMode", "");
        set_text(host, "UsernsMode", "");
        set_bool(host, "ReadonlyRootfs", false);
        set_bool(host, "PublishAllPorts", false);
        set_nothing(host);
        keep_low_ports(host);
        if (s->root)
                set_root(host);
        set_new(host, "DeviceRequests", device_requests(s));
        set_new(host, "GroupAdd", groups(s));
        set_new(host, "Mounts", mounts(s));
        set_limits(host, s);
        set_new(host, "RestartPolicy",
                json_pack("{s:s, s:i}", "Name", "no", "MaximumRetryCount", 0));
        set_bool(host, "AutoRemove", false);
        set_bool(host, "Init", true);
        set_new(host, "LogConfig",
                json_pack("{s:s, s:{s:s, s:s}}", "Type", "json-file", "Config", "max-size", "10m",
                        "max-file", "3"));
        return host;
}

/* ---- the two bodies ---- */

json_t *spec_create_body(const struct spec *s)
{
        if (!may_run_as(s->uid, s->gid) || !may_join(s->network))
                return NULL;
        for (size_t i = 0; i < s->n_mounts; i++)
                if (!may_mount(&s->mounts[i]))
                        return NULL;
        for (size_t i = 0; i < n_gpus(s); i++)
                if (!may_have(s->gpus->v[i]))
                        return NULL;
        json_t *body = json_object();
        set_text(body, "Image", s->image_id);
        set_user(body, s->root, s->uid, s->gid);
        set_text(body, "Hostname", s->hostname);
        set_text(body, "WorkingDir", WORKDIR);
        set_new(body, "Entrypoint", array_copy(s->entrypoint));
        set_new(body, "Cmd", array_copy(s->cmd));
        set_bool(body, "Tty", true);
        set_bool(body, "OpenStdin", true);
        set_bool(body, "StdinOnce", false);
        set_bool(body, "AttachStdin", false);
        set_bool(body, "AttachStdout", false);
        set_bool(body, "AttachStderr", false);
        set_text(body, "StopSignal", "SIGTERM");
        set_int(body, "StopTimeout", s->stop_grace_s);
        set_new(body, "Healthcheck", json_pack("{s:[s]}", "Test", "NONE"));
        set_new(body, "Labels", labels(s));
        set_new(body, "Env", environment(s));
        set_new(body, "HostConfig", host_config(s));
        return body;
}

/* Characters that mean nothing to any shell's prompt; the rest of an account's name becomes '-'. */
static char *prompt_text(const char *s)
{
        static const char plain[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
        char *copy = xstrndup(str_or_empty(s), 64);
        for (char *c = copy; *c; c++)
                if (!strchr(plain, *c))
                        *c = '-';
        return copy;
}

static const char *term_or_default(const char *term)
{
        static const char plain[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
        bool fine = term && *term && strlen(term) <= 64 && term[strspn(term, plain)] == '\0';
        return fine ? term : "xterm";
}

json_t *spec_exec_body(const struct spec_exec *x)
{
        if (!may_run_as(x->uid, x->gid))
                return NULL;
        json_t *env = json_array();
        if (x->tty) {
                cleanup_free char *user = prompt_text(x->root ? "root" : x->user);
                cleanup_free char *host = prompt_text(x->hostname);
                cleanup_free char *prompt =
                        xasprintf("%s@%s:$PWD%c ", user, host, x->root ? '#' : '$');
                env_add(env, "TERM", term_or_default(x->term));
                env_add(env, "PS1", prompt);
        }
        json_t *body = json_object();
        set_user(body, x->root, x->uid, x->gid);
        set_text(body, "WorkingDir", WORKDIR);
        set_new(body, "Cmd", array_copy(x->cmd));
        set_new(body, "Env", env);
        set_bool(body, "Tty", x->tty);
        set_bool(body, "AttachStdin", x->tty || x->with_stdin);
        set_bool(body, "AttachStdout", true);
        set_bool(body, "AttachStderr", true);
        set_text(body, "DetachKeys", DETACH_KEYS);
        set_bool(body, "Privileged", false);
        return body;
}
