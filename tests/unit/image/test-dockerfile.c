/* SPDX-License-Identifier: MIT */
#include "image/dockerfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define F "FROM debian:12\n"

static int check(const char *text, struct dockerfile *d, struct err *e)
{
        *e = ERR_INIT;
        return dockerfile_check(text, strlen(text), NULL, d, e);
}

/* What is taken, and what the engine is given for it. Line numbers stay. */
static void accepts(void **state)
{
        (void)state;
        static const struct {
                const char *in, *out;
        } cases[] = {
                { "FROM debian", "FROM debian:latest\n" },
                { "from debian:12\nrun echo hi", "FROM debian:12\nRUN echo hi\n" },
                { "\xef\xbb\xbf"
                  "FROM debian:12",
                        "FROM debian:12\n" },
                { "FROM debian:12\r\nRUN a \\\r\n  b\r\n", "FROM debian:12\nRUN a   b\n" },
                { "\n\n# x\nFROM debian:12\n\n\tRUN\ta\t \n", "\n\n\nFROM debian:12\n\nRUN a\n" },
                { F "RUN a \\\n  # note\n\n  b \\\n# more \\\n  c\nRUN d",
                        F "RUN a   b   c\n\n\n\n\n\nRUN d\n" },
                { F "RUN a \\   \n b", F "RUN a  b\n" },
                { F "RUN a \\", F "RUN a\n" },
                { F "RUN a \\\n# end", F "RUN a\n" },
                { F "RUN \\\nFROM x", F "RUN FROM x\n" },
                { F "RUN \\\n\\\na", F "RUN a\n" },
                { F "RUN echo a\\\\b", F "RUN echo a\\\\b\n" },
                { F "RUN echo '#no' # stays", F "RUN echo '#no' # stays\n" },
                { F "RUN [\"a\", \"b\"]", F "RUN [\"a\", \"b\"]\n" },
                { F "RUN cat <<<x && echo $((1<<3)) && echo '1 << 3'",
                        F "RUN cat <<<x && echo $((1<<3)) && echo '1 << 3'\n" },
                { F "RUN echo gr\xc3\xbc\xc3\x9f", F "RUN echo gr\xc3\xbc\xc3\x9f\n" },
                { F "# syntax=x\nRUN a", F "\nRUN a\n" },
                { "# syntax of this file\n" F, "\n" F },
                { "ARG T=12\nFROM debian:$T", "ARG T=12\nFROM debian:12\n" },
                { "ARG T=12\nARG I=debian:${T}\nFROM ${I} AS Base",
                        "ARG T=12\nARG I=debian:${T}\nFROM debian:12 AS base\n" },
                { "ARG A=1 B=2\nFROM x:$A$B", "ARG A=1 B=2\nFROM x:12\n" },
                { "ARG T\nFROM debian:${T:-12}", "ARG T\nFROM debian:12\n" },
                { "ARG T=\nFROM debian${T:+:}${T:-:12}", "ARG T=\nFROM debian:12\n" },
                { "ARG X=$NO\nARG T='12'\nFROM \"debian:$T\"",
                        "ARG X=$NO\nARG T='12'\nFROM debian:12\n" },
                { "FROM scratch", "FROM scratch\n" },
                { "FROM a AS b\nFROM B as c\nFROM c\nCOPY --from=0 /x /y\nCOPY --from=B /x /y",
                        "FROM a:latest AS b\nFROM b AS c\nFROM c\nCOPY --from=0 /x /y\n"
                        "COPY --from=B /x /y\n" },
                { F "COPY --chown=1:1 --from=busybox:1 a b",
                        F "COPY --from=busybox:1 --chown=1:1 a b\n" },
                { F "COPY --from=ghcr.io/a/b  [\"a b\", \"c\"]",
                        F "COPY --from=ghcr.io/a/b:latest [\"a b\", \"c\"]\n" },
                { F "COPY --chown=1:1 a b", F "COPY --chown=1:1 a b\n" },
                { F "ADD a.tar.gz /opt/$X", F "ADD a.tar.gz /opt/$X\n" },
                { F "ADD [\"a b\", \"/c\"]", F "ADD [\"a b\", \"/c\"]\n" },
                { F "ADD vendor/github.com/x digit@1 /y",
                        F "ADD vendor/github.com/x digit@1 /y\n" },
                { F "LABEL a=1 ds02.x=2", F "LABEL a=1 ds02.x=2\n" },
                { F "LABEL note ds01.x", F "LABEL note ds01.x\n" },
                { F "LABEL a=\"b ds01.x=1\"", F "LABEL a=\"b ds01.x=1\"\n" },
                { F "LABEL a=ds01.x", F "LABEL a=ds01.x\n" },
                { F "HEALTHCHECK --interval=5s --retries=3 CMD true",
                        F "HEALTHCHECK --interval=5s --retries=3 CMD true\n" },
                { F "HEALTHCHECK NONE", F "HEALTHCHECK NONE\n" },
                { F "ENV A=$B\nARG C\nUSER u\nWORKDIR /w\nEXPOSE 1\nVOLUME /v\nSTOPSIGNAL 9\n"
                    "SHELL [\"sh\"]\nENTRYPOINT [\"a\"]\nCMD b\nMAINTAINER me\n",
                        F "ENV A=$B\nARG C\nUSER u\nWORKDIR /w\nEXPOSE 1\nVOLUME /v\n"
                          "STOPSIGNAL 9\nSHELL [\"sh\"]\nENTRYPOINT [\"a\"]\nCMD b\nMAINTAINER "
                          "me\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_dockerfile struct dockerfile d = { 0 };
                struct err e;
                cleanup_free char *out = NULL;
                print_message("# %s\n", cases[i].in);
                if (check(cases[i].in, &d, &e) < 0)
                        fail_msg("%s", e.msg);
                assert_int_equal(dockerfile_text(&d, NULL, &out, &e), 0);
                assert_string_equal(out, cases[i].out);
                /* What is written means the same when it is read again. */
                cleanup_free char *again = NULL;
                assert_int_equal(dockerfile_with_args(out, strlen(out), NULL, &again, &e), 0);
                assert_string_equal(again, out);
        }
}

static void refuses(void **state)
{
        (void)state;
        static const struct {
                const char *in;
                unsigned line; /* 0: no line is named */
                const char *why;
        } cases[] = {
                { "", 0, "no FROM" },
                { "# nothing\n\n", 0, "no FROM" },
                { "ARG A=1", 0, "no FROM" },
                { "\xff" F, 0, "UTF-8" },
                /* parser directives */
                { "# syntax=docker/dockerfile:1\n" F, 1, "'# syntax='" },
                { "#SYNTAX = x\n" F, 1, "'# syntax='" },
                { "\xef\xbb\xbf#syntax=x\n" F, 1, "'# syntax='" },
                { "# note\n\n  # escape=`\n" F, 3, "'# escape='" },
                { "#\tescape\t=\t\\\n" F, 1, "'# escape='" },
                /* where things stand */
                { "RUN a\n" F, 1, "in front of the first FROM" },
                { "ENV T=12\nFROM debian:$T", 1, "in front of the first FROM" },
                { F "RUNN a", 2, "'RUNN' is not an instruction" },
                { F "\xc2\xa0RUN a", 2, "plain" },
                { F "RUN", 2, "stands alone" },
                { F "RUN   \nRUN a", 2, "stands alone" },
                { F "\\\n\\\n", 2, "is not an instruction" },
                /* characters that parsers read differently */
                { F "RUN a\rb", 2, "0x0d" },
                { F "RUN a\vb", 2, "0x0b" },
                { F "RUN a \\\r\r\nb", 2, "0x0d" },
                { F "RUN \x1b[0m", 2, "0x1b" },
                { F "RUN \x7f", 2, "0x7f" },
                { F "COPY \xc2\xa0--from=x a b", 2, "plain" },
                { F "COPY \xe2\x80\x83--from=x a b", 2, "plain" },
                { F "COPY \xe3\x80\x80--from=x a b", 2, "plain" },
                { F "COPY \xc2\x85--from=x a b", 2, "plain" },
                { F "RUN a \\\\\nFROM x", 2, "two backslashes" },
                { F "RUN a \\\n b \\\\ \nFROM x", 3, "two backslashes" },
                { F "RUN a \\\\  \\\n# end", 3, "ends in a backslash" },
                { F "RUN a \\  \\", 2, "ends in a backslash" },
                /* FROM */
                { "FROM", 1, "stands alone" },
                { "FROM a b", 1, "takes one image" },
                { "FROM a as", 1, "takes one image" },
                { "FROM a as b c", 1, "takes one image" },
                { "FROM a of b", 1, "takes one image" },
                { "FROM --platform=linux/arm64 debian", 1, "--platform" },
                { "FROM $BASE", 1, "the variable BASE has no value" },
                { "ARG BASE\nFROM $BASE", 2, "the variable BASE has no value" },
                { "FROM debian:${T}", 1, "the variable T has no value" },
                { F "ARG T=x\nFROM $T", 3, "the variable T has no value" },
                { "ARG T=$NO\nFROM $T", 2, "the variable T has no value" },
                { "FROM ${T:?no}", 1, "only ${X}" },
                { "FROM ${HTTP_PROXY}", 1, "HTTP_PROXY has no value" },
                { "ARG E=\nFROM $E", 2, "is empty" },
                { "FROM a@sha256:00", 1, "digest" },
                { "FROM deadbeefcafe", 1, "image id" },
                { "ARG I=deadbeefcafe\nFROM $I", 2, "image id" },
                { "FROM sha256:ab", 1, "image id" },
                { "FROM Debian", 1, "upper case" },
                { "FROM Scratch", 1, "upper case" },
                { "FROM a AS 1", 1, "the name of a stage" },
                { "FROM a AS b/c", 1, "the name of a stage" },
                { "FROM a AS scratch", 1, "the name of a stage" },
                { "FROM a AS $X", 1, "the name of a stage" },
                { "FROM a AS b\nFROM c AS B", 2, "exists already" },
                { "ARG 1=2\n" F, 1, "variable's name" },
                { "ARG \"A=2\"\n" F, 1, "variable's name" },
                /* COPY */
                { F "COPY --from=$X a b", 2, "no fixed name" },
                { F "COPY --from= a b", 2, "no fixed name" },
                { F "COPY --from a b", 2, "--from is not available" },
                { F "COPY --FROM=x a b", 2, "--FROM=x is not available" },
                { F "COPY --from=a --from=b a b", 2, "twice" },
                { F "COPY --from='a' a b", 2, "quotes" },
                { F "COPY --fr\"om=a\" a b", 2, "quotes" },
                { F "COPY --chown=1 --from=deadbeefcafe a b", 2, "image id" },
                { F "COPY --from=0 a b", 2, "not an earlier stage" },
                { F "COPY --from=1 a b", 2, "not an earlier stage" },
                { F "COPY --from=-1 a b", 2, "well formed" },
                { F "COPY --from=99999999999999999999 a b", 2, "not an earlier stage" },
                { "FROM a AS me\nCOPY --from=Me a b", 2, "not an earlier stage" },
                { F "COPY --chmod=755 a b", 2, "--chmod=755" },
                { F "COPY --link a b", 2, "--link" },
                { F "COPY <<EOF /x\nhi\nEOF", 2, "heredoc" },
                /* RUN */
                { F "RUN --mount=type=cache,target=/x a", 2, "--mount" },
                { F "RUN --network=host a", 2, "--network" },
                { F "RUN --security=insecure a", 2, "--security" },
                { F "RUN \\\n --mount=x a", 2, "--mount" },
                { F "RUN -- a", 2, "-- is not available" },
                { F "RUN <<EOF\nFROM evil\nEOF", 2, "heredoc" },
                { F "RUN <<-EOF a", 2, "heredoc" },
                { F "RUN cat 3<<'EOF'", 2, "heredoc" },
                { F "RUN cat \"x <<EOF", 2, "heredoc" },
                { F "RUN ${X:-}<<EOF", 2, "heredoc" },
                { F "RUN $X<<EOF", 2, "heredoc" },
                /* ADD */
                { F "ADD http://127.0.0.1/x /y", 2, "ADD of a URL" },
                { F "ADD HTTPS://x/y /y", 2, "ADD of a URL" },
                { F "ADD --chown=1 a http://x/y /y", 2, "ADD of a URL" },
                { F "ADD [\"http://x/y\", \"/y\"]", 2, "ADD of a URL" },
                { F "ADD [\"\\u0068ttp:\\u002f/x\", \"/y\"]", 2, "backslashes" },
                { F "ADD ht\\tp:/\\/x /y", 2, "backslashes" },
                { F "ADD h'tt'p:\"/\"/x /y", 2, "ADD of a URL" },
                { F "ADD [x h\"tt\"p:\"/\"/x/ /dst]", 2, "ADD of a URL" },
                { F "ADD $URL /y", 2, "no variables" },
                { F "ADD ${S}a /y", 2, "no variables" },
                { F "ADD [\"$URL\", \"/y\"]", 2, "no variables" },
                { F "ADD git@github.com:a/b /y", 2, "git repository" },
                { F "ADD me@host:a/b /y", 2, "git repository" },
                { F "ADD github.com/a/b /y", 2, "git repository" },
                { F "ADD [\"github.com/a/b\",\"/y\"]", 2, "git repository" },
                { F "ADD --checksum=x a b", 2, "--checksum" },
                { F "ADD <<EOF /x", 2, "heredoc" },
                /* the rest */
                { F "ONBUILD RUN a", 2, "ONBUILD" },
                { F "LABEL ds01.managed=true", 2, "belongs to ds01" },
                { F "LABEL ds01.x y", 2, "belongs to ds01" },
                { F "LABEL DS01.x=y", 2, "belongs to ds01" },
                { F "LABEL a=1 \\\n b=2 ds01.uid=0", 2, "belongs to ds01" },
                { F "LABEL \"ds01.uid\"=0", 2, "belongs to ds01" },
                { F "LABEL d's'01.uid=0", 2, "belongs to ds01" },
                { F "LABEL d\\s01.uid=0", 2, "belongs to ds01" },
                { F "LABEL a=1 \"ds01.uid=0\"", 2, "belongs to ds01" },
                { F "LABEL ${X}01.uid=0", 2, "variable in its name" },
                { F "CMD --x", 2, "--x is not available" },
                { F "HEALTHCHECK --bad=1 CMD a", 2, "--bad=1" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct dockerfile d = { .n_images = 77 };
                struct err e;
                char where[40] = "";
                if (cases[i].line)
                        snprintf(where, sizeof where, "Dockerfile line %u: ", cases[i].line);
                print_message("# %s\n", cases[i].in);
                assert_int_equal(check(cases[i].in, &d, &e), -1);
                assert_int_equal(d.n_images, 77);
                assert_int_equal(e.code, ERR_INVALID);
                print_message("%s\n", e.msg);
                assert_true(str_starts(e.msg, where));
                assert_non_null(strstr(e.msg, cases[i].why));
                assert_int_not_equal(e.fix[0], '\0');
                assert_true(str_is_utf8(e.msg, strlen(e.msg)));
        }
}

static void nul_is_refused(void **state)
{
        (void)state;
        struct dockerfile d;
        struct err e = ERR_INIT;
        assert_int_equal(dockerfile_check("FROM a\n\0FROM b\n", 15, NULL, &d, &e), -1);
        assert_non_null(strstr(e.msg, "UTF-8"));
}

static void nearest_instruction(void **state)
{
        (void)state;
        struct dockerfile d;
        struct err e;
        assert_int_equal(check(F "entrypiont a", &d, &e), -1);
        assert_string_equal(e.fix, "did you mean ENTRYPOINT?");
        assert_int_equal(check(F "&& make", &d, &e), -1);
        assert_non_null(strstr(e.fix, "end the line above it with \\"));
}

static void lists_stages_and_images(void **state)
{
        (void)state;
        static const char text[] = "ARG T=12\n"
                                   "FROM debian:$T AS Build\n"
                                   "COPY --from=busybox /bin/sh /sh\n"
                                   "FROM build\n"
                                   "COPY --from=0 /a /a\n"
                                   "COPY --from=later /a /a\n"
                                   "FROM scratch AS later\n"
                                   "COPY --from=build /a \\\n"
                                   "  /a\n"
                                   "FROM ghcr.io/a/b:1\n";
        static const struct {
                const char *text;
                unsigned line;
                bool copied;
        } images[] = { { "debian:12", 2, false }, { "busybox:latest", 3, true },
                { "later:latest", 6, true }, { "ghcr.io/a/b:1", 10, false } };
        static const struct {
                const char *name;
                int parent;
                bool scratch;
                unsigned line;
        } stages[] = { { "build", -1, false, 2 }, { NULL, 0, false, 4 }, { "later", -1, true, 7 },
                { NULL, -1, false, 10 } };
        cleanup_dockerfile struct dockerfile d = { 0 };
        struct err e;
        assert_int_equal(check(text, &d, &e), 0);
        assert_int_equal(d.n_images, ARRAY_LEN(images));
        for (size_t i = 0; i < d.n_images; i++) {
                cleanup_free char *name = reference_text(&d.images[i].reference);
                assert_string_equal(name, images[i].text);
                assert_int_equal(d.images[i].line, images[i].line);
                assert_int_equal(d.images[i].copied, images[i].copied);
        }
        assert_int_equal(d.n_stages, ARRAY_LEN(stages));
        for (size_t i = 0; i < d.n_stages; i++) {
                assert_true(str_eq(d.stages[i].name, stages[i].name));
                assert_int_equal(d.stages[i].parent, stages[i].parent);
                assert_int_equal(d.stages[i].scratch, stages[i].scratch);
                assert_int_equal(d.stages[i].line, stages[i].line);
        }

        struct reference other;
        cleanup_free char *out = NULL;
        assert_int_equal(reference_parse("aimehub/pytorch", &other, &e), 0);
        dockerfile_use(&d, 0, &other);
        dockerfile_use(&d, 1, &other);
        reference_done(&other);
        assert_int_equal(dockerfile_text(&d, NULL, &out, &e), 0);
        assert_string_equal(out, "ARG T=12\n"
                                 "FROM aimehub/pytorch:latest AS build\n"
                                 "COPY --from=aimehub/pytorch:latest /bin/sh /sh\n"
                                 "FROM build\n"
                                 "COPY --from=0 /a /a\n"
                                 "COPY --from=later:latest /a /a\n"
                                 "FROM scratch AS later\n"
                                 "COPY --from=build /a   /a\n"
                                 "\n"
                                 "FROM ghcr.io/a/b:1\n");
}

static void writes_arguments(void **state)
{
        (void)state;
        cleanup_strv struct strv pairs = { 0 };
        strv_add(&pairs, "PIP_INDEX_URL=http://h/simple?a=b");
        strv_add(&pairs, "Q=a\"b\\c$d 'e' `f` #");
        strv_add(&pairs, "E=");
        cleanup_free char *out = NULL;
        struct err e = ERR_INIT;
        static const char text[] = "FROM a AS x\nRUN \\\n b\nFROM x\n";
        assert_int_equal(dockerfile_with_args(text, strlen(text), &pairs, &out, &e), 0);
#define ARGS                                                                                       \
        "ARG PIP_INDEX_URL=\"http://h/simple?a=b\"\nARG Q=\"a\\\"b\\\\c\\$d 'e' `f` #\"\nARG "     \
        "E=\"\"\n"
        assert_string_equal(out, "FROM a:latest AS x\n" ARGS "RUN b\n\nFROM x\n" ARGS);

        static const char *const bad[] = { "A", "=x", "1=x", "A B=x", "A=x\nRUN y", "A=\x1b",
                "A=\x7f" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                cleanup_strv struct strv one = { 0 };
                strv_add(&one, bad[i]);
                char *none = NULL;
                assert_int_equal(dockerfile_with_args(text, strlen(text), &one, &none, &e), -1);
                assert_null(none);
                assert_int_equal(e.code, ERR_INVALID);
        }
}

static void sizes_are_limited(void **state)
{
        (void)state;
        cleanup_buf struct buf b = BUF_INIT(1024 * 1024);
        struct dockerfile d;
        struct err e;
        buf_str_add(&b, F "RUN ");
        while (b.len < 64 * 1024)
                buf_putc(&b, 'x');
        assert_int_equal(check(buf_str(&b), &d, &e), 0);
        dockerfile_done(&d);
        buf_putc(&b, 'x');
        assert_int_equal(check(buf_str(&b), &d, &e), -1);
        assert_non_null(strstr(e.msg, "65537 bytes"));

        struct dockerfile_rules two = { .max_bytes = 100, .max_stages = 2 };
        assert_int_equal(dockerfile_check("FROM a\nFROM b", 13, &two, &d, &e), 0);
        dockerfile_done(&d);
        assert_int_equal(dockerfile_check("FROM a\nFROM b\nFROM c", 20, &two, &d, &e), -1);
        assert_string_equal(e.msg, "Dockerfile line 3: there are more than 2 stages");

        buf_clear(&b);
        for (int i = 0; i < 300; i++)
                buf_printf(&b, "ARG A%d=1\n", i);
        buf_str_add(&b, F);
        assert_int_equal(check(buf_str(&b), &d, &e), -1);
        assert_string_equal(e.msg, "Dockerfile line 257: there are more than 256 variables");
}

/* A value that doubles with each ARG stops growing; it only matters where a FROM uses it. */
static void doubling_variables(void **state)
{
        (void)state;
        cleanup_buf struct buf b = BUF_INIT(64 * 1024);
        buf_str_add(&b, "ARG A0=xxxxxxxxxx\n");
        for (int i = 1; i < 60; i++)
                buf_printf(&b, "ARG A%d=$A%d$A%d\n", i, i - 1, i - 1);
        cleanup_dockerfile struct dockerfile d = { 0 };
        struct err e;
        buf_str_add(&b, F);
        assert_int_equal(check(buf_str(&b), &d, &e), 0);
        struct dockerfile none;
        buf_str_add(&b, "FROM $A59\n");
        assert_int_equal(check(buf_str(&b), &none, &e), -1);
        assert_non_null(strstr(e.msg, "A59 has no value"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepts),
                cmocka_unit_test(refuses),
                cmocka_unit_test(nul_is_refused),
                cmocka_unit_test(nearest_instruction),
                cmocka_unit_test(lists_stages_and_images),
                cmocka_unit_test(writes_arguments),
                cmocka_unit_test(sizes_are_limited),
                cmocka_unit_test(doubling_variables),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
