/* SPDX-License-Identifier: MIT */
/*
 * What goes on at this machine, on one page: what ds01d tells about GPUs, containers and the queue,
 * joined with what the machine tells about itself.
 *
 * A board is loaded once, over one connection, with the parts that are wanted; everything else here
 * only shows it, on a sheet (row.h).
 */
#pragma once

#include "base/json.h"
#include "cli/cli.h"
#include "cli/machine.h"
#include "cli/row.h"

enum board_part {
        BOARD_GPU = 1 << 0,
        BOARD_SYSTEM = 1 << 1,
        BOARD_CONTAINERS = 1 << 2,
        BOARD_QUEUE = 1 << 3,
        BOARD_USERS = 1 << 4,
        BOARD_ALL = (1 << 5) - 1,
};

struct board {
        unsigned parts;     /* enum board_part */
        json_t *driver;     /* the first reply of Gpus.List; what was not asked for is NULL */
        json_t *gpus;       /* arrays of the other replies; a live view adds "history" to each */
        json_t *containers; /* the caller's; everyone's where `everyone` */
        json_t *queue;      /* everybody's tickets */
        json_t *limits;     /* by key */
        json_t *users;      /* made from these: see dashboard-users.c */
        struct machine machine;
        struct ticks ticks; /* ds01d's look at the processors; all: 0 if it had none */
        int64_t now;        /* Unix seconds */
        bool everyone;
        bool watched;
};
#define cleanup_board CLEANUP(board_done)
void board_done(struct board *b);
/*
 * The caller owns *ret. A board of BOARD_SYSTEM alone needs no ds01d. With `watched` ds01d reads the GPUs
 * every two seconds for a while: for who loads a board again and again.
 */
int board_load(struct cli *c, unsigned parts, bool watched, struct board *ret, struct err *e);

/* How often who watches loads one, and how much of "history" is shown: percents, -1 for unknown. */
enum { BOARD_WATCH_MS = 2000, BOARD_HISTORY_MAX = 240 };

/* One page of all parts: what doesn't fit is counted, with the section that shows it. */
void board_page(const struct board *b, const struct sheet *s);
/* Each part of it at length, under its title. */
void board_sections(const struct board *b, const struct sheet *s);
/* One object: "schema": 1 and the parts of it. */
void board_json(const struct board *b, FILE *f);

/* The machine's name, the time, and its GPUs in a sentence. */
void board_head(const struct board *b, const struct sheet *s);
/* One of the lists of a page (GPUs, containers, queue): how many rows it has; it in that many lines below
 * its heads, of which the last counts what doesn't fit. */
size_t board_list_count(const struct board *b, enum board_part list);
void board_list(const struct board *b, const struct sheet *s, enum board_part list, size_t lines);

/*
 * How many rows each of n parts gets of `room`: two are sure to each that wants them, and what is left
 * goes to the first ones first.
 */
void board_share(const size_t *wants, size_t n, size_t room, size_t *ret);

/* ---- parts: the lines of one for a page (at most n rows), and at length ---- */

/* "4 GPUs, 1 free (simulated)" */
char *board_gpu_summary(const struct board *b);
/* What is wrong with the driver, in a sentence; NULL if nothing is. */
char *board_gpu_trouble(const struct board *b);
void board_gpu_rows(const struct board *b, const struct sheet *s, size_t n);
void board_gpu_section(const struct board *b, const struct sheet *s);

void board_container_rows(const struct board *b, const struct sheet *s, size_t n);
void board_container_section(const struct board *b, const struct sheet *s);
void board_queue_rows(const struct board *b, const struct sheet *s, size_t n);
void board_queue_section(const struct board *b, const struct sheet *s);
void board_system_rows(const struct board *b, const struct sheet *s, bool at_length);

/* Who has and waits for what, from the other parts; owned by the caller. */
json_t *board_users(const struct board *b);
void board_user_section(const struct board *b, const struct sheet *s);

/* "12.3 of 40.0 GiB"; "-" for a use that isn't known, or a whole of 0. */
#define BOARD_BYTES_LEN 48
void board_bytes(int64_t used, int64_t total, const char *between, char out[BOARD_BYTES_LEN]);
