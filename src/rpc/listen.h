/* SPDX-License-Identifier: MIT */
/*
 * The listening socket: one that systemd hands over, or one of our own making.
 *
 * The socket is open to every account (mode 0666): who may do what is decided for each request,
 * where a refusal can give its reason. Nothing is unlinked at the end; a socket file that nobody
 * listens on is replaced by the next start.
 */
#pragma once

#include "base/err.h"

/*
 * Makes a listening socket at `path`, which must lie in a folder that is root's (or our own
 * account's) and that nobody else may write. A socket that nobody answers on is replaced; one that
 * answers is ERR_EXISTS. *ret_fd is the caller's.
 */
int rpc_listen(const char *path, int *ret_fd, struct err *e);

/*
 * The socket that systemd passed to this process: 1 and *ret_fd (the caller's), or 0 if it passed
 * none. Fails if it is not one listening unix stream socket. To be called once, before threads
 * exist.
 */
int rpc_listen_activated(int *ret_fd, struct err *e);
