/* SPDX-License-Identifier: MIT */
#include "store/users.h"

#include "base/buf.h"
#include "store/store-private.h"

#include <string.h>

static void read_text(struct db_row *row, void *ctx)
{
        char **text = ctx;
        free(*text);
        *text = db_text(row);
}

/* The name as a part of an image reference, where only small letters, digits and single "-" may
 * stand. */
static char *prefix_of(uid_t uid, const char *username)
{
        struct buf b = BUF_INIT(strlen(username) + 16);
        bool gap = false;
        for (const char *p = username; *p; p++) {
                char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
                if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
                        gap = b.len > 0;
                        continue;
                }
                if (gap)
                        buf_putc(&b, '-');
                gap = false;
                buf_putc(&b, c);
        }
        if (b.len == 0)
                buf_printf(&b, "u%u", uid);
        char *prefix = xasprintf("ds01-%s", buf_str(&b));
        buf_done(&b);
        return prefix;
}

static int is_taken(struct db *db, const char *prefix, bool *ret, struct err *e)
{
        size_t found = 0;
        if (db_rows(db, QUERY_USER_BY_PREFIX, ARGS(TEXT(prefix)), NULL, NULL, &found, e))
                return -1;
        *ret = found > 0;
        return 0;
}

static int give(struct db *db, uid_t uid, const char *username, char **ret, struct err *e)
{
        /* Another thread may have given it between our look and this transaction. */
        if (db_rows(db, QUERY_USER_PREFIX, ARGS(INT(uid)), read_text, ret, NULL, e))
                return -1;
        if (*ret)
                return 0;
        cleanup_free char *prefix = prefix_of(uid, username);
        bool taken;
        if (is_taken(db, prefix, &taken, e))
                return -1;
        /* More than once only if somebody is really called "alice-1001". */
        while (taken) {
                cleanup_free char *longer = xasprintf("%s-%u", prefix, uid);
                str_replace(&prefix, longer);
                if (is_taken(db, prefix, &taken, e))
                        return -1;
        }
        if (db_run(db, QUERY_USER_PUT, ARGS(INT(uid), TEXT(username), TEXT(prefix)), e))
                return -1;
        *ret = take_ptr(prefix);
        return 0;
}

int users_image_prefix(struct store *s, uid_t uid, const char *username, char **ret, struct err *e)
{
        cleanup_free char *prefix = NULL;
        if (store_rows(s, QUERY_USER_PREFIX, ARGS(INT(uid)), read_text, &prefix, NULL, e))
                return -1;
        struct db *db;
        if (!prefix && (store_write_begin(s, &db, e) ||
                               store_write_end(s, give(db, uid, username, &prefix, e), e)))
                return -1;
        *ret = take_ptr(prefix);
        return 0;
}
