/* SPDX-License-Identifier: MIT */
#include "image/tarwalk.h"

#include "base/str.h"
#include "image/shown.h"

#include <stdio.h>
#include <string.h>

enum { EXTENDED_MAX = 64 * 1024 };
#define SIZE_LIMIT (UINT64_C(1) << 60) /* no sum of a few sizes below it overflows */

enum state {
        AT_HEADER,   /* collecting a header block */
        IN_CONTENTS, /* in a member's contents, or in an extended header's */
        IN_PADDING,
        AT_SECOND_ZERO, /* one zero block was seen */
        ENDED,
};

/* Where the fields of a header lie. */
enum {
        NAME = 0,
        NAME_LEN = 100,
        MODE = 100,
        UID = 108,
        GID = 116,
        SIZE = 124,
        SIZE_LEN = 12,
        MTIME = 136,
        CHECKSUM = 148,
        CHECKSUM_LEN = 8,
        TYPE = 156,
        LINK = 157,
        LINK_LEN = 100,
        MAGIC = 257,
        PREFIX = 345,
        PREFIX_LEN = 155,
        STAR_TRAILER = 508,
};

void tarwalk_init(struct tarwalk *w, const struct tarwalk_limits *limits)
{
        *w = (struct tarwalk){
                .limits = limits ? *limits : TARWALK_LIMITS_DEFAULT,
                .state = AT_HEADER,
                .header = BUF_INIT(EXTENDED_MAX),
        };
}

void tarwalk_done(struct tarwalk *w)
{
        buf_done(&w->header);
}

static int damaged(const struct tarwalk *w, const char *what, struct err *e)
{
        return err_set(e, ERR_INVALID,
                "The build context is not a tar archive that ds01 reads: %s (member %llu)", what,
                (unsigned long long)w->entries + 1);
}

static int unwanted(const char *name, const char *what, struct err *e)
{
        cleanup_free char *shown = shown_text(name, 120);
        err_set(e, ERR_INVALID, "The build context has %s: %s", what, shown);
        return err_fix(e, "add it to .dockerignore");
}

static int too_much(struct err *e, const char *what, uint64_t limit, const char *unit)
{
        err_set(e, ERR_LIMIT, "The build context has more than %llu %s%s",
                (unsigned long long)limit, unit, what);
        return err_fix(e, "add large folders such as data/ and models/ to .dockerignore");
}

/*
 * A number field: octal digits with blanks or NULs around them, or GNU's binary form (first bit
 * set), which is for what octal can't hold. False for anything else, and for SIZE_LIMIT and above.
 */
static bool parse_number(const char *field, size_t n, uint64_t *ret)
{
        uint64_t value = 0;
        size_t i = 0;
        if (field[0] & 0x80) {
                if ((unsigned char)field[0] != 0x80)
                        return false;
                for (i = 1; i < n; i++) {
                        if (value >= SIZE_LIMIT >> 8)
                                return false;
                        value = value << 8 | (unsigned char)field[i];
                }
                *ret = value;
                return true;
        }
        while (i < n && (field[i] == ' ' || field[i] == '\0'))
                i++;
        for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
                value = value << 3 | (uint64_t)(field[i] - '0');
        for (; i < n; i++)
                if (field[i] != ' ' && field[i] != '\0')
                        return false;
        *ret = value;
        return true;
}

static uint64_t checksum_of(const char *block)
{
        uint64_t sum = 0;
        for (size_t i = 0; i < TAR_BLOCK; i++)
                sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LEN ? ' ' : (unsigned char)block[i];
        return sum;
}

static bool is_zero(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i])
                        return false;
        return true;
}

/* NULL, or why a name may not be in a context. */
static const char *name_fault(const char *name)
{
        if (name[0] == '\0')
                return "a member without a name";
        if (name[0] == '/')
                return "an absolute name";
        for (const char *s = name; *s; s += strcspn(s, "/")) {
                s += strspn(s, "/");
                if (s[0] == '.' && s[1] == '.' && (s[2] == '/' || s[2] == '\0'))
                        return "a name with '..'";
        }
        return NULL;
}

static int check_name(const char *name, struct err *e)
{
        const char *fault = name_fault(name);
        return fault ? unwanted(name, fault, e) : 0;
}

/* The member's own name: prefix and name, unless the format has something else where the prefix is.
 */
static char *header_name(const char *block)
{
        const char *name = block + NAME, *prefix = block + PREFIX;
        size_t n = strnlen(name, NAME_LEN), m = strnlen(prefix, PREFIX_LEN);
        if (memcmp(block + MAGIC, "ustar\0", 6) != 0 || m == 0)
                return xstrndup(name, n);
        return xasprintf("%.*s/%.*s", (int)m, prefix, (int)n, name);
}

/* One record of a pax header. Names are checked here: which of several counts differs by reader. */
static int take_record(
        struct tarwalk *w, const char *key, const char *value, size_t n, struct err *e)
{
        long long number;
        if (strlen(value) != n)
                return damaged(w, "a NUL in an extended header", e);
        if (n == 0)
                return 0; /* takes an earlier global value back; there are none */
        if (str_eq(key, "path") || str_eq(key, "GNU.sparse.name")) {
                w->has_name = true;
                return check_name(value, e);
        }
        if (str_eq(key, "linkpath")) {
                w->has_link = true;
                w->link_outside = w->link_outside || name_fault(value) != NULL;
                return 0;
        }
        bool size = str_eq(key, "size");
        if (!size && !str_eq(key, "GNU.sparse.realsize") && !str_eq(key, "GNU.sparse.size"))
                return 0;
        if (!str_to_int(value, 0, (long long)SIZE_LIMIT - 1, &number))
                return damaged(w, "a size that is not a number", e);
        if (size) {
                w->has_size = true;
                w->size = (uint64_t)number;
        } else if (!w->has_real_size || (uint64_t)number > w->real_size) {
                w->has_real_size = true;
                w->real_size = (uint64_t)number;
        }
        return 0;
}

/* "LENGTH KEY=VALUE\n" …, the length counting the whole record. */
static int take_pax(struct tarwalk *w, struct err *e)
{
        char *s = w->header.data, *end = s + w->header.len;
        while (s < end) {
                size_t length = 0, digits = 0;
                while (s + digits < end && digits < 6 && s[digits] >= '0' && s[digits] <= '9')
                        length = length * 10 + (size_t)(s[digits++] - '0');
                if (digits == 0 || s + digits == end || s[digits] != ' ' || length < digits + 4 ||
                        length > (size_t)(end - s) || s[length - 1] != '\n')
                        return damaged(w, "an extended header that can't be read", e);
                char *key = s + digits + 1;
                char *equals = memchr(key, '=', length - digits - 2);
                if (!equals || equals == key || memchr(key, '\0', (size_t)(equals - key)))
                        return damaged(w, "an extended header that can't be read", e);
                *equals = '\0';
                s[length - 1] = '\0';
                size_t n = (size_t)(s + length - 1 - (equals + 1));
                if (take_record(w, key, equals + 1, n, e) < 0)
                        return -1;
                s += length;
        }
        return 0;
}

/* An extended header is complete: what it says holds for the next member. */
static int take_extended(struct tarwalk *w, struct err *e)
{
        char type = w->extended;
        int r = 0;
        w->extended = 0;
        if (type == 'x') {
                w->has_pax = true;
                r = take_pax(w, e);
        } else if (type == 'L') {
                w->has_name = true;
                r = check_name(buf_str(&w->header), e);
        } else {
                w->has_link = true;
                w->link_outside = w->link_outside || name_fault(buf_str(&w->header)) != NULL;
        }
        buf_clear(&w->header);
        return r;
}

static bool extended_pending(const struct tarwalk *w)
{
        return w->has_name || w->has_link || w->has_pax;
}

static int begin_extended(struct tarwalk *w, char type, uint64_t size, struct err *e)
{
        bool again = type == 'x' ? w->has_pax : type == 'L' ? w->has_name : w->has_link;
        if (again)
                return damaged(w, "two extended headers in front of one member", e);
        if (size == 0 || size > EXTENDED_MAX)
                return damaged(w, "an extended header of a size that is not taken", e);
        w->extended = type;
        return 0;
}

/* Which members a context may have. *ret_size becomes the bytes of contents that follow. */
static int check_type(struct tarwalk *w, const char *name, char type, uint64_t size, struct err *e)
{
        char link[LINK_LEN + 1] = "";
        memcpy(link, w->block + LINK, LINK_LEN);
        switch (type) {
        case '0':
        case '\0':
        case '7':
                return 0;
        case '1':
                if (w->has_link ? w->link_outside : name_fault(link) != NULL)
                        return unwanted(name, "a hard link that leads out of it", e);
                /* fall through */
        case '2':
        case '5':
                if (size > 0)
                        return damaged(w, "contents behind a link or folder", e);
                return 0;
        case '3':
        case '4':
                return unwanted(name, "a device", e);
        case '6':
                return unwanted(name, "a named pipe", e);
        default:
                return damaged(w, "a member of a type that is not taken", e);
        }
}

/* Counts a member and forgets the extended headers in front of it. */
static int begin_member(struct tarwalk *w, char type, uint64_t size, struct err *e)
{
        cleanup_free char *name = header_name(w->block);
        if (!w->has_name && check_name(name, e) < 0)
                return -1;
        if (check_type(w, name, type, size, e) < 0)
                return -1;
        uint64_t unpacked = w->has_real_size && w->real_size > size ? w->real_size : size;
        if (++w->entries > w->limits.max_entries)
                return too_much(e, "", w->limits.max_entries, "files");
        if (unpacked > w->limits.max_bytes || w->unpacked > w->limits.max_bytes - unpacked)
                return too_much(e, " in its files", w->limits.max_bytes / (1024 * 1024), "MiB");
        w->unpacked += unpacked;
        w->has_name = w->has_link = w->has_pax = w->has_size = w->has_real_size = false;
        w->link_outside = false;
        w->size = w->real_size = 0;
        return 0;
}

static int take_zero_block(struct tarwalk *w, struct err *e)
{
        if (extended_pending(w))
                return damaged(w, "an extended header without a member", e);
        w->state = w->state == AT_SECOND_ZERO ? ENDED : AT_SECOND_ZERO;
        return 0;
}

/* A whole block that should be a header. */
static int take_header(struct tarwalk *w, struct err *e)
{
        uint64_t sum, size;
        const char *block = w->block;
        if (is_zero(block, TAR_BLOCK))
                return take_zero_block(w, e);
        if (w->state == AT_SECOND_ZERO)
                return damaged(w, "a single zero block", e);
        if (!parse_number(block + CHECKSUM, CHECKSUM_LEN, &sum) || sum != checksum_of(block))
                return damaged(w, "a wrong checksum", e);
        if (!parse_number(block + SIZE, SIZE_LEN, &size))
                return damaged(w, "a size that is not a number", e);
        if (memcmp(block + STAR_TRAILER, "tar", 4) == 0)
                return damaged(w, "the format of star", e);
        char type = block[TYPE];
        if (type == 'x' || type == 'L' || type == 'K') {
                if (begin_extended(w, type, size, e) < 0)
                        return -1;
        } else {
                size = w->has_size ? w->size : size;
                if (begin_member(w, type, size, e) < 0)
                        return -1;
        }
        w->remaining = size;
        w->padding = (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
        w->state = size > 0 ? IN_CONTENTS : AT_HEADER;
        return 0;
}

/* Takes up to n bytes in the walk's current state. Returns how many, or -1. */
static ssize_t take_some(struct tarwalk *w, const char *data, size_t n, struct err *e)
{
        if (w->state == ENDED)
                return is_zero(data, n) ? (ssize_t)n : damaged(w, "bytes behind its end", e);
        if (w->state == IN_CONTENTS) {
                size_t take = w->remaining < n ? (size_t)w->remaining : n;
                if (w->extended)
                        buf_add(&w->header, data, take);
                w->remaining -= take;
                if (w->remaining == 0) {
                        w->state = w->padding ? IN_PADDING : AT_HEADER;
                        if (w->extended && take_extended(w, e) < 0)
                                return -1;
                }
                return (ssize_t)take;
        }
        if (w->state == IN_PADDING) {
                size_t take = w->padding < n ? w->padding : n;
                w->padding -= take;
                if (w->padding == 0)
                        w->state = AT_HEADER;
                return (ssize_t)take;
        }
        size_t take = TAR_BLOCK - w->have < n ? TAR_BLOCK - w->have : n;
        memcpy(w->block + w->have, data, take);
        w->have += take;
        if (w->have == TAR_BLOCK) {
                w->have = 0;
                if (take_header(w, e) < 0)
                        return -1;
        }
        return (ssize_t)take;
}

int tarwalk_feed(struct tarwalk *w, const char *data, size_t n, struct err *e)
{
        if (n > w->limits.max_bytes || w->bytes > w->limits.max_bytes - n)
                return too_much(e, "", w->limits.max_bytes / (1024 * 1024), "MiB");
        w->bytes += n;
        while (n > 0) {
                ssize_t taken = take_some(w, data, n, e);
                if (taken < 0)
                        return -1;
                data += taken;
                n -= (size_t)taken;
        }
        return 0;
}

bool tarwalk_ended(const struct tarwalk *w)
{
        return w->state == ENDED;
}

int tarwalk_finish(const struct tarwalk *w, struct err *e)
{
        if (w->state == ENDED)
                return 0;
        return err_set(e, ERR_INVALID, "The build context was cut off after %llu bytes",
                (unsigned long long)w->bytes);
}

bool tar_file_entry(const char *name, size_t size, char out[TAR_BLOCK])
{
        char block[TAR_BLOCK] = { 0 };
        size_t n = strlen(name);
        if (n >= NAME_LEN || name_fault(name) || size >= UINT64_C(1) << 33)
                return false;
        memcpy(block + NAME, name, n);
        snprintf(block + MODE, 8, "%07o", 0644u);
        snprintf(block + UID, 8, "%07o", 0u);
        snprintf(block + GID, 8, "%07o", 0u);
        snprintf(block + SIZE, SIZE_LEN, "%011llo", (unsigned long long)size);
        snprintf(block + MTIME, 12, "%011o", 0u);
        block[TYPE] = '0';
        memcpy(block + MAGIC, "ustar\00000", 8);
        snprintf(block + CHECKSUM, CHECKSUM_LEN, "%06llo", (unsigned long long)checksum_of(block));
        block[CHECKSUM + 7] = ' ';
        memcpy(out, block, sizeof block);
        return true;
}
