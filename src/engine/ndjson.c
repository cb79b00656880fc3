/* SPDX-License-Identifier: MIT */
#include "engine/ndjson.h"

#include <string.h>

void ndjson_done(struct ndjson *nd)
{
        buf_done(&nd->line);
}

/* Not by strchr(), which finds a NUL in every string. */
static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int take_line(struct ndjson *nd, struct err *e)
{
        struct buf *line = &nd->line;
        if (line->full)
                return err_set(e, ERR_ENGINE,
                        "The container engine sent a line of more than %zu bytes", line->max);
        while (line->len > 0 && is_blank(line->data[line->len - 1]))
                line->len--;
        if (line->len == 0)
                return 0;
        /* NUL is allowed here: build steps print what they like. */
        json_error_t why;
        cleanup_json json_t *j =
                json_loadb(line->data, line->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
        buf_clear(line);
        if (!json_is_object(j))
                return err_set(
                        e, ERR_ENGINE, "The container engine sent a line that makes no sense");
        return nd->fn(nd->ctx, j, e);
}

int ndjson_feed(struct ndjson *nd, const char *data, size_t n, struct err *e)
{
        while (n > 0) {
                const char *end = memchr(data, '\n', n);
                size_t take = end ? (size_t)(end - data) + 1 : n;
                buf_add(&nd->line, data, take);
                if ((end || nd->line.full) && take_line(nd, e))
                        return -1;
                data += take;
                n -= take;
        }
        return 0;
}

int ndjson_sink(void *ctx, const char *data, size_t n, struct err *e)
{
        return ndjson_feed(ctx, data, n, e);
}

int ndjson_end(struct ndjson *nd, struct err *e)
{
        return take_line(nd, e);
}
