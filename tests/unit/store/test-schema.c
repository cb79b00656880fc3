/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "store/db.h"
#include "store/schema.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
        int version;
        const char *sql;
} steps[] = {
#define X(version, sql) { version, sql },
#include "store/schema.def"
#undef X
};
enum { NEWEST = ARRAY_LEN(steps) };

static const struct {
        const char *name, *sql;
} queries[] = {
#define X(query, sql) { #query, sql },
#include "store/query.def"
#undef X
};

static void test_versions_count_up(void **state)
{
        (void)state;
        for (int i = 0; i < NEWEST; i++)
                assert_int_equal(steps[i].version, i + 1);
}

/* Makes the database as version `version` of the program left it. */
static void make_old(struct fixture *f, int version)
{
        store_close(take_ptr(f->s));
        unlink(f->path);
        for (int i = 0; i < version; i++)
                fixture_sql(f, steps[i].sql);
        char stamp[64];
        snprintf(stamp, sizeof stamp, "PRAGMA user_version = %d", version);
        fixture_sql(f, stamp);
        fixture_sql(f, "PRAGMA journal_mode = WAL");
        fixture_sql(f, "INSERT INTO meta VALUES ('instance', 'i');"
                       "INSERT INTO users VALUES (1000, 'alice', 'ds01-alice')");
}

static void test_from_every_version(void **state)
{
        struct fixture *f = *state;
        for (int version = 1; version <= NEWEST; version++) {
                make_old(f, version);
                ok(store_open(f->dir, &f->s, &f->e));
                assert_string_equal(store_instance(f->s), "i");
                fixture_reserve(f, 1000, "x");
                store_close(take_ptr(f->s));
                assert_int_equal(fixture_sql(f, "PRAGMA user_version"), NEWEST);
                assert_int_equal(fixture_sql(f, "SELECT count(*) FROM users"), 1);
                assert_int_equal(fixture_sql(f, "SELECT count(*) FROM containers"), 1);
        }
}

/* A container from before there were GPUs has none, and is a container like any other. */
static void test_container_without_gpus(void **state)
{
        enum { BEFORE_GPUS = 5 };
        struct fixture *f = *state;
        make_old(f, BEFORE_GPUS);
        fixture_sql(f,
                "INSERT INTO containers (uid, gid, name, data_ro, data_rw, state, born_op, op,"
                " created_at, started_at, stopped_at, state_since, exit_code) VALUES (1000, 1000,"
                " 'old', '[]', '[]', 'removing', '" OP_A "', '" OP_A "', 1, 1, 1, 1, -1)");
        ok(store_open(f->dir, &f->s, &f->e));
        cleanup_container struct container c = { 0 };
        bool found;
        ok(containers_find(f->s, 1000, "old", &c, &found, &f->e));
        assert_true(found);
        assert_int_equal(c.gpus.n, 0);
        ok(containers_delete(f->s, c.id, OP_A, &f->e));
}

/* From nothing, and again: the second time there is nothing to do. */
static void test_from_zero(void **state)
{
        struct fixture *f = *state;
        cleanup_free char *path = xasprintf("%s/other.db", f->dir);
        cleanup_free char *version = NULL, *again = NULL;
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fclose(file);
        cleanup_db struct db *db = NULL;
        ok(db_open(path, &db, &f->e));
        ok(schema_migrate(db, &f->e));
        ok(schema_check(db, &f->e));
        ok(db_value(db, "PRAGMA schema_version", &version, &f->e));
        ok(schema_migrate(db, &f->e));
        ok(db_value(db, "PRAGMA schema_version", &again, &f->e));
        assert_string_equal(version, again);
}

/* A step that fails leaves the version before it, whole. */
static void test_failed_step(void **state)
{
        enum { BEFORE_SESSIONS = 3 };
        struct fixture *f = *state;
        make_old(f, BEFORE_SESSIONS);
        fixture_sql(f, "CREATE TABLE sessions (x INTEGER)");
        fails_with(ERR_FAILED, store_open(f->dir, &f->s, &f->e));
        assert_non_null(strstr(f->e.msg, "to version"));
        assert_int_equal(fixture_sql(f, "PRAGMA user_version"), BEFORE_SESSIONS);
        fixture_sql(f, "DROP TABLE sessions");
        ok(store_open(f->dir, &f->s, &f->e));
}

static void test_newer(void **state)
{
        struct fixture *f = *state;
        store_close(take_ptr(f->s));
        fixture_sql(f, "PRAGMA user_version = 99");
        fails_with(ERR_FAILED, store_open(f->dir, &f->s, &f->e));
        assert_non_null(strstr(f->e.msg, "99"));
        assert_int_equal(fixture_sql(f, "PRAGMA user_version"), 99);
}

static bool is_one_of(const char *const *names, const char *name)
{
        while (*names && strcmp(*names, name) != 0)
                names++;
        return *names;
}

/* Every query fits the schema; none that answers one user's question reads everybody's rows. */
static void test_queries(void **state)
{
        struct fixture *f = *state;
        /* Read for everybody who waits: it comes in order from its index. */
        static const char *const sorted[] = { "QUERY_LEASE_HISTORY", NULL };
        /* Leases and what belongs to them are few: as many as the machine has GPUs, or who waits. */
        static const char *const may_scan[] = { "QUERY_CONTAINERS", "QUERY_IMAGES",
                "QUERY_SESSIONS", "QUERY_CONTAINER_CLEAR_OPS", "QUERY_STALE_UNUSED", "QUERY_LEASES",
                "QUERY_DRAINED", "QUERY_TICKETS", "QUERY_USAGE", NULL };
        store_close(take_ptr(f->s));
        sqlite3 *db;
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
                cleanup_free char *sql = xasprintf("EXPLAIN QUERY PLAN %s", queries[i].sql);
                sqlite3_stmt *st;
                if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
                        fail_msg("%s: %s", queries[i].name, sqlite3_errmsg(db));
                bool allowed = is_one_of(may_scan, queries[i].name);
                bool in_order = is_one_of(sorted, queries[i].name);
                while (sqlite3_step(st) == SQLITE_ROW) {
                        const char *plan = (const char *)sqlite3_column_text(st, 3);
                        if (!allowed && str_starts(plan, "SCAN"))
                                fail_msg("%s: %s", queries[i].name, plan);
                        if (in_order && str_starts(plan, "USE TEMP B-TREE"))
                                fail_msg("%s: %s", queries[i].name, plan);
                }
                sqlite3_finalize(st);
        }
        sqlite3_close(db);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_versions_count_up),
                fixture_test(test_from_every_version),
                fixture_test(test_container_without_gpus),
                fixture_test(test_from_zero),
                fixture_test(test_failed_step),
                fixture_test(test_newer),
                fixture_test(test_queries),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
