/* SPDX-License-Identifier: MIT */
/* What a command line says about GPUs, and how the queue's answers are put into words. */
#pragma once

#include "cli/cli.h"
#include "project/pyproject.h"

/* The options of commands that make a container; for their tables. */
#define GPU_OPTS                                                                                   \
        { 0, "gpus", OPT_VALUE, "N", "How many GPUs it gets (default: 1, where there are any)" },  \
        {                                                                                          \
                0, "cpu-only", OPT_FLAG, NULL, "Without a GPU"                                     \
        }

/*
 * How many GPUs are asked for: --gpus, --cpu-only, else what pyproject.toml says (py may be NULL), else
 * -1, which leaves it to ds01d.
 */
int gpus_asked(const struct cli *c, const struct pyproject *py, int *ret, struct err *e);

/* "1st in line", "3rd in line, behind bob and carol": of a row of the queue; owned. */
char *gpus_place(const json_t *ticket);
/* "in 20m to 2h", "in 20m at the earliest": when its turn comes; "" if that isn't known;
 * owned. */
char *gpus_eta(const json_t *ticket);
/* Both in one: "2nd in line, behind bob, in 20m to 2h"; where no time is known, the reason instead. */
char *gpus_standing(const json_t *ticket);

/* Of a row of Gpus.List: "GPU 2 is held by bob until 18:30", "GPU 2 is drained: a process is left"; owned. */
char *gpus_state(const json_t *gpu);
/* "18:30" today, "28 Nov 18:30" otherwise; "no end" for 0; owned. */
char *gpus_time(int64_t unix_s);
