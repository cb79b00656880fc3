/* SPDX-License-Identifier: MIT */
#include "daemon/build.h"

#include "base/buf.h"
#include "image/tarwalk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct context_source {
        int fd;          /* borrowed; non-blocking */
        struct buf head; /* our own member, as it goes in front */
        size_t head_at;
        struct tarwalk walk;
        bool failed;
        struct err err;
};

struct context_source *context_source_new(int archive_fd, const char *dockerfile_name,
        const char *dockerfile, uint64_t max_bytes, uint64_t max_entries)
{
        static const char zeros[TAR_BLOCK];
        struct context_source *s = xcalloc(1, sizeof *s);
        struct tarwalk_limits limits = { .max_entries = max_entries, .max_bytes = max_bytes };
        char header[TAR_BLOCK];
        size_t n = strlen(dockerfile);
        s->fd = archive_fd;
        s->head = BUF_INIT(1 << 20);
        tarwalk_init(&s->walk, &limits);
        if (tar_file_entry(dockerfile_name, n, header)) {
                buf_add(&s->head, header, sizeof header);
                buf_add(&s->head, dockerfile, n);
                buf_add(&s->head, zeros, tar_padding(n));
        }
        return s;
}

void context_source_free(struct context_source *s)
{
        if (!s)
                return;
        buf_done(&s->head);
        tarwalk_done(&s->walk);
        free(s);
}

static ssize_t fail(struct context_source *s)
{
        s->failed = true;
        errno = EPROTO;
        return -1;
}

ssize_t context_source_read(void *source, char *data, size_t n)
{
        struct context_source *s = source;
        if (s->head_at < s->head.len) {
                size_t left = s->head.len - s->head_at, take = left < n ? left : n;
                memcpy(data, s->head.data + s->head_at, take);
                s->head_at += take;
                return (ssize_t)take;
        }
        ssize_t got = read(s->fd, data, n);
        if (got < 0)
                return -1;
        if (got == 0)
                return tarwalk_finish(&s->walk, &s->err) < 0 ? fail(s) : 0;
        return tarwalk_feed(&s->walk, data, (size_t)got, &s->err) < 0 ? fail(s) : got;
}

int context_source_error(const struct context_source *s, struct err *e)
{
        if (!s->failed)
                return 0;
        *e = s->err;
        if (e->code == ERR_LIMIT)
                err_fix(e, "List large folders in .dockerignore, one on a line");
        return -1;
}
