/* SPDX-License-Identifier: MIT */
/*
 * The queue at work: whose turn it is, until when, and who is told.
 *
 * One thread looks at the line whenever something changed, and every few seconds: it gives turns (the
 * GPUs are then held for the ticket), lets those that were not used pass, has ds01d launch what was
 * asked to start by itself, and wakes whoever waits on a connection. A turn that passes sends its
 * ticket to the end of the line; the second one ends it.
 *
 * Tickets are rows (store/tickets.h), so they outlive ds01d. A launch that is to start by itself has
 * its folders mounted since it joined: those do not outlive a reboot, and neither does the trust in
 * what was asked for if its image, the account's limits or its groups have changed. Then the turn is
 * kept, its owner is told, and nothing starts.
 */
#pragma once

#include "daemon/caller.h"
#include "daemon/line.h"

int scheduler_start(struct daemon *d, struct err *e);
void scheduler_join(struct daemon *d);
void scheduler_free(struct daemon *d);

/* One look at the line, as the thread takes it; `changed`: something has, since the last one. The
 * thread's own, but for a test that has no threads. */
void scheduler_look(struct daemon *d, bool changed);

/* GPUs or tickets have changed: the line is looked at, and those who wait are woken. From any thread. */
void scheduler_changed(struct daemon *d);

/*
 * Somebody waits for a ticket on a connection: an eventfd that becomes readable at every change, until
 * scheduler_unwatch(). A ticket that was joined to be waited for ends when nobody has watched it for a
 * minute. -1 with *e.
 */
int scheduler_watch(struct daemon *d, int64_t ticket_id, int *ret_fd, struct err *e);
void scheduler_unwatch(struct daemon *d, int fd);

/* Ends a ticket, whatever it holds; under no lock. `why` is a clause for its owner. ERR_NOT_FOUND if it
 * is gone: a launch has used it up, or it has ended. */
int scheduler_leave(struct daemon *d, const struct ticket *t, const char *why, struct err *e);

/* Has ds01d launch what a ticket with a turn asks for; in scheduler-launch.c. */
void scheduler_launch(struct daemon *d, const struct ticket *t);
/* Waits for the launches under way, for a short time; returns how many still are. */
size_t scheduler_wait(int64_t deadline);
