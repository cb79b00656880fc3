/* SPDX-License-Identifier: MIT */
/* Tickets of the queue, for the gpu-queue commands: which one is meant, and how one is put into words. */
#pragma once

#include "cli/cli.h"

/* The tickets in line as an array, owned; only the caller's own, or everybody's. */
int queue_tickets(struct cli *c, bool mine, json_t **ret, struct err *e);

/*
 * The caller's tickets that the command is about: the one for the container that the command line names,
 * else all; an array, owned. None fails with ERR_NOT_FOUND.
 */
int queue_own(struct cli *c, json_t **ret, struct err *e);

/* "my-thesis", or "your next launch" for a ticket that has no name; borrowed. */
const char *queue_subject(const json_t *ticket);

/*
 * How it stands, for its owner: "my-thesis is 2nd in line for 1 GPU, behind bob. Its turn comes in 20m to
 * 2h.", "It is the turn of my-thesis: GPU 2 (A100 40 GB) is kept until 18:30."; owned.
 */
char *queue_sentence(const json_t *ticket);

/* What can be done about it: the commands, in a line; owned. */
char *queue_next(const json_t *ticket);

/* When its turn comes, or until when it lasts, in a few words for a table; owned. */
char *queue_when(const json_t *ticket);

/* Tickets as --json prints them, times as RFC 3339 or null: one object, on stdout. */
void queue_print_json(json_t *tickets);
