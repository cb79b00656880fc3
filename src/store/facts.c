/* SPDX-License-Identifier: MIT */
#include "store/facts.h"

#include "store/store-private.h"

void facts_done(struct image_facts *f)
{
        free(f->passwd);
        free(f->group);
        *f = (struct image_facts){ 0 };
}

static void read_facts(struct db_row *row, void *ctx)
{
        struct image_facts *f = ctx;
        f->passwd = db_text(row);
        f->group = db_text(row);
        f->has_shell = db_int(row) != 0;
}

int facts_get(struct store *s, const char *image_id, struct image_facts *ret, bool *ret_found,
        struct err *e)
{
        cleanup_facts struct image_facts row = { 0 };
        size_t found = 0;
        if (store_rows(s, QUERY_FACTS_GET, ARGS(TEXT(image_id)), read_facts, &row, &found, e))
                return -1;
        *ret_found = found > 0;
        if (found) {
                facts_done(ret);
                *ret = row;
                row = (struct image_facts){ 0 };
        }
        return 0;
}

int facts_put(struct store *s, const char *image_id, const struct image_facts *f, struct err *e)
{
        return store_run(s, QUERY_FACTS_PUT,
                ARGS(TEXT(image_id), TEXT(f->passwd), TEXT(f->group), INT(f->has_shell)), e);
}

int facts_delete(struct store *s, const char *image_id, struct err *e)
{
        return store_run(s, QUERY_FACTS_DELETE, ARGS(TEXT(image_id)), e);
}
