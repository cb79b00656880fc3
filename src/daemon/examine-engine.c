/* SPDX-License-Identifier: MIT */
/* examine.h: what is asked of the engine and of its process. */
#include "daemon/examine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/bounded.h"
#include "daemon/holes.h"
#include "daemon/judge.h"
#include "engine/networks.h"
#include "host/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENGINE_JSON "/etc/docker/daemon.json"
#define DPKG_STATUS "/var/lib/dpkg/status"
enum { PROC_FILE_MAX = 64 << 20, ENGINE_JSON_MAX = 1 << 20, DPKG_STATUS_MAX = 64 << 20 };

static struct engine_wait in_time(void)
{
        return daemon_wait(EXAMINE_ENGINE_S);
}

int examine_ask_engine(struct examination *x)
{
        if (!x->engine_asked) {
                struct engine_wait w = in_time();
                x->engine_asked = true;
                x->engine_error = ERR_INIT;
                if (engine_version(x->engine, &w, &x->version, &x->engine_error) == 0)
                        (void)engine_details(x->engine, &w, &x->details, &x->engine_error);
                if (x->engine_error.code == ERR_NONE)
                        x->engine_pid = engine_pid(x->engine);
        }
        return x->engine_error.code == ERR_NONE ? 0 : -1;
}

/* A file below /proc of the engine's process, such as "net/tcp"; NULL if it can't be read; owned. */
static char *engine_file(struct examination *x, const char *name, size_t *ret_n)
{
        struct err ignored = ERR_INIT;
        char *text = NULL;
        cleanup_free char *path = xasprintf("/proc/%d/%s", (int)x->engine_pid, name);
        if (x->engine_pid <= 0 ||
                fd_read_file(AT_FDCWD, path, PROC_FILE_MAX, &text, ret_n, &ignored) < 0)
                return NULL;
        return text;
}

void examine_engine(struct examination *x, struct finding *f)
{
        struct err of_ds01d = ERR_INIT;
        int r = examine_ask_engine(x);
        /* Rights on the socket are root's alone: that says nothing about the engine. */
        if (r < 0 && geteuid() != 0 && access(x->config->engine_socket, F_OK) == 0) {
                finding_add(f, FINDING_UNCHECKED, NULL, "Only root can ask the engine");
                return;
        }
        judge_engine(&x->version, r < 0 ? &x->engine_error : NULL, f);
        if (r == 0 && x->d && daemon_engine(x->d, NULL, &of_ds01d) < 0)
                finding_add(f, FINDING_PROBLEM,
                        of_ds01d.fix[0] ? of_ds01d.fix : "journalctl -u ds01d",
                        "The engine answers, but ds01d can't work with it: %s", of_ds01d.msg);
}

static bool apparmor_is_on(void)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *text = NULL;
        return fd_read_file(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text, NULL,
                       &ignored) == 0 &&
               text[0] == 'Y';
}

void examine_engine_settings(struct examination *x, struct finding *f)
{
        judge_engine_settings(&x->version, &x->details, apparmor_is_on(), f);
}

static void toolkit_version(char *out, size_t size)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *status = NULL;
        out[0] = '\0';
        if (fd_read_file(AT_FDCWD, DPKG_STATUS, DPKG_STATUS_MAX, &status, NULL, &ignored) == 0)
                (void)hole_dpkg_version(
                        status, hole_component_package(HOLE_TOOLKIT, false), out, size);
}

void examine_holes(struct examination *x, struct finding *f)
{
        char toolkit[64];
        toolkit_version(toolkit, sizeof toolkit);
        judge_holes(&x->version, &x->details, toolkit, f);
}

/* ---- who reaches it ---- */

/* False if where it listens could not be read. */
static bool look_at_network(struct examination *x, struct engine_access *a)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *json = NULL, *tcp = engine_file(x, "net/tcp", NULL),
                          *tcp6 = engine_file(x, "net/tcp6", NULL);
        size_t n = 0;
        if (fd_read_file(AT_FDCWD, ENGINE_JSON, ENGINE_JSON_MAX, &json, &n, &ignored) == 0)
                (void)judge_engine_json(json, n, &a->hosts, &a->tls);
        a->open_2375 = judge_listens(tcp, 2375) || judge_listens(tcp6, 2375);
        a->open_2376 = judge_listens(tcp, 2376) || judge_listens(tcp6, 2376);
        /* Without IPv6 there is no tcp6. */
        return tcp != NULL;
}

/* The name of the socket's group may have to be asked of the network. */
static struct bounded group_kind;

struct group_name {
        gid_t gid;
        char *name;
};

static void find_group_name(void *arg)
{
        struct group_name *g = arg;
        struct err ignored = ERR_INIT;
        (void)host_group_name(g->gid, &g->name, &ignored);
}

static void free_group_name(void *arg)
{
        struct group_name *g = arg;
        free(g->name);
        free(g);
}

/* Its name, or its number where nobody tells in time; owned. */
static char *group_name(gid_t gid)
{
        struct group_name *g = xcalloc(1, sizeof *g);
        char *name = NULL;
        g->gid = gid;
        if (bounded_run(&group_kind, find_group_name, free_group_name, g, EXAMINE_LOOK_MS)) {
                name = take_ptr(g->name);
                free_group_name(g);
        }
        return name ? name : xasprintf("%u", (unsigned)gid);
}

void examine_engine_access(struct examination *x, struct finding *f)
{
        struct engine_access a = { .socket = x->config->engine_socket };
        struct stat st;
        cleanup_free char *group = NULL;
        if (stat(a.socket, &st) < 0)
                a.error = errno;
        else {
                a.uid = st.st_uid;
                a.mode = st.st_mode;
                if (st.st_gid != 0)
                        group = group_name(st.st_gid);
                a.group = group;
        }
        if (examine_ask_engine(x) == 0) {
                if (!look_at_network(x, &a))
                        finding_add(f, FINDING_UNCHECKED, NULL,
                                "Whether it listens on a network can't be told");
                a.root_dir = x->version.root_dir;
                a.root_mode = x->engine_root_mode;
        } else
                finding_add(f, FINDING_UNCHECKED, NULL,
                        "Where it listens and keeps its data is not known while it doesn't answer");
        judge_engine_access(&a, f);
        strv_done(&a.hosts);
}

void examine_networks(struct examination *x, struct finding *f)
{
        const struct config *c = x->config;
        char *subnets[2] = { NULL, NULL };
        cleanup_free char *routes = engine_file(x, "net/route", NULL);
        struct network_facts v[] = { { .name = c->network_name, .bridge = c->network_bridge },
                { .name = c->network_build_name, .bridge = c->network_build_bridge } };
        for (size_t i = 0; i < ARRAY_LEN(v); i++) {
                struct engine_wait w = in_time();
                if (engine_network_check(
                            x->engine, &w, v[i].name, false, &subnets[i], &v[i].failed) == 0)
                        v[i].failed = ERR_INIT;
                v[i].subnet = subnets[i];
        }
        judge_networks(v, ARRAY_LEN(v), &x->details, routes, f);
        for (size_t i = 0; i < ARRAY_LEN(subnets); i++)
                free(subnets[i]);
}

/* ---- GPUs in containers ---- */

/* As the engine looks for it: in the folders of its own PATH. */
static bool finds_program(struct examination *x, const char *name)
{
        size_t n = 0;
        cleanup_free char *environ_text = engine_file(x, "environ", &n);
        const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        for (size_t i = 0; environ_text && i < n; i += strlen(environ_text + i) + 1)
                if (str_starts(environ_text + i, "PATH="))
                        path = environ_text + i + strlen("PATH=");
        cleanup_free char *folders = xstrdup(path);
        char *save = NULL;
        for (char *dir = strtok_r(folders, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
                cleanup_free char *file = xasprintf("%s/%s", dir, name);
                if (access(file, X_OK) == 0)
                        return true;
        }
        return false;
}

static bool has_cdi(void)
{
        static const char *const files[] = { "/etc/cdi/nvidia.yaml", "/etc/cdi/nvidia.json",
                "/var/run/cdi/nvidia.yaml", "/var/run/cdi/nvidia.json" };
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                if (access(files[i], F_OK) == 0)
                        return true;
        return false;
}

void examine_toolkit(struct examination *x, struct finding *f)
{
        char version[64];
        toolkit_version(version, sizeof version);
        struct toolkit_facts t = { .hook = finds_program(x, "nvidia-container-runtime-hook"),
                .runtime = x->version.nvidia_runtime,
                .cdi = has_cdi(),
                .version = version };
        judge_toolkit(x->gpus_real, &t, f);
}
