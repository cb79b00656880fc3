/* SPDX-License-Identifier: MIT */
/* A folder of its own for a test, and short ways to fill and look at it. */
#pragma once

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct scratch {
        char path[64];
        int fd;
};

static inline struct scratch scratch_new(void)
{
        struct scratch s = { .path = "/tmp/ds01-test-XXXXXX" };
        assert_non_null(mkdtemp(s.path));
        s.fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(s.fd >= 0);
        return s;
}

static inline int scratch_remove_one(
        const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

static inline void scratch_done(struct scratch *s)
{
        close(s->fd);
        nftw(s->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file, its folders included. */
static inline void scratch_write(const struct scratch *s, const char *path, const char *text)
{
        char *whole = xasprintf("%s/%s", s->path, path);
        char *slash = strrchr(whole, '/');
        *slash = '\0';
        assert_int_equal(fd_mkdir_all(whole, 0755), 0);
        *slash = '/';
        FILE *f = fopen(whole, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
        fclose(f);
        free(whole);
}

static inline bool scratch_has(const struct scratch *s, const char *path)
{
        return faccessat(s->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline char *scratch_read(const struct scratch *s, const char *path)
{
        struct err e = ERR_INIT;
        char *text = NULL;
        if (fd_read_file(s->fd, path, 1 << 20, &text, NULL, &e))
                fail_msg("%s", e.msg);
        return text;
}
