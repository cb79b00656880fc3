/* SPDX-License-Identifier: MIT */
/*
 * What the live view knows: the last board, what each GPU did before, which container is selected, how
 * GPUs are sorted, what is asked and said. Readings and keys change it; nothing here reads, waits or
 * draws.
 */
#pragma once

#include "cli/dashboard.h"

enum model_sort { SORT_NUMBER, SORT_USE, SORT_MEMORY, SORT_HOLDER, SORT_COUNT };

/* A key: a character of ASCII, or one of these. */
enum press { PRESS_NONE = -1, PRESS_UP = 0x100, PRESS_DOWN, PRESS_FIRST, PRESS_LAST, PRESS_ENTER };

/* What a key asks of whoever runs the view; all else is done. */
enum model_wish { WISH_NOTHING, WISH_LEAVE, WISH_ATTACH, WISH_RETIRE, WISH_REDRAW };

struct model {
        unsigned parts;     /* of the board that are shown */
        bool any;           /* there has been a reading */
        struct board board; /* the last one; each GPU has "history" */
        char *trouble;      /* why there is no newer one, or NULL; owned */
        enum model_sort sort;
        size_t at; /* index of the selected container */
        char *who; /* its name and owner, to find it again; owned */
        bool asks; /* whether to retire it */
        bool help;
        char *message; /* what was done or failed, in lines, or NULL; owned */
};
#define cleanup_model CLEANUP(model_done)
void model_done(struct model *m);

/* A new reading; takes what is in *b. */
void model_read(struct model *m, struct board *b);
/* There was none: the last figures stay, and their histories get a gap. */
void model_failed(struct model *m, const struct err *e);
/* Nobody looked for a while: a gap. */
void model_gap(struct model *m);

enum model_wish model_key(struct model *m, int key);
/* Says something until the next key; takes a text of lines. */
void model_say(struct model *m, char *text);
/* "Container x is not running", and the first line of the way out. */
void model_say_error(struct model *m, const struct err *e);

/* The selected container's row, borrowed; NULL if there is none. */
const json_t *model_selected(const struct model *m);
/* "number", "use", "memory", "holder" */
const char *model_sort_word(enum model_sort sort);
