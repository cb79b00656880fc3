/* SPDX-License-Identifier: MIT */
/*
 * A word to somebody who is logged in: written to the terminals of this machine that belong to the
 * account, as wall(1) does. Asks no utmp, which not every machine keeps. A terminal whose owner has
 * said `mesg n` is passed over, and one that does not take the text at once loses it: nobody waits.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Writes the text, with a bell and lines of its own. Control characters in it are escaped. Returns
 * how many terminals took it. */
size_t terminals_write(uid_t uid, const char *text);
