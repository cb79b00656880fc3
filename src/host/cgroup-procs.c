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

/* What the status file of a process tells; all 0 for one that has gone. */
struct process {
        pid_t parent, inner; /* its own number in the container */
        uint64_t ignored, caught;
};

static uint64_t status_number(const char *text, const char *key, int base)
{
        const char *line = strstr(text, key);
        return line ? strtoull(line + strlen(key), NULL, base) : 0;
}

static struct process look_at(pid_t pid)
{
        cleanup_free char *text = NULL;
        if (read_proc(pid, "status", &text))
                return (struct process){ 0 };
        struct process p = {
                .parent = (pid_t)status_number(text, "\nPPid:", 10),
                .ignored = status_number(text, "\nSigIgn:", 16),
                .caught = status_number(text, "\nSigCgt:", 16),
        };
        /* "NSpid: 4711 7": outermost first. */
        const char *line = strstr(text, "\nNSpid:");
        if (line) {
                cleanup_free char *numbers = xstrndup(line + 1, strcspn(line + 1, "\n"));
                const char *last = strrchr(numbers, '\t');
                p.inner = last ? (pid_t)strtol(last, NULL, 10) : 0;
        }
        return p;
}

static bool has(uint64_t mask, int sig)
{
        return mask >> (sig - 1) & 1;
}

static bool is_shell(const struct process *p)
{
        return has(p->ignored, SIGTERM) && has(p->ignored, SIGQUIT) && has(p->caught, SIGINT);
}

/*
 * Which one is the main process: of init's children, orphans that it adopted among them, the one that
 * came first. Numbers in a container count up, and stay above 300 once they begin anew. all->n if it
 * has gone.
 */
static size_t find_main(const struct pids *all, const struct process *p, pid_t init)
{
        size_t found = all->n;
        for (size_t i = 0; i < all->n; i++)
                if (p[i].parent == init && (found == all->n || p[i].inner < p[found].inner))
                        found = i;
        return found;
}

static struct process *look_at_all(const struct pids *all)
{
        struct process *p = xcalloc(all->n + 1, sizeof *p);
        for (size_t i = 0; i < all->n; i++)
                p[i] = look_at(all->v[i]);
        return p;
}

int cgroup_count(pid_t container_init_pid, const char *container_id, struct cgroup_counts *ret,
        struct err *e)
{
        cleanup_free char *folder = container_folder(container_init_pid, container_id);
        if (!folder)
                return not_running(container_init_pid, container_id, e);
        CLEANUP(pids_done) struct pids all = pids_in(folder);
        cleanup_free struct process *p = look_at_all(&all);
        size_t main = find_main(&all, p, container_init_pid);
        *ret = (struct cgroup_counts){ 0 };
        if (main < all.n) {
                ret->main_shell = is_shell(&p[main]);
                ret->main_catches = has(p[main].caught, SIGTERM);
        }
        for (size_t i = 0; i < all.n; i++) {
                if (i == main || all.v[i] == container_init_pid)
                        continue;
                ret->others++;
                ret->shells += is_shell(&p[i]);
        }
        return 0;
}

/* Signals those that are meant; returns how many processes there are. */
static size_t signal_round(
        const char *folder, pid_t init, const char *id, enum cgroup_who who, int sig)
{
        CLEANUP(pids_done) struct pids all = pids_in(folder);
        cleanup_free struct process *p = who == CGROUP_ALL ? NULL : look_at_all(&all);
        size_t main = p ? find_main(&all, p, init) : all.n;
        for (size_t i = 0; i < all.n; i++) {
                bool meant = who == CGROUP_ALL || (who == CGROUP_MAIN) == (i == main);
                if (!meant || (who != CGROUP_ALL && all.v[i] == init))
                        continue;
                if (signal_verified(all.v[i], id, 0, sig) && sig == SIGTERM)
                        (void)signal_verified(all.v[i], id, 0, SIGCONT);
        }
        return all.n;
}

int cgroup_signal(pid_t container_init_pid, const char *container_id, enum cgroup_who who, int sig,
        struct err *e)
{
        cleanup_free char *folder = container_folder(container_init_pid, container_id);
        if (!folder)
                return not_running(container_init_pid, container_id, e);
        /* What was forked after the list was read is not on it. Only SIGKILL may be sent twice. */
        int rounds = sig == SIGKILL ? KILL_ROUNDS : 1;
        while (rounds-- > 0 && signal_round(folder, container_init_pid, container_id, who, sig) > 0)
                continue;
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
