/* SPDX-License-Identifier: MIT */
/* judge.h: the engine, its settings, its holes, who reaches it, its networks. */
#include "daemon/judge.h"

#include "base/json.h"
#include "daemon/holes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { TCP_LISTEN = 10, JSON_DEPTH = 16 };

void judge_engine(const struct engine_version *v, const struct err *failed, struct finding *f)
{
        if (failed) {
                /* One that can't be reached may say why; of one that fails, users are told to ask here. */
                finding_add(f, FINDING_PROBLEM,
                        failed->code != ERR_ENGINE ? "sudo systemctl restart docker"
                        : failed->fix[0]           ? failed->fix
                                                   : "sudo systemctl start docker",
                        "%s", failed->msg);
                return;
        }
        cleanup_free char *version = str_safe(v->version);
        finding_say(f, "Engine %.64s answers (API %s)", version, v->api);
        if (v->userns_remap)
                finding_add(f, FINDING_PROBLEM,
                        "Take \"userns-remap\" out of /etc/docker/daemon.json\n"
                        "sudo systemctl restart docker",
                        "Engine %.64s remaps user ids: people can't be given their own files",
                        version);
        if (v->rootless)
                finding_add(f, FINDING_PROBLEM, "sudo systemctl enable --now docker",
                        "Engine %.64s is rootless: it can't mount people's folders", version);
}

static bool has_word(const char *security, const char *word)
{
        size_t n = strlen(word);
        for (const char *p = security; (p = strstr(p, word)); p++)
                if ((p == security || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' ' || p[n] == ','))
                        return true;
        return false;
}

#define SETTING(line) line "\nsudo systemctl restart docker"

void judge_engine_settings(const struct engine_version *v, const struct engine_details *d,
        bool apparmor, struct finding *f)
{
        cleanup_free char *driver = str_safe(v->storage_driver),
                          *runtime = str_safe(v->default_runtime);
        finding_say(f, "Storage %s, control groups by %s, runtime %s, with seccomp%s", driver,
                v->cgroup_driver, runtime, apparmor ? " and AppArmor" : "");
        if (!has_word(v->security, "name=seccomp"))
                finding_add(f, FINDING_PROBLEM, "zgrep CONFIG_SECCOMP= /proc/config.gz",
                        "The engine filters no system calls of containers (seccomp is off)");
        else if (strstr(v->security, "profile=unconfined"))
                finding_add(f, FINDING_PROBLEM,
                        SETTING("Take \"seccomp-profile\" out of /etc/docker/daemon.json"),
                        "The engine's seccomp profile lets every system call through");
        if (apparmor && !has_word(v->security, "name=apparmor"))
                finding_add(f, FINDING_WARNING,
                        "sudo apt-get install apparmor\nsudo systemctl restart docker",
                        "AppArmor is in use on this machine, but not by the engine");
        if (strcmp(v->default_runtime, "nvidia") == 0)
                finding_add(f, FINDING_PROBLEM,
                        SETTING("Take \"default-runtime\": \"nvidia\" out of "
                                "/etc/docker/daemon.json"),
                        "The engine's default runtime is nvidia: builds can reach every GPU");
        else if (*v->default_runtime && strcmp(v->default_runtime, "runc") != 0)
                finding_add(f, FINDING_WARNING, NULL,
                        "The engine's default runtime is %s; ds01 is tried with runc", runtime);
        if (!v->live_restore)
                finding_add(f, FINDING_WARNING,
                        "Put \"live-restore\": true into /etc/docker/daemon.json\n"
                        "sudo systemctl reload docker",
                        "Live restore is off: an upgrade of the engine stops every container");
        if (strcmp(v->storage_driver, "vfs") == 0 || strcmp(v->storage_driver, "devicemapper") == 0)
                finding_add(f, FINDING_WARNING,
                        SETTING("Put \"storage-driver\": \"overlay2\" into "
                                "/etc/docker/daemon.json; images are then built or pulled anew"),
                        "Storage driver %s copies whole images or is no longer kept up", driver);
        if (d->authorization)
                finding_add(f, FINDING_WARNING, NULL,
                        "The engine asks authorization plugins: one that refuses ds01d's requests "
                        "makes launches fail");
}

static void judge_component(
        enum hole_component c, const char *text, bool plugins, struct finding *f)
{
        struct hole_version v;
        const struct hole *h;
        cleanup_free char *safe = str_safe(text);
        cleanup_buf struct buf names = BUF_INIT(300);
        if (!*text)
                return;
        if (!hole_version_parse(text, &v)) {
                finding_add(f, FINDING_UNCHECKED, NULL, "'%.40s' of %s is no version that is known",
                        safe, hole_component_name(c));
                return;
        }
        /* The toolkit comes from its maker, whose packages have a revision, too. */
        bool patched = v.by_distribution && c != HOLE_TOOLKIT;
        for (size_t i = 0; (h = hole_at(i)); i++)
                if (h->component == c && hole_open(h, &v) && (plugins || !h->only_with_plugins))
                        buf_printf(&names, "%s%s", names.len ? ", " : "", h->names);
        if (names.len == 0)
                return;
        cleanup_free char *fix = xasprintf(
                patched ? "apt changelog %s | grep CVE-" : "sudo apt-get install --only-upgrade %s",
                hole_component_package(c, patched));
        finding_add(f, patched ? FINDING_WARNING : FINDING_PROBLEM, fix, "%s %.40s has %s%s",
                hole_component_name(c), safe, buf_str(&names),
                patched ? " unless your distribution has patched it" : "");
        for (size_t i = 0; (h = hole_at(i)); i++)
                if (h->component == c && hole_open(h, &v) && (plugins || !h->only_with_plugins))
                        finding_add(f, FINDING_WARNING, NULL, "%s: %s", h->names, h->what);
}

void judge_holes(const struct engine_version *v, const struct engine_details *d,
        const char *toolkit, struct finding *f)
{
        finding_say(f, "None in engine %.32s, containerd %.32s, runc %.32s%s%.32s", v->version,
                *d->containerd ? d->containerd : "(not told)", *d->runc ? d->runc : "(not told)",
                *toolkit ? ", toolkit " : "", toolkit);
        judge_component(HOLE_ENGINE, v->version, d->authorization, f);
        judge_component(HOLE_CONTAINERD, d->containerd, false, f);
        judge_component(HOLE_RUNC, d->runc, false, f);
        judge_component(HOLE_TOOLKIT, toolkit, false, f);
        if (!*d->runc)
                finding_add(
                        f, FINDING_UNCHECKED, NULL, "The engine doesn't tell its runc's version");
        if (f->state >= FINDING_WARNING)
                finding_public(f, "Versions with known holes are in use%s",
                        f->state == FINDING_WARNING ? ", unless the distribution has patched them"
                                                    : "");
}

/* ---- who reaches it ---- */

bool judge_listens(const char *table, unsigned port)
{
        for (const char *line = table; line && *line;) {
                char text[256];
                unsigned local, state, uid;
                size_t n = strcspn(line, "\n");
                /* A copy, as sscanf() measures all that follows: a long table would cost its square. */
                snprintf(text, sizeof text, "%.*s", (int)(n < sizeof text ? n : sizeof text - 1),
                        line);
                /* "  0: 0100007F:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 …": local and
                 * remote address (longer in tcp6), state, two queues, timer, retransmits, owner. Anybody may
                 * listen on such a port; only root's can be the engine. */
                if (sscanf(text,
                            " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u",
                            &local, &state, &uid) == 3 &&
                        local == port && state == TCP_LISTEN && uid == 0)
                        return true;
                line += n + (line[n] == '\n');
        }
        return false;
}

bool judge_engine_json(const char *text, size_t n, struct strv *ret_hosts, bool *ret_tls)
{
        cleanup_json json_t *root = NULL;
        struct err ignored = ERR_INIT;
        size_t i;
        json_t *host;
        if (json_parse(text, n, JSON_DEPTH, &root, &ignored) < 0 || !json_is_object(root))
                return false;
        json_array_foreach (json_object_get(root, "hosts"), i, host)
                if (str_starts(str_or_empty(json_string_value(host)), "tcp://"))
                        strv_add(ret_hosts, json_string_value(host));
        *ret_tls = json_bool(root, "tlsverify", false);
        return true;
}

static void judge_socket(const struct engine_access *a, struct finding *f)
{
        cleanup_free char *chown = xasprintf("sudo chown root %s", a->socket);
        cleanup_free char *chmod = xasprintf("sudo chmod o= %s", a->socket);
        if (a->error) {
                finding_add(f, FINDING_PROBLEM, "sudo systemctl start docker.socket docker",
                        "Can't look at %s: %s", a->socket, strerror(a->error));
                return;
        }
        if (a->uid != 0)
                finding_add(f, FINDING_PROBLEM, chown,
                        "%s belongs to uid %u, who is root in effect with that", a->socket,
                        (unsigned)a->uid);
        if (a->mode & S_IWOTH)
                finding_add(f, FINDING_PROBLEM, chmod,
                        "%s is open to everyone, who is root in effect with that", a->socket);
        cleanup_free char *group = str_safe(str_or_empty(a->group));
        cleanup_free char *members = xasprintf("getent group %.64s", group);
        if (a->mode & S_IWGRP && *group && strcmp(group, "docker") != 0)
                finding_add(f, FINDING_WARNING, members,
                        "%s is open to group %.64s, whose members are root in effect", a->socket,
                        group);
}

static void judge_network_access(const struct engine_access *a, struct finding *f)
{
        static const char fix[] =
                "Take the tcp:// address out of \"hosts\" in /etc/docker/daemon.json, and -H tcp:// "
                "out of docker.service\nsudo systemctl restart docker";
        for (size_t i = 0; i < a->hosts.n; i++) {
                cleanup_free char *host = str_safe(a->hosts.v[i]);
                finding_add(f, a->tls ? FINDING_WARNING : FINDING_PROBLEM, fix,
                        "The engine's settings let it listen on %.80s%s", host,
                        a->tls ? ", for whoever has a certificate"
                               : " for everyone who reaches that");
        }
        if (a->hosts.n > 0)
                return;
        if (a->open_2375)
                finding_add(f, FINDING_PROBLEM, fix,
                        "Something listens on TCP port 2375, where an engine asks nobody who they are");
        if (a->open_2376)
                finding_add(f, FINDING_WARNING, fix,
                        "Something listens on TCP port 2376, the engine's, for whoever has a "
                        "certificate");
}

void judge_engine_access(const struct engine_access *a, struct finding *f)
{
        finding_say(f, "%s is root's, and it listens on no network", a->socket);
        judge_socket(a, f);
        judge_network_access(a, f);
        cleanup_free char *fix = xasprintf("sudo chmod 0710 %s", str_or_empty(a->root_dir));
        if (a->root_mode & (S_IROTH | S_IXOTH))
                finding_add(f, FINDING_WARNING, fix,
                        "The engine's data (%s) is open to everyone: setuid programs in images can "
                        "be run from there",
                        a->root_dir);
        if (f->state >= FINDING_WARNING)
                finding_public(f, "Others than root can reach the engine, or its data");
}

/* ---- networks ---- */

static bool parse_subnet(const char *text, uint32_t *ret_net, uint32_t *ret_mask)
{
        char address[INET_ADDRSTRLEN];
        struct in_addr in;
        long long bits;
        const char *slash = text ? strchr(text, '/') : NULL;
        if (!slash || slash - text >= (int)sizeof address || !str_to_int(slash + 1, 1, 32, &bits))
                return false;
        snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);
        if (inet_pton(AF_INET, address, &in) != 1)
                return false;
        *ret_mask = UINT32_MAX << (32 - bits);
        *ret_net = ntohl(in.s_addr) & *ret_mask;
        return true;
}

/* A route of the machine's, not by way of the network's own bridge, into the same addresses. */
static void judge_routes(const struct network_facts *n, const char *routes, struct finding *f)
{
        uint32_t net, mask;
        if (!parse_subnet(n->subnet, &net, &mask))
                return;
        for (const char *line = strchr(routes, '\n'); line && line[1];
                line = strchr(line + 1, '\n')) {
                char device[64];
                unsigned to, to_mask;
                /* Iface Destination Gateway Flags RefCnt Use Metric Mask …; in network order. */
                if (sscanf(line + 1, "%63s %x %*x %*x %*d %*d %*d %x", device, &to, &to_mask) !=
                                3 ||
                        to_mask == 0 || strcmp(device, n->bridge) == 0)
                        continue;
                uint32_t common = mask & ntohl(to_mask);
                if ((ntohl(to) & common) == (net & common))
                        finding_add(f, FINDING_WARNING,
                                "Set \"default-address-pools\" in /etc/docker/daemon.json, and "
                                "remove the network: ds01d makes it anew",
                                "Network %s (%s) has addresses that the machine reaches through %s",
                                n->name, n->subnet, device);
        }
}

void judge_networks(const struct network_facts *v, size_t n, const struct engine_details *d,
        const char *routes, struct finding *f)
{
        for (size_t i = 0; i < n; i++) {
                const struct err *e = &v[i].failed;
                if (e->code == ERR_NOT_FOUND)
                        finding_add(f, FINDING_PROBLEM, "sudo systemctl restart ds01d",
                                "Network %s is missing", v[i].name);
                else if (e->code == ERR_FAILED)
                        finding_add(f, FINDING_PROBLEM, e->fix[0] ? e->fix : NULL, "%s", e->msg);
                else if (e->code != ERR_NONE)
                        finding_add(f, FINDING_UNCHECKED, NULL, "%s", e->msg);
                else if (routes)
                        judge_routes(&v[i], routes, f);
        }
        if (!d->ipv4_forwarding)
                finding_add(f, FINDING_WARNING, "sudo sysctl net.ipv4.ip_forward=1",
                        "IP forwarding is off: containers and builds reach no network");
        if (strstr(d->warnings, "bridge-nf-call-iptables is disabled"))
                finding_add(f, FINDING_PROBLEM,
                        "sudo modprobe br_netfilter\nsudo sysctl net.bridge.bridge-nf-call-iptables=1",
                        "Bridges pass the packet filter by: containers of different people can reach "
                        "each other");
        finding_say(f, "%zu networks are there, without traffic between containers", n);
}
