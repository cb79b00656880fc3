/* SPDX-License-Identifier: MIT */
/* Which boot this is. Rows that hold pids, mounts or exec ids are worthless under another one. */
#pragma once

#include "base/err.h"

#define BOOT_ID_LEN 36

/* The kernel's boot id, a UUID in lower case and a NUL. Fails only without /proc. */
int boot_id(char ret_id[BOOT_ID_LEN + 1], struct err *e);
