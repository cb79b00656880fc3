/* SPDX-License-Identifier: MIT */
/*
 * Lines of JSON from the engine. However they are cut, the same objects come in the same order up to the same
 * line that is none; a line longer than the maximum is one of those; and what failed says so. The first byte
 * gives the size of the pieces, the second whether lines may be 64 bytes or as many as the engine's.
 */
#include "engine/ndjson.h"

#include "calm.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SHORT_LINE_MAX = 64 };

static int collect(void *ctx, const json_t *object, struct err *e)
{
        (void)e;
        if (!json_is_object(object))
                abort();
        cleanup_free char *text = json_text(object);
        buf_str_add(ctx, text);
        buf_putc(ctx, '\n');
        return 0;
}

/* Bytes behind the last end of a line. */
static size_t unfinished(const char *data, size_t n)
{
        const char *end = memrchr(data, '\n', n);
        return end ? (size_t)(data + n - end) - 1 : n;
}

static int feed(struct buf *ret_objects, const char *data, size_t n, size_t piece, size_t max)
{
        cleanup_ndjson struct ndjson nd = NDJSON_INIT(collect, ret_objects);
        struct err e = ERR_INIT;
        int r = 0;
        nd.line.max = max;
        for (size_t i = 0, part; i < n && r == 0; i += part) {
                part = n - i < piece ? n - i : piece;
                r = ndjson_feed(&nd, data + i, part, &e);
                /* Too long a line is not waited for to the end. */
                if (r == 0 && unfinished(data, i + part) > max)
                        abort();
        }
        if (r == 0)
                r = ndjson_end(&nd, &e);
        if (r < 0 && (e.code != ERR_ENGINE || !calm_sentence(e.msg, sizeof e.msg)))
                abort();
        return r;
}

/* Line by line, as a file that is all there. */
static int read_whole(struct buf *ret_objects, const char *data, size_t n, size_t max)
{
        for (size_t i = 0, len; i < n; i += len) {
                const char *end = memchr(data + i, '\n', n - i);
                len = end ? (size_t)(end - data) + 1 - i : n - i;
                if (len > max)
                        return -1;
                size_t used = len;
                while (used > 0 && memchr(" \t\r\n", data[i + used - 1], 4))
                        used--;
                if (used == 0)
                        continue;
                json_error_t why;
                cleanup_json json_t *j =
                        json_loadb(data + i, used, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
                if (!json_is_object(j))
                        return -1;
                collect(ret_objects, j, NULL);
        }
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        if (n < 2)
                return 0;
        const char *text = (const char *)data + 2;
        size_t max = data[1] & 1 ? SHORT_LINE_MAX : NDJSON_LINE_MAX;
        cleanup_buf struct buf whole = BUF_INIT(SIZE_MAX / 2), cut = BUF_INIT(SIZE_MAX / 2);
        int r = read_whole(&whole, text, n - 2, max);
        if (feed(&cut, text, n - 2, (size_t)data[0] + 1, max) != r)
                abort();
        if (whole.len != cut.len || memcmp(buf_str(&whole), buf_str(&cut), whole.len) != 0)
                abort();
        return 0;
}
