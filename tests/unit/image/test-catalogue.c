/* SPDX-License-Identifier: MIT */
#include "image/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char packaged[] =
        "# a comment\n"
        "\n"
        "Pytorch, 2.9.1, [CUDA_BLACKWELL;CUDA_ADA], aimehub/pytorch-2.9.1\r\n"
        "Pytorch, 2.10.0-aime, [CUDA_BLACKWELL], aimehub/pytorch-2.10.0\n"
        "PyTorch,2.8.0-aime,[CUDA_ADA],aimehub/pytorch-2.8.0-aime\n"
        "PyTorch, 2.8.0, [CUDA_ADA, CUDA_AMPERE], aimehub/pytorch-2.8.0\n"
        "PyTorch, 2.8.0, [CPU], pytorch/pytorch:2.8.0   # no GPU\n"
        "PyTorch, 2.7.1-aime, [CUDA_AMPERE], aimehub/pytorch-2.7.1-aime\n"
        "Tensorflow, 2.16.1, CUDA_ADA, aimehub/tensorflow-2.16.1\n"
        "  \t\n"
        "None, 3.12, [CUDA_ADA;CPU], python:3.12-slim-bookworm\n"
        "Mxnet, 1.8.0-nvidia, [CUDA_AMPERE], aimehub/mxnet-1.8.0";

static const char admins[] = "PyTorch, 2.8.0, [CUDA_AMPERE], lab/pytorch:mine\n"
                             "None, 12, [CUDA_AMPERE], debian:12\n";

static void load(struct catalogue *c)
{
        cleanup_strv struct strv warnings = { 0 };
        catalogue_add(c, admins, strlen(admins), "admins", &warnings);
        catalogue_add(c, packaged, strlen(packaged), "packaged", &warnings);
        assert_int_equal(warnings.n, 0);
        assert_int_equal(c->n, 11);
}

static void resolves(void **state)
{
        (void)state;
        static const struct {
                const char *what, *arch, *image; /* image NULL: not there */
        } cases[] = {
                { "pytorch", "CUDA_BLACKWELL", "aimehub/pytorch-2.10.0:latest" },
                { "pytorch", "CUDA_ADA", "aimehub/pytorch-2.9.1:latest" },
                { "pytorch", "cuda_ada", "aimehub/pytorch-2.9.1:latest" },
                { "PyTorch", "CUDA_AMPERE", "lab/pytorch:mine" },
                { "pytorch:2.8.0", "CUDA_AMPERE", "lab/pytorch:mine" },
                { "pytorch:2.8.0", "CUDA_ADA", "aimehub/pytorch-2.8.0:latest" },
                { "aime/pytorch:2.8.0", "CUDA_ADA", "aimehub/pytorch-2.8.0:latest" },
                { "AIME/PyTorch:2.8.0", "CUDA_ADA", "aimehub/pytorch-2.8.0:latest" },
                { "aime/pytorch", "CUDA_ADA", "aimehub/pytorch-2.9.1:latest" },
                { "aime/pytorch:latest", "CUDA_ADA", "aimehub/pytorch-2.9.1:latest" },
                { "pytorch:2.8.0-aime", "CUDA_ADA", "aimehub/pytorch-2.8.0-aime:latest" },
                { "pytorch:2.8.0-AIME", "CUDA_ADA", "aimehub/pytorch-2.8.0-aime:latest" },
                { "pytorch:2.7.1", "CUDA_AMPERE", "aimehub/pytorch-2.7.1-aime:latest" },
                { "pytorch:2.8", "CUDA_AMPERE", "lab/pytorch:mine" },
                { "pytorch:2", "CUDA_ADA", "aimehub/pytorch-2.9.1:latest" },
                { "pytorch:2.8.0", "CPU", "pytorch/pytorch:2.8.0" },
                { "pytorch:2.8.0", "", "pytorch/pytorch:2.8.0" },
                { "pytorch:2.9.1", "", "aimehub/pytorch-2.9.1:latest" },
                { "pytorch", "", "pytorch/pytorch:2.8.0" },
                { "mxnet", "", "aimehub/mxnet-1.8.0:latest" },
                { "tensorflow", "CUDA_ADA", "aimehub/tensorflow-2.16.1:latest" },
                { "none", "CPU", "python:3.12-slim-bookworm" },
                { "none", "CUDA_AMPERE", "debian:12" },
                { "pytorch:2.10", "CUDA_ADA", NULL },
                { "pytorch:2.1", "CUDA_BLACKWELL", NULL },
                { "pytorch:", "CUDA_ADA", "aimehub/pytorch-2.9.1:latest" },
                { "pytorch", "ROCM6", NULL },
                { "jax", "CUDA_ADA", NULL },
                { "", "", NULL },
                { "aime/", "", NULL },
                { "lab/pytorch:mine", "CUDA_AMPERE", NULL },
        };
        cleanup_catalogue struct catalogue c = { 0 };
        load(&c);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct catalogue_entry *entry = NULL;
                struct err e = ERR_INIT;
                print_message("# %s on %s\n", cases[i].what, cases[i].arch);
                int r = catalogue_resolve(&c, cases[i].what, cases[i].arch, &entry, &e);
                assert_int_equal(r, cases[i].image ? 0 : -1);
                if (r < 0) {
                        assert_int_equal(e.code, ERR_NO_IMAGE);
                        assert_null(entry);
                        assert_int_not_equal(e.fix[0], '\0');
                        continue;
                }
                cleanup_free char *text = reference_text(&entry->image);
                assert_string_equal(text, cases[i].image);
        }
}

static void says_what_there_is(void **state)
{
        (void)state;
        cleanup_catalogue struct catalogue c = { 0 };
        const struct catalogue_entry *entry;
        struct err e = ERR_INIT;
        assert_int_equal(catalogue_resolve(&c, "pytorch", "CPU", &entry, &e), -1);
        load(&c);
        assert_int_equal(catalogue_resolve(&c, "pytroch:2", "CUDA_ADA", &entry, &e), -1);
        assert_string_equal(e.msg, "No image for pytroch 2 on CUDA_ADA in the catalogue");
        assert_non_null(strstr(e.fix, "did you mean pytorch?"));
        assert_int_equal(catalogue_resolve(&c, "pytorch:9.9", "CUDA_AMPERE", &entry, &e), -1);
        assert_string_equal(e.fix, "choose one of pytorch:2.8.0, pytorch:2.7.1-aime");
        assert_int_equal(catalogue_resolve(&c, "\x1b[2Jx", "", &entry, &e), -1);
        assert_null(strchr(e.msg, '\x1b'));
}

static void bad_lines_are_left_out(void **state)
{
        (void)state;
        static const struct {
                const char *line, *why;
        } cases[] = {
                { "PyTorch", "fewer than four" },
                { "PyTorch, 2.8.0", "fewer than four" },
                { "PyTorch, 2.8.0, CPU", "fewer than four" },
                { "PyTorch, 2.8.0, [CPU]", "a comma is missing" },
                { "PyTorch, 2.8.0, [CPU, debian", "']' is missing" },
                { "PyTorch, 2.8.0, [CPU] debian", "a comma is missing" },
                { "PyTorch, 2.8.0, [], debian", "architectures" },
                { "PyTorch, 2.8.0, [CPU;], debian", "architectures" },
                { "PyTorch, 2.8.0, [C U], debian", "architectures" },
                { ", 2.8.0, [CPU], debian", "framework" },
                { "Py Torch, 2.8.0, [CPU], debian", "framework" },
                { "PyTorch, , [CPU], debian", "version" },
                { "PyTorch, new, [CPU], debian", "version" },
                { "PyTorch, 2.8.0, [CPU], ", "is empty" },
                { "PyTorch, 2.8.0, [CPU], Debian", "upper case" },
                { "PyTorch, 2.8.0, [CPU], debian, 12", "character" },
                { "PyTorch, 2.8.0, [CPU], a@sha256:00", "digest" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_catalogue struct catalogue c = { 0 };
                cleanup_strv struct strv warnings = { 0 };
                cleanup_free char *text =
                        xasprintf("# head\nNone, 1, CPU, a\n%s\nNone, 2, CPU, b\n", cases[i].line);
                print_message("# %s\n", cases[i].line);
                catalogue_add(&c, text, strlen(text), "/etc/ds01/catalogue", &warnings);
                assert_int_equal(c.n, 2);
                assert_int_equal(warnings.n, 1);
                assert_true(str_starts(warnings.v[0], "/etc/ds01/catalogue:3: "));
                assert_non_null(strstr(warnings.v[0], cases[i].why));
        }
        cleanup_catalogue struct catalogue c = { 0 };
        cleanup_strv struct strv warnings = { 0 };
        catalogue_add(&c, "None, 1, CPU, a\xff\n", 17, "x", &warnings);
        assert_int_equal(c.n, 0);
        assert_int_equal(warnings.n, 1);
}

static void finds_images(void **state)
{
        (void)state;
        cleanup_catalogue struct catalogue c = { 0 };
        load(&c);
        static const struct {
                const char *image, *framework, *version;
        } cases[] = {
                { "docker.io/aimehub/pytorch-2.9.1", "pytorch", "2.9.1" },
                { "library/python:3.12-slim-bookworm", "none", "3.12" },
                { "lab/pytorch:mine", "pytorch", "2.8.0" },
                { "lab/pytorch", NULL, NULL },
                { "python:3.12", NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_reference struct reference r = { 0 };
                struct err e = ERR_INIT;
                assert_int_equal(reference_parse(cases[i].image, &r, &e), 0);
                const struct catalogue_entry *entry = catalogue_find_image(&c, &r);
                assert_true(str_eq(entry ? entry->framework : NULL, cases[i].framework));
                assert_true(str_eq(entry ? entry->version : NULL, cases[i].version));
        }
}

static void expect_choices(const struct catalogue *c, const char *arch, const char *expected)
{
        cleanup_free const struct catalogue_entry **list = NULL;
        size_t n = catalogue_choices(c, arch, &list);
        cleanup_buf struct buf b = BUF_INIT(4096);
        for (size_t i = 0; i < n; i++) {
                cleanup_free char *image = reference_text(&list[i]->image);
                buf_printf(&b, "%s %s %s\n", list[i]->framework, list[i]->version, image);
        }
        assert_string_equal(buf_str(&b), expected);
}

static void offers_choices(void **state)
{
        (void)state;
        cleanup_catalogue struct catalogue c = { 0 };
        expect_choices(&c, "CPU", "");
        load(&c);
        expect_choices(&c, "CUDA_AMPERE",
                "mxnet 1.8.0-nvidia aimehub/mxnet-1.8.0:latest\n"
                "none 12 debian:12\n"
                "pytorch 2.8.0 lab/pytorch:mine\n"
                "pytorch 2.7.1-aime aimehub/pytorch-2.7.1-aime:latest\n");
        expect_choices(&c, "CUDA_ADA",
                "none 3.12 python:3.12-slim-bookworm\n"
                "pytorch 2.9.1 aimehub/pytorch-2.9.1:latest\n"
                "pytorch 2.8.0-aime aimehub/pytorch-2.8.0-aime:latest\n"
                "pytorch 2.8.0 aimehub/pytorch-2.8.0:latest\n"
                "tensorflow 2.16.1 aimehub/tensorflow-2.16.1:latest\n");
        expect_choices(&c, "",
                "mxnet 1.8.0-nvidia aimehub/mxnet-1.8.0:latest\n"
                "none 12 debian:12\n"
                "none 3.12 python:3.12-slim-bookworm\n"
                "pytorch 2.10.0-aime aimehub/pytorch-2.10.0:latest\n"
                "pytorch 2.9.1 aimehub/pytorch-2.9.1:latest\n"
                "pytorch 2.8.0 pytorch/pytorch:2.8.0\n"
                "pytorch 2.8.0-aime aimehub/pytorch-2.8.0-aime:latest\n"
                "pytorch 2.7.1-aime aimehub/pytorch-2.7.1-aime:latest\n"
                "tensorflow 2.16.1 aimehub/tensorflow-2.16.1:latest\n");
        expect_choices(&c, "ROCM6", "");
}

static int sign(int x)
{
        return (x > 0) - (x < 0);
}

static void orders_versions(void **state)
{
        (void)state;
        static const struct {
                const char *a, *b;
                int order;
        } cases[] = {
                { "2.10", "2.9", 1 },
                { "2.9", "2.9", 0 },
                { "2.9", "2.9.0", -1 },
                { "2.9.1", "2.9", 1 },
                { "10", "9.9.9", 1 },
                { "2.08", "2.8", 0 },
                { "2.8.0-aime", "2.8.0", 0 },
                { "2.8.0-cu130-aime", "2.8.1", -1 },
                { "2.8.0+cpu", "2.8.0", 0 },
                { "1.14.0a-nvidia", "1.13.1", 1 },
                { "99999999999999999999999999", "99999999999999999999999998", 1 },
                { "100000000000000000000000000", "99999999999999999999999999", 1 },
                { "", "0", -1 },
                { "0", "00", 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                print_message("# %s %s\n", cases[i].a, cases[i].b);
                assert_int_equal(
                        sign(catalogue_compare_versions(cases[i].a, cases[i].b)), cases[i].order);
                assert_int_equal(
                        sign(catalogue_compare_versions(cases[i].b, cases[i].a)), -cases[i].order);
        }
}

static void pretty_names(void **state)
{
        (void)state;
        static const struct {
                const char *framework, *version, *image, *name;
        } cases[] = {
                { "pytorch", "2.8.0", NULL, "PyTorch" },
                { "Pytorch", NULL, "debian", "PyTorch" },
                { "TENSORFLOW", NULL, NULL, "TensorFlow" },
                { "jax", NULL, NULL, "JAX" },
                { "none", NULL, NULL, "Python" },
                { "none", "3.12", NULL, "Python" },
                { "None", "3.12", "python:3.12", "Python" },
                { "none", "12", "debian:12", "Debian" },
                { "none", "3.12", "ghcr.io/lab/own", "Python" },
                /* Nothing says what it is the version of. */
                { "none", "12", "ghcr.io/lab/own", "None" },
                { "none", "12", NULL, "None" },
                { "none", "31", NULL, "None" },
                { "chainer", "7", NULL, "chainer" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_reference struct reference r = { 0 };
                struct err e = ERR_INIT;
                if (cases[i].image)
                        assert_int_equal(reference_parse(cases[i].image, &r, &e), 0);
                assert_string_equal(catalogue_pretty(cases[i].framework, cases[i].version,
                                            cases[i].image ? &r : NULL),
                        cases[i].name);
        }
        assert_true(catalogue_is_alias("aime/pytorch"));
        assert_false(catalogue_is_alias("aimehub/pytorch"));
        assert_false(catalogue_is_alias("aime/"));
}

static void size_is_limited(void **state)
{
        (void)state;
        cleanup_buf struct buf b = BUF_INIT(1024 * 1024);
        for (int i = 0; i < 5000; i++)
                buf_printf(&b, "None, %d, CPU, image%d\n", i, i);
        cleanup_catalogue struct catalogue c = { 0 };
        cleanup_strv struct strv warnings = { 0 };
        catalogue_add(&c, buf_str(&b), b.len, "x", &warnings);
        assert_int_equal(c.n, 4096);
        assert_int_equal(warnings.n, 1);
        assert_string_equal(warnings.v[0], "x:4097: too many entries, the rest is left out");
}

/* The list that the package installs: no bad line, and what the documents promise is in it. */
static void packaged_list(void **state)
{
        (void)state;
        static const struct {
                const char *what, *arch, *image;
        } cases[] = {
                { "aime/pytorch:2.8.0", "CUDA_ADA",
                        "aimehub/pytorch-2.8.0-aime-cuda12.6.3:latest" },
                { "aime/pytorch:2.8.0", "CUDA_BLACKWELL",
                        "aimehub/pytorch-2.8.0-aime-cuda12.8.1:latest" },
                { "aime/pytorch:2.8.0", "", "pytorch/pytorch:2.8.0-cuda12.6-cudnn9-runtime" },
                { "tensorflow", "CPU", "tensorflow/tensorflow:2.16.1" },
                { "jax", "CUDA_AMPERE", "nvcr.io/nvidia/jax:25.10-py3" },
                { "none", "", "python:3.12-slim-bookworm" },
        };
        FILE *f = fopen(CATALOGUE_FILE, "re");
        assert_non_null(f);
        char text[65536];
        size_t n = fread(text, 1, sizeof text, f);
        fclose(f);
        cleanup_catalogue struct catalogue c = { 0 };
        cleanup_strv struct strv warnings = { 0 };
        catalogue_add(&c, text, n, CATALOGUE_FILE, &warnings);
        for (size_t i = 0; i < warnings.n; i++)
                print_message("%s\n", warnings.v[i]);
        assert_int_equal(warnings.n, 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct catalogue_entry *entry;
                struct err e = ERR_INIT;
                print_message("# %s on %s\n", cases[i].what, cases[i].arch);
                assert_int_equal(
                        catalogue_resolve(&c, cases[i].what, cases[i].arch, &entry, &e), 0);
                cleanup_free char *image = reference_text(&entry->image);
                assert_string_equal(image, cases[i].image);
        }
        static const char *const archs[] = { "CUDA_BLACKWELL", "CUDA_ADA", "CUDA_AMPERE", "CPU",
                "" };
        for (size_t a = 0; a < ARRAY_LEN(archs); a++)
                for (size_t i = 0; catalogue_frameworks[i]; i++) {
                        const struct catalogue_entry *entry;
                        struct err e = ERR_INIT;
                        /* Nobody publishes TensorFlow for the newest GPUs in this series. */
                        if (str_eq(archs[a], "CUDA_BLACKWELL") &&
                                str_eq(catalogue_frameworks[i], "tensorflow"))
                                continue;
                        assert_int_equal(catalogue_resolve(
                                                 &c, catalogue_frameworks[i], archs[a], &entry, &e),
                                0);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(resolves),
                cmocka_unit_test(says_what_there_is),
                cmocka_unit_test(bad_lines_are_left_out),
                cmocka_unit_test(finds_images),
                cmocka_unit_test(offers_choices),
                cmocka_unit_test(orders_versions),
                cmocka_unit_test(pretty_names),
                cmocka_unit_test(size_is_limited),
                cmocka_unit_test(packaged_list),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
