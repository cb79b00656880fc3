/* SPDX-License-Identifier: MIT */
/*
 * Edits of a project's requirements.txt and Dockerfile. The input begins with lines "+package" and "-package" to
 * add and remove; what follows them is the file, as both. Without anything to do nothing changes. With something,
 * every line about other packages, and all of the Dockerfile outside of its block, stays byte for byte; what was
 * to go is gone; once more changes nothing more. A Dockerfile that passed the check passes it afterwards, with
 * the same images and the steps that were added.
 */
#include "project/recipe.h"

#include "calm.h"
#include "image/dockerfile.h"

#include <ctype.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool separates(char c)
{
        return c == '-' || c == '_' || c == '.';
}

/* Do both begin with the name of the same package? Both are read side by side, by pip's rule. */
static bool same_package(const char *a, const char *b)
{
        bool some = false;
        while (isspace((unsigned char)*a))
                a++;
        while (isspace((unsigned char)*b))
                b++;
        for (;; some = true) {
                if (separates(*a) && separates(*b)) {
                        while (separates(*a))
                                a++;
                        while (separates(*b))
                                b++;
                } else if (isalnum((unsigned char)*a) &&
                           tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
                        a++;
                        b++;
                } else {
                        break;
                }
        }
        static const char scheme[] = "+/:";
        return some && !separates(*a) && !isalnum((unsigned char)*a) && !separates(*b) &&
               !isalnum((unsigned char)*b) && !(*a && strchr(scheme, *a)) &&
               !(*b && strchr(scheme, *b));
}

static size_t used(const char *s)
{
        size_t n = strlen(s);
        while (n > 0 && isspace((unsigned char)s[n - 1]))
                n--;
        return n;
}

/* Is the line about one of these, by its name or as it stands? */
static bool names(const struct strv *list, const char *line)
{
        size_t n = used(line);
        for (size_t i = 0; i < list->n; i++)
                if (same_package(list->v[i], line) ||
                        (used(list->v[i]) == n && strncmp(list->v[i], line, n) == 0))
                        return true;
        return false;
}

/* The text without its lines (joined by backslashes) about packages of either list. */
static void add_others(
        struct buf *b, const char *text, const struct strv *add, const struct strv *remove)
{
        while (*text) {
                const char *end = text;
                do {
                        end += strcspn(end, "\n");
                        end += *end == '\n';
                } while (*end && end[-1] == '\n' && end - text > 1 && end[-2] == '\\');
                cleanup_free char *line = xstrndup(text, (size_t)(end - text));
                if (!names(add, line) && !names(remove, line))
                        buf_str_add(b, line);
                text = end;
        }
}

static bool has_comment(const struct strv *list)
{
        for (size_t i = 0; i < list->n; i++)
                if (strstr(list->v[i], " #"))
                        return true;
        return false;
}

static bool share_package(const struct strv *a, const struct strv *b)
{
        for (size_t i = 0; i < b->n; i++)
                if (names(a, b->v[i]))
                        return true;
        return false;
}

/* A last line without its end gets it where another is put behind. */
static void check_untouched(const char *before, const char *after)
{
        size_t n = strlen(before);
        const char *more = after + n;
        if (strncmp(before, after, n) != 0 || strspn(more, "\n") != strlen(more) ||
                strlen(more) > 2)
                abort();
}

static void check_requirements(const char *text, const struct strv *add, const struct strv *remove)
{
        cleanup_free char *same = NULL, *out = NULL, *twice = NULL;
        cleanup_strv struct strv missing = { 0 }, missing_again = { 0 };
        cleanup_buf struct buf before = BUF_INIT(SIZE_MAX / 2), after = BUF_INIT(SIZE_MAX / 2);
        struct err e = ERR_INIT;
        if (requirements_edit(text, NULL, NULL, &same, NULL, &e) < 0 || strcmp(same, text) != 0)
                abort();
        if (requirements_edit(text, add, remove, &out, &missing, &e) < 0) {
                if (e.code != ERR_INVALID || !calm_sentence(e.msg, sizeof e.msg))
                        abort();
                return;
        }
        add_others(&before, text, add, remove);
        add_others(&after, out, add, remove);
        check_untouched(buf_str(&before), buf_str(&after));
        if (requirements_edit(out, NULL, remove, &twice, &missing_again, &e) < 0)
                abort();
        if (!share_package(add, remove) && missing_again.n != remove->n)
                abort();
        free(take_ptr(twice));
        if (has_comment(add) || share_package(add, remove))
                return;
        if (requirements_edit(out, add, remove, &twice, NULL, &e) < 0 || strcmp(out, twice) != 0)
                abort();
}

/* From the first line of the block to the end of its last. */
static bool find_block(const char *text, const char **begin, const char **end)
{
        cleanup_free char *all = xasprintf("\n%s", text);
        const char *b = strstr(all, "\n" APT_BLOCK_BEGIN);
        const char *e = b ? strstr(b, "\n" APT_BLOCK_END) : NULL;
        if (!e)
                return false;
        const char *eol = strchr(e + 1, '\n');
        *begin = text + (b - all);
        *end = eol ? text + (eol - all) : text + strlen(text);
        return true;
}

/* What is gone was in the block, and what has come is a block. */
static void check_around(const char *text, const char *out)
{
        size_t n = strlen(text), m = strlen(out), least = n < m ? n : m, same = 0, behind = 0;
        const char *begin, *end;
        while (same < least && text[same] == out[same])
                same++;
        while (behind < least - same && text[n - 1 - behind] == out[m - 1 - behind])
                behind++;
        if (same + behind < n &&
                (!find_block(text, &begin, &end) || text + same < begin || text + n - behind > end))
                abort();
        if (same + behind < m && !find_block(out, &begin, &end))
                abort();
}

/* Was it one that could be built, it still is, with some more steps. */
static void check_dockerfile(const char *before, const char *after, size_t least, size_t most)
{
        cleanup_dockerfile struct dockerfile d = { 0 }, changed = { 0 };
        struct err e = ERR_INIT;
        if (dockerfile_check(before, strlen(before), NULL, &d, &e) < 0)
                return;
        if (dockerfile_check(after, strlen(after), NULL, &changed, &e) < 0)
                abort();
        if (changed.n_images != d.n_images || changed.steps.n < d.steps.n + least ||
                changed.steps.n > d.steps.n + most)
                abort();
}

static void check_apt(const char *text, const struct strv *add, const struct strv *remove)
{
        cleanup_free char *out = NULL, *twice = NULL;
        cleanup_strv struct strv missing = { 0 };
        struct err e = ERR_INIT;
        if (apt_edit(text, add, remove, &out, &missing, &e) < 0) {
                if (e.code != ERR_INVALID || !calm_sentence(e.msg, sizeof e.msg))
                        abort();
                return;
        }
        check_around(text, out);
        const char *begin, *end;
        /* Who adds and removes the same thing gets it, in another place each time. */
        if (share_package(add, remove))
                return;
        if (add->n > 0 && !find_block(out, &begin, &end))
                abort();
        if (apt_edit(out, add, remove, &twice, NULL, &e) < 0 || strcmp(out, twice) != 0)
                abort();
        if (add->n > 0 && remove->n == 0)
                check_dockerfile(text, out, find_block(text, &begin, &end) ? 0 : 1, 1);
}

static void check_pip_layer(const char *text)
{
        cleanup_free char *out = NULL;
        struct err e = ERR_INIT;
        if (dockerfile_add_pip_layer(text, &out, &e) < 0)
                return;
        if (!str_starts(out, text) || !dockerfile_installs_requirements(out))
                abort();
        check_dockerfile(text, out, 3, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_free char *copy = xstrndup((const char *)data, n);
        cleanup_strv struct strv add = { 0 }, remove = { 0 };
        const char *text = copy;
        while ((*text == '+' || *text == '-') && add.n + remove.n < 16) {
                size_t len = strcspn(text, "\n");
                strv_take(*text == '+' ? &add : &remove, xstrndup(text + 1, len - 1));
                text += len + (text[len] == '\n');
        }
        check_requirements(text, &add, &remove);
        check_apt(text, &add, &remove);
        check_pip_layer(text);
        cleanup_strv struct strv list = { 0 };
        struct err e = ERR_INIT;
        if (requirements_list(text, "requirements.txt", &list, &e) < 0) {
                if (e.code != ERR_INVALID || !calm_sentence(e.msg, sizeof e.msg))
                        abort();
                return 0;
        }
        for (size_t i = 0; i < list.n; i++)
                if (!requirement_ok(list.v[i]))
                        abort();
        return 0;
}
