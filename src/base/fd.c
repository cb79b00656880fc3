/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int wait_for(int fd, short events, int64_t deadline)
{
        for (;;) {
                struct pollfd p = { .fd = fd, .events = events };
                int r = poll(&p, 1, clock_poll_timeout(deadline));
                if (r >= 0)
                        return r > 0;
                if (errno != EINTR)
                        return -1;
        }
}

int fd_wait_readable(int fd, int64_t deadline)
{
        return wait_for(fd, POLLIN, deadline);
}

/* send() where it is a socket, because only there can SIGPIPE be switched off per call. */
static ssize_t write_some(int fd, const void *data, size_t n)
{
        ssize_t r = send(fd, data, n, MSG_NOSIGNAL);
        return r < 0 && errno == ENOTSOCK ? write(fd, data, n) : r;
}

int fd_write_all(int fd, const void *data, size_t n, int64_t deadline)
{
        const char *p = data;
        while (n > 0) {
                ssize_t w = write_some(fd, p, n);
                if (w >= 0) {
                        p += w;
                        n -= (size_t)w;
                } else if (errno == EAGAIN) {
                        int r = wait_for(fd, POLLOUT, deadline);
                        if (r == 0)
                                errno = ETIMEDOUT;
                        if (r <= 0)
                                return -1;
                } else if (errno != EINTR) {
                        return -1;
                }
        }
        return 0;
}

bool fd_hung_up(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };
        return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

int fd_set_nonblock(int fd, bool on)
{
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
                return -1;
        return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int fd_read_file(
        int dir_fd, const char *path, size_t max, char **ret_text, size_t *ret_len, struct err *e)
{
        cleanup_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) {
                int saved = errno;
                err_sys(e, saved, "Can't open %s", path);
                errno = saved;
                return -1;
        }
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
                err_set(e, ERR_FAILED, "%s is a directory, not a file", path);
                errno = EISDIR;
                return -1;
        }
        cleanup_buf struct buf b = BUF_INIT(max);
        char chunk[16384];
        for (;;) {
                ssize_t n = read(fd, chunk, sizeof chunk);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        int saved = errno;
                        err_sys(e, saved, "Can't read %s", path);
                        errno = saved;
                        return -1;
                }
                if (n == 0)
                        break;
                buf_add(&b, chunk, (size_t)n);
                if (b.full) {
                        err_set(e, ERR_FAILED, "%s is larger than %zu bytes", path, max);
                        errno = EFBIG;
                        return -1;
                }
        }
        if (ret_len)
                *ret_len = b.len;
        *ret_text = buf_take(&b);
        return 0;
}

int fd_replace_file(
        int dir_fd, const char *path, const void *data, size_t n, mode_t mode, struct err *e)
{
        char suffix[RANDOM_HEX_LEN + 1];
        random_hex(suffix);
        cleanup_free char *tmp = xasprintf("%s.%.12s~", path, suffix);
        cleanup_close int fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0)
                return err_sys(e, errno, "Can't write %s", path);
        if (fchmod(fd, mode) || fd_write_all(fd, data, n, -1) || fsync(fd) ||
                renameat(dir_fd, tmp, dir_fd, path)) {
                int saved = errno;
                unlinkat(dir_fd, tmp, 0);
                return err_sys(e, saved, "Can't write %s", path);
        }
        return 0;
}

int fd_mkdir_all(const char *path, mode_t mode)
{
        cleanup_free char *p = xstrdup(path);
        for (char *s = p + 1;; s++) {
                if (*s != '/' && *s != '\0')
                        continue;
                char c = *s;
                *s = '\0';
                if (mkdir(p, mode) && errno != EEXIST)
                        return -1;
                *s = c;
                if (c == '\0')
                        return 0;
        }
}
