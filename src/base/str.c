/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <wchar.h>

void strv_done(struct strv *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->v[i]);
        free(l->v);
        *l = (struct strv){ 0 };
}

void strv_take(struct strv *l, char *s)
{
        l->v = xrealloc(l->v, l->n + 2, sizeof *l->v);
        l->v[l->n++] = s;
        l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
        strv_take(l, xstrdup(s));
}

bool strv_has(const struct strv *l, const char *s)
{
        for (size_t i = 0; i < l->n; i++)
                if (strcmp(l->v[i], s) == 0)
                        return true;
        return false;
}

bool str_eq(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_starts(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);
        return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

const char *str_or_empty(const char *s)
{
        return s ? s : "";
}

/* Decodes one character of at most n bytes. Returns its length, or 0 if it is not valid UTF-8. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *ret)
{
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t len = s[0] < 0x80             ? 1
                     : (s[0] & 0xe0) == 0xc0 ? 2
                     : (s[0] & 0xf0) == 0xe0 ? 3
                     : (s[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
        if (len == 0 || len > n)
                return 0;
        uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
        for (size_t i = 1; i < len; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return len;
}

bool str_is_utf8(const char *s, size_t n)
{
        uint32_t c;
        for (size_t i = 0; i < n;) {
                size_t len = decode((const unsigned char *)s + i, n - i, &c);
                if (len == 0 || c == 0)
                        return false;
                i += len;
        }
        return true;
}

bool str_to_int(const char *s, long long min, long long max, long long *ret)
{
        char *end;
        if (!s || !((*s >= '0' && *s <= '9') || (*s == '-' && s[1] >= '0' && s[1] <= '9')))
                return false;
        errno = 0;
        long long v = strtoll(s, &end, 10);
        if (errno || *end || v < min || v > max)
                return false;
        *ret = v;
        return true;
}

/* Characters that print nothing of their own but change how their neighbours are shown. */
static bool is_deceptive(uint32_t c)
{
        return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
               (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0xfeff || c == 0x180e ||
               (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

void str_safe_add(struct buf *b, const char *s, size_t n, bool keep_lines)
{
        uint32_t c;
        for (size_t i = 0; i < n;) {
                size_t len = decode((const unsigned char *)s + i, n - i, &c);
                if (len == 0) {
                        buf_printf(b, "\\x%02x", (unsigned char)s[i++]);
                        continue;
                }
                if (keep_lines && (c == '\n' || c == '\t'))
                        buf_putc(b, (char)c);
                else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
                        buf_printf(b, "\\x%02x", c);
                else if (is_deceptive(c))
                        buf_printf(b, "\\u{%x}", c);
                else
                        buf_add(b, s + i, len);
                i += len;
        }
}

char *str_safe(const char *s)
{
        struct buf b = BUF_INIT(SIZE_MAX / 2);
        str_safe_add(&b, s, strlen(s), false);
        return buf_take(&b);
}

char *str_safe_max(const char *s, size_t max)
{
        /* Each character comes whole or not at all, and after the first that doesn't none does. */
        struct buf b = BUF_INIT(max);
        str_safe_add(&b, s, strlen(s), false);
        return buf_take(&b);
}

/* Bytes of the escape sequence that begins at s (s[0] is ESC), as ECMA-48 has them; at most n. */
static size_t escape_length(const char *s, size_t n)
{
        size_t i = 2;
        if (n < 2)
                return n;
        if (s[1] == '[') {
                while (i < n && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x40)
                        i++;
                return i < n ? i + 1 : n;
        }
        if (s[1] != ']')
                return 2;
        while (i < n && s[i] != '\a' && s[i] != '\033' && s[i] != '\n')
                i++;
        if (i < n && s[i] == '\033')
                return i + 1 < n ? i + 2 : n;
        return i < n && s[i] == '\a' ? i + 1 : i;
}

size_t str_strip_escapes(char *s, size_t n)
{
        size_t to = 0;
        for (size_t i = 0; i < n;) {
                if (s[i] == '\033') {
                        i += escape_length(s + i, n - i);
                } else {
                        if (s[i] != '\r')
                                s[to++] = s[i];
                        i++;
                }
        }
        return to;
}

/* The wide blocks of Unicode's EastAsianWidth.txt, merged to ranges, and the emoji blocks. */
static size_t char_width(uint32_t c)
{
        static const struct {
                uint32_t from, to;
        } wide[] = { { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0x33ff }, { 0x3400, 0x4dbf },
                { 0x4e00, 0x9fff }, { 0xa000, 0xa4cf }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
                { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f },
                { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd } };
        if ((c >= 0x300 && c <= 0x36f) || (c >= 0x20d0 && c <= 0x20ff) ||
                (c >= 0xfe00 && c <= 0xfe0f))
                return 0;
        for (size_t i = 0; i < ARRAY_LEN(wide); i++)
                if (c >= wide[i].from && c <= wide[i].to)
                        return 2;
        return 1;
}

size_t str_width(const char *s)
{
        size_t width = 0, n = strlen(s);
        uint32_t c;
        for (size_t i = 0; i < n;) {
                size_t len = decode((const unsigned char *)s + i, n - i, &c);
                width += len ? char_width(c) : 1;
                i += len ? len : 1;
        }
        return width;
}

/* Byte offset after as many whole characters as fit in `width` columns. */
static size_t bytes_for_width(const char *s, size_t width)
{
        size_t n = strlen(s), i = 0, used = 0;
        uint32_t c = 0;
        while (i < n) {
                size_t len = decode((const unsigned char *)s + i, n - i, &c);
                size_t w = len ? char_width(c) : 1;
                if (used + w > width)
                        break;
                used += w;
                i += len ? len : 1;
        }
        return i;
}

char *str_cut_middle(const char *s, size_t width)
{
        size_t total = str_width(s);
        if (total <= width)
                return xstrdup(s);
        size_t head = (width - 1 + 1) / 2, tail = width - 1 - head;
        size_t skip = bytes_for_width(s, total - tail);
        /* A wide character on the edge: leave it out rather than pass the width. */
        if (str_width(s + skip) > tail)
                skip += bytes_for_width(s + skip, 2);
        return xasprintf("%.*s~%s", (int)bytes_for_width(s, head), s, s + skip);
}

char *str_cut_end(const char *s, size_t width)
{
        if (str_width(s) <= width)
                return xstrdup(s);
        return xasprintf("%.*s~", (int)bytes_for_width(s, width - 1), s);
}

static size_t min3(size_t a, size_t b, size_t c)
{
        size_t m = a < b ? a : b;
        return m < c ? m : c;
}

/* Optimal string alignment distance; names longer than the table are "far". */
static size_t distance(const char *a, const char *b)
{
        enum { MAX = 64 };
        size_t d[MAX + 1][MAX + 1];
        size_t n = strlen(a), m = strlen(b);
        if (n > MAX || m > MAX)
                return MAX;
        for (size_t i = 0; i <= n; i++)
                d[i][0] = i;
        for (size_t j = 0; j <= m; j++)
                d[0][j] = j;
        for (size_t i = 1; i <= n; i++)
                for (size_t j = 1; j <= m; j++) {
                        size_t cost = a[i - 1] != b[j - 1];
                        d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                                d[i - 2][j - 2] + 1 < d[i][j])
                                d[i][j] = d[i - 2][j - 2] + 1;
                }
        return d[n][m];
}

const char *str_nearest(const char *s, const char *const *candidates)
{
        const char *best = NULL;
        size_t best_distance = 3;
        for (; *candidates; candidates++) {
                size_t dist = distance(s, *candidates);
                if (dist < best_distance && dist * 2 < strlen(*candidates) + 1) {
                        best = *candidates;
                        best_distance = dist;
                }
        }
        return best;
}

void random_hex(char out[RANDOM_HEX_LEN + 1])
{
        unsigned char bytes[RANDOM_HEX_LEN / 2];
        size_t have = 0;
        while (have < sizeof bytes) {
                ssize_t n = getrandom(bytes + have, sizeof bytes - have, 0);
                if (n < 0 && errno != EINTR)
                        abort();
                have += n > 0 ? (size_t)n : 0;
        }
        for (size_t i = 0; i < sizeof bytes; i++)
                snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}
