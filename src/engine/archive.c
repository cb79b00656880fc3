/* SPDX-License-Identifier: MIT */
#include "engine/archive.h"

#include "base/str.h"
#include "engine/call.h"

#include <string.h>

enum {
        LINKS_MAX = 4,
        TAR_BLOCK = 512,
        TAR_OVERHEAD = 64 * 1024, /* headers, extended headers and padding around one file */
        STAT_MAX = 16 * 1024,
};

/* Go's os.FileMode bits, which the engine's stat answer uses. */
#define MODE_LINK (1LL << 27)
#define MODE_TYPE                                                                                  \
        (1LL << 31 | 1LL << 27 | 1LL << 26 | 1LL << 25 | 1LL << 24 | 1LL << 21 | 1LL << 19)

struct path_stat {
        bool exists;
        int64_t mode, size;
        char *link; /* where a link leads, resolved by the engine; owned */
};

static struct call archive_call(const char *method, const char *id, const char *path)
{
        struct call c = call_new(method, "read %s in container %s", path, id);
        call_path(&c, "/containers/");
        call_name(&c, id);
        call_path(&c, "/archive");
        call_query(&c, "path", path);
        c.on_404 = ERR_NOT_FOUND;
        return c;
}

static int base64_value(char c)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *p = c ? strchr(digits, c) : NULL;
        return p ? (int)(p - digits) : -1;
}

/* Decodes base64 (RFC 4648), padded or not, up to the first foreign character. */
static void base64_add(struct buf *b, const char *s)
{
        unsigned bits = 0, have = 0;
        for (int v; (v = base64_value(*s)) >= 0; s++) {
                bits = bits << 6 | (unsigned)v;
                have += 6;
                if (have >= 8) {
                        have -= 8;
                        buf_putc(b, (char)(bits >> have & 0xff));
                }
        }
}

static int stat_path(struct engine *en, const struct engine_wait *w, const char *id,
        const char *path, struct path_stat *ret, struct err *e)
{
        cleanup_call struct call c = archive_call("HEAD", id, path);
        cleanup_buf struct buf text = BUF_INIT(STAT_MAX);
        cleanup_json json_t *j = NULL;
        c.want_header = "X-Docker-Container-Path-Stat";
        if (call_run(en, w, &c, e)) {
                if (c.reply.status != 404)
                        return -1;
                *ret = (struct path_stat){ .exists = false };
                return 0;
        }
        base64_add(&text, str_or_empty(c.reply.header));
        if (json_parse(buf_str(&text), text.len, CALL_JSON_DEPTH, &j, e))
                return err_set(
                        e, ERR_ENGINE, "Can't %s: the engine does not say what it is", c.what);
        *ret = (struct path_stat){ .exists = true,
                .mode = json_int(j, "mode", MODE_TYPE),
                .size = json_int(j, "size", 0),
                .link = xstrdup(str_or_empty(json_str(j, "linkTarget"))) };
        return 0;
}

/* An empty answer to HEAD does not tell a missing container from a missing path. */
static int require_container(
        struct engine *en, const struct engine_wait *w, const char *id, struct err *e)
{
        cleanup_call struct call c = call_new("GET", "look at container %s", id);
        call_path(&c, "/containers/");
        call_name(&c, id);
        call_path(&c, "/json");
        c.on_404 = ERR_NOT_FOUND;
        return call_run(en, w, &c, e);
}

int engine_container_has_path(struct engine *en, const struct engine_wait *w, const char *id,
        const char *path, bool *ret, struct err *e)
{
        struct path_stat st = { 0 };
        if (stat_path(en, w, id, path, &st, e) || (!st.exists && require_container(en, w, id, e)))
                return -1;
        free(st.link);
        *ret = st.exists;
        return 0;
}

int engine_container_copy_out(struct engine *en, const struct engine_wait *w, const char *id,
        const char *path, size_t max, char **ret_tar, size_t *ret_len, struct err *e)
{
        cleanup_call struct call c = archive_call("GET", id, path);
        c.reply.body.max = max;
        if (call_run(en, w, &c, e))
                return -1;
        *ret_len = c.reply.body.len;
        *ret_tar = buf_take(&c.reply.body);
        return 0;
}

/* An octal number field; -1 if it holds anything else (such as base-256 of sizes beyond 8 GiB). */
static int64_t tar_number(const char *field, size_t n)
{
        int64_t v = 0;
        for (size_t i = 0; i < n && field[i] != '\0' && field[i] != ' '; i++) {
                if (field[i] < '0' || field[i] > '7')
                        return -1;
                v = v * 8 + (field[i] - '0');
        }
        return v;
}

/* Finds the first regular file's bytes in a tar. False if it has none, or is cut. */
static bool tar_first_file(const char *tar, size_t n, const char **ret, size_t *ret_len)
{
        for (size_t at = 0; n - at >= TAR_BLOCK;) {
                const char *head = tar + at;
                int64_t size = tar_number(head + 124, 12);
                at += TAR_BLOCK;
                if (size < 0 || (uint64_t)size > n - at || head[0] == '\0')
                        return false;
                if (head[156] == '0' || head[156] == '\0') {
                        *ret = tar + at;
                        *ret_len = (size_t)size;
                        return true;
                }
                if (!strchr("xgLK", head[156]))
                        return false;
                size_t blocks = ((size_t)size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
                if (blocks > n - at)
                        return false;
                at += blocks;
        }
        return false;
}

/* Follows links that are the last part of the path. *path is replaced by where they end. */
static int resolve(struct engine *en, const struct engine_wait *w, const char *id, char **path,
        struct path_stat *ret, struct err *e)
{
        for (int links = 0;; links++) {
                struct path_stat st = { 0 };
                if (stat_path(en, w, id, *path, &st, e))
                        return -1;
                cleanup_free char *link = st.link;
                if (!st.exists || !(st.mode & MODE_LINK)) {
                        *ret = (struct path_stat){ st.exists, st.mode, st.size, NULL };
                        return 0;
                }
                if (links == LINKS_MAX || !link[0])
                        return err_set(e, ERR_FAILED,
                                "Can't read %s in container %s: too many links", *path, id);
                str_replace(path, link);
        }
}

int engine_container_read_file(struct engine *en, const struct engine_wait *w, const char *id,
        const char *path, size_t max, char **ret_text, bool *ret_exists, struct err *e)
{
        cleanup_free char *at = xstrdup(path);
        cleanup_free char *tar = NULL;
        struct path_stat st = { 0 };
        const char *file;
        size_t n;
        if (resolve(en, w, id, &at, &st, e))
                return -1;
        if (!st.exists) {
                if (require_container(en, w, id, e))
                        return -1;
                *ret_text = xstrdup("");
                *ret_exists = false;
                return 0;
        }
        if (st.mode & MODE_TYPE)
                return err_set(e, ERR_FAILED, "%s in container %s is no regular file", at, id);
        if (st.size < 0 || (uint64_t)st.size > max)
                return err_set(
                        e, ERR_FAILED, "%s in container %s is larger than %zu bytes", at, id, max);
        if (engine_container_copy_out(en, w, id, at, max + TAR_OVERHEAD, &tar, &n, e))
                return -1;
        if (!tar_first_file(tar, n, &file, &n) || n > max)
                return err_set(
                        e, ERR_FAILED, "Can't read %s in container %s: the file changed", at, id);
        *ret_text = xstrndup(file, n);
        *ret_exists = true;
        return 0;
}
