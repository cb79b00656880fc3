/* SPDX-License-Identifier: MIT */
/* Archives: the pieces in which one arrives change nothing. The first byte gives their size. */
#include "image/tarwalk.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int walk(struct tarwalk *w, const char *data, size_t n, size_t piece, struct err *e)
{
        struct tarwalk_limits limits = { .max_entries = 100, .max_bytes = 1024 * 1024 };
        tarwalk_init(w, &limits);
        /* Past the limit the pieces do matter: the whole stream is refused at once. */
        for (size_t i = 0; i < n; i += piece)
                if (tarwalk_feed(w, data + i, n - i < piece ? n - i : piece, e) < 0)
                        return -1;
        return tarwalk_finish(w, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        if (n < 1 || n > 1024 * 1024)
                return 0;
        const char *archive = (const char *)data + 1;
        struct err e = ERR_INIT, f = ERR_INIT;
        cleanup_tarwalk struct tarwalk w, v;
        int r = walk(&w, archive, n - 1, n, &e);
        int s = walk(&v, archive, n - 1, (size_t)data[0] + 1, &f);
        if (r != s || e.code != f.code || w.entries != v.entries || w.unpacked != v.unpacked)
                abort();
        if (r == 0 && (!tarwalk_ended(&w) || w.bytes != n - 1))
                abort();
        return 0;
}
