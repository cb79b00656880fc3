/* SPDX-License-Identifier: MIT */
#include "tui/model.h"

#include <string.h>

void model_done(struct model *m)
{
        board_done(&m->board);
        free(m->trouble);
        free(m->who);
        free(m->message);
}

const char *model_sort_word(enum model_sort sort)
{
        static const char *const words[] = {
                [SORT_NUMBER] = "number",
                [SORT_USE] = "use",
                [SORT_MEMORY] = "memory",
                [SORT_HOLDER] = "holder",
        };
        return words[sort];
}

/* ---- what GPUs did ---- */

static void add_to_history(json_t *gpu, int64_t percent)
{
        json_t *history = json_object_get(gpu, "history");
        json_array_append_new(history, json_integer(percent));
        if (json_array_size(history) > BOARD_HISTORY_MAX)
                json_array_remove(history, 0);
}

static json_t *history_of(const json_t *gpus, const char *uuid)
{
        size_t i;
        json_t *gpu;
        json_array_foreach (gpus, i, gpu)
                if (str_eq(json_str(gpu, "uuid"), uuid))
                        return json_incref(json_object_get(gpu, "history"));
        return json_array();
}

/* Each GPU of the new board gets what was known of it, and its present use behind that. */
static void carry_history(const json_t *old, json_t *gpus)
{
        size_t i;
        json_t *gpu;
        json_array_foreach (gpus, i, gpu) {
                json_object_set_new(gpu, "history", history_of(old, json_str(gpu, "uuid")));
                add_to_history(gpu, json_int(gpu, "utilisation", -1));
        }
}

void model_gap(struct model *m)
{
        size_t i;
        json_t *gpu;
        json_array_foreach (m->board.gpus, i, gpu)
                add_to_history(gpu, -1);
}

/* ---- order ---- */

struct family { /* a GPU and its parts, which stay together */
        size_t at, n;
        int64_t weight; /* the highest first */
        const char *holder;
};

static int64_t weight_of(const json_t *gpu, enum model_sort sort)
{
        return sort == SORT_USE      ? json_int(gpu, "utilisation", -1)
               : sort == SORT_MEMORY ? json_int(gpu, "memory_used", -1)
                                     : 0;
}

/* Those without a holder come last. */
static int compare_holders(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) : (a == NULL) - (b == NULL);
}

static int compare(const void *a, const void *b)
{
        const struct family *x = a, *y = b;
        if (x->weight != y->weight)
                return x->weight < y->weight ? 1 : -1;
        int by_holder = compare_holders(x->holder, y->holder);
        return by_holder ? by_holder : (x->at > y->at) - (x->at < y->at);
}

static void join(struct family *f, const json_t *gpu, enum model_sort sort)
{
        int64_t weight = weight_of(gpu, sort);
        if (f->n == 0 || weight > f->weight)
                f->weight = weight;
        if (!f->holder && sort == SORT_HOLDER)
                f->holder = json_str(gpu, "user");
        f->n++;
}

/* The slots as ds01d lists them: "2" before "2.0", "10" behind "9". */
static int compare_slots(const void *a, const void *b)
{
        const char *x = str_or_empty(json_str(*(json_t *const *)a, "slot"));
        const char *y = str_or_empty(json_str(*(json_t *const *)b, "slot"));
        return strverscmp(x, y);
}

static void sort_gpus(struct board *b, enum model_sort sort)
{
        size_t n = json_array_size(b->gpus), n_families = 0;
        if (n == 0)
                return;
        cleanup_free json_t **by_slot = xcalloc(n, sizeof(json_t *));
        cleanup_free struct family *families = xcalloc(n, sizeof *families);
        json_t *sorted = json_array();
        for (size_t i = 0; i < n; i++)
                by_slot[i] = json_array_get(b->gpus, i);
        qsort(by_slot, n, sizeof(json_t *), compare_slots);
        for (size_t i = 0; i < n; i++) {
                bool part = *str_or_empty(json_str(by_slot[i], "profile")) != '\0';
                if (!part || n_families == 0)
                        families[n_families++].at = i;
                join(&families[n_families - 1], by_slot[i], sort);
        }
        qsort(families, n_families, sizeof *families, compare);
        for (size_t i = 0; i < n_families; i++)
                for (size_t k = 0; k < families[i].n; k++)
                        json_array_append(sorted, by_slot[families[i].at + k]);
        json_decref(b->gpus);
        b->gpus = sorted;
}

/* ---- which container ---- */

static char *who_is(const json_t *row)
{
        return xasprintf(
                "%s %s", str_or_empty(json_str(row, "name")), str_or_empty(json_str(row, "user")));
}

const json_t *model_selected(const struct model *m)
{
        return json_array_get(m->board.containers, m->at);
}

static void choose(struct model *m, size_t at)
{
        size_t n = json_array_size(m->board.containers);
        m->at = n == 0 ? 0 : at < n ? at : n - 1;
        free(m->who);
        m->who = n == 0 ? NULL : who_is(model_selected(m));
}

/* The one that was selected, wherever it stands now; in place of one that is gone, its neighbour. */
static void choose_again(struct model *m)
{
        size_t i;
        json_t *row;
        json_array_foreach (m->board.containers, i, row) {
                cleanup_free char *who = who_is(row);
                if (str_eq(who, m->who)) {
                        m->at = i;
                        return;
                }
        }
        m->asks = false;
        choose(m, m->at);
}

/* ---- readings ---- */

void model_read(struct model *m, struct board *b)
{
        carry_history(m->board.gpus, b->gpus);
        board_done(&m->board);
        m->board = *b;
        *b = (struct board){ 0 };
        m->any = true;
        str_replace(&m->trouble, NULL);
        sort_gpus(&m->board, m->sort);
        choose_again(m);
}

void model_failed(struct model *m, const struct err *e)
{
        free(m->trouble);
        m->trouble = xasprintf(
                "%s, trying again", e->code == ERR_DAEMON ? "ds01d does not answer" : e->msg);
        model_gap(m);
}

/* ---- what is said ---- */

void model_say(struct model *m, char *text)
{
        free(m->message);
        m->message = text;
        m->help = false;
}

void model_say_error(struct model *m, const struct err *e)
{
        model_say(m, xasprintf("%s%s%.*s", e->msg, *e->fix ? "\nTo fix: " : "",
                             (int)strcspn(e->fix, "\n"), e->fix));
}

/* ---- keys ---- */

static enum model_wish want_attach(struct model *m)
{
        const json_t *row = model_selected(m);
        const char *name = str_or_empty(json_str(row, "name"));
        const char *state = str_or_empty(json_str(row, "state"));
        if (!row)
                model_say(m, xstrdup("There is no container to attach to"));
        else if (m->board.everyone)
                model_say(m, xasprintf("Root opens no shells in containers\nTo fix: sudo -u %s "
                                       "container-attach %s",
                                     str_or_empty(json_str(row, "user")), name));
        else if (!str_eq(state, "running"))
                model_say(
                        m, xasprintf("Container %s is not running (%s)\nTo fix: container-start %s",
                                   name, state, name));
        else
                return WISH_ATTACH;
        return WISH_NOTHING;
}

static void want_retire(struct model *m)
{
        m->asks = model_selected(m) != NULL;
        if (!m->asks)
                model_say(m, xstrdup("There is no container to retire"));
}

static enum model_wish answer(struct model *m, int key)
{
        m->asks = false;
        if (key == 'y' || key == 'Y')
                return WISH_RETIRE;
        model_say(m, xstrdup("Nothing was done"));
        return WISH_NOTHING;
}

static enum model_wish command(struct model *m, int key)
{
        size_t n = json_array_size(m->board.containers);
        bool help = m->help;
        m->help = false;
        switch (key) {
        case 'q':
                return WISH_LEAVE;
        case 'L' & 0x1f:
                return WISH_REDRAW;
        case PRESS_UP:
        case 'k':
                choose(m, m->at ? m->at - 1 : 0);
                break;
        case PRESS_DOWN:
        case 'j':
                choose(m, m->at + 1);
                break;
        case PRESS_FIRST:
                choose(m, 0);
                break;
        case PRESS_LAST:
                choose(m, n);
                break;
        case PRESS_ENTER:
        case 'a':
                return want_attach(m);
        case 'r':
                want_retire(m);
                break;
        case 's':
                m->sort = (m->sort + 1) % SORT_COUNT;
                sort_gpus(&m->board, m->sort);
                break;
        case '?':
                m->help = !help;
                break;
        default:
                break;
        }
        return WISH_NOTHING;
}

enum model_wish model_key(struct model *m, int key)
{
        str_replace(&m->message, NULL);
        return m->asks ? answer(m, key) : command(m, key);
}
