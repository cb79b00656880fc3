/* SPDX-License-Identifier: MIT */
#include "store/images.h"

#include "base/clock.h"
#include "base/str.h"
#include "store/store-private.h"

void image_done(struct image *i)
{
        char *owned[] = { i->ref, i->project, i->image_id, i->framework, i->dockerfile_sha,
                i->requirements_sha, i->base_ref, i->base_id };
        for (size_t n = 0; n < ARRAY_LEN(owned); n++)
                free(owned[n]);
        *i = (struct image){ 0 };
}

static void read_image(struct db_row *row, void *ctx)
{
        struct image *i = ctx;
        image_done(i);
        i->id = db_int(row);
        i->uid = (uid_t)db_int(row);
        char **texts[] = { &i->ref, &i->project, &i->image_id, &i->framework, &i->dockerfile_sha,
                &i->requirements_sha, &i->base_ref, &i->base_id };
        for (size_t n = 0; n < ARRAY_LEN(texts); n++)
                *texts[n] = db_text(row);
        i->built_at = db_int(row);
        i->size_bytes = db_int(row);
}

static int put(struct db *db, const struct image *i, struct image *old, struct err *e)
{
        if (db_rows(db, QUERY_IMAGE, ARGS(TEXT(i->ref)), read_image, old, NULL, e))
                return -1;
        if (old->ref && old->uid != i->uid)
                return err_set(e, ERR_DENIED, "Image %s is another user's", i->ref);
        if (db_run(db, QUERY_IMAGE_PUT,
                    ARGS(INT(i->uid), TEXT(i->ref), TEXT(i->project), TEXT(i->image_id),
                            TEXT(i->framework), TEXT(i->dockerfile_sha), TEXT(i->requirements_sha),
                            TEXT(i->base_ref), TEXT(i->base_id), INT(i->built_at),
                            INT(i->size_bytes)),
                    e))
                return -1;
        /* A build from the cache can bring back an id that an earlier one replaced. */
        if (db_run(db, QUERY_STALE_REMOVE, ARGS(TEXT(i->image_id)), e))
                return -1;
        if (!old->ref || str_eq(old->image_id, i->image_id))
                return 0;
        return db_run(db, QUERY_STALE_ADD, ARGS(TEXT(old->image_id), INT(clock_unix())), e);
}

int images_put(struct store *s, const struct image *i, char **ret_replaced, struct err *e)
{
        cleanup_image struct image old = { 0 };
        struct db *db;
        if (store_write_begin(s, &db, e) || store_write_end(s, put(db, i, &old, e), e))
                return -1;
        *ret_replaced = str_eq(old.image_id, i->image_id) ? NULL : take_ptr(old.image_id);
        return 0;
}

int images_find_any(
        struct store *s, const char *ref, struct image *ret, bool *ret_found, struct err *e)
{
        cleanup_image struct image row = { 0 };
        if (store_rows(s, QUERY_IMAGE, ARGS(TEXT(ref)), read_image, &row, NULL, e))
                return -1;
        *ret_found = row.ref != NULL;
        if (row.ref) {
                image_done(ret);
                *ret = row;
                row = (struct image){ 0 };
        }
        return 0;
}

int images_find(struct store *s, uid_t uid, const char *ref, struct image *ret, bool *ret_found,
        struct err *e)
{
        cleanup_image struct image row = { 0 };
        bool found;
        if (images_find_any(s, ref, &row, &found, e))
                return -1;
        *ret_found = found && row.uid == uid;
        if (*ret_found) {
                image_done(ret);
                *ret = row;
                row = (struct image){ 0 };
        }
        return 0;
}

struct image_list {
        struct image *v;
        size_t n;
};

static void list_done(struct image_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                image_done(&l->v[i]);
        free(l->v);
}

static void list_read(struct db_row *row, void *ctx)
{
        struct image_list *l = ctx;
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        l->v[l->n] = (struct image){ 0 };
        read_image(row, &l->v[l->n++]);
}

int images_each(struct store *s, uid_t uid, int (*fn)(const struct image *i, void *ctx), void *ctx,
        struct err *e)
{
        CLEANUP(list_done) struct image_list list = { 0 };
        const struct db_arg args[] = { INT(uid) };
        bool everyone = uid == STORE_EVERYONE;
        if (store_rows(s, everyone ? QUERY_IMAGES : QUERY_IMAGES_OF, args, everyone ? 0 : 1,
                    list_read, &list, NULL, e))
                return -1;
        for (size_t i = 0; i < list.n; i++)
                if (fn(&list.v[i], ctx) < 0)
                        break;
        return 0;
}

int images_delete(struct store *s, uid_t uid, const char *ref, struct err *e)
{
        return store_run(s, QUERY_IMAGE_DELETE, ARGS(INT(uid), TEXT(ref)), e);
}

int images_pulled_put(struct store *s, const char *ref, struct err *e)
{
        return store_run(s, QUERY_PULLED_PUT, ARGS(TEXT(ref), INT(clock_unix())), e);
}

int images_pulled_has(struct store *s, const char *ref, bool *ret, struct err *e)
{
        size_t found;
        if (store_rows(s, QUERY_PULLED_GET, ARGS(TEXT(ref)), NULL, NULL, &found, e))
                return -1;
        *ret = found > 0;
        return 0;
}

int images_stale_add(struct store *s, const char *image_id, struct err *e)
{
        return store_run(s, QUERY_STALE_ADD, ARGS(TEXT(image_id), INT(clock_unix())), e);
}

int images_stale_remove(struct store *s, const char *image_id, struct err *e)
{
        return store_run(s, QUERY_STALE_REMOVE, ARGS(TEXT(image_id)), e);
}

static void read_id(struct db_row *row, void *ctx)
{
        strv_take(ctx, db_text(row));
}

int images_stale_each(
        struct store *s, int (*fn)(const char *image_id, void *ctx), void *ctx, struct err *e)
{
        cleanup_strv struct strv ids = { 0 };
        if (store_rows(s, QUERY_STALE_UNUSED, NO_ARGS, read_id, &ids, NULL, e))
                return -1;
        for (size_t i = 0; i < ids.n; i++)
                if (fn(ids.v[i], ctx) < 0)
                        break;
        return 0;
}
