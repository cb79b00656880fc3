/* SPDX-License-Identifier: MIT */
#include "host/idmap.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAP_MAX = 4095 }; /* the kernel takes less than a page */

/*
 * Starts a process in a user namespace of its own that lives until `hold` is closed at our end.
 * Raw, because unshare(CLONE_NEWUSER) is refused to a process with threads and fork() would run
 * handlers with other threads' locks held. Not clone3: its flags can't be filtered, so systemd's
 * RestrictNamespaces= refuses it altogether. The child inherits a mask that lets no handler of ours
 * run in it. Exit signal 0: no SIGCHLD disturbs the program.
 */
static pid_t start_holder(const int hold[2], int *ret_pidfd)
{
        int pidfd = -1;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        /* Where flags come first, so does the stack second and the pidfd third; the rest is unused. */
        long pid = syscall(SYS_clone, CLONE_NEWUSER | CLONE_PIDFD, NULL, &pidfd, NULL, NULL);
        if (pid == 0) {
                char c;
                /* Nothing of ours: another holder's end, or the daemon's lock, would outlive the daemon. */
                syscall(SYS_dup3, hold[0], 0, 0);
                syscall(SYS_close_range, 1U, ~0U, 0);
                syscall(SYS_read, 0, &c, 1);
                for (;;)
                        syscall(SYS_exit_group, 0);
        }
        int saved = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = saved;
        if (pid > 0)
                *ret_pidfd = pidfd;
        return (pid_t)pid;
}

static void end_holder(int pidfd)
{
        siginfo_t info;
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) && errno == EINTR)
                ;
        close(pidfd);
}

static int write_map(pid_t pid, const char *file, const char *map, struct err *e)
{
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
        cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
        /* A map has to arrive in a single write. */
        if (fd < 0 || write(fd, map, strlen(map)) != (ssize_t)strlen(map))
                return err_sys(e, errno, "Can't write the id map for mounts to %s", path);
        return 0;
}

static int open_mapped(pid_t pid, const char *uids, const char *gids, struct err *e)
{
        if (write_map(pid, "uid_map", uids, e) || write_map(pid, "gid_map", gids, e))
                return -1;
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? err_sys(e, errno, "Can't open the user namespace for mounts") : fd;
}

/* A line of a map is "on disk, in the mount, how many". */
static int make_userns(const char *uids, const char *gids, struct err *e)
{
        int hold[2];
        if (pipe2(hold, O_CLOEXEC))
                return err_sys(e, errno, "Can't make the id map for mounts");
        int pidfd = -1;
        pid_t pid = start_holder(hold, &pidfd);
        int fd;
        if (pid < 0) {
                err_sys(e, errno, "Can't make a user namespace for mounts");
                fd = err_fix(e, "Allow user namespaces: sysctl user.max_user_namespaces=10000");
        } else {
                fd = open_mapped(pid, uids, gids, e);
                end_holder(pidfd);
        }
        close(hold[0]);
        close(hold[1]);
        return fd;
}

int idmap_userns_fd(struct err *e)
{
        static const char all_but_root[] = "1 1 4294967294\n";
        return make_userns(all_but_root, all_but_root, e);
}

static bool seen_before(const gid_t *groups, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (groups[k] == groups[i])
                        return true;
        return false;
}

int idmap_root_fd(uid_t uid, gid_t gid, const gid_t *groups, size_t n, struct err *e)
{
        if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
                return err_set(e, ERR_INVALID, "User id %u can't be root inside", (unsigned)uid);
        cleanup_free char *uids = xasprintf("%u 0 1\n", (unsigned)uid);
        cleanup_buf struct buf gids = BUF_INIT(MAP_MAX);
        buf_printf(&gids, "%u 0 1\n", (unsigned)gid);
        for (size_t i = 0; i < n && i < IDMAP_GROUPS_MAX; i++)
                if (groups[i] >= IDMAP_GROUP_MIN && groups[i] != gid && groups[i] != (gid_t)-1 &&
                        !seen_before(groups, i))
                        buf_printf(&gids, "%u %u 1\n", (unsigned)groups[i], (unsigned)groups[i]);
        return make_userns(uids, buf_str(&gids), e);
}
