/* SPDX-License-Identifier: MIT */
#include "rpc/server.h"

#include "base/fd.h"
#include "base/json.h"
#include "rpc/message.h"
#include "rpc/serve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_SIZE = 256 << 10, ACCEPT_PAUSE_MS = 100 };

struct conn {
        struct rpc_conn rpc; /* first: serve.c hands back a pointer to it */
        struct rpc_server *server;
        struct conn *next, **link;
        bool stream;     /* has been one once */
        bool in_request; /* an ordinary call runs */
};

struct rpc_server {
        struct rpc_server_config config;
        int stop_fd;
        pthread_t acceptor;
        bool stopped;
        bool ending_streams; /* lock: whatever becomes a stream from now on has its caller hung up */
        pthread_mutex_t lock; /* the list and the flags of its members */
        pthread_cond_t ended; /* a connection left the list */
        struct conn *conns;
        size_t n_conns;
};

static size_t count(const struct rpc_server *s, uid_t uid, bool streams)
{
        size_t n = 0;
        for (const struct conn *c = s->conns; c; c = c->next)
                if (c->rpc.peer.uid == uid)
                        n += streams ? c->stream : !c->stream || c->in_request;
        return n;
}

static int too_many(struct err *e, const char *what, size_t limit)
{
        err_set(e, ERR_BUSY, "You have %zu %s with ds01d already", limit, what);
        return err_fix(e, "Wait until one of them ends, then try again");
}

/* Counts a call before it is handled, by its method's kind. */
static int enter_call(struct rpc_conn *rpc, const struct api_method *m, struct err *e)
{
        struct conn *c = (struct conn *)rpc;
        struct rpc_server *s = c->server;
        bool stream = m->flags & API_STREAM;
        int r = 0;
        pthread_mutex_lock(&s->lock);
        if (stream && !c->stream && count(s, rpc->peer.uid, true) >= s->config.streams_per_uid)
                r = too_many(e, "streams and shells", s->config.streams_per_uid);
        else if (!stream && c->stream &&
                 count(s, rpc->peer.uid, false) >= s->config.requests_per_uid)
                r = too_many(e, "requests", s->config.requests_per_uid);
        else if (stream)
                c->stream = true;
        else
                c->in_request = true;
        if (r == 0 && stream && s->ending_streams)
                shutdown(rpc->frame.fd, SHUT_RD);
        pthread_mutex_unlock(&s->lock);
        return r;
}

static void leave_call(struct rpc_conn *rpc)
{
        struct conn *c = (struct conn *)rpc;
        pthread_mutex_lock(&c->server->lock);
        c->in_request = false;
        pthread_mutex_unlock(&c->server->lock);
}

static void *conn_main(void *arg)
{
        struct conn *c = arg;
        struct rpc_server *s = c->server;
        const struct serve_ops ops = { .enter = enter_call,
                .leave = leave_call,
                .authorize = s->config.authorize,
                .handle = s->config.handle,
                .ctx = s->config.ctx };
        while (!c->rpc.closing && serve_next(&c->rpc, &ops) > 0)
                ;
        if (c->rpc.data && c->rpc.data_free)
                c->rpc.data_free(c->rpc.data);
        /* Off the list first: rpc_server_stop() touches the descriptors of those that are on it. */
        pthread_mutex_lock(&s->lock);
        *c->link = c->next;
        if (c->next)
                c->next->link = c->link;
        pthread_mutex_unlock(&s->lock);
        frame_done(&c->rpc.frame);
        free(c);
        pthread_mutex_lock(&s->lock);
        s->n_conns--;
        pthread_cond_broadcast(&s->ended);
        pthread_mutex_unlock(&s->lock);
        return NULL;
}

/* Never waits: the socket is new and has room for this. */
static void refuse(int fd, const struct err *why)
{
        struct err ignored = ERR_INIT;
        struct frame_conn f;
        cleanup_json json_t *message = message_error_new(why);
        frame_init(&f, fd, false);
        f.progress_ms = 0;
        frame_write(&f, message, NULL, 0, &ignored);
        frame_done(&f);
}

/* Only the accepting thread adds connections, so that the verdict can't become too kind. */
static int check_limits(struct rpc_server *s, int fd, const struct ucred *peer, struct err *e)
{
        const struct rpc_server_config *k = &s->config;
        pthread_mutex_lock(&s->lock);
        size_t all = s->n_conns;
        size_t requests = count(s, peer->uid, false);
        pthread_mutex_unlock(&s->lock);
        bool privileged = all >= k->connections - k->connections_reserved &&
                          (peer->uid == 0 || (k->privileged && k->privileged(fd, peer, k->ctx)));
        if (all >= k->connections - (privileged ? 0 : k->connections_reserved)) {
                err_set(e, ERR_BUSY, "ds01d serves %zu connections already", all);
                return err_fix(e, "Try again later");
        }
        return requests >= k->requests_per_uid ? too_many(e, "requests", k->requests_per_uid) : 0;
}

static int start_thread(pthread_t *thread, void *(*fn)(void *), void *arg, bool detached)
{
        pthread_attr_t attr;
        sigset_t all, old;
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK_SIZE);
        pthread_attr_setdetachstate(
                &attr, detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        int r = pthread_create(thread, &attr, fn, arg);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        pthread_attr_destroy(&attr);
        return r;
}

static void add_conn(struct rpc_server *s, struct conn *c)
{
        pthread_mutex_lock(&s->lock);
        c->next = s->conns;
        c->link = &s->conns;
        if (c->next)
                c->next->link = &c->next;
        s->conns = c;
        s->n_conns++;
        pthread_mutex_unlock(&s->lock);
}

/* Takes fd. */
static void admit(struct rpc_server *s, int fd)
{
        struct err e = ERR_INIT;
        struct ucred peer;
        socklen_t len = sizeof peer;
        pthread_t thread;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
                close(fd);
                return;
        }
        if (check_limits(s, fd, &peer, &e) < 0) {
                refuse(fd, &e);
                return;
        }
        struct conn *c = xcalloc(1, sizeof *c);
        c->server = s;
        c->rpc.peer = peer;
        c->rpc.stop_fd = s->stop_fd;
        frame_init(&c->rpc.frame, fd, false);
        c->rpc.frame.wake_fd = s->stop_fd;
        c->rpc.frame.progress_ms = s->config.progress_ms;
        add_conn(s, c);
        if (start_thread(&thread, conn_main, c, true) != 0) {
                /* No thread: the connection is told so and ended here instead. */
                err_set(&e, ERR_BUSY, "ds01d has no room for another connection");
                cleanup_json json_t *message = message_error_new(&e);
                frame_write(&c->rpc.frame, message, NULL, 0, &e);
                c->rpc.closing = true;
                conn_main(c);
        }
}

static void *accept_main(void *arg)
{
        struct rpc_server *s = arg;
        for (;;) {
                struct pollfd p[2] = { { .fd = s->config.listen_fd, .events = POLLIN },
                        { .fd = s->stop_fd, .events = POLLIN } };
                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        return NULL;
                if (p[1].revents)
                        return NULL;
                int fd = accept4(s->config.listen_fd, NULL, NULL, SOCK_CLOEXEC);
                if (fd >= 0)
                        admit(s, fd);
                else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                        poll(&p[1], 1, ACCEPT_PAUSE_MS); /* the queue stays readable meanwhile */
        }
}

static void set_default(size_t *value, size_t fallback)
{
        if (*value == 0)
                *value = fallback;
}

static int start(struct rpc_server *s, struct err *e)
{
        s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (s->stop_fd < 0)
                return err_sys(e, errno, "Can't make an event descriptor");
        if (fd_set_nonblock(s->config.listen_fd, true) < 0)
                return err_sys(e, errno, "Can't use the listening socket");
        /* Before threads exist, so that none of them has to. */
        json_object_seed(0);
        int r = start_thread(&s->acceptor, accept_main, s, false);
        return r == 0 ? 0 : err_sys(e, r, "Can't start the thread that accepts connections");
}

int rpc_server_start(const struct rpc_server_config *config, struct rpc_server **ret, struct err *e)
{
        struct rpc_server *s = xcalloc(1, sizeof *s);
        pthread_condattr_t attr;
        s->config = *config;
        s->stop_fd = -1;
        set_default(&s->config.requests_per_uid, RPC_REQUESTS_PER_UID);
        set_default(&s->config.streams_per_uid, RPC_STREAMS_PER_UID);
        set_default(&s->config.connections, RPC_CONNECTIONS);
        set_default(&s->config.connections_reserved, RPC_CONNECTIONS_RESERVED);
        if (s->config.progress_ms == 0)
                s->config.progress_ms = FRAME_PROGRESS_MS;
        pthread_mutex_init(&s->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&s->ended, &attr);
        pthread_condattr_destroy(&attr);
        if (start(s, e) < 0) {
                s->stopped = true;
                rpc_server_free(s);
                return -1;
        }
        *ret = s;
        return 0;
}

/*
 * Streams last until their caller hangs up, so that is what they are made to see: builds, logs and
 * waits end, and their last answer still goes out. Ordinary calls are left to finish.
 */
static void end_streams(struct rpc_server *s)
{
        pthread_mutex_lock(&s->lock);
        s->ending_streams = true;
        for (struct conn *c = s->conns; c; c = c->next)
                if (c->stream && !c->in_request)
                        shutdown(c->rpc.frame.fd, SHUT_RD);
        pthread_mutex_unlock(&s->lock);
}

size_t rpc_server_stop(struct rpc_server *s, int64_t timeout_ms)
{
        struct timespec until;
        if (!s->stopped) {
                eventfd_write(s->stop_fd, 1);
                pthread_join(s->acceptor, NULL);
                close(take_fd(&s->config.listen_fd));
                s->stopped = true;
                end_streams(s);
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ms = until.tv_nsec / 1000000 + timeout_ms;
        until.tv_sec += (time_t)(ms / 1000);
        until.tv_nsec = (long)(ms % 1000) * 1000000;
        pthread_mutex_lock(&s->lock);
        while (s->n_conns > 0 && pthread_cond_timedwait(&s->ended, &s->lock, &until) == 0)
                ;
        size_t left = s->n_conns;
        pthread_mutex_unlock(&s->lock);
        return left;
}

size_t rpc_server_connections(struct rpc_server *s)
{
        pthread_mutex_lock(&s->lock);
        size_t n = s->n_conns;
        pthread_mutex_unlock(&s->lock);
        return n;
}

void rpc_server_free(struct rpc_server *s)
{
        if (!s)
                return;
        if (!s->stopped)
                rpc_server_stop(s, 0);
        if (rpc_server_connections(s) > 0)
                return;
        mem_closep(&s->config.listen_fd);
        mem_closep(&s->stop_fd);
        pthread_cond_destroy(&s->ended);
        pthread_mutex_destroy(&s->lock);
        free(s);
}
