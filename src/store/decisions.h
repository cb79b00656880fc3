/* SPDX-License-Identifier: MIT */
/*
 * Decisions about GPUs, each with its reason in a sentence: what `ds01 why` tells. The last 200 of
 * each account are kept. They are no truth that anything rests on, so a write doesn't wait for the
 * disk.
 */
#pragma once

#include "store/store.h"

struct decision {         /* strings borrowed */
        int64_t at;       /* Unix seconds */
        const char *name; /* of the container it is about; "" if it is about none yet */
        const char *what; /* a word: granted, refused, joined, turn, passed, left, lapsed, … */
        const char *text; /* the sentence, without its full stop */
};

/* Records one, unless the last one of that account and name says the same. */
int decisions_add(struct store *s, uid_t uid, const struct decision *d, struct err *e);
/* The latest first, at most `max`; name may be NULL for all. fn returns < 0 to stop early. */
int decisions_each(struct store *s, uid_t uid, const char *name, int max,
        int (*fn)(const struct decision *d, void *ctx), void *ctx, struct err *e);
