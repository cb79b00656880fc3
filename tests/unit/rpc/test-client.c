/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "rpc/listen.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct rpc_server_config defaults = { 0 };

static int get(struct rpc_client *c, const char *name, json_t **ret, struct err *e)
{
        return rpc_call(c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", name), NULL, 0, ret,
                NULL, e);
}

static void calls_and_errors(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        assert_true(rpc_client_fd(c) >= 0);
        cleanup_json json_t *reply = NULL;
        assert_int_equal(get(c, "x", &reply, &e), 0);
        assert_string_equal(json_str(reply, "name"), "x");
        json_t *untouched = NULL;
        assert_int_equal(get(c, "fail", &untouched, &e), -1);
        assert_null(untouched);
        assert_int_equal(e.code, ERR_DIED);
        assert_string_equal(e.msg, "The main process of fail ended at once");
        assert_string_equal(e.detail, "one\ntwo");
        assert_string_equal(e.fix, "container-logs fail");
        /* An error is an answer: the connection goes on. */
        assert_int_equal(get(c, "y", NULL, &e), 0);
        rpc_client_free(c);
        fixture_stop(&f);
}

static void request_of_another_version(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        assert_int_equal(rpc_call(c, "io.ds01.Gpus.List", NULL, NULL, 0, NULL, NULL, &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        assert_non_null(strstr(e.msg, "io.ds01.Gpus.List"));
        assert_int_equal(get(c, "x", NULL, &e), -1);
        assert_int_equal(e.code, ERR_DAEMON);
        rpc_client_free(c);
        fixture_stop(&f);
}

static int collect(const json_t *row, void *ctx)
{
        struct buf *b = ctx;
        buf_printf(b, "%s ", str_or_empty(json_str(row, "name")));
        return b->len == 2 && b->max == 9; /* a buffer of 9 bytes is the sign to stop after one */
}

static void streams(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        cleanup_buf struct buf b = BUF_INIT(100);
        cleanup_buf struct buf one = BUF_INIT(9);
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        assert_int_equal(
                rpc_stream(c, "io.ds01.Containers.List", NULL, NULL, 0, collect, &b, &e), 0);
        assert_string_equal(buf_str(&b), "a b c ");
        assert_int_equal(rpc_stream(c, "io.ds01.Containers.List", json_pack("{s:b}", "all", 1),
                                 NULL, 0, collect, &b, &e),
                0);
        assert_string_equal(buf_str(&b), "a b c a b c last ");
        assert_int_equal(
                rpc_stream(c, "io.ds01.Containers.Logs", json_object(), NULL, 0, collect, &b, &e),
                -1);
        assert_int_equal(e.code, ERR_INVALID);
        rpc_client_free(c);
        c = fixture_client(&f);
        assert_int_equal(
                rpc_stream(c, "io.ds01.Containers.List", NULL, NULL, 0, collect, &one, &e), 1);
        assert_string_equal(buf_str(&one), "a ");
        assert_int_equal(rpc_client_fd(c), -1);
        rpc_client_free(c);
        fixture_stop(&f);
}

static void stream_can_take_descriptors(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        cleanup_buf struct buf b = BUF_INIT(100);
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        int fds[2] = { dup(STDIN_FILENO), dup(STDIN_FILENO) };
        size_t before = fixture_open_fds();
        assert_int_equal(rpc_stream_take(c, "io.ds01.Images.Build",
                                 json_pack("{s:s}", "project", "p"), fds, 2, collect, &b, &e),
                0);
        assert_int_equal(fds[0], -1);
        assert_int_equal(fds[1], -1);
        rpc_client_free(c);
        fixture_wait_connections(&f, 0);
        assert_true(fixture_open_fds() <= before - 2);
        fixture_stop(&f);
}

static void descriptor_comes_with_a_reply(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        cleanup_json json_t *reply = NULL;
        cleanup_close int fd = -1;
        assert_int_equal(rpc_call(c, "io.ds01.Containers.Attach", json_pack("{s:s}", "name", "a"),
                                 NULL, 0, &reply, &fd, &e),
                0);
        assert_string_equal(json_str(reply, "session"), "s1");
        char text[16] = "";
        assert_int_equal(read(fd, text, sizeof text), 5);
        assert_string_equal(text, "hello");
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        /* Where none is expected it is closed; where one is missing that is an error. A call in
         * between comes after the server has closed its own. */
        assert_int_equal(get(c, "x", NULL, &e), 0);
        size_t before = fixture_open_fds();
        assert_int_equal(rpc_call(c, "io.ds01.Containers.Attach", json_pack("{s:s}", "name", "a"),
                                 NULL, 0, NULL, NULL, &e),
                0);
        int none = -7;
        assert_int_equal(get(c, "x", NULL, &e), 0);
        assert_int_equal(fixture_open_fds(), before);
        assert_int_equal(rpc_call(c, "io.ds01.Containers.Attach",
                                 json_pack("{s:s}", "name", "none"), NULL, 0, NULL, &none, &e),
                -1);
        assert_int_equal(e.code, ERR_DAEMON);
        assert_int_equal(none, -7);
        rpc_client_free(c);
        fixture_stop(&f);
}

static void refused_connection_tells_why(void **state)
{
        (void)state;
        struct rpc_server_config config = { .requests_per_uid = 1 };
        struct fixture f;
        struct err e = ERR_INIT;
        fixture_start(&f, &config);
        struct rpc_client *first = fixture_client(&f), *second = fixture_client(&f);
        usleep(50 * 1000); /* by now the second one's socket is closed: sending fails */
        assert_int_equal(get(second, "x", NULL, &e), -1);
        assert_int_equal(e.code, ERR_BUSY);
        assert_string_equal(e.msg, "You have 1 requests with ds01d already");
        rpc_client_free(first);
        rpc_client_free(second);
        fixture_stop(&f);
}

static void *stop_later(void *arg)
{
        struct fixture *f = arg;
        fixture_wait(&f->running, 1);
        rpc_server_stop(f->server, 5000);
        return NULL;
}

static void daemon_that_goes_away(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        pthread_t thread;
        cleanup_json json_t *reply = NULL;
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        assert_int_equal(pthread_create(&thread, NULL, stop_later, &f), 0);
        assert_int_equal(get(c, "block", &reply, &e), 0);
        assert_string_equal(json_str(reply, "state"), "stopped");
        pthread_join(thread, NULL);
        assert_int_equal(get(c, "x", NULL, &e), -1);
        assert_int_equal(e.code, ERR_DAEMON);
        assert_string_equal(e.msg, "ds01d ended the connection before it answered");
        rpc_client_free(c);
        fixture_stop(&f);
}

/* ---- a daemon that breaks the protocol ---- */

struct canned {
        const char *bytes;
        size_t n, n_fds;
        const char *msg;
};

struct fake {
        int listen_fd;
        const struct canned *answer;
};

/* One connection: reads a request, sends what it was told to, ends. */
static void *fake_main(void *arg)
{
        struct fake *fake = arg;
        char request[512];
        union {
                char space[CMSG_SPACE(sizeof(int) * 4)];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *)fake->answer->bytes, .iov_len = fake->answer->n };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        fd_wait_readable(fake->listen_fd, -1);
        int fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        (void)!read(fd, request, sizeof request);
        if (fake->answer->n_fds > 0) {
                msg.msg_control = control.space;
                msg.msg_controllen = CMSG_SPACE(sizeof(int) * fake->answer->n_fds);
                struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
                h->cmsg_level = SOL_SOCKET;
                h->cmsg_type = SCM_RIGHTS;
                h->cmsg_len = CMSG_LEN(sizeof(int) * fake->answer->n_fds);
        }
        (void)!sendmsg(fd, &msg, MSG_NOSIGNAL);
        close(fd);
        return NULL;
}

static int no_row(const json_t *row, void *ctx)
{
        (void)row;
        (void)ctx;
        return 0;
}

static void broken_answers_are_the_daemons_fault(void **state)
{
        (void)state;
        static const struct canned answers[] = {
                { "", 0, 0, "ended the connection before it answered" },
                { "{\"parameters\"", 13, 0, "ended the connection before it answered" },
                { "nonsense", 9, 0, "can't be understood: Not valid JSON" },
                { "[]", 3, 0, "can't be understood" },
                { "{\"parameters\":7}", 17, 0, "can't be understood" },
                { "{\"continues\":true}", 19, 0, "has no end" },
        };
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct fixture f;
                struct fake fake = { .answer = &answers[i] };
                struct rpc_client *c = NULL;
                struct err e = ERR_INIT;
                pthread_t thread;
                fixture_folder(&f);
                assert_int_equal(rpc_listen(f.path, &fake.listen_fd, &e), 0);
                assert_int_equal(pthread_create(&thread, NULL, fake_main, &fake), 0);
                assert_int_equal(rpc_connect(f.path, &c, &e), 0);
                assert_int_equal(get(c, "x", NULL, &e), -1);
                assert_int_equal(e.code, ERR_DAEMON);
                if (!strstr(e.msg, answers[i].msg))
                        fail_msg("'%s' does not say '%s'", e.msg, answers[i].msg);
                assert_int_equal(rpc_client_fd(c), -1);
                assert_int_equal(rpc_stream(c, "x", NULL, NULL, 0, no_row, NULL, &e), -1);
                assert_string_equal(e.msg, "ds01d ended the connection before it was asked");
                pthread_join(thread, NULL);
                rpc_client_free(c);
                close(fake.listen_fd);
                fixture_remove(&f);
        }
}

/* More than was asked for is closed, not kept. */
static void surplus_descriptors_are_closed(void **state)
{
        (void)state;
        static const struct canned answer = { "{}", 3, 3, NULL };
        struct fixture f;
        struct fake fake = { .answer = &answer };
        struct rpc_client *c = NULL;
        struct err e = ERR_INIT;
        pthread_t thread;
        int fd = -1;
        fixture_folder(&f);
        assert_int_equal(rpc_listen(f.path, &fake.listen_fd, &e), 0);
        assert_int_equal(rpc_connect(f.path, &c, &e), 0);
        size_t before = fixture_open_fds();
        assert_int_equal(pthread_create(&thread, NULL, fake_main, &fake), 0);
        assert_int_equal(rpc_call(c, "x", NULL, NULL, 0, NULL, &fd, &e), 0);
        pthread_join(thread, NULL);
        assert_int_equal(fixture_open_fds(), before + 1);
        close(fd);
        rpc_client_free(c);
        close(fake.listen_fd);
        fixture_remove(&f);
}

static void request_that_is_too_large_is_not_sent(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        cleanup_free char *text = xcalloc(70001, 1);
        memset(text, 'x', 70000);
        assert_int_equal(get(c, text, NULL, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        json_t *params = json_pack("{s:s}", "name", text);
        assert_int_equal(
                rpc_stream(c, "io.ds01.Containers.Logs", params, NULL, 0, no_row, NULL, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_int_equal(get(c, "x", NULL, &e), 0);
        rpc_client_free(c);
        rpc_client_free(NULL);
        fixture_stop(&f);
}

static void waiting_can_be_interrupted(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        fixture_start(&f, &defaults);
        struct rpc_client *c = fixture_client(&f);
        cleanup_close int wake = eventfd(1, EFD_CLOEXEC);
        rpc_client_set_interrupt_fd(c, wake);
        assert_int_equal(get(c, "block", NULL, &e), -1);
        assert_int_equal(e.code, ERR_INTERRUPTED);
        assert_int_equal(rpc_client_fd(c), -1);
        rpc_client_free(c);
        fixture_wait(&f.hung_up, 1);
        fixture_stop(&f);
}

static void nobody_there(void **state)
{
        (void)state;
        struct fixture f;
        struct err e = ERR_INIT;
        struct rpc_client *c = NULL;
        fixture_start(&f, &defaults);
        rpc_server_stop(f.server, 1000);
        assert_int_equal(rpc_connect(f.path, &c, &e), -1);
        assert_int_equal(e.code, ERR_DAEMON);
        assert_true(str_starts(e.msg, "ds01d is not running: nobody answers on /tmp/"));
        assert_string_equal(e.fix, "sudo systemctl start ds01d");
        unlink(f.path);
        assert_int_equal(rpc_connect(f.path, &c, &e), -1);
        assert_int_equal(e.code, ERR_DAEMON);
        assert_true(str_starts(e.msg, "ds01d is not running: there is no /tmp/"));
        assert_int_equal(rpc_connect("sock", &c, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_null(c);
        fixture_stop(&f);
}

static void impostors_are_refused(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        struct fixture f;
        struct err e = ERR_INIT;
        struct rpc_client *c = NULL;
        fixture_start(&f, &defaults);
        assert_int_equal(chown(f.path, 65534, 65534), 0);
        assert_int_equal(rpc_connect(f.path, &c, &e), -1);
        assert_int_equal(e.code, ERR_DAEMON);
        assert_int_equal(chown(f.path, 0, 0), 0);
        assert_int_equal(chmod(f.folder, 0777), 0);
        assert_int_equal(rpc_connect(f.path, &c, &e), -1);
        assert_int_equal(chmod(f.folder, 0755), 0);
        assert_int_equal(chown(f.folder, 65534, 65534), 0);
        assert_int_equal(rpc_connect(f.path, &c, &e), -1);
        assert_int_equal(chown(f.folder, 0, 0), 0);
        assert_int_equal(rpc_connect(f.path, &c, &e), 0);
        rpc_client_free(c);
        fixture_stop(&f);
}

int main(void)
{
        /* Clients trust only what is root's: as another account there is nothing to connect to. */
        if (geteuid() != 0)
                return 77;
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(calls_and_errors),
                cmocka_unit_test(request_of_another_version),
                cmocka_unit_test(streams),
                cmocka_unit_test(stream_can_take_descriptors),
                cmocka_unit_test(descriptor_comes_with_a_reply),
                cmocka_unit_test(refused_connection_tells_why),
                cmocka_unit_test(daemon_that_goes_away),
                cmocka_unit_test(broken_answers_are_the_daemons_fault),
                cmocka_unit_test(surplus_descriptors_are_closed),
                cmocka_unit_test(request_that_is_too_large_is_not_sent),
                cmocka_unit_test(waiting_can_be_interrupted),
                cmocka_unit_test(nobody_there),
                cmocka_unit_test(impostors_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
