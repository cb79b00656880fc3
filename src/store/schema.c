/* SPDX-License-Identifier: MIT */
#include "store/schema.h"

#include "base/str.h"

/* "ds01"; the first migration writes it into the file's header. */
#define SCHEMA_APPLICATION_ID 1685270577

static const struct {
        int version;
        const char *sql;
} migrations[] = {
#define X(version, sql) { version, sql },
#include "store/schema.def"
#undef X
};

static int pragma_int(struct db *db, const char *sql, long long *ret, struct err *e)
{
        cleanup_free char *text = NULL;
        if (db_value(db, sql, &text, e))
                return -1;
        return str_to_int(text, INT32_MIN, INT32_MAX, ret) ? 0 : db_damaged(db, sql, e);
}

int schema_check(struct db *db, struct err *e)
{
        long long id, version, newest = migrations[ARRAY_LEN(migrations) - 1].version;
        if (pragma_int(db, "PRAGMA application_id", &id, e) ||
                pragma_int(db, "PRAGMA user_version", &version, e))
                return -1;
        if (id != SCHEMA_APPLICATION_ID)
                return db_damaged(db, "it was not written by ds01d", e);
        if (version > newest) {
                err_set(e, ERR_FAILED,
                        "The database has version %lld, this ds01d knows only up to %lld", version,
                        newest);
                return err_fix(e, "Install the ds01 that wrote it, or a newer one");
        }
        cleanup_free char *verdict = NULL;
        if (db_value(db, "PRAGMA quick_check(1)", &verdict, e))
                return -1;
        return str_eq(verdict, "ok") ? 0 : db_damaged(db, verdict, e);
}

static int migrate_to(struct db *db, size_t i, struct err *e)
{
        cleanup_free char *stamp = xasprintf("PRAGMA user_version = %d", migrations[i].version);
        if (db_script(db, migrations[i].sql, e) || db_script(db, stamp, e))
                return err_wrap(e, "Can't bring the database to version %d", migrations[i].version);
        return 0;
}

int schema_migrate(struct db *db, struct err *e)
{
        long long version;
        if (pragma_int(db, "PRAGMA user_version", &version, e))
                return -1;
        for (size_t i = 0; i < ARRAY_LEN(migrations); i++) {
                if (migrations[i].version <= version)
                        continue;
                if (db_begin(db, e) || db_end(db, migrate_to(db, i, e), e))
                        return -1;
        }
        return 0;
}
