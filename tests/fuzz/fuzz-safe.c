/* SPDX-License-Identifier: MIT */
/*
 * Foreign text on its way to a terminal. What str_safe() makes of any bytes is UTF-8 without C0, DEL, C1,
 * bidirectional controls, separators of lines and characters without width; it stays the same when made safe
 * once more; and plain text comes through unchanged. Text cut to a width is as safe and no wider. What a
 * program said on a terminal has no escape and no carriage return once its sequences are taken out, and
 * nothing but what stood there. The first byte chooses the width.
 */
#include "base/str.h"
#include "calm.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Letters and signs about which no two readings are possible. */
static bool is_plain(const char *text, size_t n)
{
        uint32_t c;
        for (size_t i = 0, len; i < n; i += len) {
                len = calm_character((const unsigned char *)text + i, n - i, &c);
                if (len == 0 ||
                        !((c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0x600) ||
                                (c >= 0x3041 && c < 0xd800) || (c >= 0x1f300 && c < 0x1f650)))
                        return false;
        }
        return true;
}

static void check_safe(const char *text, size_t n, bool keep_lines)
{
        cleanup_buf struct buf once = BUF_INIT(SIZE_MAX / 2), twice = BUF_INIT(SIZE_MAX / 2);
        str_safe_add(&once, text, n, keep_lines);
        if (once.full || !calm(buf_str(&once), once.len, keep_lines, false))
                abort();
        str_safe_add(&twice, buf_str(&once), once.len, keep_lines);
        if (twice.len != once.len || strcmp(buf_str(&twice), buf_str(&once)) != 0)
                abort();
        if (is_plain(text, n) && (once.len != n || memcmp(buf_str(&once), text, n) != 0))
                abort();
        buf_done(&twice);
}

static void check_cut(const char *text, size_t width)
{
        cleanup_free char *middle = str_cut_middle(text, width < 3 ? 3 : width);
        cleanup_free char *end = str_cut_end(text, width);
        if (str_width(middle) > (width < 3 ? 3 : width) || str_width(end) > width)
                abort();
        if (!calm(middle, strlen(middle), false, false) || !calm(end, strlen(end), false, false))
                abort();
        if (str_width(text) <= width && (strcmp(middle, text) != 0 || strcmp(end, text) != 0))
                abort();
}

static void check_strip(const char *text, size_t n)
{
        cleanup_free char *copy = xstrndup(text, n);
        size_t len = strlen(copy), left = str_strip_escapes(copy, len);
        if (left > len || memchr(copy, '\033', left) || memchr(copy, '\r', left))
                abort();
        for (size_t i = 0, from = 0; i < left; i++) {
                while (from < n && text[from] != copy[i])
                        from++;
                if (from++ >= n)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        if (n < 1)
                return 0;
        const char *text = (const char *)data + 1;
        check_safe(text, n - 1, false);
        check_safe(text, n - 1, true);
        check_strip(text, n - 1);
        cleanup_free char *copy = xstrndup(text, n - 1);
        cleanup_free char *safe = str_safe(copy);
        check_cut(safe, (size_t)data[0] % 60 + 1);
        return 0;
}
