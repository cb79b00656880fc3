/* SPDX-License-Identifier: MIT */
#include "host/terminals.h"

#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1 if it is a terminal of the account's that takes messages and took this one. */
static size_t write_one(int dir_fd, const char *name, uid_t uid, const char *text, size_t n)
{
        struct stat st;
        /* Looked at before it is opened: to open another device could do something. */
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISCHR(st.st_mode) ||
                st.st_uid != uid || !(st.st_mode & S_IWGRP))
                return 0;
        cleanup_close int fd =
                openat(dir_fd, name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) || !S_ISCHR(st.st_mode) || st.st_uid != uid || !isatty(fd))
                return 0;
        return write(fd, text, n) > 0;
}

static size_t write_below(
        const char *dir, const char *prefix, uid_t uid, const char *text, size_t n)
{
        DIR *d = opendir(dir);
        size_t reached = 0;
        if (!d)
                return 0;
        for (struct dirent *entry; (entry = readdir(d));)
                if (str_starts(entry->d_name, prefix) && entry->d_name[strlen(prefix)] >= '0' &&
                        entry->d_name[strlen(prefix)] <= '9')
                        reached += write_one(dirfd(d), entry->d_name, uid, text, n);
        closedir(d);
        return reached;
}

size_t terminals_write(uid_t uid, const char *text)
{
        cleanup_buf struct buf b = BUF_INIT(4096);
        /* A terminal in raw mode, where a shell of a container is open, needs the carriage return.
         */
        buf_str_add(&b, "\a\r\n");
        for (const char *p = text; *p;) {
                size_t n = strcspn(p, "\n");
                str_safe_add(&b, p, n, false);
                buf_str_add(&b, "\r\n");
                p += n + (p[n] == '\n');
        }
        return write_below("/dev/pts", "", uid, buf_str(&b), b.len) +
               write_below("/dev", "tty", uid, buf_str(&b), b.len);
}
