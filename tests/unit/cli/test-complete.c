/* SPDX-License-Identifier: MIT */
#include "cli/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { WORDS_MAX = 8 };

/* Says what it was asked for: a name for the kind, and one for whose. */
static void add(enum names what, const char *user, const char *typed, struct choices *ret)
{
        static const char *const kinds[] = {
                [NAMES_PROJECTS] = "project",
                [NAMES_CONTAINERS] = "any",
                [NAMES_RUNNING] = "running",
                [NAMES_PAUSED] = "paused",
                [NAMES_ACTIVE] = "active",
                [NAMES_IDLE] = "idle",
                [NAMES_BUILT] = "built",
                [NAMES_IMAGES] = "image",
                [NAMES_FRAMEWORKS] = "framework",
                [NAMES_TICKETS] = "ticket",
                [NAMES_FILES] = "file",
                [NAMES_FOLDERS] = "folder",
        };
        cleanup_free char *whose = xasprintf("of-%s", user ? user : "me");
        if (what == NAMES_FILES || what == NAMES_FOLDERS) {
                cleanup_free char *path = xasprintf("%s%s/", typed, kinds[what]);
                choices_add(ret, path, "");
                return;
        }
        choices_add(ret, kinds[what], "");
        choices_add(ret, whose, "");
}

static const struct complete_source fake = { .add = add };

/* The last word is the one that is being typed. */
static void ask(const char *const *words, struct choices *ret)
{
        char *copy[WORDS_MAX];
        size_t n = 0;
        for (; n < WORDS_MAX && words[n]; n++)
                copy[n] = xstrdup(words[n]);
        complete(copy, n, &fake, ret);
        while (n > 0)
                free(copy[--n]);
}

static const char *text_of(const struct choices *l, struct buf *b)
{
        buf_clear(b);
        for (size_t i = 0; i < l->n; i++)
                buf_printf(b, "%s%s", i ? " " : "", l->v[i].name);
        return buf_str(b);
}

static void test_candidates(void **state)
{
        (void)state;
        static const struct {
                const char *words[WORDS_MAX], *want;
        } rows[] = {
                /* Verbs. */
                { { "container", "at" }, "attach" },
                { { "container", "re" }, "retire remove" },
                { { "ds01", "cont" }, "container" },
                { { "ds01", "container", "un" }, "unpause" },
                { { "/usr/bin/gpu-queue", "" }, "join leave status position" },
                { { "ds01", "gpu-queue", "p" }, "position" },
                { { "ds01", "compl" }, "completion" },
                { { "container", "open", "" }, "running of-me" },
                { { "container", "bogus", "" }, "" },
                { { "ds01" }, "" },
                /* What an argument names. */
                { { "project", "launch", "" }, "project of-me" },
                { { "container-attach", "" }, "running of-me" },
                { { "container", "retire", "a" }, "any" },
                { { "container-start", "" }, "idle of-me" },
                { { "container-pause", "" }, "running of-me" },
                { { "container-unpause", "" }, "paused of-me" },
                { { "container", "deploy", "" }, "built of-me" },
                { { "container", "deploy", "x", "" }, "image of-me" },
                { { "gpu-queue", "leave", "" }, "ticket of-me" },
                { { "ds01", "policy", "check", "x" }, "xfile/" },
                { { "dashboard", "" }, "gpu system containers users queue" },
                { { "ds01", "completion", "" }, "bash zsh fish" },
                /* One that stands there already is not offered again. */
                { { "container-stop", "active", "" }, "of-me" },
                { { "container-stop", "active", "of-me", "" }, "" },
                /* Where nothing more may stand, options are all there is. */
                { { "container-attach", "x", "" }, "--yes --color= --help --info --concepts" },
                { { "ds01", "help", "" }, "--yes --color= --help --info --concepts" },
                /* Options: not twice, unless they may stand twice. */
                { { "container", "retire", "--i" }, "--images --info" },
                { { "container", "retire", "--images", "--i" }, "--info" },
                { { "container", "retire", "-f", "--fo" }, "" },
                { { "project", "launch", "--data=x", "--da" }, "--data=" },
                { { "project", "launch", "--wa" }, "--wait" },
                { { "container-list", "--us" }, "--user=" },
                { { "container-attach", "--us" }, "" },
                /* Their values. */
                { { "container", "deploy", "x", "--image=" }, "--image=image --image=of-me" },
                { { "container", "deploy", "x", "--image=i" }, "--image=image" },
                { { "container", "deploy", "--image", "i" }, "image" },
                { { "container", "deploy", "--project=p" }, "--project=project" },
                { { "container", "deploy", "-w", "/srv/" }, "/srv/folder/" },
                { { "container", "deploy", "-d", "x", "" }, "built of-me" },
                { { "project", "launch", "--data=/d" }, "--data=/dfolder/" },
                { { "project", "launch", "-d", "~/d" }, "~/dfolder/" },
                { { "project", "launch", "--data=~/d" }, "" },
                { { "project", "init", "--type=c" }, "--type=cv --type=custom" },
                { { "project", "init", "--framework=f" }, "--framework=framework" },
                { { "container-list", "--format", "j" }, "json" },
                { { "container-list", "--color=a" }, "--color=auto --color=always" },
                { { "container-list", "--nonsense=a" }, "" },
                { { "container-stop", "-t", "1" }, "" },
                /* Whose. */
                { { "container-stop", "--user=bob", "" }, "active of-bob" },
                { { "container-stop", "--user", "bob", "" }, "active of-bob" },
                /* Behind -- stands somebody else's command. */
                { { "container-run", "x", "--", "--" }, "" },
                { { "container-run", "x", "--", "" }, "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_choices struct choices found = { 0 };
                cleanup_buf struct buf b = BUF_INIT(4096);
                ask(rows[i].words, &found);
                if (strcmp(text_of(&found, &b), rows[i].want) != 0)
                        fail_msg("row %zu: '%s' instead of '%s'", i, buf_str(&b), rows[i].want);
        }
}

/* Every verb has something to say of itself. */
static void test_notes(void **state)
{
        (void)state;
        static const char *const words[] = { "container", "", NULL };
        cleanup_choices struct choices found = { 0 };
        ask(words, &found);
        assert_true(found.n > 10);
        for (size_t i = 0; i < found.n; i++)
                assert_true(strlen(found.v[i].note) > 10);
}

/* Whatever stands there: no crash, no complaint. */
static void test_any_words(void **state)
{
        (void)state;
        static const char *const some[] = { "ds01", "container", "deploy", "", "-", "--", "-dw",
                "--=", "=", "--image", "--image=", "-x", "help", "\xff", NULL };
        for (size_t i = 0; some[i]; i++)
                for (size_t j = 0; some[j]; j++)
                        for (size_t k = 0; some[k]; k++) {
                                const char *const words[] = { "container", some[i], some[j],
                                        some[k], NULL };
                                cleanup_choices struct choices found = { 0 };
                                ask(words, &found);
                                ask(words + 1, &found);
                        }
}

/* A program for each name that can be typed in one word. */
static void test_programs(void **state)
{
        (void)state;
        static const char *const some[] = { "ds01", "container", "container-attach",
                "container-open", "gpu-queue", "gpu-queue-join", "dashboard", "get-limits",
                "policy-check", NULL };
        static const char *const others[] = { "policy", "check", "why", "ds01-why", "help", NULL };
        cleanup_strv struct strv names = { 0 };
        command_programs(&names);
        for (size_t i = 0; some[i]; i++)
                assert_true(strv_has(&names, some[i]));
        for (size_t i = 0; others[i]; i++)
                assert_false(strv_has(&names, others[i]));
        for (size_t i = 0; i < names.n; i++)
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(names.v[i], names.v[j]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_candidates),
                cmocka_unit_test(test_notes),
                cmocka_unit_test(test_any_words),
                cmocka_unit_test(test_programs),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
