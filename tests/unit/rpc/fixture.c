/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "base/json.h"
#include "rpc/listen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void count_free(void *data)
{
        atomic_fetch_add((atomic_int *)data, 1);
}

/* Until it is released, the server stops, or the caller is gone. */
static void block(struct rpc_call *call, struct fixture *f)
{
        struct pollfd p[3] = { { .fd = f->release_fd, .events = POLLIN },
                { .fd = rpc_call_stop_fd(call), .events = POLLIN },
                { .fd = call->conn_fd, .events = POLLRDHUP } };
        atomic_fetch_add(&f->running, 1);
        poll(p, 3, 20000);
        if (p[2].revents)
                atomic_fetch_add(&f->hung_up, 1);
        rpc_reply(call, json_pack("{s:s}", "state", p[0].revents ? "released" : "stopped"));
        atomic_fetch_sub(&f->running, 1);
}

static void get(struct rpc_call *call, struct fixture *f)
{
        const char *name = json_str(call->params, "name");
        struct err e = ERR_INIT;
        if (strcmp(name, "fail") == 0) {
                err_set(&e, ERR_DIED, "The main process of %s ended at once", name);
                err_detail(&e, "one\ntwo");
                err_fix(&e, "container-logs %s", name);
                rpc_fail(call, &e);
        } else if (strcmp(name, "twice") == 0) {
                rpc_reply(call, NULL);
                if (rpc_reply(call, json_pack("{s:s}", "name", "second")) < 0)
                        atomic_fetch_add(&f->second_final, 1);
        } else if (strcmp(name, "unknown") == 0) {
                rpc_reply(call, json_pack("{s:s}", "colour", "red"));
        } else if (strcmp(name, "large") == 0) {
                cleanup_free char *text = xcalloc(70000, 1);
                memset(text, 'x', 69999);
                rpc_reply(call, json_pack("{s:s}", "last_lines", text));
        } else if (strcmp(name, "block") == 0) {
                block(call, f);
        } else if (strcmp(name, "keep") == 0) {
                if (!rpc_conn_data(call))
                        atomic_fetch_add(&f->kept, 1);
                rpc_conn_set_data(call, &f->freed, count_free);
                rpc_reply(call, NULL);
        } else if (strcmp(name, "silent") != 0) {
                rpc_reply(call, json_pack("{s:s, s:i}", "name", name, "uid", (int)call->peer.uid));
        }
}

static void list(struct rpc_call *call)
{
        static const char *const names[] = { "a", "b", "c" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (rpc_reply_more(call, json_pack("{s:s}", "name", names[i])) < 0)
                        return;
        rpc_reply(call,
                json_bool(call->params, "all", false) ? json_pack("{s:s}", "name", "last") : NULL);
}

static void large_row(struct rpc_call *call)
{
        cleanup_free char *text = xcalloc(70001, 1);
        memset(text, 'x', 70000);
        rpc_reply_more(call, json_pack("{s:s}", "text", text));
}

/* As fast as the caller takes it, in pieces that fill a socket soon. */
static void flood(struct rpc_call *call)
{
        cleanup_free char *text = xcalloc(30001, 1);
        memset(text, 'x', 30000);
        while (rpc_reply_more(call, json_pack("{s:s}", "text", text)) == 0)
                ;
}

static void logs(struct rpc_call *call, struct fixture *f)
{
        struct pollfd p[2] = { { .fd = rpc_call_stop_fd(call), .events = POLLIN },
                { .fd = call->conn_fd, .events = POLLRDHUP } };
        atomic_fetch_add(&f->running, 1);
        const char *name = json_str(call->params, "name");
        if (strcmp(name, "loyal") == 0)
                p[0].fd = -1;
        if (strcmp(name, "flood") == 0)
                flood(call);
        else if (strcmp(name, "null") == 0)
                rpc_reply_more(call, NULL);
        else if (strcmp(name, "unknown") == 0)
                rpc_reply_more(call, json_pack("{s:s}", "colour", "red"));
        else if (strcmp(name, "large") == 0)
                large_row(call);
        while (rpc_reply_more(call, json_pack("{s:s}", "text", "tick\n")) == 0 &&
                poll(p, 2, 20) == 0)
                ;
        if (p[1].revents)
                atomic_fetch_add(&f->hung_up, 1);
        rpc_reply(call, NULL);
        atomic_fetch_sub(&f->running, 1);
}

static void launch(struct rpc_call *call, struct fixture *f)
{
        if (call->n_fds > 0)
                dprintf(call->fds[0], "%zu", call->n_fds);
        if (call->n_fds > 1)
                atomic_store(&f->kept_fd, take_fd(&call->fds[1]));
        rpc_reply(call, json_pack("{s:b}", "created", true));
}

static void attach(struct rpc_call *call)
{
        int p[2];
        if (strcmp(json_str(call->params, "name"), "none") == 0) {
                rpc_reply(call, NULL);
                return;
        }
        if (pipe2(p, O_CLOEXEC) < 0)
                return;
        dprintf(p[1], "hello");
        rpc_reply_fd(call, json_pack("{s:s, s:b}", "session", "s1", "tty", 0), p[0]);
        close(p[0]);
        close(p[1]);
}

static void handle(struct rpc_call *call, void *ctx)
{
        struct fixture *f = ctx;
        if (call->method->id == API_CONTAINERS_GET)
                get(call, f);
        else if (call->method->id == API_CONTAINERS_LIST)
                list(call);
        else if (call->method->id == API_CONTAINERS_LOGS)
                logs(call, f);
        else if (call->method->id == API_CONTAINERS_LAUNCH)
                launch(call, f);
        else if (call->method->id == API_CONTAINERS_ATTACH)
                attach(call);
        else
                rpc_reply(call, NULL);
}

static int authorize(struct rpc_call *call, void *ctx, struct err *e)
{
        struct fixture *f = ctx;
        atomic_fetch_add(&f->authorized, 1);
        if (call->method->id == API_CONTAINERS_RETIRE)
                return err_set(e, ERR_DENIED, "You may not use ds01 on this machine");
        return 0;
}

void fixture_folder(struct fixture *f)
{
        *f = (struct fixture){ .kept_fd = -1,
                .release_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
        snprintf(f->folder, sizeof f->folder, "/tmp/ds01-rpc-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        assert_int_equal(chmod(f->folder, 0755), 0);
        snprintf(f->path, sizeof f->path, "%s/sock", f->folder);
}

void fixture_remove(struct fixture *f)
{
        cleanup_free char *lock = xasprintf("%s.lock", f->path);
        unlink(lock);
        unlink(f->path);
        rmdir(f->folder);
        close(f->release_fd);
}

void fixture_start(struct fixture *f, const struct rpc_server_config *config)
{
        struct rpc_server_config c = *config;
        struct err e = ERR_INIT;
        fixture_folder(f);
        if (rpc_listen(f->path, &c.listen_fd, &e) < 0)
                fail_msg("%s", e.msg);
        c.authorize = authorize;
        c.handle = handle;
        c.ctx = f;
        if (rpc_server_start(&c, &f->server, &e) < 0)
                fail_msg("%s", e.msg);
}

void fixture_stop(struct fixture *f)
{
        assert_int_equal(rpc_server_stop(f->server, 5000), 0);
        rpc_server_free(f->server);
        fixture_remove(f);
}

struct rpc_client *fixture_client(struct fixture *f)
{
        struct rpc_client *c = NULL;
        struct err e = ERR_INIT;
        if (rpc_connect(f->path, &c, &e) < 0)
                fail_msg("%s", e.msg);
        return c;
}

int fixture_connect(struct fixture *f, unsigned uid)
{
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        memcpy(addr.sun_path, f->path, strlen(f->path));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        /* The raw call changes this thread only: the server's threads stay who they are. */
        if (uid != 0)
                assert_int_equal(syscall(SYS_setresuid, -1, uid, -1), 0);
        int r = connect(fd, (struct sockaddr *)&addr, sizeof addr), saved = errno;
        if (uid != 0)
                assert_int_equal(syscall(SYS_setresuid, -1, 0, -1), 0);
        if (r < 0)
                fail_msg("connect: %s", strerror(saved));
        return fd;
}

void fixture_wait(atomic_int *value, int wanted)
{
        for (int i = 0; i < 5000 && atomic_load(value) != wanted; i++)
                usleep(1000);
        assert_int_equal(atomic_load(value), wanted);
}

void fixture_wait_connections(struct fixture *f, size_t wanted)
{
        for (int i = 0; i < 5000 && rpc_server_connections(f->server) != wanted; i++)
                usleep(1000);
        assert_int_equal(rpc_server_connections(f->server), wanted);
}

size_t fixture_open_fds(void)
{
        size_t n = 0;
        DIR *d = opendir("/proc/self/fd");
        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}
