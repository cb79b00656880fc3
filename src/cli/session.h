/* SPDX-License-Identifier: MIT */
/* A shell or command in a running container, from the first byte to its exit status. */
#pragma once

#include "cli/cli.h"

/*
 * Runs `command` (NULL: the container's shell) in the container and connects it to our stdin and
 * stdout until it ends. `head` is input that was read already. *ret_status is the command's own exit
 * status. A restart of ds01d in between is not noticed by either side.
 */
int session_run(struct cli *c, const char *container, char *const *command, const void *head,
        size_t head_len, int *ret_status, struct err *e);

/*
 * What --open does after a container has started: on a terminal, a shell and then the question
 * whether to keep or retire; without one, the commands on stdin; with nothing on stdin, nothing.
 * *ret_status is the shell's.
 */
int session_open(struct cli *c, const char *container, int *ret_status, struct err *e);
