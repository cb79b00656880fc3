/* SPDX-License-Identifier: MIT */
/*
 * A server on a Unix socket that gives everybody who connects the same bytes, and then no more: for fuzz targets,
 * which run one call at a time. It starts with the first call and is gone when the program ends.
 */
#pragma once

#include <stddef.h>

/* Where it listens. */
const char *fake_socket_path(void);
/* What connections from now on get; copied. */
void fake_socket_answer(const char *data, size_t n);
/* The same, as it was last set; borrowed until it is set again. */
const char *fake_socket_sent(size_t *ret_n);
