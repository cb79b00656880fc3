/* SPDX-License-Identifier: MIT */
#include "project/recipe.h"

#include "scratch.h"

static struct strv list_of(const char *words)
{
        struct strv l = { 0 };
        cleanup_free char *copy = xstrdup(words);
        char *save = NULL;
        for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
                strv_add(&l, w);
        return l;
}

static void requirements(void **state)
{
        (void)state;
        static const struct {
                const char *text, *add, *remove, *result, *missing;
        } cases[] = {
                { "", "numpy", "", "numpy\n", "" },
                { "# mine\nnumpy>=1 # why\n", "pandas", "", "# mine\nnumpy>=1 # why\npandas\n",
                        "" },
                { "numpy>=1\npandas\n", "numpy==2.0", "", "numpy==2.0\npandas\n", "" },
                { "Scikit_Learn\n", "scikit-learn>=1", "", "scikit-learn>=1\n", "" },
                { "a\nb\nc", "d", "", "a\nb\nc\nd\n", "" },
                { "a\nb[x]>1; python_version<'3'\nc\n", "", "b", "a\nc\n", "" },
                { "a\n", "", "b a", "", "b" },
                { "# numpy\n-r other.txt\ngit+https://x/numpy\n", "", "numpy",
                        "# numpy\n-r other.txt\ngit+https://x/numpy\n", "numpy" },
                { "numpy\nnumpy\n", "numpy>2", "", "numpy>2\n", "" },
                { "numpy-stl\n", "", "numpy", "numpy-stl\n", "numpy" },
                { "numpy>=1  # pinned\nb\n", "numpy>=2", "", "numpy>=2  # pinned\nb\n", "" },
                { "numpy>=1 # why", "numpy>=2", "", "numpy>=2 # why\n", "" },
                { "numpy>=1\nnumpy<3\n", "numpy", "", "numpy>=1\nnumpy<3\n", "" },
                { "", "a a>1 b", "", "a\nb\n", "" },
                { "git+https://x/y\n", "git+https://x/y", "", "git+https://x/y\n", "" },
                { "a==1 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\nb\n", "", "a", "b\n", "" },
                { "a==1 \\\n    --hash=sha256:0\nb\n", "a==2", "", "a==2\nb\n", "" },
                { "a==1 \\\n", "b", "", "a==1 \\\n\nb\n", "" },
                { "a==1 \\", "b", "", "a==1 \\\n\nb\n", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_strv struct strv add = list_of(cases[i].add);
                cleanup_strv struct strv rem = list_of(cases[i].remove);
                cleanup_strv struct strv missing = { 0 };
                cleanup_free char *out = NULL;
                struct err e = ERR_INIT;
                assert_int_equal(
                        requirements_edit(cases[i].text, &add, &rem, &out, &missing, &e), 0);
                assert_string_equal(out, cases[i].result);
                assert_string_equal(missing.n ? missing.v[0] : "", cases[i].missing);
        }
}

static void lists(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_strv struct strv l = { 0 };
        static const char text[] =
                "# head\n\n numpy>=1 # why\r\npandas[all]>2,<3\n\t# x\ngit+https://x/y#egg=z";
        assert_int_equal(requirements_list(text, "r.txt", &l, &e), 0);
        assert_int_equal(l.n, 3);
        assert_string_equal(l.v[0], "numpy>=1");
        assert_string_equal(l.v[1], "pandas[all]>2,<3");
        assert_string_equal(l.v[2], "git+https://x/y#egg=z");
        static const struct {
                const char *text, *where;
        } refused[] = { { "a\n-r other.txt\n", "r.txt:2: " },
                { "a \\\n --hash=x\nb\n", "r.txt:1: " }, { "a\n\n./local\n", "r.txt:3: " },
                { "\x1b[2J\n", "r.txt:1: " } };
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                assert_int_equal(requirements_list(refused[i].text, "r.txt", &l, &e), -1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_true(str_starts(e.msg, refused[i].where));
                assert_null(strchr(e.msg, '\x1b'));
        }
}

static void pip_layers(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        static const char *const without[] = { "FROM x\n",
                "FROM x\n# COPY requirements.txt /\nRUN y\n" };
        assert_true(dockerfile_installs_requirements("FROM x\nCOPY requirements.txt /x\n"));
        for (size_t i = 0; i < ARRAY_LEN(without); i++) {
                cleanup_free char *with = NULL;
                assert_false(dockerfile_installs_requirements(without[i]));
                assert_int_equal(dockerfile_add_pip_layer(without[i], &with, &e), 0);
                assert_true(str_starts(with, without[i]));
                assert_true(dockerfile_installs_requirements(with));
        }
}

static void bad_names(void **state)
{
        (void)state;
        static const char *const pip[] = { "", "-r", "--index-url=x", "a\nb", "$(x)", "a\\", "../x",
                "a " };
        static const char *const apt[] = { "", "-y", "a", "vim;reboot", "vim vim", "$(x)", "Vim",
                "vim\n", "x`y`", "a&&b", "a|b" };
        static const char *const apt_ok[] = { "libgl1", "g++", "libglib2.0-0", "libc6:i386",
                "vim=2:9.0-1" };
        for (size_t i = 0; i < ARRAY_LEN(pip); i++)
                assert_false(requirement_ok(pip[i]));
        for (size_t i = 0; i < ARRAY_LEN(apt); i++)
                assert_false(apt_package_ok(apt[i]));
        for (size_t i = 0; i < ARRAY_LEN(apt_ok); i++)
                assert_true(apt_package_ok(apt_ok[i]));
        struct strv evil = { 0 };
        char *out = NULL;
        struct err e = ERR_INIT;
        strv_add(&evil, "-e.");
        assert_int_equal(requirements_edit("", &evil, NULL, &out, NULL, &e), -1);
        assert_int_equal(apt_edit("FROM x\n", &evil, NULL, &out, NULL, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_null(out);
        strv_done(&evil);
}

static void apt_blocks(void **state)
{
        (void)state;
        cleanup_strv struct strv two = list_of("git vim");
        cleanup_strv struct strv git = list_of("git");
        cleanup_strv struct strv vim = list_of("vim nano");
        cleanup_strv struct strv missing = { 0 };
        static const char plain[] = "FROM a AS build\nRUN x\nfrom b\nRUN y\n";
        struct err e = ERR_INIT;
        char *with = NULL, *again = NULL, *one = NULL, *none = NULL;
        assert_int_equal(apt_edit(plain, &two, NULL, &with, NULL, &e), 0);
        assert_non_null(strstr(with, "from b\n" APT_BLOCK_BEGIN));
        assert_non_null(strstr(with, "        git \\\n        vim \\\n"));
        assert_non_null(strstr(with, APT_BLOCK_END "\nRUN y\n"));
        /* Adding what is there changes nothing. */
        assert_int_equal(apt_edit(with, &git, NULL, &again, NULL, &e), 0);
        assert_string_equal(with, again);
        assert_int_equal(apt_edit(with, NULL, &vim, &one, &missing, &e), 0);
        assert_null(strstr(one, "vim"));
        assert_non_null(strstr(one, "        git \\\n"));
        assert_int_equal(missing.n, 1);
        assert_string_equal(missing.v[0], "nano");
        assert_int_equal(apt_edit(one, NULL, &git, &none, NULL, &e), 0);
        assert_null(strstr(none, "apt-get"));
        assert_non_null(strstr(none, APT_BLOCK_END));
        /* Where there are no marks and nothing to write, none are made. */
        char *same = NULL;
        assert_int_equal(apt_edit(plain, NULL, &git, &same, NULL, &e), 0);
        assert_string_equal(same, plain);
        free(same);
        free(with);
        free(again);
        free(one);
        free(none);
}

/* Lines that backslashes join are one instruction, with the comments between them. */
static void apt_blocks_stand_between_instructions(void **state)
{
        (void)state;
        static const struct {
                const char *text, *before; /* what the block stands behind; NULL: refused */
        } cases[] = {
                { "FROM a \\\n# why\n\n AS b\nRUN x\n", "FROM a \\\n# why\n\n AS b\n" },
                { "FROM a\nRUN echo \\\n FROM b\nRUN y\n", "FROM a\n" },
                { "FROM a\nFROM\\\n b\nRUN y\n", "FROM a\nFROM\\\n b\n" },
                { "FROM a\nRUN x \\ \n" APT_BLOCK_BEGIN "\n y\n" APT_BLOCK_END "\n", "FROM a\n" },
                { "FROM a \\\n", NULL },
                { "FROM a \\", NULL },
        };
        cleanup_strv struct strv git = list_of("git");
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cleanup_free char *out = NULL;
                struct err e = ERR_INIT;
                int r = apt_edit(cases[i].text, &git, NULL, &out, NULL, &e);
                assert_int_equal(r, cases[i].before ? 0 : -1);
                if (r < 0)
                        continue;
                size_t n = strlen(cases[i].before);
                assert_memory_equal(out, cases[i].before, n);
                assert_true(str_starts(out + n, APT_BLOCK_BEGIN));
                assert_true(str_ends(out, cases[i].text + n));
        }
}

static void pip_layer_needs_a_whole_last_line(void **state)
{
        (void)state;
        char *out = NULL;
        struct err e = ERR_INIT;
        assert_int_equal(dockerfile_add_pip_layer("FROM a\nRUN x \\\n# y\n", &out, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_null(out);
        assert_int_equal(dockerfile_add_pip_layer("FROM a\n# x \\\n", &out, &e), 0);
        free(out);
}

static void changed_blocks_are_left_alone(void **state)
{
        (void)state;
        static const char *const texts[] = {
                "FROM x\n" APT_BLOCK_BEGIN "\nRUN add-apt-repository ppa:x/y\n" APT_BLOCK_END "\n",
                "FROM x\n" APT_BLOCK_BEGIN "\nRUN true\n",
                "FROM x\n" APT_BLOCK_BEGIN "\n# my own note\n" APT_BLOCK_END "\n",
                "RUN no from\n",
                "",
        };
        cleanup_strv struct strv git = list_of("git");
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                char *out = NULL;
                struct err e = ERR_INIT;
                assert_int_equal(apt_edit(texts[i], &git, NULL, &out, NULL, &e), -1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_null(out);
        }
}

static void reading(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        struct err e = ERR_INIT;
        char *text = NULL;
        assert_int_equal(dockerfile_read(s.fd, "x", &text, &e), -1);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_string_equal(e.msg, "No Dockerfile in ~/workspace/x");
        assert_string_equal(e.fix, "image-create x");
        assert_int_equal(requirements_read(s.fd, &text, &e), 0);
        assert_string_equal(text, "");
        free(text);
        char *large = xcalloc(1, DOCKERFILE_MAX + 2);
        memset(large, '#', DOCKERFILE_MAX + 1);
        scratch_write(&s, "Dockerfile", large);
        assert_int_equal(dockerfile_read(s.fd, "x", &text, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        large[DOCKERFILE_MAX] = '\0';
        scratch_write(&s, "Dockerfile", large);
        assert_int_equal(dockerfile_read(s.fd, "x", &text, &e), 0);
        assert_string_equal(text, large);
        free(text);
        free(large);
        scratch_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(requirements), cmocka_unit_test(lists),
                cmocka_unit_test(pip_layers), cmocka_unit_test(bad_names),
                cmocka_unit_test(apt_blocks),
                cmocka_unit_test(apt_blocks_stand_between_instructions),
                cmocka_unit_test(pip_layer_needs_a_whole_last_line),
                cmocka_unit_test(changed_blocks_are_left_alone), cmocka_unit_test(reading) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
