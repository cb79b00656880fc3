/* SPDX-License-Identifier: MIT */
/*
 * The engine's stream of what happens to containers.
 *
 * Events are hints: the engine keeps few of them and forgets them when it restarts. Subscribe,
 * list, then apply; at the stream's end subscribe and list again.
 */
#pragma once

#include "base/json.h"
#include "engine/engine.h"

struct engine_event {
        const char *action;       /* "start", "die", "destroy", "exec_die"…; "" once, see below */
        const char *id;           /* of the container */
        int exit_code;            /* of "die" and "exec_die"; -1 otherwise */
        const json_t *attributes; /* object: name, image, and the container's labels; may be NULL */
        int64_t time;             /* Unix seconds */
};

/* Takes one event, borrowed. 0 to go on. */
typedef int engine_event_fn(const struct engine_event *event, void *ctx);

/*
 * Calls fn for each event of a container that has the label ("key" or "key=value"), until `w` ends
 * it (its hangup_fd may be an eventfd) or the engine does. The first call has an empty action: the
 * subscription stands, and what happens from here on is not missed. 0 if the engine ended the
 * stream; at its own stop it breaks it off, which is ERR_ENGINE.
 */
int engine_events(struct engine *en, const struct engine_wait *w, const char *label,
        engine_event_fn *fn, void *ctx, struct err *e);
