/* SPDX-License-Identifier: MIT */
/*
 * What the tests of store/ share: a state directory of their own for each test, with an open store
 * in it, and rows to put there. `ok(call)` fails the test with the error's sentence.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/tickets.h"

struct fixture {
        char dir[64];
        char path[80]; /* of the database */
        struct store *s;
        struct err e;
};

#define ok(call)                                                                                   \
        do {                                                                                       \
                if ((call) != 0)                                                                   \
                        fail_msg("%s: %s", #call, f->e.msg);                                       \
        } while (0)
#define fails_with(code_, call)                                                                    \
        do {                                                                                       \
                assert_int_equal((call), -1);                                                      \
                assert_int_equal(f->e.code, code_);                                                \
                assert_true(f->e.msg[0] != '\0');                                                  \
        } while (0)

/* A literal for a field of a row that nobody frees. */
#define S(literal) ((char *)(literal))

#define OP_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OP_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Closes the store and opens it again. */
void fixture_reopen(struct fixture *f);
/* Runs SQL on the closed database with a connection of its own; returns the last row's first column
 * as a number, 0 if there is none. */
int64_t fixture_sql(const struct fixture *f, const char *sql);
/* Reserves a container under OP_A; returns its id. */
int64_t fixture_reserve(struct fixture *f, uid_t uid, const char *name);
/* Takes a reserved one through the states of a launch up to `state`, and ends the operation. */
int64_t fixture_container(struct fixture *f, uid_t uid, const char *name, enum ledger_state state);

/* Adds a ticket that waits since 10; returns its id. */
int64_t fixture_ticket(struct fixture *f, uid_t uid, const char *name);
/* A whole GPU, or a part of one, as a lease since then. */
struct lease fixture_gpu(const char *device, int64_t since);
struct lease fixture_part(const char *device, const char *parent, int64_t since);
/* All leases, such as "G0=c3@100 G1=t1@50 ": device, container or ticket, since. */
const char *fixture_leases(struct fixture *f);
/* All usage, such as "1000:90.5@200 ", and the history of 1000 to 1002, such as "1000:100 ". */
const char *fixture_usage(struct fixture *f);
const char *fixture_history(struct fixture *f);

#define fixture_test(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
