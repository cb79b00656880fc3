/* SPDX-License-Identifier: MIT */
#include "engine/http.h"

#include "base/fd.h"
#include "base/str.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

enum {
        IDLE_MAX = 8,    /* connections kept open between calls */
        IDLE_AGE_S = 60, /* an older one is not trusted to be alive */
        REFUSAL_MAX = 64 * 1024,
        POLL_CAP_MS = 60 * 1000, /* curl wants a finite wait; the loop goes round */
};

/* A curl connection cache with its one handle: a connection lives as long as its slot does. */
struct slot {
        CURLM *multi;
        CURL *easy;
        struct slot *next;
};

struct http {
        char *socket;
        pthread_mutex_t lock; /* idle, idle_count */
        struct slot *idle;
        int idle_count;
};

struct transfer {
        const struct http_request *req;
        struct http_reply *reply;
        struct err *e;
        CURL *easy;
        bool failed; /* a callback filled *e */
        bool paused; /* the source has nothing for now */
        int socket;  /* of a transfer with a source, which has a connection of its own */
        bool head_seen;
};

static void curl_start(void)
{
        if (curl_global_init(CURL_GLOBAL_NOTHING))
                abort();
}

struct http *http_new(const char *socket_path)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, curl_start);
        struct http *h = xcalloc(1, sizeof *h);
        h->socket = xstrdup(socket_path);
        pthread_mutex_init(&h->lock, NULL);
        return h;
}

static void slot_free(struct slot *s)
{
        curl_easy_cleanup(s->easy);
        curl_multi_cleanup(s->multi);
        free(s);
}

void http_free(struct http *h)
{
        if (!h)
                return;
        while (h->idle) {
                struct slot *s = h->idle;
                h->idle = s->next;
                slot_free(s);
        }
        pthread_mutex_destroy(&h->lock);
        free(h->socket);
        free(h);
}

const char *http_socket(const struct http *h)
{
        return h->socket;
}

void http_reply_done(struct http_reply *r)
{
        buf_done(&r->body);
        free(take_ptr(r->header));
        r->status = 0;
}

int http_unreachable(const char *socket_path, int errnum, struct err *e)
{
        char text[128] = "";
        err_set(e, ERR_ENGINE, "The container engine does not answer on %s", socket_path);
        if (errnum)
                err_detail(e, "%s", strerror_r(errnum, text, sizeof text));
        return err_fix(e, "sudo systemctl start docker");
}

static struct slot *slot_take(struct http *h)
{
        pthread_mutex_lock(&h->lock);
        struct slot *s = h->idle;
        if (s) {
                h->idle = s->next;
                h->idle_count--;
        }
        pthread_mutex_unlock(&h->lock);
        if (s)
                return s;
        s = xcalloc(1, sizeof *s);
        s->multi = curl_multi_init();
        s->easy = curl_easy_init();
        if (!s->multi || !s->easy)
                abort();
        return s;
}

static void slot_give(struct http *h, struct slot *s)
{
        curl_easy_reset(s->easy);
        pthread_mutex_lock(&h->lock);
        bool keep = h->idle_count < IDLE_MAX;
        if (keep) {
                s->next = h->idle;
                h->idle = s;
                h->idle_count++;
        }
        pthread_mutex_unlock(&h->lock);
        if (!keep)
                slot_free(s);
}

/* curl's own sockets are inherited by children; ours are not. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
        struct transfer *t = ctx;
        (void)purpose;
        t->socket = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
        return t->socket;
}

static int answer_status(CURL *easy)
{
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return (int)status;
}

static bool wants_sink(const struct transfer *t)
{
        return t->req->sink && answer_status(t->easy) < 400;
}

static int sink(struct transfer *t, const char *data, size_t n)
{
        if (t->req->sink(t->req->ctx, data, n, t->e) == 0)
                return 0;
        t->failed = true;
        return -1;
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
        struct transfer *t = ctx;
        size_t n = size * count;
        bool end = n <= 2 && line[0] == '\r';
        if (!end || t->head_seen || answer_status(t->easy) < 200)
                return n;
        t->head_seen = true;
        /* curl takes any count but n, or an error, for a failed write. */
        return wants_sink(t) && sink(t, "", 0) ? 0 : n;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
        struct transfer *t = ctx;
        size_t n = size * count;
        if (wants_sink(t))
                return sink(t, data, n) ? 0 : n;
        /* A maximum is for what was asked for, not for the reason why it does not come. */
        if (answer_status(t->easy) >= 400 && t->reply->body.max < REFUSAL_MAX)
                t->reply->body.max = REFUSAL_MAX;
        buf_add(&t->reply->body, data, n);
        if (!t->reply->body.full)
                return n;
        err_set(t->e, ERR_ENGINE,
                "Can't %s: the container engine's answer is larger than %zu bytes", t->req->what,
                t->reply->body.max);
        t->failed = true;
        return 0;
}

static size_t on_upload(char *data, size_t size, size_t count, void *ctx)
{
        struct transfer *t = ctx;
        ssize_t n = t->req->source->read(t->req->source->ctx, data, size * count);
        if (n >= 0)
                return (size_t)n;
        if ((errno == EAGAIN || errno == EWOULDBLOCK) && t->req->source->fd >= 0) {
                t->paused = true;
                return CURL_READFUNC_PAUSE;
        }
        if (errno == EINTR)
                return on_upload(data, size, count, ctx);
        err_sys(t->e, errno, "Can't %s: its input can't be read", t->req->what);
        t->failed = true;
        return CURL_READFUNC_ABORT;
}

static void set_common(CURL *c, const struct http *h, struct transfer *t, const char *url)
{
        curl_easy_setopt(c, CURLOPT_URL, url);
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, h->socket);
        curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http");
        curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(c, CURLOPT_PROXY, ""); /* whatever http_proxy says */
        curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)IDLE_AGE_S);
        curl_easy_setopt(c, CURLOPT_USERAGENT, "ds01/" DS01_VERSION);
        curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);
        curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
}

static void set_body(CURL *c, struct transfer *t)
{
        const struct http_request *req = t->req;
        if (req->source) {
                curl_easy_setopt(c, CURLOPT_POST, 1L);
                curl_easy_setopt(c, CURLOPT_READFUNCTION, on_upload);
                curl_easy_setopt(c, CURLOPT_READDATA, t);
                /* A source can't be read twice, so curl must not have to try a second connection.
                 */
                curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
                curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
        } else if (strcmp(req->method, "POST") == 0) {
                curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
                        (curl_off_t)strlen(str_or_empty(req->json)));
                curl_easy_setopt(c, CURLOPT_POSTFIELDS, str_or_empty(req->json));
        } else if (strcmp(req->method, "HEAD") == 0) {
                curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        } else if (strcmp(req->method, "GET") != 0) {
                curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
        }
}

static struct curl_slist *headers_for(const struct http_request *req)
{
        static const char *const usual[] = { "Expect:", "Content-Type: application/json", NULL };
        /*
         * curl ends an upload that the engine has already answered only if the answer says that the
         * connection closes; the engine says so when asked to.
         */
        static const char *const upload[] = { "Expect:", "Content-Type: application/x-tar",
                "Transfer-Encoding: chunked", "Connection: close", NULL };
        struct curl_slist *list = NULL;
        for (const char *const *line = req->source ? upload : usual; *line; line++) {
                struct curl_slist *longer = curl_slist_append(list, *line);
                if (!longer)
                        abort();
                list = longer;
        }
        return list;
}

/* What went wrong below HTTP, in words. */
static int broken(const struct http *h, struct transfer *t, CURLcode code)
{
        if (t->failed)
                return -1;
        if (code == CURLE_COULDNT_CONNECT) {
                long errnum = 0;
                curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &errnum);
                return http_unreachable(h->socket, (int)errnum, t->e);
        }
        return err_set(t->e, ERR_ENGINE, "Can't %s: the container engine broke off its answer (%s)",
                t->req->what, curl_easy_strerror(code));
}

/* Blocks until the engine, the caller or the source of a paused upload has something new. */
static void await_change(CURLM *multi, struct transfer *t, const struct wait *w)
{
        struct curl_waitfd extra[2];
        unsigned n = 0;
        if (wait_hangup_fd(w) >= 0)
                extra[n++] = (struct curl_waitfd){ wait_hangup_fd(w), CURL_WAIT_POLLIN, 0 };
        if (t->paused)
                extra[n++] = (struct curl_waitfd){ t->req->source->fd, CURL_WAIT_POLLIN, 0 };
        int ms = wait_timeout(w);
        curl_multi_poll(multi, extra, n, ms < 0 || ms > POLL_CAP_MS ? POLL_CAP_MS : ms, NULL);

        if (!t->paused)
                return;
        /*
         * Asked again because curl does not report the end of a pipe, which is no POLLIN, and
         * because a paused upload would never end although the engine has answered: it goes on for
         * as long as it takes curl to read what came.
         */
        struct pollfd p[2] = { { .fd = t->req->source->fd, .events = POLLIN },
                { .fd = t->socket, .events = POLLIN } };
        if (poll(p, 2, 0) > 0) {
                t->paused = false;
                curl_easy_pause(t->easy, CURLPAUSE_CONT);
        }
}

static int drive(const struct http *h, CURLM *multi, struct transfer *t, const struct wait *w)
{
        for (;;) {
                int running = 0, left;
                CURLMcode m = curl_multi_perform(multi, &running);
                if (m)
                        return err_set(t->e, ERR_ENGINE, "Can't %s: %s", t->req->what,
                                curl_multi_strerror(m));
                CURLMsg *done = curl_multi_info_read(multi, &left);
                if (done && done->msg == CURLMSG_DONE) {
                        CURLcode code = done->data.result;
                        /* A head that ends before its blank line is a success to curl. */
                        if (code == CURLE_OK && !t->head_seen)
                                code = CURLE_GOT_NOTHING;
                        return code ? broken(h, t, code) : 0;
                }
                if (wait_check(w, t->e))
                        return -1;
                await_change(multi, t, w);
        }
}

int http_call(struct http *h, const struct engine_wait *limits, const struct http_request *req,
        struct http_reply *reply, struct err *e)
{
        struct wait w = wait_begin(limits, req->what);
        if (wait_check(&w, e))
                return -1;
        struct slot *s = slot_take(h);
        struct transfer t = { .req = req, .reply = reply, .e = e, .easy = s->easy, .socket = -1 };
        cleanup_free char *url = xasprintf("http://engine%s", req->target);
        struct curl_slist *headers = headers_for(req);
        set_common(s->easy, h, &t, url);
        set_body(s->easy, &t);
        curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, headers);

        int r = -1;
        if (curl_multi_add_handle(s->multi, s->easy) == CURLM_OK)
                r = drive(h, s->multi, &t, &w);
        else
                err_set(e, ERR_ENGINE, "Can't %s: no connection could be prepared", req->what);
        reply->status = answer_status(s->easy);
        struct curl_header *header;
        if (r == 0 && req->want_header &&
                curl_easy_header(s->easy, req->want_header, 0, CURLH_HEADER, -1, &header) ==
                        CURLHE_OK)
                str_replace(&reply->header, header->value);
        /* Taking out an unfinished transfer closes its connection, which is how the engine learns.
         */
        curl_multi_remove_handle(s->multi, s->easy);
        curl_slist_free_all(headers);
        slot_give(h, s);
        return r;
}
