/* SPDX-License-Identifier: MIT */
/*
 * Projects that an older ds01 made: what in their files would be refused today.
 *
 * Such a Dockerfile labels its image with keys that are ds01d's own today. They are left out of the
 * text that goes to the build; the file stays as it is. Only the keys that the older ds01 wrote are:
 * another label of ds01 is refused as ever. Pure: no I/O.
 */
#pragma once

#include <stddef.h>

/*
 * The Dockerfile without those labels, with the same number of lines; owned by the caller. NULL if it
 * has none, or can't be read as a Dockerfile: the build then says why. *ret_line is the first line
 * that lost something.
 */
char *older_without_labels(const char *dockerfile, unsigned *ret_line);
