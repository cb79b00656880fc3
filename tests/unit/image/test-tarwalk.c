/* SPDX-License-Identifier: MIT */
#include "image/tarwalk.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A small tar writer, so that each test shows the archive it is about. */
struct tar {
        struct buf b;
};
#define cleanup_tar CLEANUP(tar_done)

static void tar_done(struct tar *t)
{
        buf_done(&t->b);
}

static struct tar tar_new(void)
{
        return (struct tar){ BUF_INIT(4 * 1024 * 1024) };
}

static void zeros(struct tar *t, size_t n)
{
        while (n-- > 0)
                buf_putc(&t->b, '\0');
}

static void seal(char *block)
{
        unsigned sum = 0;
        memset(block + 148, ' ', 8);
        for (size_t i = 0; i < TAR_BLOCK; i++)
                sum += (unsigned char)block[i];
        snprintf(block + 148, 8, "%06o", sum);
}

static void put_header(struct tar *t, char type, const char *name, const char *link, size_t size)
{
        char block[TAR_BLOCK] = { 0 };
        memcpy(block, name, strlen(name) < 100 ? strlen(name) : 100);
        memcpy(block + 100, "0000644", 7);
        snprintf(block + 124, 12, "%011o", (unsigned)size);
        block[156] = type;
        memcpy(block + 157, link, strlen(link));
        memcpy(block + 257, "ustar\00000", 8);
        seal(block);
        buf_add(&t->b, block, sizeof block);
}

static void put(struct tar *t, char type, const char *name, const char *data, size_t n)
{
        put_header(t, type, name, "", n);
        buf_add(&t->b, data, n);
        zeros(t, tar_padding(n));
}

static void put_text(struct tar *t, char type, const char *name, const char *data)
{
        put(t, type, name, data, strlen(data));
}

/* A pax header with one record whose length is computed. */
static void put_pax(struct tar *t, const char *key, const char *value)
{
        size_t n = strlen(key) + strlen(value) + 3, length = n + 1;
        for (size_t digits = 1; digits < 6; digits++) {
                length = n + digits;
                char text[24];
                if ((size_t)snprintf(text, sizeof text, "%zu", length) == digits)
                        break;
        }
        cleanup_free char *record = xasprintf("%zu %s=%s\n", length, key, value);
        put_text(t, 'x', "PaxHeader/x", record);
}

static void finish(struct tar *t)
{
        zeros(t, 2 * TAR_BLOCK);
}

/* Feeds it in pieces of `piece` bytes. */
static int walk(const struct tar *t, size_t piece, const struct tarwalk_limits *limits,
        struct tarwalk *w, struct err *e)
{
        *e = ERR_INIT;
        tarwalk_init(w, limits);
        for (size_t i = 0; i < t->b.len; i += piece) {
                size_t n = t->b.len - i < piece ? t->b.len - i : piece;
                if (tarwalk_feed(w, t->b.data + i, n, e) < 0)
                        return -1;
        }
        return tarwalk_finish(w, e);
}

static void good_archive(struct tar *t)
{
        char name[300];
        memset(name, 'n', sizeof name);
        name[150] = '/';
        name[sizeof name - 1] = '\0';
        put_header(t, '5', "./", "", 0);
        put_text(t, '0', "./Dockerfile", "FROM debian\n");
        put_text(t, '\0', "old", "");
        put(t, '7', "full", name, 299);
        put_header(t, '2', "link", "/etc/passwd", 0);
        put_header(t, '2', "link2", "../../x", 0);
        put_header(t, '1', "hard", "old", 0);
        put(t, 'L', "././@LongLink", name, sizeof name);
        put_text(t, '0', "nnn", "x");
        put_text(t, 'K', "././@LongLink", name);
        put_header(t, '2', "longlink", "nnn", 0);
        put_pax(t, "path", name);
        put_text(t, '0', "cut", "y");
        put_pax(t, "size", "600");
        put_header(t, '0', "sized", "", 0);
        zeros(t, 600 + tar_padding(600));
        put_pax(t, "mtime", "1.5");
        put_text(t, '0', "..a/b..", "z");
        finish(t);
        zeros(t, 8192);
}

static void accepts_in_any_pieces(void **state)
{
        (void)state;
        cleanup_tar struct tar t = tar_new();
        good_archive(&t);
        static const size_t pieces[] = { 1, 2, 3, 7, 511, 512, 513, 1000, 65536 };
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
                cleanup_tarwalk struct tarwalk w;
                struct err e;
                if (walk(&t, pieces[i], NULL, &w, &e) < 0)
                        fail_msg("%s", e.msg);
                assert_true(tarwalk_ended(&w));
                assert_int_equal(w.entries, 12);
                assert_int_equal(w.bytes, t.b.len);
                assert_int_equal(w.unpacked, 12 + 299 + 1 + 1 + 600 + 1);
        }
}

static void every_cut_is_noticed(void **state)
{
        (void)state;
        cleanup_tar struct tar t = tar_new();
        good_archive(&t);
        size_t whole = t.b.len - 8192;
        for (size_t n = 0; n < whole; n += 97) {
                struct tar cut = { t.b };
                cut.b.len = n;
                cleanup_tarwalk struct tarwalk w;
                struct err e;
                assert_int_equal(walk(&cut, 4096, NULL, &w, &e), -1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_non_null(strstr(e.msg, "cut off"));
                assert_false(tarwalk_ended(&w));
        }
}

static void expect(const struct tar *t, enum err_code code, const char *why)
{
        static const size_t pieces[] = { 1, 65536 };
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
                cleanup_tarwalk struct tarwalk w;
                struct err e;
                assert_int_equal(walk(t, pieces[i], NULL, &w, &e), -1);
                print_message("%s\n", e.msg);
                assert_int_equal(e.code, code);
                assert_non_null(strstr(e.msg, why));
        }
}

static void refuses_members(void **state)
{
        (void)state;
        static const struct {
                char type;
                const char *name, *link, *why;
        } cases[] = {
                { '0', "/etc/passwd", "", "an absolute name" },
                { '0', "..", "", "'..'" },
                { '0', "../x", "", "'..'" },
                { '0', "a/../b", "", "'..'" },
                { '0', "a/..", "", "'..'" },
                { '5', "./../", "", "'..'" },
                { '0', "a//..//b", "", "'..'" },
                { '0', "", "", "without a name" },
                { '1', "a", "/etc/passwd", "hard link" },
                { '1', "a", "../x", "hard link" },
                { '1', "a", "", "hard link" },
                { '3', "a", "", "a device" },
                { '4', "a", "", "a device" },
                { '6', "a", "", "a named pipe" },
                { 'g', "a", "", "type that is not taken" },
                { 'S', "a", "", "type that is not taken" },
                { 'D', "a", "", "type that is not taken" },
                { 'M', "a", "", "type that is not taken" },
                { '8', "a", "", "type that is not taken" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_tar struct tar t = tar_new();
                put_header(&t, '0', "first", "", 0);
                put_header(&t, cases[i].type, cases[i].name, cases[i].link, 0);
                finish(&t);
                print_message("# %c %s %s\n", cases[i].type, cases[i].name, cases[i].link);
                expect(&t, ERR_INVALID, cases[i].why);
        }
}

static void refuses_extended(void **state)
{
        (void)state;
        static const struct {
                const char *key, *value, *why;
        } cases[] = {
                { "path", "/etc/passwd", "an absolute name" },
                { "path", "a/../../b", "'..'" },
                { "GNU.sparse.name", "../b", "'..'" },
                { "size", "-1", "size that is not a number" },
                { "size", "1x", "size that is not a number" },
                { "size", "99999999999999999999", "size that is not a number" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_tar struct tar t = tar_new();
                put_pax(&t, cases[i].key, cases[i].value);
                put_text(&t, '0', "a", "");
                finish(&t);
                print_message("# %s=%s\n", cases[i].key, cases[i].value);
                expect(&t, ERR_INVALID, cases[i].why);
        }
        static const char *const records[] = { "x", "5", "5 a=", "4 a\n", "9 a=b\n", "6 abc\n",
                "5 =b\n", " 6 a=b\n", "06 a=b\nx", "0 a=b\n", "1234567 a=b\n", "6 a=b\n\n" };
        for (size_t i = 0; i < ARRAY_LEN(records); i++) {
                cleanup_tar struct tar t = tar_new();
                put_text(&t, 'x', "PaxHeader", records[i]);
                put_text(&t, '0', "a", "");
                finish(&t);
                print_message("# record '%s'\n", records[i]);
                expect(&t, ERR_INVALID, "extended header that can't be read");
        }
        cleanup_tar struct tar nul = tar_new();
        put(&nul, 'x', "PaxHeader", "12 path=a\0b\n", 12);
        expect(&nul, ERR_INVALID, "NUL");
        cleanup_tar struct tar name = tar_new();
        put_text(&name, 'L', "././@LongLink", "x/../../y");
        expect(&name, ERR_INVALID, "'..'");
        cleanup_tar struct tar link = tar_new();
        put_text(&link, 'K', "././@LongLink", "../y");
        put_header(&link, '1', "a", "harmless", 0);
        expect(&link, ERR_INVALID, "hard link");
        cleanup_tar struct tar paxlink = tar_new();
        put_pax(&paxlink, "linkpath", "/y");
        put_header(&paxlink, '1', "a", "harmless", 0);
        expect(&paxlink, ERR_INVALID, "hard link");
        cleanup_tar struct tar twice = tar_new();
        put_pax(&twice, "path", "a");
        put_pax(&twice, "path", "b");
        expect(&twice, ERR_INVALID, "two extended headers");
        cleanup_tar struct tar alone = tar_new();
        put_pax(&alone, "path", "a");
        finish(&alone);
        expect(&alone, ERR_INVALID, "without a member");
        cleanup_tar struct tar empty = tar_new();
        put_text(&empty, 'L', "././@LongLink", "");
        expect(&empty, ERR_INVALID, "extended header of a size");
        cleanup_tar struct tar large = tar_new();
        put_header(&large, 'x', "PaxHeader", "", 65537);
        expect(&large, ERR_INVALID, "extended header of a size");
}

/* A size from a pax header decides where the next header is: what hides behind it is still seen. */
static void pax_size_counts(void **state)
{
        (void)state;
        cleanup_tar struct tar t = tar_new();
        put_pax(&t, "size", "0");
        put_header(&t, '0', "a", "", 512);
        put_header(&t, '3', "dev", "", 0);
        finish(&t);
        expect(&t, ERR_INVALID, "a device");
}

static void refuses_damage(void **state)
{
        (void)state;
        cleanup_tar struct tar sum = tar_new();
        put_text(&sum, '0', "a", "x");
        sum.b.data[0] ^= 1;
        expect(&sum, ERR_INVALID, "checksum");

        cleanup_tar struct tar junk = tar_new();
        put_text(&junk, '0', "a", "x");
        buf_str_add(&junk.b, "not a header");
        zeros(&junk, 500);
        expect(&junk, ERR_INVALID, "checksum");

        cleanup_tar struct tar single = tar_new();
        zeros(&single, TAR_BLOCK);
        put_text(&single, '0', "a", "x");
        expect(&single, ERR_INVALID, "single zero block");

        cleanup_tar struct tar after = tar_new();
        finish(&after);
        buf_putc(&after.b, 'x');
        expect(&after, ERR_INVALID, "behind its end");

        cleanup_tar struct tar folder = tar_new();
        put_text(&folder, '5', "a", "x");
        expect(&folder, ERR_INVALID, "contents behind");

        static const struct {
                const char *size;
                size_t n;
        } sizes[] = { { "0000000008x", 12 }, { "-0000000001", 12 }, { "1 1", 4 },
                { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 },
                { "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 } };
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                cleanup_tar struct tar t = tar_new();
                put_header(&t, '0', "a", "", 0);
                memcpy(t.b.data + 124, sizes[i].size, sizes[i].n);
                seal(t.b.data);
                expect(&t, ERR_INVALID, "size that is not a number");
        }
        cleanup_tar struct tar star = tar_new();
        put_header(&star, '0', "a", "", 0);
        memcpy(star.b.data + 508, "tar", 4);
        seal(star.b.data);
        expect(&star, ERR_INVALID, "star");
}

static void prefixes(void **state)
{
        (void)state;
        static const struct {
                const char *magic, *prefix;
                bool refused;
        } cases[] = {
                { "ustar\00000", "a", false },
                { "ustar\00000", "..", true },
                { "ustar\00000", "/a", true },
                /* GNU has times in the same place, old tars nothing. */
                { "ustar  \0", "/a", false },
                { "\0\0\0\0\0\0\0\0", "/a", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_tar struct tar t = tar_new();
                put_header(&t, '0', "a", "", 0);
                memcpy(t.b.data + 257, cases[i].magic, 8);
                memcpy(t.b.data + 345, cases[i].prefix, strlen(cases[i].prefix));
                seal(t.b.data);
                finish(&t);
                cleanup_tarwalk struct tarwalk w;
                struct err e;
                assert_int_equal(walk(&t, 4096, NULL, &w, &e), cases[i].refused ? -1 : 0);
        }
}

static void expect_limit(const struct tar *t, const struct tarwalk_limits *most, const char *why)
{
        cleanup_tarwalk struct tarwalk w;
        struct err e;
        assert_int_equal(walk(t, 4096, most, &w, &e), -1);
        print_message("%s\n", e.msg);
        assert_int_equal(e.code, ERR_LIMIT);
        assert_string_equal(e.msg, why);
        assert_non_null(strstr(e.fix, ".dockerignore"));
}

static void limits(void **state)
{
        (void)state;
        const struct tarwalk_limits few = { .max_entries = 2, .max_bytes = 1024 * 1024 };
        cleanup_tar struct tar three = tar_new();
        put_text(&three, '0', "a", "");
        put_text(&three, '0', "b", "");
        put_text(&three, '0', "c", "");
        expect_limit(&three, &few, "The build context has more than 2 files");

        /* Announced contents are counted before they come. */
        cleanup_tar struct tar big = tar_new();
        put_header(&big, '0', "a", "", 1024 * 1024 + 1);
        expect_limit(&big, &few, "The build context has more than 1 MiB in its files");

        /* A sparse file counts as large as it will be on the disk. */
        cleanup_tar struct tar sparse = tar_new();
        put_pax(&sparse, "GNU.sparse.realsize", "1099511627776");
        put_text(&sparse, '0', "a", "0\n");
        expect_limit(&sparse, NULL, "The build context has more than 512 MiB in its files");

        cleanup_tar struct tar stream = tar_new();
        finish(&stream);
        zeros(&stream, 1024 * 1024);
        expect_limit(&stream, &few, "The build context has more than 1 MiB");

        /* A size in GNU's binary form, above what octal digits hold. */
        cleanup_tar struct tar binary = tar_new();
        put_header(&binary, '0', "a", "", 0);
        memcpy(binary.b.data + 124, "\x80\0\0\0\0\0\0\x10\0\0\0\0", 12);
        seal(binary.b.data);
        expect_limit(&binary, NULL, "The build context has more than 512 MiB in its files");
}

static void makes_file_entries(void **state)
{
        (void)state;
        static const char text[] = "FROM debian:12\n";
        char block[TAR_BLOCK], untouched[TAR_BLOCK] = { 7 };
        assert_true(tar_file_entry(".ds01-0123456789abcdef0123456789abcdef", strlen(text), block));
        cleanup_tar struct tar t = tar_new();
        buf_add(&t.b, block, sizeof block);
        buf_str_add(&t.b, text);
        zeros(&t, tar_padding(strlen(text)));
        put_text(&t, '0', "a", "x");
        finish(&t);
        cleanup_tarwalk struct tarwalk w;
        struct err e;
        assert_int_equal(walk(&t, 4096, NULL, &w, &e), 0);
        assert_int_equal(w.entries, 2);
        assert_int_equal(w.unpacked, strlen(text) + 1);
        assert_memory_equal(block + 124, "00000000017", 12);
        assert_memory_equal(block + 100, "0000644", 8);
        char sealed[TAR_BLOCK];
        memcpy(sealed, block, sizeof sealed);
        seal(sealed);
        assert_memory_equal(block + 148, sealed + 148, 7);

        char name[101];
        memset(name, 'n', sizeof name);
        name[100] = '\0';
        assert_false(tar_file_entry(name, 1, untouched));
        name[99] = '\0';
        assert_true(tar_file_entry(name, 1, block));
        assert_false(tar_file_entry("", 1, untouched));
        assert_false(tar_file_entry("/a", 1, untouched));
        assert_false(tar_file_entry("../a", 1, untouched));
        assert_false(tar_file_entry("a", (size_t)1 << 33, untouched));
        assert_int_equal(untouched[0], 7);
        assert_int_equal(tar_padding(0), 0);
        assert_int_equal(tar_padding(1), 511);
        assert_int_equal(tar_padding(512), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepts_in_any_pieces),
                cmocka_unit_test(every_cut_is_noticed),
                cmocka_unit_test(refuses_members),
                cmocka_unit_test(refuses_extended),
                cmocka_unit_test(pax_size_counts),
                cmocka_unit_test(refuses_damage),
                cmocka_unit_test(prefixes),
                cmocka_unit_test(limits),
                cmocka_unit_test(makes_file_entries),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
