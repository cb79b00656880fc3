/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int fixture_setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);
        snprintf(f->dir, sizeof f->dir, "/tmp/ds01-store-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->path, sizeof f->path, "%s/ds01.db", f->dir);
        ok(store_open(f->dir, &f->s, &f->e));
        *state = f;
        return 0;
}

int fixture_teardown(void **state)
{
        struct fixture *f = *state;
        store_close(f->s);
        DIR *d = opendir(f->dir);
        struct dirent *entry;
        while (d && (entry = readdir(d)))
                unlinkat(dirfd(d), entry->d_name, 0);
        if (d)
                closedir(d);
        rmdir(f->dir);
        free(f);
        return 0;
}

void fixture_reopen(struct fixture *f)
{
        store_close(f->s);
        f->s = NULL;
        ok(store_open(f->dir, &f->s, &f->e));
}

int64_t fixture_sql(const struct fixture *f, const char *sql)
{
        sqlite3 *db;
        sqlite3_stmt *st;
        int64_t value = 0;
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        while (*sql) {
                if (sqlite3_prepare_v2(db, sql, -1, &st, &sql) != SQLITE_OK)
                        fail_msg("%s", sqlite3_errmsg(db));
                while (sqlite3_step(st) == SQLITE_ROW)
                        value = sqlite3_column_int64(st, 0);
                sqlite3_finalize(st);
        }
        sqlite3_close(db);
        return value;
}

int64_t fixture_reserve(struct fixture *f, uid_t uid, const char *name)
{
        struct container c = { .uid = uid, .gid = uid, .name = S(name), .born_op = OP_A };
        enum reserve_verdict verdict;
        ok(containers_reserve(f->s, &c, -1, &verdict, &f->e));
        assert_int_equal(verdict, RESERVED);
        return c.id;
}

int64_t fixture_container(struct fixture *f, uid_t uid, const char *name, enum ledger_state state)
{
        int64_t id = fixture_reserve(f, uid, name);
        static const enum ledger_state way[] = { LEDGER_CREATED, LEDGER_STARTING, LEDGER_RUNNING };
        enum ledger_state at = LEDGER_CREATING;
        for (size_t i = 0; i < ARRAY_LEN(way) && at < state; i++)
                ok(containers_move(f->s, id, OP_A, at = way[i], &f->e));
        if (at != state)
                ok(containers_move(f->s, id, OP_A, state, &f->e));
        ok(containers_end(f->s, id, OP_A, &f->e));
        return id;
}

int64_t fixture_ticket(struct fixture *f, uid_t uid, const char *name)
{
        struct ticket t = {
                .uid = uid, .user = S("u"), .name = S(name), .slots = 1, .joined_at = 10
        };
        enum ticket_verdict verdict;
        int64_t id;
        ok(tickets_add(f->s, &t, 100, &verdict, &id, &f->e));
        assert_int_equal(verdict, TICKET_ADDED);
        return id;
}

struct lease fixture_part(const char *device, const char *parent, int64_t since)
{
        struct lease l = { .slices = 1, .of = 7, .since = since };
        snprintf(l.device, sizeof l.device, "%s", device);
        snprintf(l.parent, sizeof l.parent, "%s", parent);
        snprintf(l.slot, sizeof l.slot, "0.1");
        snprintf(l.label, sizeof l.label, "1g.5gb");
        return l;
}

struct lease fixture_gpu(const char *device, int64_t since)
{
        struct lease l = fixture_part(device, device, since);
        l.slices = l.of;
        return l;
}

/* What the three below return; the next call of the same one overwrites it. */
enum { TEXT_SIZE = 4096 };

const char *fixture_leases(struct fixture *f)
{
        static char text[TEXT_SIZE];
        cleanup_leases struct leases l = { 0 };
        text[0] = '\0';
        ok(leases_all(f->s, &l, &f->e));
        for (size_t i = 0, used = 0; i < l.n; used = strlen(text), i++)
                snprintf(text + used, sizeof text - used, "%s=%c%d@%d ", l.v[i].device,
                        l.v[i].container_id ? 'c' : 't',
                        (int)(l.v[i].container_id + l.v[i].ticket_id), (int)l.v[i].since);
        return text;
}

const char *fixture_usage(struct fixture *f)
{
        static char text[TEXT_SIZE];
        cleanup_free struct usage *u = NULL;
        size_t n;
        text[0] = '\0';
        ok(usage_read(f->s, STORE_EVERYONE, &u, &n, &f->e));
        for (size_t i = 0, used = 0; i < n; used = strlen(text), i++)
                snprintf(text + used, sizeof text - used, "%u:%g@%d ", (unsigned)u[i].uid,
                        u[i].gpu_seconds, (int)u[i].at);
        return text;
}

const char *fixture_history(struct fixture *f)
{
        static char text[TEXT_SIZE];
        size_t used = 0;
        text[0] = '\0';
        for (uid_t uid = 1000; uid < 1003; uid++) {
                cleanup_free int64_t *seconds = NULL;
                size_t n;
                ok(leases_history(f->s, uid, &seconds, &n, &f->e));
                for (size_t i = 0; i < n; used = strlen(text), i++)
                        snprintf(text + used, sizeof text - used, "%u:%d ", (unsigned)uid,
                                (int)seconds[i]);
        }
        return text;
}
