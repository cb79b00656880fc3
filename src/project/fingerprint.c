/* SPDX-License-Identifier: MIT */
#include "project/fingerprint.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <sha256.h>

enum { FILE_MAX = 1024 * 1024 };

static int fingerprint_file(
        int dirfd, const char *name, char out[FINGERPRINT_LEN + 1], struct err *e)
{
        cleanup_free char *text = NULL;
        size_t n;
        if (fd_read_file(dirfd, name, FILE_MAX, &text, &n, e)) {
                if (errno != ENOENT)
                        return -1;
                out[0] = '\0';
                return 0;
        }
        SHA256Data((const uint8_t *)text, n, out);
        return 0;
}

int fingerprint_project(int project_dirfd, char dockerfile_sha[FINGERPRINT_LEN + 1],
        char requirements_sha[FINGERPRINT_LEN + 1], struct err *e)
{
        char dockerfile[FINGERPRINT_LEN + 1], requirements[FINGERPRINT_LEN + 1];
        if (fingerprint_file(project_dirfd, "Dockerfile", dockerfile, e) ||
                fingerprint_file(project_dirfd, "requirements.txt", requirements, e))
                return -1;
        memcpy(dockerfile_sha, dockerfile, sizeof dockerfile);
        memcpy(requirements_sha, requirements, sizeof requirements);
        return 0;
}
