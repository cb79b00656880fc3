/* SPDX-License-Identifier: MIT */
#include "rpc/listen.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static int check_folder(const char *path, struct err *e)
{
        const char *slash = strrchr(path, '/');
        cleanup_free char *folder = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
        struct stat st;
        if (stat(folder, &st) < 0)
                return err_sys(e, errno, "Can't look at the socket's folder %s", folder);
        if (!S_ISDIR(st.st_mode))
                return err_set(e, ERR_FAILED, "The socket's folder %s is not a directory", folder);
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH))) {
                err_set(e, ERR_FAILED, "The socket's folder %s is not root's alone", folder);
                return err_fix(e, "chown root: %s && chmod 755 %s", folder, folder);
        }
        return 0;
}

/* Removes the socket file of a daemon that is no more. */
static int clear_path(const struct sockaddr_un *addr, struct err *e)
{
        struct stat st;
        if (lstat(addr->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : err_sys(e, errno, "Can't look at %s", addr->sun_path);
        if (!S_ISSOCK(st.st_mode))
                return err_set(e, ERR_EXISTS, "%s exists and is not a socket", addr->sun_path);
        cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_sys(e, errno, "Can't make a socket");
        /* A full backlog (EAGAIN) is an answer too: only a refusal means that nobody is there. */
        if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 ||
                errno != ECONNREFUSED) {
                err_set(e, ERR_EXISTS, "Another ds01d listens on %s", addr->sun_path);
                return err_fix(e, "sudo systemctl stop ds01d");
        }
        if (unlink(addr->sun_path) < 0 && errno != ENOENT)
                return err_sys(e, errno, "Can't remove the old socket %s", addr->sun_path);
        return 0;
}

/* Two daemons that start together must not each take the other's new socket for a stale one. */
static int lock_path(const char *path, int *ret_fd, struct err *e)
{
        cleanup_free char *lock = xasprintf("%s.lock", path);
        cleanup_close int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_sys(e, errno, "Can't open %s", lock);
        if (flock(fd, LOCK_EX) < 0)
                return err_sys(e, errno, "Can't lock %s", lock);
        *ret_fd = take_fd(&fd);
        return 0;
}

int rpc_listen(const char *path, int *ret_fd, struct err *e)
{
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        cleanup_close int lock = -1;
        if (path[0] != '/')
                return err_set(e, ERR_INVALID, "The socket's path %s is not absolute", path);
        if (strlen(path) >= sizeof addr.sun_path)
                return err_set(e, ERR_INVALID, "The socket's path %s is longer than %zu bytes",
                        path, sizeof addr.sun_path - 1);
        memcpy(addr.sun_path, path, strlen(path));
        if (check_folder(path, e) < 0 || lock_path(path, &lock, e) < 0 || clear_path(&addr, e) < 0)
                return -1;
        cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_sys(e, errno, "Can't make a socket");
        if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0)
                return err_sys(e, errno, "Can't bind %s", path);
        if (chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0)
                return err_sys(e, errno, "Can't listen on %s", path);
        *ret_fd = take_fd(&fd);
        return 0;
}

int rpc_listen_activated(int *ret_fd, struct err *e)
{
        int n = sd_listen_fds(true);
        if (n < 0)
                return err_sys(e, -n, "Can't take the sockets of systemd");
        if (n == 0)
                return 0;
        if (n > 1)
                return err_set(e, ERR_FAILED, "systemd passed %d sockets instead of one", n);
        int fd = SD_LISTEN_FDS_START;
        if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
                return err_set(e, ERR_FAILED,
                        "systemd passed something else than a listening unix socket");
        if (fd_set_nonblock(fd, true) < 0)
                return err_sys(e, errno, "Can't use the socket of systemd");
        *ret_fd = fd;
        return 1;
}
