/* SPDX-License-Identifier: MIT */
#include "base/demux.h"

#include <string.h>

enum {
        STREAM_STDOUT = 1,
        STREAM_STDERR = 2,
        STREAM_LAST = 3
}; /* 0 is an echoed stdin, 3 an error */

static bool head_is_valid(const unsigned char *h)
{
        return h[0] <= STREAM_LAST && h[1] == 0 && h[2] == 0 && h[3] == 0;
}

int demux_feed(struct demux *d, const char *data, size_t n, demux_fn *fn, void *ctx)
{
        while (n > 0 && !d->bad) {
                if (d->have < sizeof d->head) {
                        size_t take = sizeof d->head - d->have < n ? sizeof d->head - d->have : n;
                        memcpy(d->head + d->have, data, take);
                        d->have += take;
                        data += take;
                        n -= take;
                        if (d->have < sizeof d->head)
                                break;
                        d->bad = !head_is_valid(d->head);
                        d->left = (uint32_t)d->head[4] << 24 | (uint32_t)d->head[5] << 16 |
                                  (uint32_t)d->head[6] << 8 | d->head[7];
                } else {
                        size_t take = d->left < n ? d->left : n;
                        int r = fn(data, take, d->head[0] >= STREAM_STDERR, ctx);
                        d->left -= (uint32_t)take;
                        data += take;
                        n -= take;
                        if (r != 0)
                                return r;
                }
                if (d->left == 0)
                        d->have = 0;
        }
        return d->bad ? -1 : 0;
}

bool demux_at_rest(const struct demux *d)
{
        return !d->bad && d->have == 0;
}
