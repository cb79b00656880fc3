/* SPDX-License-Identifier: MIT */
/*
 * Has what an image was built from changed? SHA-256 of the two files that decide it.
 *
 * The build stores both sums beside the image; a launch compares. Only reads.
 */
#pragma once

#include "base/err.h"

#define FINGERPRINT_LEN 64

/*
 * Hexadecimal SHA-256 of a project's Dockerfile and requirements.txt; "" for a file that is
 * missing. A file that can't be read, or is larger than 1 MiB, fails.
 */
int fingerprint_project(int project_dirfd, char dockerfile_sha[FINGERPRINT_LEN + 1],
        char requirements_sha[FINGERPRINT_LEN + 1], struct err *e);
