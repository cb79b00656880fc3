/* SPDX-License-Identifier: MIT */
/*
 * examine.h: what is asked of the machine. Whatever may hang (file systems, the account database) is
 * done by bounded_run(), on a copy of what it needs.
 */
#include "daemon/examine.h"

#include "base/fd.h"
#include "daemon/bounded.h"
#include "daemon/judge.h"
#include "host/account.h"
#include "host/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PLACES_MAX = 12 };

static const char too_slow[] =
        "It gave no answer in time: a server of files or accounts may be gone";

static struct bounded access_kind, docker_kind, paths_kind, disks_kind, maps_kind;

/* ---- groups ---- */

struct group_look {
        char *name;
        struct group_facts facts;
};

static void group_look(void *arg)
{
        struct group_look *l = arg;
        l->facts.name = l->name;
        if (host_group_members(l->name, &l->facts.members, &l->facts.failed) == 0) {
                l->facts.exists = true;
                l->facts.failed = ERR_INIT;
        } else if (l->facts.failed.code == ERR_NOT_FOUND)
                l->facts.failed = ERR_INIT;
}

static void group_look_free(void *arg)
{
        struct group_look *l = arg;
        strv_done(&l->facts.members);
        free(l->name);
        free(l);
}

static void examine_group(struct bounded *kind, const char *name,
        void (*judge)(const struct group_facts *g, struct finding *f), struct finding *f)
{
        struct group_look *l = xcalloc(1, sizeof *l);
        l->name = xstrdup(name);
        if (!bounded_run(kind, group_look, group_look_free, l, EXAMINE_LOOK_MS)) {
                finding_add(f, FINDING_WARNING, NULL, "%s", too_slow);
                return;
        }
        judge(&l->facts, f);
        group_look_free(l);
}

void examine_access(struct examination *x, struct finding *f)
{
        if (!x->config->access_group)
                judge_access(NULL, f);
        else
                examine_group(&access_kind, x->config->access_group, judge_access, f);
}

void examine_docker_group(struct examination *x, struct finding *f)
{
        (void)x;
        examine_group(&docker_kind, "docker", judge_docker_group, f);
}

/* ---- places: folders and files ---- */

struct places {
        struct {
                const char *what;
                char *path;
        } v[PLACES_MAX];
        size_t n;
        struct path_facts paths[PLACES_MAX];
        struct disk_facts disks[PLACES_MAX];
        struct idmap_facts maps[PLACES_MAX];
        struct mounts mounts; /* maps: its userns_fd */
};

static struct places *places_new(void)
{
        struct places *p = xcalloc(1, sizeof *p);
        p->mounts = MOUNTS_INIT;
        return p;
}

static void places_free(void *arg)
{
        struct places *p = arg;
        for (size_t i = 0; i < p->n; i++)
                free(p->v[i].path);
        mounts_done(&p->mounts);
        free(p);
}

static void places_add(struct places *p, const char *what, const char *path)
{
        if (!path || !*path || p->n == PLACES_MAX)
                return;
        p->v[p->n].what = what;
        p->v[p->n++].path = xstrdup(path);
}

static void paths_look(void *arg)
{
        struct places *p = arg;
        for (size_t i = 0; i < p->n; i++) {
                struct path_facts *facts = &p->paths[i];
                facts->what = p->v[i].what;
                if (access(p->v[i].path, F_OK) < 0 && errno == ENOENT)
                        continue;
                facts->path = p->v[i].path;
                if (config_path_check(facts->path, &facts->failed) == 0)
                        facts->failed = ERR_INIT;
        }
}

void examine_paths(struct examination *x, struct finding *f)
{
        const struct config *c = x->config;
        struct places *p = places_new();
        char program[4096];
        ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
        cleanup_free char *database = xasprintf("%s/ds01.db", c->state_dir);
        cleanup_free char *folder = xstrdup(c->socket);
        char *slash = strrchr(folder, '/');
        if (slash && slash != folder)
                *slash = '\0';
        program[n > 0 ? n : 0] = '\0';
        places_add(p, "Settings", x->config_path ? x->config_path : CONFIG_DEFAULT_PATH);
        places_add(p, "Policy", c->policy_path);
        places_add(p, "State", c->state_dir);
        /* Others can't pass the folder of a package's state, only look at that it is there. */
        if (geteuid() == 0)
                places_add(p, "Database", database);
        places_add(p, "Runtime folder", c->runtime_dir);
        places_add(p, "Socket's folder", folder);
        places_add(p, "Homes of containers", c->homes_path);
        places_add(p, "ds01d", program);
        places_add(p, "GPU probe", c->probe_command);
        if (!bounded_run(&paths_kind, paths_look, places_free, p, EXAMINE_LOOK_MS)) {
                finding_add(f, FINDING_WARNING, NULL, "%s", too_slow);
                return;
        }
        judge_paths(p->paths, p->n, f);
        places_free(p);
}

static void disks_look(void *arg)
{
        struct places *p = arg;
        for (size_t i = 0; i < p->n; i++) {
                struct disk_facts *facts = &p->disks[i];
                struct statvfs v;
                struct stat st;
                facts->what = p->v[i].what;
                facts->path = p->v[i].path;
                if (statvfs(facts->path, &v) < 0 || stat(facts->path, &st) < 0) {
                        facts->error = errno;
                        continue;
                }
                facts->device = (uint64_t)st.st_dev;
                facts->mode = st.st_mode;
                facts->total = (int64_t)v.f_blocks * (int64_t)v.f_frsize;
                facts->avail = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
        }
}

void examine_disks(struct examination *x, struct finding *f)
{
        struct places *p = places_new();
        places_add(p, "the state", x->config->state_dir);
        places_add(p, "the homes of containers", x->config->homes_path);
        if (examine_ask_engine(x) == 0)
                places_add(p, "the engine's data", x->version.root_dir);
        if (!bounded_run(&disks_kind, disks_look, places_free, p, EXAMINE_LOOK_MS)) {
                finding_add(f, FINDING_WARNING, NULL, "%s", too_slow);
                return;
        }
        for (size_t i = 0; i < p->n; i++)
                if (x->engine_asked && strcmp(p->v[i].path, x->version.root_dir) == 0)
                        x->engine_root_mode = p->disks[i].mode;
        judge_disks(p->disks, p->n, f);
        places_free(p);
}

static void map_look(const struct mounts *m, struct idmap_facts *facts)
{
        cleanup_close int fd = open(facts->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                err_sys(&facts->failed, errno, "Can't open it");
                return;
        }
        if (mounts_try(m, fd, &facts->mapped, &facts->failed) == 0)
                facts->failed = ERR_INIT;
}

static void maps_look(void *arg)
{
        struct places *p = arg;
        struct err none = ERR_INIT;
        p->mounts.userns_fd = idmap_userns_fd(&none);
        for (size_t i = 0; i < p->n; i++) {
                struct idmap_facts *facts = &p->maps[i];
                facts->what = p->v[i].what;
                facts->path = p->v[i].path;
                if (p->mounts.userns_fd < 0)
                        facts->failed = none;
                else
                        map_look(&p->mounts, facts);
        }
}

void examine_idmaps(struct examination *x, struct finding *f)
{
        if (geteuid() != 0) {
                finding_add(f, FINDING_UNCHECKED, NULL, "Only root can try it");
                return;
        }
        struct places *p = places_new();
        places_add(p, "the state", x->config->state_dir);
        places_add(p, "the homes of containers", x->config->homes_path);
        places_add(p, "people's homes", "/home");
        if (!bounded_run(&maps_kind, maps_look, places_free, p, EXAMINE_LOOK_MS)) {
                finding_add(f, FINDING_WARNING, NULL, "%s", too_slow);
                return;
        }
        judge_idmaps(p->maps, p->n, f);
        places_free(p);
}

/* ---- kernel and control groups ---- */

void examine_kernel(struct examination *x, struct finding *f)
{
        (void)x;
        struct err ignored = ERR_INIT;
        struct utsname u;
        cleanup_free char *text = NULL;
        long long max = -1;
        if (fd_read_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", 32, &text, NULL,
                    &ignored) == 0) {
                text[strcspn(text, "\n")] = '\0';
                (void)str_to_int(text, 0, INT64_MAX, &max);
        }
        judge_kernel(uname(&u) == 0 ? u.release : "", max, f);
}

/* A word of a list that spaces or commas separate. */
static bool lists(const char *list, const char *word)
{
        size_t n = strlen(word);
        for (const char *p = list; (p = strstr(p, word)); p++)
                if ((p == list || strchr(" ,", p[-1])) && (!p[n] || strchr(" ,\n", p[n])))
                        return true;
        return false;
}

static void add_controllers(struct cgroup_facts *c, const char *list)
{
        c->memory |= lists(list, "memory");
        c->cpu |= lists(list, "cpu");
        c->pids |= lists(list, "pids");
}

void examine_cgroups(struct examination *x, struct finding *f)
{
        (void)x;
        struct err e = ERR_INIT;
        struct cgroup_facts c = { 0 };
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (mountinfo_read(0, &mi, &e) < 0) {
                finding_add(f, FINDING_UNCHECKED, NULL, "%s", e.msg);
                return;
        }
        for (size_t i = 0; i < mi.n; i++) {
                const struct mountinfo_row *row = &mi.rows[i];
                cleanup_free char *file = xasprintf("%s/cgroup.controllers", row->path);
                cleanup_free char *text = NULL;
                if (strcmp(row->fstype, "cgroup") == 0) {
                        c.version = 1;
                        add_controllers(&c, row->super);
                } else if (strcmp(row->fstype, "cgroup2") == 0) {
                        c.version = c.version ? c.version : 2;
                        if (fd_read_file(AT_FDCWD, file, 4096, &text, NULL, &e) == 0)
                                add_controllers(&c, text);
                }
        }
        judge_cgroups(&c, f);
}
