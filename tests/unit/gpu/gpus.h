/* SPDX-License-Identifier: MIT */
/* What the tests of this layer share: a folder that everybody may read, golden files, sentences. */
#pragma once

#include "base/fd.h"
#include "base/str.h"
#include "gpu/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

extern char folder[];

/* The path of a file in the folder; owned. */
static inline char *in_folder(const char *name)
{
        return xasprintf("%s/%s", folder, name);
}

static inline void write_bytes(const char *name, const char *data, size_t n, mode_t mode)
{
        struct err e = ERR_INIT;
        cleanup_free char *path = in_folder(name);
        if (fd_replace_file(AT_FDCWD, path, data, n, mode, &e) < 0)
                fail_msg("%s", e.msg);
        assert_int_equal(chmod(path, mode), 0);
}

static inline void write_text(const char *name, const char *text, mode_t mode)
{
        write_bytes(name, text, strlen(text), mode);
}

static inline char *read_text(const char *path, size_t *ret_n)
{
        struct err e = ERR_INIT;
        char *text = NULL;
        if (fd_read_file(AT_FDCWD, path, 16 << 20, &text, ret_n, &e) < 0)
                fail_msg("%s", e.msg);
        return text;
}

/* The line of a sample, against golden/NAME.json; and the reader takes what the writer wrote. */
static inline void check_golden(const struct gpu_sample *s, const char *name)
{
        struct err e = ERR_INIT;
        struct gpu_sample back = { 0 };
        cleanup_free char *path = xasprintf(GOLDEN "/%s.json", name);
        cleanup_free char *line = gpu_sample_text(s);
        cleanup_free char *with_end = xasprintf("%s\n", line);
        cleanup_free char *golden = read_text(path, NULL);
        if (strcmp(with_end, golden) != 0)
                fail_msg("golden/%s.json has\n%sand the line is\n%s", name, golden, with_end);
        if (gpu_sample_parse(line, strlen(line), &back, &e) < 0)
                fail_msg("%s: %s", name, e.msg);
        cleanup_free char *again = gpu_sample_text(&back);
        assert_string_equal(again, line);
        gpu_sample_done(&back);
}

static inline int folder_make(void **state)
{
        (void)state;
        /* The probe looks into it as nobody. */
        return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

static inline void folder_remove(const char *const *names)
{
        for (; *names; names++) {
                cleanup_free char *path = in_folder(*names);
                if (unlink(path) < 0 && errno != ENOENT)
                        fail_msg("%s stays", path);
        }
        assert_int_equal(rmdir(folder), 0);
}
