/* SPDX-License-Identifier: MIT */
#include "store/container-row.h"

#include "base/json.h"

#include <string.h>

void container_done(struct container *c)
{
        char *owned[] = { c->name, c->user, c->project, c->image_ref, c->image_id, c->framework,
                c->interface, c->engine_id, c->workspace, c->last_lines, c->boot_id,
                c->stop_reason };
        for (size_t i = 0; i < ARRAY_LEN(owned); i++)
                free(owned[i]);
        strv_done(&c->data_ro);
        strv_done(&c->data_rw);
        strv_done(&c->gpus);
        *c = (struct container){ 0 };
}

/* The next column, a JSON array of strings: the schema checks that it is an array. */
static void read_list(struct db_row *row, struct strv *ret)
{
        cleanup_free char *text = db_text(row);
        cleanup_json json_t *list = NULL;
        struct err ignored;
        size_t i;
        const json_t *item;
        if (json_parse(text, strlen(text), 1, &list, &ignored))
                return;
        json_array_foreach (list, i, item)
                if (json_is_string(item))
                        strv_add(ret, json_string_value(item));
}

static int list_text(const struct strv *list, char **ret, struct err *e)
{
        cleanup_json json_t *array = json_array();
        for (size_t i = 0; i < list->n; i++)
                if (json_array_append_new(array, json_string(list->v[i])))
                        return err_set(e, ERR_INVALID, "A path or the name of a GPU is not UTF-8");
        *ret = json_text(array);
        return 0;
}

void container_read(struct db_row *row, void *ctx)
{
        struct container *c = ctx;
        container_done(c);
        c->id = db_int(row);
        c->uid = (uid_t)db_int(row);
        c->gid = (gid_t)db_int(row);
        char **texts[] = { &c->name, &c->user, &c->project, &c->image_ref, &c->image_id,
                &c->framework, &c->interface, &c->engine_id, &c->workspace };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                *texts[i] = db_text(row);
        read_list(row, &c->data_ro);
        read_list(row, &c->data_rw);
        cleanup_free char *state = db_text(row);
        c->state = ledger_from_wire(state);
        db_text_into(row, c->born_op, sizeof c->born_op);
        db_text_into(row, c->op, sizeof c->op);
        c->created_at = db_int(row);
        c->started_at = db_int(row);
        c->stopped_at = db_int(row);
        c->state_since = db_int(row);
        c->exit_code = (int)db_int(row);
        c->last_lines = db_text(row);
        c->boot_id = db_text(row);
        c->stop_reason = db_text(row);
        c->warned = (int)db_int(row);
        read_list(row, &c->gpus);
        c->gpus_since = db_int(row);
        c->late_until = db_int(row);
        c->root = db_int(row) != 0;
}

int container_insert(struct db *db, struct container *c, struct err *e)
{
        cleanup_free char *ro = NULL, *rw = NULL, *gpus = NULL;
        if (list_text(&c->data_ro, &ro, e) || list_text(&c->data_rw, &rw, e) ||
                list_text(&c->gpus, &gpus, e))
                return -1;
        if (db_run(db, QUERY_CONTAINER_INSERT,
                    ARGS(INT(c->uid), INT(c->gid), TEXT(c->name), TEXT(c->user), TEXT(c->project),
                            TEXT(c->image_ref), TEXT(c->image_id), TEXT(c->framework),
                            TEXT(c->interface), TEXT(c->engine_id), TEXT(c->workspace), TEXT(ro),
                            TEXT(rw), TEXT(ledger_wire(c->state)), TEXT(c->born_op), TEXT(c->op),
                            INT(c->created_at), INT(c->started_at), INT(c->stopped_at),
                            INT(c->state_since), INT(c->exit_code), TEXT(c->last_lines),
                            TEXT(c->boot_id), TEXT(c->stop_reason), INT(c->warned), TEXT(gpus),
                            INT(c->root)),
                    e))
                return -1;
        c->id = db_inserted_id(db);
        return 0;
}
