/* SPDX-License-Identifier: MIT */
/*
 * The machine that scale.c measures ds01d on: as many rows as are wanted, an engine, a driver and a
 * kernel that do at once whatever they are asked. ds01d's code is real, but for what the linker puts
 * in the place of these (--wrap, meson.build): so what is measured is ds01d and SQLite and nothing
 * else. One thread.
 */
#pragma once

#include "daemon/daemon.h"

#include <sys/types.h>

enum {
        SCALE_UID = 2000,   /* whoever asks; everybody else comes after */
        SCALE_OWN = 8,      /* containers of that account, whatever the machine has */
        SCALE_EACH = 8,     /* containers, and tickets, of everybody else */
        SCALE_HISTORY = 20, /* former leases of each account */
};

/* How large the machine is. */
struct scale_size {
        size_t containers; /* of others: half of them run, the rest are stopped */
        size_t gpus;       /* all but one of them held, as far as there are containers */
        size_t tickets;    /* of others; nobody's turn comes while it is measured */
        size_t accounts;   /* which have used GPUs before */
};

/* What was done since the last scale_count(). */
struct scale_cost {
        int64_t steps;    /* of SQLite's machine */
        int64_t queries;  /* statements run */
        int64_t scanned;  /* rows that a statement stepped over without an index */
        int64_t replies;  /* messages to the caller */
        int64_t bytes;    /* of these */
        int64_t requests; /* to the engine */
};

/* A daemon on such a machine, its store in `dir`. Whatever fails ends the process. */
struct daemon *scale_open(const char *dir, const struct scale_size *size);
void scale_close(struct daemon *d);

struct scale_cost scale_count(void);
/* Seconds pass: what is done every so often is due. */
void scale_pass(int seconds);

void scale_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
