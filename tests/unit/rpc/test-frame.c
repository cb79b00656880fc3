/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/json.h"
#include "rpc/frame.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A reader, and the raw socket at its other end. */
struct pair {
        struct frame_conn reader;
        int peer;
};

static size_t open_fds(void)
{
        size_t n = 0;
        DIR *d = opendir("/proc/self/fd");
        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static void pair_open(struct pair *p, bool pipelined)
{
        int s[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
        int size = 1 << 20;
        setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        frame_init(&p->reader, s[0], pipelined);
        p->peer = s[1];
}

static void pair_close(struct pair *p)
{
        frame_done(&p->reader);
        mem_closep(&p->peer);
}

static void put(const struct pair *p, const void *data, size_t n)
{
        assert_int_equal(write(p->peer, data, n), n);
}

/* Sends bytes with n copies of stdin's descriptor on the first. */
static void put_fds(const struct pair *p, const void *data, size_t n, size_t n_fds)
{
        union {
                char space[CMSG_SPACE(sizeof(int) * 32)];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
        struct msghdr msg = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.space,
                .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds) };
        struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        int fd = STDIN_FILENO;
        for (size_t i = 0; i < n_fds; i++)
                memcpy(CMSG_DATA(h) + i * sizeof fd, &fd, sizeof fd);
        assert_int_equal(sendmsg(p->peer, &msg, MSG_NOSIGNAL), n);
}

static int get(struct pair *p, json_t **ret, int fds[FRAME_FDS_MAX], size_t *n, struct err *e)
{
        *e = ERR_INIT;
        return frame_read(&p->reader, clock_mono_ms() + 2000, ret, fds, n, e);
}

/* Reads one frame without descriptors and compares its text. */
static void expect(struct pair *p, const char *text)
{
        cleanup_json json_t *j = NULL;
        int fds[FRAME_FDS_MAX];
        size_t n = 99;
        struct err e;
        if (get(p, &j, fds, &n, &e) != 1)
                fail_msg("no frame: %s", e.msg);
        cleanup_free char *got = json_text(j);
        assert_string_equal(got, text);
        assert_int_equal(n, 0);
}

static void expect_error(struct pair *p, enum err_code code, const char *msg)
{
        json_t *j = NULL;
        int fds[FRAME_FDS_MAX];
        size_t n = 99;
        struct err e;
        assert_int_equal(get(p, &j, fds, &n, &e), -1);
        assert_null(j);
        assert_int_equal(n, 99);
        assert_int_equal(e.code, code);
        if (!strstr(e.msg, msg))
                fail_msg("'%s' does not say '%s'", e.msg, msg);
}

static void frame_split_at_every_byte(void **state)
{
        (void)state;
        static const char text[] = "{\"a\":[\"\xc3\xa9\",{\"b\":null}]}";
        for (size_t at = 1; at < sizeof text; at++) {
                struct pair p;
                pair_open(&p, false);
                put(&p, text, at);
                /* What is there is taken in before the rest comes. */
                p.reader.progress_ms = 0;
                json_t *j = NULL;
                int fds[FRAME_FDS_MAX];
                size_t n;
                struct err e;
                assert_int_equal(get(&p, &j, fds, &n, &e), -1);
                assert_int_equal(p.reader.in.len, at);
                p.reader.progress_ms = 2000;
                put(&p, text + at, sizeof text - at);
                expect(&p, text);
                pair_close(&p);
        }
}

static void frames_come_one_by_one(void **state)
{
        (void)state;
        struct pair p;
        pair_open(&p, false);
        for (int i = 0; i < 3; i++) {
                put(&p, "{\"a\":1}", 8);
                expect(&p, "{\"a\":1}");
        }
        close(take_fd(&p.peer));
        json_t *j;
        int fds[FRAME_FDS_MAX];
        size_t n;
        struct err e;
        assert_int_equal(get(&p, &j, fds, &n, &e), 0);
        assert_false(p.reader.woken);
        pair_close(&p);
}

static void two_requests_at_once_are_refused(void **state)
{
        (void)state;
        struct pair p;
        pair_open(&p, false);
        put(&p, "{\"a\":1}\0{\"b\":2}", 16);
        expect_error(&p, ERR_INVALID, "More bytes followed a request");
        pair_close(&p);
}

static void two_replies_at_once_are_read(void **state)
{
        (void)state;
        struct pair p;
        pair_open(&p, true);
        put(&p, "{\"a\":1}\0{\"b\":2}", 16);
        expect(&p, "{\"a\":1}");
        expect(&p, "{\"b\":2}");
        pair_close(&p);
}

static char *padded(size_t n)
{
        char *text = xcalloc(n + 1, 1);
        memset(text, 'x', n);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + n - 2, "\"}", 2);
        return text;
}

static void size_is_limited(void **state)
{
        (void)state;
        struct pair p;
        cleanup_free char *fits = padded(FRAME_MAX), *large = padded(FRAME_MAX + 1);
        pair_open(&p, false);
        put(&p, fits, FRAME_MAX + 1);
        expect(&p, fits);
        put(&p, large, FRAME_MAX + 2);
        expect_error(&p, ERR_INVALID, "larger than 65536 bytes");
        pair_close(&p);
}

static void what_is_not_strict_json_is_refused(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                size_t n; /* with the NUL that ends the frame */
                const char *msg;
        } rows[] = {
                { "", 1, "Not valid JSON" },
                { "{", 2, "Not valid JSON" },
                { "{} {}", 6, "Not valid JSON" },
                { "{\"a\":1,\"a\":2}", 14, "duplicate" },
                { "{\"a\":\"\\u0000\"}", 15, "NUL" },
                { "{\"a\":\"\xff\"}", 10, "Not valid JSON" },
                { "{\"a\":\"\xc0\xaf\"}", 11, "Not valid JSON" },
                { "{\"a\":\"\xed\xa0\x80\"}", 12, "Not valid JSON" },
                { "{\"\xff\":1}", 8, "Not valid JSON" },
                { "{\"a\":\"\x01\"}", 10, "Not valid JSON" },
                { "[[[[[[[[[]]]]]]]]]", 19, "deeper than 8" },
                { "{'a':1}", 8, "Not valid JSON" },
                { "{\"a\":NaN}", 10, "Not valid JSON" },
                { "{\"a\":99999999999999999999}", 27, "Not valid JSON" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct pair p;
                pair_open(&p, false);
                put(&p, rows[i].text, rows[i].n);
                expect_error(&p, ERR_INVALID, rows[i].msg);
                pair_close(&p);
        }
        struct pair p;
        pair_open(&p, false);
        put(&p, "[[[[[[[[]]]]]]]]", 17);
        expect(&p, "[[[[[[[[]]]]]]]]");
        pair_close(&p);
}

static void connection_may_end_only_between_frames(void **state)
{
        (void)state;
        struct pair p;
        pair_open(&p, false);
        put(&p, "{\"a\"", 4);
        close(take_fd(&p.peer));
        expect_error(&p, ERR_FAILED, "in the middle");
        pair_close(&p);
}

static void descriptors_come_with_their_frame(void **state)
{
        (void)state;
        static const size_t counts[] = { 1, 2, 16 };
        for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
                struct pair p;
                size_t before = open_fds();
                pair_open(&p, false);
                put_fds(&p, "{}", 3, counts[i]);
                cleanup_json json_t *j = NULL;
                int fds[FRAME_FDS_MAX];
                size_t n = 0;
                struct err e;
                assert_int_equal(get(&p, &j, fds, &n, &e), 1);
                assert_int_equal(n, counts[i]);
                for (size_t k = 0; k < n; k++) {
                        assert_true(fcntl(fds[k], F_GETFD) & FD_CLOEXEC);
                        close(fds[k]);
                }
                /* They are not given twice. */
                put(&p, "[]", 3);
                expect(&p, "[]");
                pair_close(&p);
                assert_int_equal(open_fds(), before);
        }
}

static void too_many_descriptors_are_all_closed(void **state)
{
        (void)state;
        size_t before = open_fds();
        struct pair p;
        pair_open(&p, false);
        size_t opened = open_fds();
        put_fds(&p, "{}", 3, 17);
        expect_error(&p, ERR_INVALID, "More than 16 descriptors");
        assert_int_equal(open_fds(), opened);
        pair_close(&p);
        assert_int_equal(open_fds(), before);
}

/* Sent in one half of a frame each, so that more than one recvmsg() sees some. */
static void late_descriptors_are_refused(void **state)
{
        (void)state;
        size_t before = open_fds();
        struct pair p;
        pair_open(&p, false);
        put_fds(&p, "{", 1, 1);
        put_fds(&p, "}", 2, 2);
        expect_error(&p, ERR_INVALID, "elsewhere than on the first byte");
        pair_close(&p);
        assert_int_equal(open_fds(), before);
}

static void descriptors_without_a_frame_are_closed(void **state)
{
        (void)state;
        static const char *const starts[] = { "{", "{]", "{\"a\":" };
        for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
                size_t before = open_fds();
                struct pair p;
                pair_open(&p, false);
                put_fds(&p, starts[i], strlen(starts[i]), 5);
                close(take_fd(&p.peer));
                expect_error(&p, ERR_FAILED, "in the middle");
                pair_close(&p);
                assert_int_equal(open_fds(), before);
                /* And those of a frame that is none. */
                pair_open(&p, false);
                put_fds(&p, starts[i], strlen(starts[i]) + 1, 5);
                expect_error(&p, ERR_INVALID, "Not valid JSON");
                pair_close(&p);
                assert_int_equal(open_fds(), before);
        }
}

static void slow_sender_is_given_up(void **state)
{
        (void)state;
        struct pair p;
        pair_open(&p, false);
        p.reader.progress_ms = 50;
        put(&p, "{", 1);
        int64_t start = clock_mono_ms();
        json_t *j;
        int fds[FRAME_FDS_MAX];
        size_t n;
        struct err e = ERR_INIT;
        assert_int_equal(frame_read(&p.reader, -1, &j, fds, &n, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_true(clock_mono_ms() - start < 1000);
        pair_close(&p);
        /* With nothing sent it is the first deadline that counts. */
        pair_open(&p, false);
        assert_int_equal(frame_read(&p.reader, clock_mono_ms() + 20, &j, fds, &n, &e), -1);
        assert_int_equal(e.code, ERR_BUSY);
        pair_close(&p);
}

static void wake_up_ends_the_wait_between_frames(void **state)
{
        (void)state;
        struct pair p;
        json_t *j;
        int fds[FRAME_FDS_MAX];
        size_t n;
        struct err e;
        pair_open(&p, false);
        cleanup_close int wake = eventfd(1, EFD_CLOEXEC);
        p.reader.wake_fd = wake;
        assert_int_equal(get(&p, &j, fds, &n, &e), 0);
        assert_true(p.reader.woken);
        /* Also when a request waits: a busy caller can't hold up a stop. */
        put(&p, "{}", 3);
        assert_int_equal(get(&p, &j, fds, &n, &e), 0);
        assert_true(p.reader.woken);
        p.reader.wake_fd = -1;
        expect(&p, "{}");
        pair_close(&p);
}

static void written_frames_are_read_back(void **state)
{
        (void)state;
        struct pair p;
        size_t before = open_fds();
        pair_open(&p, true);
        struct frame_conn w;
        frame_init(&w, dup(p.peer), true);
        cleanup_json json_t *out = json_pack("{s:s, s:i}", "text", "\xc3\xa9", "n", 7);
        int two[2] = { STDIN_FILENO, STDOUT_FILENO }, fds[FRAME_FDS_MAX];
        size_t n = 0;
        struct err e = ERR_INIT;
        assert_int_equal(frame_write(&w, out, two, 2, &e), 0);
        cleanup_json json_t *in = NULL;
        assert_int_equal(get(&p, &in, fds, &n, &e), 1);
        assert_true(json_equal(in, out));
        assert_int_equal(n, 2);
        close(fds[0]);
        close(fds[1]);
        frame_done(&w);
        pair_close(&p);
        assert_int_equal(open_fds(), before);
}

static void write_limits(void **state)
{
        (void)state;
        struct pair p;
        struct frame_conn w;
        struct err e = ERR_INIT;
        pair_open(&p, true);
        frame_init(&w, dup(p.peer), true);
        w.progress_ms = 50;
        cleanup_free char *text = xcalloc(FRAME_MAX, 1);
        memset(text, 'x', FRAME_MAX);
        /* {"a":"…"} has 8 bytes of its own. */
        cleanup_json json_t *large = json_pack("{s:s#}", "a", text, FRAME_MAX - 7);
        cleanup_json json_t *fits = json_pack("{s:s#}", "a", text, FRAME_MAX - 8);
        assert_int_equal(frame_write(&w, large, NULL, 0, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        int fds[17] = { 0 };
        assert_int_equal(frame_write(&w, fits, fds, 17, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        /* Nobody reads: it ends once the socket is full and nothing moves. */
        int64_t start = clock_mono_ms();
        int written = 0;
        while (frame_write(&w, fits, NULL, 0, &e) == 0)
                written++;
        assert_int_equal(e.code, ERR_FAILED);
        assert_true(written > 0);
        assert_true(clock_mono_ms() - start < 5000);
        frame_done(&w);
        pair_close(&p);
        /* Nobody is there: an error, not SIGPIPE. */
        pair_open(&p, true);
        frame_init(&w, take_fd(&p.peer), true);
        pair_close(&p);
        assert_int_equal(frame_write(&w, fits, NULL, 0, &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        frame_done(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(frame_split_at_every_byte),
                cmocka_unit_test(frames_come_one_by_one),
                cmocka_unit_test(two_requests_at_once_are_refused),
                cmocka_unit_test(two_replies_at_once_are_read),
                cmocka_unit_test(size_is_limited),
                cmocka_unit_test(what_is_not_strict_json_is_refused),
                cmocka_unit_test(connection_may_end_only_between_frames),
                cmocka_unit_test(descriptors_come_with_their_frame),
                cmocka_unit_test(too_many_descriptors_are_all_closed),
                cmocka_unit_test(late_descriptors_are_refused),
                cmocka_unit_test(descriptors_without_a_frame_are_closed),
                cmocka_unit_test(slow_sender_is_given_up),
                cmocka_unit_test(wake_up_ends_the_wait_between_frames),
                cmocka_unit_test(written_frames_are_read_back),
                cmocka_unit_test(write_limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
