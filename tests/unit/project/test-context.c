/* SPDX-License-Identifier: MIT */
#include "project/context.h"

#include "base/buf.h"
#include "base/str.h"

#include "scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* An archive as one line an entry: type, mode, owner, path, link, content. */
static void read_archive(int fd, struct buf *out)
{
        struct archive *a = archive_read_new();
        struct archive_entry *entry;
        char content[256];
        archive_read_support_format_tar(a);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(archive_read_open_fd(a, fd, 10240), ARCHIVE_OK);
        while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
                mode_t type = archive_entry_filetype(entry);
                buf_printf(out, "%c %o %d:%d %s",
                        type == AE_IFDIR   ? 'd'
                        : type == AE_IFLNK ? 'l'
                                           : '-',
                        archive_entry_perm(entry), (int)archive_entry_uid(entry),
                        (int)archive_entry_gid(entry), archive_entry_pathname(entry));
                if (type == AE_IFLNK)
                        buf_printf(out, " -> %s", archive_entry_symlink(entry));
                la_ssize_t n = archive_read_data(a, content, sizeof content);
                if (n > 0)
                        buf_printf(out, " [%.*s]", (int)n, content);
                buf_putc(out, '\n');
        }
        assert_null(archive_error_string(a));
        archive_read_free(a);
}

static int pack(const struct scratch *s, const struct context_limits *limits, struct buf *out,
        struct context_stats *stats, struct err *e)
{
        FILE *f = tmpfile();
        assert_non_null(f);
        int r = context_pack(s->fd, fileno(f), limits, stats, e);
        if (r == 0)
                read_archive(fileno(f), out);
        fclose(f);
        return r;
}

static void what_is_packed(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        scratch_write(&s, "Dockerfile", "FROM x\n");
        scratch_write(&s, ".dockerignore", "data\n!data/keep\n*.log\nDockerfile\n.dockerignore\n");
        scratch_write(&s, "src/a.py", "a");
        scratch_write(&s, "src/run.sh", "sh");
        scratch_write(&s, "data/big.bin", "xxxx");
        scratch_write(&s, "data/keep/small", "k");
        scratch_write(&s, "x.log", "l");
        assert_int_equal(fchmodat(s.fd, "src/run.sh", 0755, 0), 0);
        assert_int_equal(fchmodat(s.fd, "src/a.py", 0640, 0), 0);
        assert_int_equal(fchmodat(s.fd, "src", 0750, 0), 0);
        assert_int_equal(symlinkat("/etc/passwd", s.fd, "src/link"), 0);
        assert_int_equal(symlinkat("data", s.fd, "dirlink"), 0);
        assert_int_equal(mkfifoat(s.fd, "pipe", 0600), 0);
        struct buf b = BUF_INIT(8192);
        struct context_stats stats;
        struct err e = ERR_INIT;
        if (pack(&s, &CONTEXT_LIMITS_DEFAULT, &b, &stats, &e))
                fail_msg("%s", e.msg);
        static const char expected[] =
                "- 644 0:0 .dockerignore [data\n!data/keep\n*.log\nDockerfile\n.dockerignore\n]\n"
                "- 644 0:0 Dockerfile [FROM x\n]\n"
                "d 755 0:0 data/keep/\n"
                "- 644 0:0 data/keep/small [k]\n"
                "l 777 0:0 dirlink -> data\n"
                "d 750 0:0 src/\n"
                "- 640 0:0 src/a.py [a]\n"
                "l 777 0:0 src/link -> /etc/passwd\n"
                "- 755 0:0 src/run.sh [sh]\n";
        assert_string_equal(buf_str(&b), expected);
        assert_int_equal(stats.entries, 9);
        assert_int_equal(stats.skipped_special, 1);
        assert_int_equal(stats.ignored, 3);
        assert_int_equal(stats.bytes, 7 + 47 + 1 + 1 + 2);
        buf_done(&b);
        scratch_done(&s);
}

static void odd_names(void **state)
{
        (void)state;
        static const char *const names[] = { "ümlaut", "with space", "a\nb", "-dash",
                "\xff\xfe raw", "quote'\"" };
        struct scratch s = scratch_new();
        char longest[200] = "";
        memset(longest, 'n', sizeof longest - 1);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                scratch_write(&s, names[i], names[i]);
        cleanup_free char *deep = xasprintf("%s/%s/%s", longest, longest, longest);
        scratch_write(&s, deep, "deep");
        struct buf b = BUF_INIT(1 << 16);
        struct context_stats stats;
        struct err e = ERR_INIT;
        if (pack(&s, &CONTEXT_LIMITS_DEFAULT, &b, &stats, &e))
                fail_msg("%s", e.msg);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                cleanup_free char *line = xasprintf(" %s [%s]\n", names[i], names[i]);
                if (!strstr(buf_str(&b), line))
                        fail_msg("%s is missing in:\n%s", names[i], buf_str(&b));
        }
        assert_non_null(strstr(buf_str(&b), deep));
        assert_int_equal(stats.entries, ARRAY_LEN(names) + 3);
        buf_done(&b);
        scratch_done(&s);
}

static void limits(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct context_limits small = { .max_bytes = 100000, .max_entries = 100 };
        struct context_stats stats;
        struct err e = ERR_INIT;
        struct buf b = BUF_INIT(8192);
        scratch_write(&s, "Dockerfile", "FROM x\n");
        scratch_write(&s, "models/a/w.pt", "");
        int fd = openat(s.fd, "models/a/w.pt", O_WRONLY);
        assert_int_equal(ftruncate(fd, (off_t)3 << 30), 0);
        close(fd);
        scratch_write(&s, "src/x.py", "x");
        FILE *out = tmpfile();
        assert_int_equal(context_pack(s.fd, fileno(out), &CONTEXT_LIMITS_DEFAULT, &stats, &e), -1);
        assert_int_equal(e.code, ERR_LIMIT);
        assert_string_equal(
                e.msg, "The build context holds 3.0 GiB; at most 512.0 MiB are allowed");
        assert_non_null(strstr(e.detail, "models/ 3.0 GiB"));
        assert_null(strstr(e.detail, "src"));
        assert_non_null(strstr(e.fix, "\n  models/"));
        /* Refused before a byte was written. */
        assert_int_equal(lseek(fileno(out), 0, SEEK_END), 0);
        fclose(out);
        scratch_write(&s, ".dockerignore", "models/\n");
        assert_int_equal(pack(&s, &small, &b, &stats, &e), 0);
        for (int i = 0; i < 120; i++) {
                cleanup_free char *name = xasprintf("many/%d", i);
                scratch_write(&s, name, "");
        }
        assert_int_equal(pack(&s, &small, &b, &stats, &e), -1);
        assert_int_equal(e.code, ERR_LIMIT);
        assert_non_null(strstr(e.msg, "125 entries; at most 100"));
        assert_true(str_starts(e.detail, "many/ "));
        buf_done(&b);
        scratch_done(&s);
}

/* Runs fn as an ordinary user, because root may read everything. */
static void as_nobody(void (*fn)(const struct scratch *s), const struct scratch *s)
{
        if (geteuid() != 0) {
                fn(s);
                return;
        }
        pid_t pid = fork();
        if (pid == 0) {
                if (setgid(65534) || setuid(65534))
                        _exit(3);
                fn(s);
                _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child, cmocka's own way out would run the parent's tests again. */
#define CHILD_CHECK(condition)                                                                     \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
                        _exit(1);                                                                  \
                }                                                                                  \
        } while (0)

static void ignored_is_not_opened(const struct scratch *s)
{
        struct context_stats stats;
        struct err e = ERR_INIT;
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        CHILD_CHECK(context_pack(s->fd, null, &CONTEXT_LIMITS_DEFAULT, &stats, &e) == 0);
        CHILD_CHECK(stats.entries == 2 && stats.ignored == 2);
        close(null);
}

static void unreadable_is_named(const struct scratch *s)
{
        struct context_stats stats;
        struct err e = ERR_INIT;
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        CHILD_CHECK(context_pack(s->fd, null, &CONTEXT_LIMITS_DEFAULT, &stats, &e) == -1);
        CHILD_CHECK(e.code == ERR_FAILED);
        CHILD_CHECK(strstr(e.msg, "locked") != NULL && strstr(e.msg, "Permission denied") != NULL);
        CHILD_CHECK(strstr(e.fix, ".dockerignore") != NULL);
        close(null);
}

static void unreadable(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        assert_int_equal(fchmod(s.fd, 0755), 0);
        scratch_write(&s, "Dockerfile", "FROM x\n");
        scratch_write(&s, ".dockerignore", "locked\nlocked.txt\n");
        scratch_write(&s, "locked/x", "");
        scratch_write(&s, "locked.txt", "");
        assert_int_equal(fchmodat(s.fd, "locked", 0, 0), 0);
        assert_int_equal(fchmodat(s.fd, "locked.txt", 0, 0), 0);
        as_nobody(ignored_is_not_opened, &s);
        scratch_write(&s, ".dockerignore", "locked\n");
        as_nobody(unreadable_is_named, &s);
        scratch_write(&s, ".dockerignore", "locked.txt\n");
        as_nobody(unreadable_is_named, &s);
        assert_int_equal(fchmodat(s.fd, "locked", 0755, 0), 0);
        scratch_done(&s);
}

static void malformed_ignore(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct context_stats stats;
        struct buf b = BUF_INIT(100);
        struct err e = ERR_INIT;
        scratch_write(&s, ".dockerignore", "ok\n[\n");
        assert_int_equal(pack(&s, &CONTEXT_LIMITS_DEFAULT, &b, &stats, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_non_null(strstr(e.msg, ".dockerignore:2:"));
        scratch_done(&s);
}

static void reader_goes(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct context_stats stats = { .entries = 77 };
        struct err e = ERR_INIT;
        int pipes[2];
        sigset_t pending;
        scratch_write(&s, "Dockerfile", "FROM x\n");
        assert_int_equal(pipe(pipes), 0);
        close(pipes[0]);
        /* The default action of SIGPIPE would end this program. */
        signal(SIGPIPE, SIG_DFL);
        assert_int_equal(context_pack(s.fd, pipes[1], &CONTEXT_LIMITS_DEFAULT, &stats, &e), -1);
        assert_int_equal(e.code, ERR_INTERRUPTED);
        assert_int_equal(stats.entries, 77);
        sigpending(&pending);
        assert_false(sigismember(&pending, SIGPIPE));
        close(pipes[1]);
        scratch_done(&s);
}

static void empty_folder(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct context_stats stats;
        struct buf b = BUF_INIT(100);
        struct err e = ERR_INIT;
        assert_int_equal(pack(&s, &CONTEXT_LIMITS_DEFAULT, &b, &stats, &e), 0);
        assert_int_equal(stats.entries, 0);
        assert_string_equal(buf_str(&b), "");
        scratch_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_packed),
                cmocka_unit_test(odd_names), cmocka_unit_test(limits), cmocka_unit_test(unreadable),
                cmocka_unit_test(malformed_ignore), cmocka_unit_test(reader_goes),
                cmocka_unit_test(empty_folder) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
