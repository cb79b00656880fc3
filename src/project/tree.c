/* SPDX-License-Identifier: MIT */
#include "project/tree.h"

#include "base/buf.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        DEPTH_MAX = 100,
        LOOK_MAX = 2000000, /* entries looked at, in all, before a folder is called too large */
        LARGEST_SHOWN = 3,
        TAR_BLOCK_BYTES = 512
};

/* An item at the top of the folder, with all that it holds. */
struct top {
        char *name;
        bool is_dir;
        uint64_t bytes;
        size_t entries;
};

struct walk {
        const struct ignore *ig;
        const struct context_limits *limits;
        struct tree tree;
        size_t tree_cap;
        size_t entries; /* also those past the limit, which are counted and not kept */
        struct top *tops;
        size_t tops_n;
        struct err *e;
};

struct name {
        char *name;
        unsigned char type; /* DT_* of readdir(3) */
};

void tree_done(struct tree *t)
{
        for (size_t i = 0; i < t->n; i++)
                free(t->v[i].path);
        free(t->v);
        *t = (struct tree){ 0 };
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct name *)a)->name, ((const struct name *)b)->name);
}

static int cant_read(struct walk *w, int errnum, const char *what, const char *path)
{
        cleanup_free char *shown = str_safe(path);
        err_sys(w->e, errnum, "Can't read the %s %s for the build", what, shown);
        return err_fix(w->e, "Make it readable, or add this line to .dockerignore:\n  %s", shown);
}

/* All names of a folder, sorted, so that equal folders give equal archives. */
static int read_names(DIR *d, struct name **ret, size_t *ret_n)
{
        struct name *v = NULL;
        size_t n = 0, cap = 0;
        errno = 0;
        for (struct dirent *entry; (entry = readdir(d)); errno = 0) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (n == cap) {
                        cap = cap ? cap * 2 : 32;
                        v = xrealloc(v, cap, sizeof *v);
                }
                v[n++] = (struct name){ xstrdup(entry->d_name), entry->d_type };
        }
        int failed = errno;
        if (n > 1)
                qsort(v, n, sizeof *v, compare_names);
        *ret = v;
        *ret_n = n;
        return failed;
}

static void keep(struct walk *w, const char *path, const struct stat *st)
{
        struct top *top = &w->tops[w->tops_n - 1];
        uint64_t bytes = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
        /* As it travels: a header, and the content in whole blocks. */
        uint64_t sent =
                TAR_BLOCK_BYTES + (bytes + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
        top->bytes += sent;
        top->entries++;
        w->tree.bytes += sent;
        if (++w->entries > w->limits->max_entries)
                return;
        if (w->tree.n == w->tree_cap) {
                w->tree_cap = w->tree_cap ? w->tree_cap * 2 : 64;
                w->tree.v = xrealloc(w->tree.v, w->tree_cap, sizeof *w->tree.v);
        }
        w->tree.v[w->tree.n++] = (struct tree_entry){
                .path = xstrdup(path), .mode = st->st_mode, .bytes = bytes, .mtime = st->st_mtime
        };
}

static int walk_dir(struct walk *w, int dirfd, const char *path, const bool *hits, unsigned depth);

static int descend(struct walk *w, int dirfd, const char *name, const char *path, const bool *hits,
        unsigned depth)
{
        if (depth == DEPTH_MAX) {
                cleanup_free char *shown = str_safe_max(path, 200);
                return err_set(w->e, ERR_LIMIT, "Folders are nested more than %d deep at %s",
                        DEPTH_MAX, shown);
        }
        int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0)
                return cant_read(w, errno, "folder", path);
        return walk_dir(w, fd, path, hits, depth + 1);
}

/* These two describe the build itself, so they go along whatever .dockerignore says. */
static bool always_sent(const char *path)
{
        return str_eq(path, "Dockerfile") || str_eq(path, ".dockerignore");
}

static int walk_entry(struct walk *w, int dirfd, const struct name *name, const char *path,
        bool *hits, unsigned depth)
{
        struct stat st;
        bool ignored = ignore_match(w->ig, path, hits) && !always_sent(path);
        if (ignored) {
                w->tree.ignored++;
                if (name->type != DT_DIR && name->type != DT_UNKNOWN)
                        return 0;
                if (!ignore_may_descend(w->ig, path))
                        return 0;
        }
        if (fstatat(dirfd, name->name, &st, AT_SYMLINK_NOFOLLOW)) {
                /* Gone since readdir: not there, so not sent. */
                return errno == ENOENT ? 0 : cant_read(w, errno, "file", path);
        }
        if (ignored && !S_ISDIR(st.st_mode))
                return 0;
        if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) {
                w->tree.skipped_special++;
                return 0;
        }
        if (S_ISREG(st.st_mode) && faccessat(dirfd, name->name, R_OK, AT_EACCESS))
                return cant_read(w, errno, "file", path);
        if (!ignored)
                keep(w, path, &st);
        if (w->entries > LOOK_MAX)
                return 0;
        return S_ISDIR(st.st_mode) ? descend(w, dirfd, name->name, path, hits, depth) : 0;
}

static int walk_names(struct walk *w, int dirfd, const char *path, const bool *parent_hits,
        unsigned depth, const struct name *names, size_t n)
{
        cleanup_free bool *hits = xcalloc(w->ig->n + 1, sizeof *hits);
        for (size_t i = 0; i < n && w->entries <= LOOK_MAX; i++) {
                cleanup_free char *child =
                        *path ? xasprintf("%s/%s", path, names[i].name) : xstrdup(names[i].name);
                if (strlen(child) >= PATH_MAX) {
                        cleanup_free char *shown = str_safe_max(child, 200);
                        return err_set(w->e, ERR_LIMIT, "A path is too long: %s…", shown);
                }
                if (depth == 0) {
                        w->tops = xrealloc(w->tops, w->tops_n + 1, sizeof *w->tops);
                        w->tops[w->tops_n++] = (struct top){ .name = names[i].name,
                                .is_dir = names[i].type == DT_DIR };
                }
                memcpy(hits, parent_hits, w->ig->n * sizeof *hits);
                if (walk_entry(w, dirfd, &names[i], child, hits, depth))
                        return -1;
        }
        return 0;
}

static int compare_tops(const void *a, const void *b)
{
        const struct top *x = a, *y = b;
        if (x->bytes != y->bytes)
                return x->bytes < y->bytes ? 1 : -1;
        return x->entries < y->entries ? 1 : x->entries > y->entries ? -1 : 0;
}

static int compare_tops_by_entries(const void *a, const void *b)
{
        const struct top *x = a, *y = b;
        if (x->entries != y->entries)
                return x->entries < y->entries ? 1 : -1;
        return compare_tops(a, b);
}

static void add_size(struct buf *b, uint64_t bytes)
{
        static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
        size_t unit = 0;
        double value = (double)bytes;
        while (value >= 1024 && unit + 1 < ARRAY_LEN(units)) {
                value /= 1024;
                unit++;
        }
        buf_printf(b, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* "models/ 3.1 GiB": the largest items, as lines of the detail and as lines for .dockerignore. */
static int too_large(struct walk *w, bool by_entries)
{
        cleanup_buf struct buf detail = BUF_INIT(2048);
        cleanup_buf struct buf lines = BUF_INIT(512);
        cleanup_buf struct buf total = BUF_INIT(64);
        qsort(w->tops, w->tops_n, sizeof *w->tops,
                by_entries ? compare_tops_by_entries : compare_tops);
        for (size_t i = 0; i < w->tops_n && i < LARGEST_SHOWN; i++) {
                const struct top *t = &w->tops[i];
                if (i > 0 && (by_entries ? t->entries < w->limits->max_entries / 10
                                         : t->bytes < w->limits->max_bytes / 10))
                        break;
                cleanup_free char *name = str_safe(t->name);
                buf_printf(&detail, "%s%s%s ", i ? "\n" : "", name, t->is_dir ? "/" : "");
                add_size(&detail, t->bytes);
                buf_printf(&detail, " in %zu entries", t->entries);
                buf_printf(&lines, "\n  %s%s", name, t->is_dir ? "/" : "");
        }
        if (by_entries) {
                err_set(w->e, ERR_LIMIT,
                        "The build context has %s%zu entries; at most %zu are allowed",
                        w->entries > LOOK_MAX ? "more than " : "", w->entries,
                        w->limits->max_entries);
        } else {
                add_size(&total, w->tree.bytes);
                buf_str_add(&total, "; at most ");
                add_size(&total, w->limits->max_bytes);
                err_set(w->e, ERR_LIMIT, "The build context holds %s%s are allowed",
                        w->entries > LOOK_MAX ? "more than " : "", buf_str(&total));
        }
        err_detail(w->e, "%s", buf_str(&detail));
        return err_fix(
                w->e, "Add to .dockerignore what the image doesn't need:%s", buf_str(&lines));
}

/* Takes fd over. The names live until the limits are checked, because the tops point to them. */
static int walk_dir(struct walk *w, int fd, const char *path, const bool *hits, unsigned depth)
{
        DIR *d = fdopendir(fd);
        if (!d) {
                close(fd);
                return err_sys(w->e, errno, "Can't list %s", *path ? path : "the project folder");
        }
        struct name *names;
        size_t n;
        int failed = read_names(d, &names, &n);
        int r = failed ? cant_read(w, failed, "folder", *path ? path : ".")
                       : walk_names(w, dirfd(d), path, hits, depth, names, n);
        if (r == 0 && depth == 0) {
                if (w->tree.bytes > w->limits->max_bytes)
                        r = too_large(w, false);
                else if (w->entries > w->limits->max_entries)
                        r = too_large(w, true);
        }
        for (size_t i = 0; i < n; i++)
                free(names[i].name);
        free(names);
        closedir(d);
        return r;
}

int tree_list(int dirfd, const struct ignore *ig, const struct context_limits *limits,
        struct tree *ret, struct err *e)
{
        struct walk w = { .ig = ig, .limits = limits, .e = e };
        int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return err_sys(e, errno, "Can't read the project folder");
        cleanup_free bool *hits = xcalloc(ig->n + 1, sizeof *hits);
        int r = walk_dir(&w, fd, "", hits, 0);
        free(w.tops);
        if (r) {
                tree_done(&w.tree);
                return -1;
        }
        *ret = w.tree;
        return 0;
}
