/* SPDX-License-Identifier: MIT */
/*
 * Kills ds01d before or after its n-th call that changes something outside of it, once it is armed.
 *
 * Preloaded into ds01d alone; what it starts is left in peace. DS01_KILLER names a file of four 32-bit
 * numbers that the test and ds01d share: armed, calls since then, the call to die at (0: count only),
 * and whether to die after it. Messages to people (stderr) are no such call.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct orders {
        _Atomic uint32_t armed, count;
        uint32_t at, after;
};

static struct orders *orders;

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("DS01_KILLER");
        if (!path || strcmp(program_invocation_short_name, "ds01d") != 0)
                return;
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *p = fd < 0 ? MAP_FAILED
                         : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                abort();
        close(fd);
        orders = p;
}

static void die(void)
{
        kill(getpid(), SIGKILL);
        for (;;)
                pause();
}

/* Whether ds01d is to die after this call; before it, it does so here. */
static bool doomed(void)
{
        if (!orders || !orders->armed)
                return false;
        uint32_t n = atomic_fetch_add(&orders->count, 1) + 1;
        if (n == orders->at && !orders->after)
                die();
        return n == orders->at;
}

static void *real(const char *name)
{
        void *fn = dlsym(RTLD_NEXT, name);
        if (!fn)
                abort();
        return fn;
}

/* CALL(what it returns, its name, its parameters in brackets, the same as arguments) */
#define CALL(type, name, parameters, arguments)                                                    \
        type name parameters;                                                                      \
        type name parameters                                                                       \
        {                                                                                          \
                static type(*fn) parameters;                                                       \
                if (!fn)                                                                           \
                        fn = (type(*) parameters)real(#name);                                      \
                bool last = doomed();                                                              \
                type r = fn arguments;                                                             \
                if (last)                                                                          \
                        die();                                                                     \
                return r;                                                                          \
        }

CALL(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
CALL(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
CALL(int, fsync, (int fd), (fd))
CALL(int, fdatasync, (int fd), (fd))
CALL(int, ftruncate64, (int fd, off64_t n), (fd, n))
CALL(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
CALL(int, rmdir, (const char *path), (path))
CALL(int, link, (const char *from, const char *to), (from, to))
CALL(int, unlink, (const char *path), (path))
CALL(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
CALL(int, rename, (const char *from, const char *to), (from, to))
CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
CALL(int, renameat2, (int a, const char *from, int b, const char *to, unsigned f),
        (a, from, b, to, f))
CALL(int, open_tree, (int dir, const char *path, unsigned flags), (dir, path, flags))
CALL(int, move_mount, (int a, const char *from, int b, const char *to, unsigned f),
        (a, from, b, to, f))
CALL(int, mount_setattr,
        (int dir, const char *path, unsigned flags, struct mount_attr *a, size_t n),
        (dir, path, flags, a, n))
CALL(int, umount2, (const char *path, int flags), (path, flags))

ssize_t write(int fd, const void *p, size_t n)
{
        static ssize_t (*fn)(int, const void *, size_t);
        if (!fn)
                fn = (ssize_t(*)(int, const void *, size_t))real("write");
        bool last = fd != STDERR_FILENO && doomed();
        ssize_t r = fn(fd, p, n);
        if (last)
                die();
        return r;
}

/* Only those that make a file. */
int openat64(int dir, const char *path, int flags, ...)
{
        static int (*fn)(int, const char *, int, ...);
        mode_t mode = 0;
        if (!fn)
                fn = (int (*)(int, const char *, int, ...))real("openat64");
        if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
                va_list ap;
                va_start(ap, flags);
                mode = va_arg(ap, mode_t);
                va_end(ap);
        }
        bool last = (flags & O_CREAT) && doomed();
        int r = fn(dir, path, flags, mode);
        if (last)
                die();
        return r;
}
