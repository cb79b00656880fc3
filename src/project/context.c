/* SPDX-License-Identifier: MIT */
#include "project/context.h"

#include "base/fd.h"
#include "base/str.h"
#include "project/ignore.h"
#include "project/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

struct packer {
        struct archive *archive;
        int project_dirfd, out_fd;
        int write_errno; /* of the first failed write to out_fd, 0 if none failed */
        struct context_stats stats;
};

static la_ssize_t write_out(struct archive *a, void *arg, const void *data, size_t n)
{
        struct packer *p = arg;
        if (fd_write_all(p->out_fd, data, n, -1)) {
                p->write_errno = errno;
                archive_set_error(a, errno, "write failed");
                return -1;
        }
        return (la_ssize_t)n;
}

/* The sentence for a failure of libarchive on the way out. */
static int cant_write(const struct packer *p, const char *path, struct err *e)
{
        if (p->write_errno == EPIPE || p->write_errno == ECONNRESET)
                return err_set(e, ERR_INTERRUPTED, "The build stopped reading the build context");
        if (p->write_errno)
                return err_sys(e, p->write_errno, "Can't send the build context");
        const char *why = archive_error_string(p->archive);
        cleanup_free char *shown = str_safe(path);
        return err_set(e, ERR_FAILED, "Can't pack %s: %s", shown, why ? why : "unknown error");
}

static int write_header(struct packer *p, const struct tree_entry *t, uint64_t bytes,
        const char *link_target, struct err *e)
{
        struct archive_entry *entry = archive_entry_new();
        if (!entry)
                abort();
        archive_entry_set_pathname(entry, t->path);
        archive_entry_set_mode(entry, t->mode);
        archive_entry_set_uid(entry, 0);
        archive_entry_set_gid(entry, 0);
        archive_entry_set_mtime(entry, (time_t)t->mtime, 0);
        archive_entry_set_size(entry, (la_int64_t)bytes);
        if (link_target)
                archive_entry_set_symlink(entry, link_target);
        /* ARCHIVE_WARN: written, with the name's bytes as they are instead of converted to UTF-8.
         */
        int r = archive_write_header(p->archive, entry);
        archive_entry_free(entry);
        if (r < ARCHIVE_WARN)
                return cant_write(p, t->path, e);
        p->stats.entries++;
        return 0;
}

/* Copies at most `bytes`: a file that grows meanwhile is cut, libarchive pads one that shrinks. */
static int write_content(struct packer *p, int fd, const char *path, uint64_t bytes, struct err *e)
{
        char chunk[CHUNK];
        while (bytes > 0) {
                ssize_t n = read(fd, chunk, bytes < sizeof chunk ? (size_t)bytes : sizeof chunk);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        int failed = errno;
                        cleanup_free char *shown = str_safe(path);
                        return err_sys(e, failed, "Can't read %s", shown);
                }
                if (n == 0)
                        break;
                if (archive_write_data(p->archive, chunk, (size_t)n) < 0)
                        return cant_write(p, path, e);
                bytes -= (uint64_t)n;
                p->stats.bytes += (uint64_t)n;
        }
        return 0;
}

static int pack_file(struct packer *p, const struct tree_entry *t, struct err *e)
{
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        cleanup_close int fd = openat(p->project_dirfd, t->path, flags);
        struct stat st;
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0 || fstat(fd, &st)) {
                int failed = errno;
                cleanup_free char *shown = str_safe(t->path);
                return err_sys(e, failed, "Can't read %s", shown);
        }
        if (!S_ISREG(st.st_mode)) {
                p->stats.skipped_special++;
                return 0;
        }
        /* No more than was counted against the limit, no less than there is now. */
        uint64_t now = (uint64_t)st.st_size;
        uint64_t bytes = now < t->bytes ? now : t->bytes;
        if (write_header(p, t, bytes, NULL, e))
                return -1;
        return write_content(p, fd, t->path, bytes, e);
}

static int pack_link(struct packer *p, const struct tree_entry *t, struct err *e)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(p->project_dirfd, t->path, target, sizeof target - 1);
        if (n < 0)
                return 0; /* replaced or gone since it was listed */
        target[n] = '\0';
        return write_header(p, t, 0, target, e);
}

static int pack_entries(struct packer *p, const struct tree *tree, struct err *e)
{
        for (size_t i = 0; i < tree->n; i++) {
                const struct tree_entry *t = &tree->v[i];
                int r = S_ISREG(t->mode)   ? pack_file(p, t, e)
                        : S_ISLNK(t->mode) ? pack_link(p, t, e)
                                           : write_header(p, t, 0, NULL, e);
                if (r)
                        return -1;
        }
        return 0;
}

/* Plain ustar headers, with pax records only where a name or a size needs them. */
static int write_archive(struct packer *p, const struct tree *tree, struct err *e)
{
        p->archive = archive_write_new();
        if (!p->archive)
                abort();
        int r = -1;
        if (archive_write_set_format_pax_restricted(p->archive) != ARCHIVE_OK ||
                archive_write_set_bytes_per_block(p->archive, CHUNK) != ARCHIVE_OK ||
                archive_write_set_bytes_in_last_block(p->archive, 512) != ARCHIVE_OK ||
                archive_write_open(p->archive, p, NULL, write_out, NULL) != ARCHIVE_OK)
                (void)cant_write(p, "the project folder", e);
        else if (pack_entries(p, tree, e) == 0)
                r = archive_write_close(p->archive) == ARCHIVE_OK
                            ? 0
                            : cant_write(p, "the project folder", e);
        /* Without this, freeing would write the end of an archive that is not whole. */
        if (r)
                archive_write_fail(p->archive);
        archive_write_free(p->archive);
        return r;
}

static int read_ignore(int project_dirfd, struct ignore *ret, struct err *e)
{
        cleanup_free char *text = NULL;
        if (fd_read_file(project_dirfd, ".dockerignore", IGNORE_TEXT_MAX, &text, NULL, e))
                return errno == ENOENT ? 0 : -1;
        return ignore_parse(text, ret, e);
}

/*
 * A pipe has no MSG_NOSIGNAL. SIGPIPE is blocked in this thread while we write, and one that we
 * caused is taken away before it is unblocked; one that was pending before stays.
 */
struct sigpipe_guard {
        sigset_t before;
        bool was_pending;
};

static void sigpipe_block(struct sigpipe_guard *g)
{
        sigset_t pending, pipe_only;
        sigemptyset(&pipe_only);
        sigaddset(&pipe_only, SIGPIPE);
        sigpending(&pending);
        g->was_pending = sigismember(&pending, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_only, &g->before);
}

static void sigpipe_restore(const struct sigpipe_guard *g)
{
        sigset_t pipe_only;
        const struct timespec at_once = { 0 };
        sigemptyset(&pipe_only);
        sigaddset(&pipe_only, SIGPIPE);
        if (!g->was_pending)
                while (sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR)
                        ;
        pthread_sigmask(SIG_SETMASK, &g->before, NULL);
}

int context_pack(int project_dirfd, int out_fd, const struct context_limits *limits,
        struct context_stats *ret, struct err *e)
{
        cleanup_ignore struct ignore ig = { 0 };
        cleanup_tree struct tree tree = { 0 };
        if (read_ignore(project_dirfd, &ig, e) || tree_list(project_dirfd, &ig, limits, &tree, e))
                return -1;
        struct packer p = { .project_dirfd = project_dirfd, .out_fd = out_fd };
        p.stats.ignored = tree.ignored;
        p.stats.skipped_special = tree.skipped_special;
        struct sigpipe_guard guard;
        sigpipe_block(&guard);
        int r = write_archive(&p, &tree, e);
        sigpipe_restore(&guard);
        if (r == 0)
                *ret = p.stats;
        return r;
}
