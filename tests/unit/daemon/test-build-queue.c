/* SPDX-License-Identifier: MIT */
#include "daemon/build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* The queue knows of a call only whether it is still there; what it says is counted. */
static atomic_int told;
static int never_fd;

int rpc_reply_more(struct rpc_call *call, json_t *params)
{
        (void)call;
        json_decref(params);
        atomic_fetch_add(&told, 1);
        return 0;
}

int rpc_call_stop_fd(const struct rpc_call *call)
{
        (void)call;
        return never_fd;
}

enum { BUILDERS = 12 };

static struct daemon d;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int order[BUILDERS], n_entered;

struct builder {
        pthread_t thread;
        int number, conn[2], result;
        uid_t uid;
};

static void *build(void *arg)
{
        struct builder *b = arg;
        struct rpc_call call = { .conn_fd = b->conn[0] };
        struct err e = ERR_INIT;
        b->result = build_enter(&d, &call, b->uid, &e);
        if (b->result < 0)
                return NULL;
        pthread_mutex_lock(&lock);
        order[n_entered++] = b->number;
        pthread_mutex_unlock(&lock);
        build_leave(&d, b->uid);
        return NULL;
}

/* Joins the line and waits until it stands in it. */
static void begin(struct builder *b, int number, uid_t uid)
{
        int before = atomic_load(&told);
        *b = (struct builder){ .number = number, .uid = uid };
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b->conn), 0);
        assert_int_equal(pthread_create(&b->thread, NULL, build, b), 0);
        while (atomic_load(&told) == before)
                usleep(1000);
}

static void end(struct builder *b)
{
        pthread_join(b->thread, NULL);
        close(b->conn[0]);
        if (b->conn[1] >= 0)
                close(b->conn[1]);
}

static void enter(uid_t uid)
{
        struct rpc_call call = { .conn_fd = never_fd };
        struct err e = ERR_INIT;
        assert_int_equal(build_enter(&d, &call, uid, &e), 0);
}

static void test_first_come_first_served(void **state)
{
        (void)state;
        struct builder all[BUILDERS];
        d.config.build_parallel = 1;
        n_entered = 0;
        enter(1);
        for (int i = 0; i < BUILDERS; i++)
                begin(&all[i], i, (uid_t)(100 + i % 3));
        build_leave(&d, 1);
        for (int i = 0; i < BUILDERS; i++)
                end(&all[i]);
        for (int i = 0; i < BUILDERS; i++)
                assert_int_equal(order[i], i);
}

/* An account that builds waits for itself, and others need not wait for it. */
static void test_one_for_an_account(void **state)
{
        (void)state;
        struct builder again;
        d.config.build_parallel = 3;
        n_entered = 0;
        enter(1);
        begin(&again, 0, 1);
        enter(2);
        pthread_mutex_lock(&lock);
        assert_int_equal(n_entered, 0);
        pthread_mutex_unlock(&lock);
        build_leave(&d, 1);
        end(&again);
        assert_int_equal(again.result, 0);
        build_leave(&d, 2);
}

static void test_who_leaves_the_line_holds_up_nobody(void **state)
{
        (void)state;
        struct builder first, second;
        d.config.build_parallel = 1;
        n_entered = 0;
        enter(1);
        begin(&first, 0, 2);
        begin(&second, 1, 3);
        close(first.conn[1]);
        first.conn[1] = -1;
        end(&first);
        assert_int_equal(first.result, -1);
        build_leave(&d, 1);
        end(&second);
        assert_int_equal(second.result, 0);
        assert_int_equal(order[0], 1);
}

int main(void)
{
        int p[2];
        if (pipe(p))
                return 1;
        never_fd = p[0];
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first_come_first_served),
                cmocka_unit_test(test_one_for_an_account),
                cmocka_unit_test(test_who_leaves_the_line_holds_up_nobody),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
