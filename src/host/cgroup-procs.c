/* SPDX-License-Identifier: MIT */
#include "host/cgroup.h"

#include "base/fd.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONTAINER_ID_LEN 64
#define DEPTH_MAX 16         /* groups below a container's */
#define KILL_ROUNDS 20       /* a process can't fork faster than this for ever: pids are limited */
#define PROCS_MAX (4u << 20) /* bytes of one cgroup.procs */

struct pids {
        pid_t *v;
        size_t n;
};

static void pids_done(struct pids *p)
{
        free(p->v);
}

static bool id_ok(const char *id)
{
        return strspn(id, "0123456789abcdef") == CONTAINER_ID_LEN && id[CONTAINER_ID_LEN] == '\0';
}

/* Length of the part of a group's path that ends with the container's own group; 0 if it has none.
 */
static size_t container_part(const char *path, const char *id)
{
        const char *at = strstr(path, id);
        if (!at)
                return 0;
        /* "/<id>" with cgroupfs, "/docker-<id>.scope" with systemd: never within a longer word. */
        const char *rest = at + CONTAINER_ID_LEN;
        bool begins = at > path && (at[-1] == '/' || at[-1] == '-');
        bool ends = *rest == '\0' || *rest == '/' || str_starts(rest, ".scope");
        if (!begins || !ends)
                return 0;
        return (size_t)(rest - path) + strcspn(rest, "/");
}

static int read_proc(pid_t pid, const char *file, char **ret)
{
        struct err ignored = ERR_INIT;
        char path[64];
        if (pid <= 0)
                return -1;
        snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
        return fd_read_file(AT_FDCWD, path, 65536, ret, NULL, &ignored);
}

/* "5:cpu,cpuacct:/path" -> its last two fields; false if it isn't such a line. */
static bool split_line(char *line, const char **ret_controllers, const char **ret_path)
{
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
                return false;
        *path = '\0';
        *ret_controllers = controllers + 1;
        *ret_path = path + 1;
        return true;
}

bool cgroup_process_in(pid_t pid, const char *container_id)
{
        cleanup_free char *text = NULL;
        if (!id_ok(container_id) || read_proc(pid, "cgroup", &text))
                return false;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *controllers, *path;
                if (split_line(line, &controllers, &path) && container_part(path, container_id))
                        return true;
        }
        return false;
}

/* The mount of the hierarchy that a line of /proc/PID/cgroup is about: no controllers means v2. */
static const struct mountinfo_row *find_hierarchy(
        const struct mountinfo *mi, const char *controllers)
{
        char first[64];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(controllers, ","), controllers);
        for (size_t i = 0; i < mi->n; i++) {
                const struct mountinfo_row *row = &mi->rows[i];
                if (*first == '\0' ? strcmp(row->fstype, "cgroup2") == 0
                                   : strcmp(row->fstype, "cgroup") == 0 &&
                                             mountinfo_has_option(row->super, first))
                        return row;
        }
        return NULL;
}

/* The folder of the container's group, from one of its processes; NULL if it is not one. Owned. */
static char *container_folder(pid_t pid, const char *id)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *text = NULL;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (!id_ok(id) || read_proc(pid, "cgroup", &text) || mountinfo_read(0, &mi, &ignored))
                return NULL;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *controllers, *path;
                size_t n = split_line(line, &controllers, &path) ? container_part(path, id) : 0;
                const struct mountinfo_row *row = n ? find_hierarchy(&mi, controllers) : NULL;
                if (!row)
                        continue;
                /* Where a part of the hierarchy is mounted, the path begins with that part. */
                size_t skip = strcmp(row->root, "/") == 0 ? 0 : strlen(row->root);
                if (skip >= n || strncmp(path, row->root, skip) != 0)
                        continue;
                return xasprintf("%s%.*s", row->path, (int)(n - skip), path + skip);
        }
        return NULL;
}

static void collect_procs(int dir_fd, struct pids *out)
{
        struct err ignored = ERR_INIT;
        cleanup_free char *text = NULL;
        if (fd_read_file(dir_fd, "cgroup.procs", PROCS_MAX, &text, NULL, &ignored))
                return;
        char *save = NULL;
        for (const char *word = strtok_r(text, "\n", &save); word;
                word = strtok_r(NULL, "\n", &save)) {
                long long pid;
                if (!str_to_int(word, 1, INT_MAX, &pid))
                        continue;
                out->v = xrealloc(out->v, out->n + 1, sizeof *out->v);
                out->v[out->n++] = (pid_t)pid;
        }
}

/* Takes over dir_fd. A group that vanishes meanwhile has no processes. */
static void collect(int dir_fd, int depth, struct pids *out)
{
        collect_procs(dir_fd, out);
        DIR *dir = depth < DEPTH_MAX ? fdopendir(dir_fd) : NULL;
        if (!dir) {
                close(dir_fd);
                return;
        }
        const struct dirent *d;
        while ((d = readdir(dir))) {
                if (d->d_type != DT_DIR || d->d_name[0] == '.')
                        continue;
                int fd = openat(
                        dirfd(dir), d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd >= 0)
                        collect(fd, depth + 1, out);
        }
        closedir(dir);
}

static struct pids pids_in(const char *folder)
{
        struct pids out = { 0 };
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                collect(fd, 0, &out);
        return out;
}

static int not_running(pid_t pid, const char *id, struct err *e)
{
        return err_set(e, ERR_NOT_RUNNING, "Process %d is not in container %.12s", pid, id);
}

/* The session of a process: the sixth field of its stat line, the fourth after the name's last ')'.
 */
static pid_t session_of(pid_t pid)
{
        cleanup_free char *text = NULL;
        if (read_proc(pid, "stat", &text))
                return -1;
        const char *rest = strrchr(text, ')');
        int sid;
        return rest && sscanf(rest + 1, " %*c %*d %*d %d", &sid) == 1 && sid > 0 ? sid : -1;
}

/*
 * The pidfd comes first: if the pid has changed hands since it was read, then either the check
 * below sees another group, or the signal goes to a process that has ended, and nowhere. With a
 * session, only to a process of it. True if the signal was delivered.
 */
static bool signal_verified(pid_t pid, const char *id, pid_t session, int sig)
{
        cleanup_close int pidfd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
        if (pidfd < 0 || !cgroup_process_in(pid, id) || (session > 0 && session_of(pid) != session))
                return false;
        return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0;
}

size_t cgroup_procs(pid_t container_init_pid, const char *container_id)
{
        cleanup_free char *folder = container_folder(container_init_pid, container_id);
        if (!folder)
                return 0;
        CLEANUP(pids_done) struct pids all = pids_in(folder);
        return all.n;
}

/* Does the process ignore the signal? From the mask of its status file. */
static bool ignores(pid_t pid, int sig)
{
        cleanup_free char *text = NULL;
        if (read_proc(pid, "status", &text))
                return false;
        const char *line = strstr(text, "\nSigIgn:");
        return line && (strtoull(line + strlen("\nSigIgn:"), NULL, 16) >> (sig - 1) & 1);
}

int cgroup_count(pid_t container_init_pid, const char *container_id, struct cgroup_counts *ret,
        struct err *e)
{
        cleanup_free char *folder = container_folder(container_init_pid, container_id);
        if (!folder)
                return not_running(container_init_pid, container_id, e);
        CLEANUP(pids_done) struct pids all = pids_in(folder);
        *ret = (struct cgroup_counts){ 0 };
        for (size_t i = 0; i < all.n; i++) {
                if (all.v[i] == container_init_pid)
                        continue;
                ret->total++;
                ret->deaf += ignores(all.v[i], SIGTERM);
        }
        return 0;
}

int cgroup_signal_all(pid_t container_init_pid, const char *container_id, int sig, struct err *e)
{
        cleanup_free char *folder = container_folder(container_init_pid, container_id);
        if (!folder)
                return not_running(container_init_pid, container_id, e);
        /* What was forked after the list was read is not on it. Only SIGKILL may be sent twice. */
        int rounds = sig == SIGKILL ? KILL_ROUNDS : 1;
        for (int i = 0; i < rounds; i++) {
                CLEANUP(pids_done) struct pids all = pids_in(folder);
                for (size_t k = 0; k < all.n; k++)
                        (void)signal_verified(all.v[k], container_id, 0, sig);
                if (all.n == 0)
                        break;
        }
        return 0;
}

int cgroup_end_session(pid_t exec_pid, const char *container_id, int sig, struct err *e)
{
        cleanup_free char *folder = container_folder(exec_pid, container_id);
        pid_t session = folder ? session_of(exec_pid) : -1;
        if (session <= 0)
                return not_running(exec_pid, container_id, e);
        CLEANUP(pids_done) struct pids all = pids_in(folder);
        for (size_t k = 0; k < all.n; k++)
                if (signal_verified(all.v[k], container_id, session, sig) && sig != SIGKILL)
                        /* A stopped process acts on the signal only once it goes on. */
                        (void)signal_verified(all.v[k], container_id, session, SIGCONT);
        return 0;
}

int cgroup_kill_process(pid_t exec_pid, const char *container_id, struct err *e)
{
        if (!signal_verified(exec_pid, container_id, 0, SIGKILL))
                return not_running(exec_pid, container_id, e);
        return 0;
}
