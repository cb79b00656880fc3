/* SPDX-License-Identifier: MIT */
/*
 * Modules: parts of ds01 that few commands need and that bring large libraries with them, beside our
 * other helpers and found from where we are ourselves. A module uses our own functions; what it needs
 * of libraries is loaded with it and not before, so that no other command pays for it.
 */
#pragma once

#include "base/err.h"

/*
 * Opens the module `file` ("ds01-live.so") and hands on what it has under the name `entry`: a function,
 * of the type that the entry's header has. It stays open. ERR_FAILED says what the loader said, after
 * `what` ("the live view").
 */
int module_entry(const char *file, const char *entry, const char *what, void **ret, struct err *e);
