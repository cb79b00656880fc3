/* SPDX-License-Identifier: MIT */
/* judge.h: disks, kernel, id maps, control groups, the group docker. */
#include "daemon/judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Below either a disk counts as nearly full; below the last, as full. */
#define DISK_LEAST ((int64_t)1 << 30)
#define DISK_FULL ((int64_t)64 << 20)
enum { DISK_LEAST_PERCENT = 5, NAMES_SHOWN = 12 };

static bool told_before(const struct disk_facts *v, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (v[k].error == 0 && v[k].device == v[i].device)
                        return true;
        return false;
}

static void judge_disk(const struct disk_facts *d, struct finding *f)
{
        static const char fix[] = "df -h\ndocker system df";
        double gib = (double)d->avail / (double)(1LL << 30);
        int percent = d->total > 0 ? (int)((double)d->avail * 100 / (double)d->total) : 0;
        if (d->avail < DISK_FULL)
                finding_add(
                        f, FINDING_PROBLEM, fix, "The disk of %s (%s) is full", d->what, d->path);
        else if (d->avail < DISK_LEAST || percent < DISK_LEAST_PERCENT)
                finding_add(f, FINDING_WARNING, fix,
                        "The disk of %s (%s) is nearly full: %.1f GiB, %d%% are free", d->what,
                        d->path, gib, percent);
}

void judge_disks(const struct disk_facts *v, size_t n, struct finding *f)
{
        const struct disk_facts *least = NULL;
        for (size_t i = 0; i < n; i++) {
                if (v[i].error == ENOENT) {
                        finding_add(f, FINDING_UNCHECKED, NULL,
                                "The folder of %s (%s) is not there", v[i].what, v[i].path);
                        continue;
                }
                if (v[i].error) {
                        finding_add(f, FINDING_WARNING, NULL,
                                "Can't look at the disk of %s (%s): %s", v[i].what, v[i].path,
                                strerror(v[i].error));
                        continue;
                }
                if (told_before(v, i))
                        continue;
                if (!least || v[i].avail < least->avail)
                        least = &v[i];
                judge_disk(&v[i], f);
        }
        if (least)
                finding_say(f, "At least %.1f GiB are free where %s is",
                        (double)least->avail / (double)(1LL << 30), least->what);
        if (f->state >= FINDING_WARNING)
                finding_public(
                        f, "A disk that ds01 needs is full, or nearly, or can't be looked at");
}

void judge_kernel(const char *release, int64_t max_namespaces, struct finding *f)
{
        int major = 0, minor = 0;
        cleanup_free char *safe = str_safe(release);
        finding_say(f, "Linux %.64s maps ids on mounts, and has user namespaces", safe);
        if (sscanf(release, "%d.%d", &major, &minor) != 2)
                finding_add(f, FINDING_WARNING, NULL,
                        "'%.64s' is no release of Linux that is known", safe);
        else if (major < 5 || (major == 5 && minor < 12))
                finding_add(f, FINDING_PROBLEM,
                        "Install a kernel of 5.12 or later, and restart the machine",
                        "Linux %.64s can't map ids on mounts: 5.12 is the first that can", safe);
        if (max_namespaces == 0)
                finding_add(f, FINDING_PROBLEM, "sudo sysctl user.max_user_namespaces=10000",
                        "User namespaces are switched off: no folder can be mounted for a container");
}

void judge_idmaps(const struct idmap_facts *v, size_t n, struct finding *f)
{
        size_t mapped = 0;
        for (size_t i = 0; i < n; i++) {
                if (v[i].failed.code != ERR_NONE)
                        finding_add(f, FINDING_UNCHECKED, NULL, "Can't try it on %s (%s): %s",
                                v[i].what, v[i].path, v[i].failed.msg);
                else if (!v[i].mapped)
                        finding_add(f, FINDING_WARNING,
                                "Use a file system that takes id maps (ext4, xfs, btrfs)",
                                "The file system of %s (%s) takes no id map: folders there are mounted with "
                                "nosuid and nodev alone",
                                v[i].what, v[i].path);
                else
                        mapped++;
        }
        if (n == 0)
                finding_add(f, FINDING_UNCHECKED, NULL, "There is no folder to try it on");
        finding_say(f, "The file systems of %zu %s take id maps", mapped,
                mapped == 1 ? "folder" : "folders");
}

void judge_cgroups(const struct cgroup_facts *c, struct finding *f)
{
        const struct {
                bool has;
                const char *what;
        } wanted[] = { { c->memory, "memory" }, { c->cpu, "CPUs" }, { c->pids, "processes" } };
        if (c->version == 0) {
                finding_add(f, FINDING_PROBLEM, "mount | grep cgroup",
                        "No control groups are mounted: no limit can be kept");
                return;
        }
        finding_say(f, "Version %d, with limits for memory, CPUs and processes", c->version);
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                if (!wanted[i].has)
                        finding_add(f, FINDING_PROBLEM,
                                strcmp(wanted[i].what, "memory") == 0
                                        ? "Add cgroup_enable=memory to the kernel's command line, "
                                          "and restart the machine"
                                        : NULL,
                                "The kernel keeps no limits for %s: control groups (version %d) "
                                "lack them",
                                wanted[i].what, c->version);
}

void judge_docker_group(const struct group_facts *g, struct finding *f)
{
        if (g->failed.code != ERR_NONE) {
                finding_add(f, FINDING_WARNING, NULL, "%s", g->failed.msg);
                return;
        }
        finding_say(f, "Nobody is a member of %s", g->name);
        if (!g->exists || g->members.n == 0)
                return;
        cleanup_buf struct buf names = BUF_INIT(FINDING_TEXT_SIZE / 2);
        for (size_t i = 0; i < g->members.n; i++) {
                cleanup_free char *safe = str_safe(g->members.v[i]);
                cleanup_free char *fix = xasprintf("sudo gpasswd -d %s %s", safe, g->name);
                finding_fix(f, fix);
                if (i < NAMES_SHOWN)
                        buf_printf(&names, "%s%.40s", i ? ", " : "", safe);
        }
        finding_add(f, FINDING_PROBLEM, NULL, "%zu %s of %s %s root in effect: %s%s", g->members.n,
                g->members.n == 1 ? "member" : "members", g->name, g->members.n == 1 ? "is" : "are",
                buf_str(&names), g->members.n > NAMES_SHOWN ? ", ..." : "");
        finding_public(f, "%zu %s of %s %s root in effect", g->members.n,
                g->members.n == 1 ? "member" : "members", g->name,
                g->members.n == 1 ? "is" : "are");
}
