/* SPDX-License-Identifier: MIT */
#include "image/shown.h"

#include "base/str.h"

#include <stdint.h>
#include <string.h>

char *shown_text(const char *s, size_t max)
{
        size_t n = strnlen(s, max + 1);
        bool all = n <= max;
        if (!all)
                n = max;
        /* Don't stop inside a character: its first bytes alone would be shown as escapes. */
        for (size_t back = 0; !all && n > 0 && back < 3 && (s[n] & 0xc0) == 0x80; back++)
                n--;
        struct buf b = BUF_INIT(SIZE_MAX / 2);
        str_safe_add(&b, s, n, false);
        if (!all)
                buf_str_add(&b, "…");
        return buf_take(&b);
}
