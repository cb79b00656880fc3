/* SPDX-License-Identifier: MIT */
/*
 * What was read out of an image, once per engine id: an id names the content, so what was read
 * stays true until the image is deleted. A cache: losing a row costs time, nothing else.
 */
#pragma once

#include "base/mem.h"
#include "store/store.h"

struct image_facts { /* strings owned; NULL where the image has no such file */
        char *passwd, *group;
        bool has_shell;
};
#define cleanup_facts CLEANUP(facts_done)
void facts_done(struct image_facts *f);

/* *ret must be zeroed or hold earlier facts, which are freed when it is filled. */
int facts_get(struct store *s, const char *image_id, struct image_facts *ret, bool *ret_found,
        struct err *e);
/* Inserts or replaces. */
int facts_put(struct store *s, const char *image_id, const struct image_facts *f, struct err *e);
int facts_delete(struct store *s, const char *image_id, struct err *e);
