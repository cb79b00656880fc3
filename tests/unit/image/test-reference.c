/* SPDX-License-Identifier: MIT */
#include "image/reference.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void parses(void **state)
{
        (void)state;
        static const struct {
                const char *in, *registry, *path, *tag, *text;
        } cases[] = {
                { "debian", "docker.io", "library/debian", "latest", "debian:latest" },
                { "debian:12", "docker.io", "library/debian", "12", "debian:12" },
                { "library/debian", "docker.io", "library/debian", "latest", "debian:latest" },
                { "docker.io/debian", "docker.io", "library/debian", "latest", "debian:latest" },
                { "docker.io/library/debian:latest", "docker.io", "library/debian", "latest",
                        "debian:latest" },
                { "index.docker.io/debian", "docker.io", "library/debian", "latest",
                        "debian:latest" },
                { "library/a/b", "docker.io", "library/a/b", "latest", "library/a/b:latest" },
                { "aime/pytorch:2.8.0", "docker.io", "aime/pytorch", "2.8.0",
                        "aime/pytorch:2.8.0" },
                { "a/b/c", "docker.io", "a/b/c", "latest", "a/b/c:latest" },
                { "ghcr.io/org/tool:1", "ghcr.io", "org/tool", "1", "ghcr.io/org/tool:1" },
                { "quay.io/tool", "quay.io", "tool", "latest", "quay.io/tool:latest" },
                { "localhost/tool", "localhost", "tool", "latest", "localhost/tool:latest" },
                { "localhost:5000/tool:x", "localhost:5000", "tool", "x", "localhost:5000/tool:x" },
                { "localhosts/tool", "docker.io", "localhosts/tool", "latest",
                        "localhosts/tool:latest" },
                { "nvcr.io/nvidia/jax:25.10-py3", "nvcr.io", "nvidia/jax", "25.10-py3",
                        "nvcr.io/nvidia/jax:25.10-py3" },
                { "a.b_c__d-e---f", "docker.io", "library/a.b_c__d-e---f", "latest",
                        "a.b_c__d-e---f:latest" },
                { "x:TAG_a.B-1", "docker.io", "library/x", "TAG_a.B-1", "x:TAG_a.B-1" },
                { "cafe", "docker.io", "library/cafe", "latest", "cafe:latest" },
                { "deadbeefcaf", "docker.io", "library/deadbeefcaf", "latest",
                        "deadbeefcaf:latest" },
                { "deadbeefcafe:1", "docker.io", "library/deadbeefcafe", "1", "deadbeefcafe:1" },
                { "ds01-alice/thesis", "docker.io", "ds01-alice/thesis", "latest",
                        "ds01-alice/thesis:latest" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_reference struct reference r = { 0 };
                struct err e = ERR_INIT;
                print_message("# %s\n", cases[i].in);
                assert_int_equal(reference_parse(cases[i].in, &r, &e), 0);
                assert_string_equal(r.registry, cases[i].registry);
                assert_string_equal(r.path, cases[i].path);
                assert_string_equal(r.tag, cases[i].tag);
                cleanup_free char *text = reference_text(&r);
                assert_string_equal(text, cases[i].text);
                /* What is printed is read back as the same image. */
                cleanup_reference struct reference again = { 0 };
                assert_int_equal(reference_parse(text, &again, &e), 0);
                assert_true(reference_equal(&r, &again));
        }
}

static void refuses(void **state)
{
        (void)state;
        static const struct {
                const char *in, *why;
        } cases[] = {
                { "", "is empty" },
                { "Debian", "upper case" },
                { "aime/PyTorch:2.8.0", "upper case" },
                { "debian@sha256:0123456789012345678901234567890123456789012345678901234567890123",
                        "digest" },
                { "debian:12@sha256:00", "digest" },
                { "sha256:0123456789ab", "image id" },
                { "sha256:ab", "image id" },
                { "sha512:ab", "image id" },
                { "sha384", "image id" },
                { "library/sha256:ab", "image id" },
                { "docker.io/library/sha256", "image id" },
                { "0123456789ab", "image id" },
                { "deadbeefcafe", "image id" },
                { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "image id" },
                { "deb ian", "character" },
                { "debian\n", "character" },
                { "debian\x1b[31m", "character" },
                { "d\xc3\xa9"
                  "bian",
                        "character" },
                { "debian\xff", "character" },
                { "a..b", "well formed" },
                { "a.-b", "well formed" },
                { "a-", "well formed" },
                { "-a", "well formed" },
                { "a_", "well formed" },
                { "a___b", "well formed" },
                { "a//b", "well formed" },
                { "/a", "well formed" },
                { "a/", "well formed" },
                { "../a", "registry" },
                { "a/../b", "well formed" },
                { "docker.io/", "well formed" },
                { "ghcr.io/", "well formed" },
                { "a:", "tag" },
                { "a:.x", "tag" },
                { "a:-x", "tag" },
                { "a:b:c", "tag" },
                { "a:b/c", "registry" },
                { "a:99999999/c", "registry" },
                { "a:/c", "registry" },
                { "-x.io/c", "registry" },
                { "x-.io/c", "registry" },
                { "x..io/c", "registry" },
                { ".io/c", "registry" },
                { "Ghcr.io/c", "registry" },
                { "[::1]:5000/c", "registry" },
                { "docker.io/evil.io/c", "two registries" },
                { "docker.io/localhost/c", "two registries" },
                { "a$b", "well formed" },
                { "a*", "well formed" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct reference r = { (char *)1, NULL, NULL };
                struct err e = ERR_INIT;
                print_message("# %s\n", cases[i].in);
                assert_int_equal(reference_parse(cases[i].in, &r, &e), -1);
                assert_ptr_equal(r.registry, (char *)1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_non_null(strstr(e.msg, cases[i].why));
                assert_non_null(strstr(e.msg, "use an image name such as aime/pytorch:2.8.0"));
                assert_true(str_is_utf8(e.msg, strlen(e.msg)));
        }
}

static void length_is_limited(void **state)
{
        (void)state;
        char text[REFERENCE_MAX + 2];
        memset(text, 'z', sizeof text);
        text[REFERENCE_MAX] = '\0';
        struct err e = ERR_INIT;
        struct reference r;
        assert_int_equal(reference_parse(text, &r, &e), 0);
        reference_done(&r);
        text[REFERENCE_MAX] = 'z';
        text[REFERENCE_MAX + 1] = '\0';
        assert_int_equal(reference_parse(text, &r, &e), -1);
        assert_non_null(strstr(e.msg, "200 bytes"));
        /* A tag has at most 128 characters. */
        memset(text, 'z', 131);
        text[1] = ':';
        text[130] = '\0';
        assert_int_equal(reference_parse(text, &r, &e), 0);
        reference_done(&r);
        text[130] = 'z';
        text[131] = '\0';
        assert_int_equal(reference_parse(text, &r, &e), -1);
}

static void owners(void **state)
{
        (void)state;
        static const struct {
                const char *in, *owner, *rest; /* owner NULL: not one of ours */
        } cases[] = {
                { "ds01-alice/thesis", "alice", "thesis" },
                { "ds01-alice/thesis:old", "alice", "thesis" },
                { "docker.io/ds01-u1000/a/b", "u1000", "a/b" },
                { "index.docker.io/ds01-bob/x", "bob", "x" },
                { "ds01-alice", NULL, NULL },
                { "library/ds01-alice", NULL, NULL },
                { "ghcr.io/ds01-alice/thesis", NULL, NULL },
                { "alice/ds01-x", NULL, NULL },
                { "ds01/alice", NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_reference struct reference r = { 0 };
                cleanup_free char *owner = NULL, *rest = NULL;
                struct err e = ERR_INIT;
                print_message("# %s\n", cases[i].in);
                assert_int_equal(reference_parse(cases[i].in, &r, &e), 0);
                assert_int_equal(reference_is_ds01(&r, &owner, &rest), cases[i].owner != NULL);
                assert_int_equal(reference_is_ds01(&r, NULL, NULL), cases[i].owner != NULL);
                assert_true(str_eq(owner, cases[i].owner));
                assert_true(str_eq(rest, cases[i].rest));
        }
}

static void patterns(void **state)
{
        (void)state;
        static const struct {
                const char *in, *pattern;
                bool match;
        } cases[] = {
                { "debian:12", "*", true },
                { "ghcr.io/a/b:1", "*", true },
                { "debian:12", "debian", true },
                { "debian:12", "debian:12", true },
                { "debian:12", "debian:11", false },
                { "debian", "debian:latest", true },
                { "debian:12", "debian:*", true },
                { "debian:12", "docker.io/library/*", true },
                { "debian:12", "library/*", false },
                { "aime/pytorch:2.8.0", "docker.io/library/*", false },
                { "aime/pytorch:2.8.0", "aime/*", true },
                { "aime/a/b/c:2", "aime/*", true },
                { "aimehub/pytorch:2", "aime/*", false },
                { "evil.io/aime/pytorch", "aime/*", false },
                { "evil.io/docker.io/library/x", "docker.io/library/*", false },
                { "ghcr.io/org/tool:1", "ghcr.io/org/*", true },
                { "ghcr.io/organ/tool:1", "ghcr.io/org/*", false },
                { "ghcr.io/org/tool:1", "*/tool", true },
                { "ghcr.io/org/tool:1", "*/to*l:*", true },
                { "ghcr.io/org/tool:1", "*/to*x", false },
                { "debian", "", false },
                { "debian", "debia", false },
                { "debian", "debiann", false },
                { "debian", "**", true },
                { "a.b", "a?b", false },
                { "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzb", "*z*z*z*z*z*z*z*z*z*z*z*c",
                        false },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_reference struct reference r = { 0 };
                struct err e = ERR_INIT;
                print_message("# %s %s\n", cases[i].in, cases[i].pattern);
                assert_int_equal(reference_parse(cases[i].in, &r, &e), 0);
                assert_int_equal(reference_matches(&r, cases[i].pattern), cases[i].match);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parses),
                cmocka_unit_test(refuses),
                cmocka_unit_test(length_is_limited),
                cmocka_unit_test(owners),
                cmocka_unit_test(patterns),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
