/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of its corpus, without a fuzzer: corpus DIRECTORY. Each file is
 * also given cut off at a few places. Linked with one fuzz-NAME.c.
 */
#include "base/fd.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int run_file(int dir, const char *name)
{
        struct err e = ERR_INIT;
        cleanup_free char *text = NULL;
        size_t n = 0;
        if (fd_read_file(dir, name, 1024 * 1024, &text, &n, &e) < 0) {
                fprintf(stderr, "%s\n", e.msg);
                return -1;
        }
        for (size_t cut = 0; cut <= 8; cut++) {
                /* An exact copy, so that reading behind its end is noticed. */
                size_t part = n - n / 8 * cut;
                cleanup_free uint8_t *copy = xcalloc(part ? part : 1, 1);
                memcpy(copy, text, part);
                LLVMFuzzerTestOneInput(copy, part);
        }
        return 0;
}

int main(int argc, char **argv)
{
        DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
        if (!d) {
                fprintf(stderr, "usage: corpus DIRECTORY\n");
                return 2;
        }
        size_t files = 0;
        int r = 0;
        for (struct dirent *entry; (entry = readdir(d));) {
                if (entry->d_name[0] == '.')
                        continue;
                files++;
                if (run_file(dirfd(d), entry->d_name) < 0)
                        r = 1;
        }
        closedir(d);
        printf("%zu files\n", files);
        return files > 0 ? r : 1;
}
