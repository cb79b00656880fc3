/* SPDX-License-Identifier: MIT */
/*
 * What runs as a container's first process: the image's own command, or a shell where it has none.
 * Pure.
 */
#pragma once

#include "base/json.h"

struct mainproc {
        json_t *entrypoint; /* arrays of strings, owned; both present, one of them may be empty */
        json_t *cmd;
        bool is_shell; /* stays up for as long as its terminal is open: no need to watch it start */
};
#define cleanup_mainproc CLEANUP(mainproc_done)

/*
 * Decides from the image's Entrypoint and Cmd, which may be NULL, JSON null or empty. The caller
 * owns *ret (mainproc_done).
 */
void mainproc_choose(const json_t *entrypoint, const json_t *cmd, struct mainproc *ret);
void mainproc_done(struct mainproc *m);

/* The command that starts the best shell of an image: a new array, owned by the caller. */
json_t *mainproc_shell(void);
