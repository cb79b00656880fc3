/* SPDX-License-Identifier: MIT */
/*
 * `ds01d --rebuild`: a new database from what the engine's labels tell, for when the old one is
 * damaged. Runs instead of the daemon; the caller holds the lock of the state folder.
 *
 * A container is taken over if everything about it agrees: this daemon's instance, the name that its
 * labels give it, the account that it runs as. An image's labels can be forged by whoever built it,
 * so an image is given back only if it also has the name under which its owner's builds stand, which
 * nobody but ds01d gives. Nothing is removed, nothing gets a GPU. The new database is made
 * beside the old one, which is set aside once that is whole: a rebuild that fails changes nothing.
 */
#pragma once

#include "daemon/daemon.h"

/*
 * Needs the settings, the engine and the boot id of *d. `instance` is the id that this daemon's
 * containers carry, "new" for none, or NULL to find it out. Prints what it did. ERR_FAILED, and
 * nothing is changed, where the labels don't say which instance is this daemon's.
 */
int rebuild_run(struct daemon *d, const char *instance, struct err *e);
