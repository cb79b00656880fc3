/* SPDX-License-Identifier: MIT */
/*
 * .dockerignore. The first line of the input is a path, the rest the file. Where the file is plain (ASCII, no
 * `**`, nothing to be tidied up) a backtracking matcher says the same about the path. Whoever walks down a tree
 * and leaves folders out that ignore_may_descend() calls hopeless misses nothing that is to be kept. What is
 * malformed is refused with its line.
 */
#include "project/ignore.h"

#include "base/str.h"
#include "calm.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PATH_MAX_BYTES = 200, RULE_MAX_BYTES = 200, RULES_MAX = 32, STARS_MAX = 3 };

/* One character against "[…]"; *p is moved behind it. -1: malformed. */
static int in_class(const char **p, char c)
{
        const char *s = *p + 1;
        bool negated = *s == '^', found = false;
        s += negated;
        for (const char *first = s; *s != ']' || s == first;) {
                char from, to;
                if (*s == '\0' || *s == '-' || *s == ']' || (*s == '\\' && *++s == '\0'))
                        return -1;
                from = to = *s++;
                if (*s == '-') {
                        s++;
                        if (*s == '\0' || *s == '-' || *s == ']' || (*s == '\\' && *++s == '\0'))
                                return -1;
                        to = *s++;
                }
                found |= c >= from && c <= to;
        }
        *p = s + 1;
        return found != negated;
}

static bool glob(const char *p, const char *s)
{
        for (;; s++) {
                if (*p == '*') {
                        for (;; s++) {
                                if (glob(p + 1, s))
                                        return true;
                                if (*s == '\0' || *s == '/')
                                        return false;
                        }
                }
                if (*p == '\0' || *s == '\0')
                        return *p == *s;
                if (*p == '[') {
                        if (in_class(&p, *s) != 1)
                                return false;
                        continue;
                }
                if (*p == '?' ? *s == '/' : (p += *p == '\\', *p != *s))
                        return false;
                p++;
        }
}

static bool is_ascii(const char *text)
{
        for (const char *s = text; *s; s++)
                if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
                        return false;
        return true;
}

/* Is it a pattern that is read as it stands? */
static bool is_plain(const char *rule)
{
        size_t stars = 0, n = strlen(rule);
        if (n == 0 || n > RULE_MAX_BYTES || !is_ascii(rule) || strstr(rule, "**") ||
                strstr(rule, "//") || rule[0] == '/' || rule[n - 1] == '/' || rule[0] == ' ' ||
                rule[n - 1] == ' ')
                return false;
        for (const char *s = rule; *s; s++) {
                if (*s == '.' && (s == rule || s[-1] == '/'))
                        return false;
                stars += *s == '*';
                if (*s == '[') {
                        const char *end = s;
                        if (in_class(&end, 'x') < 0)
                                return false;
                        s = end - 1;
                } else if (*s == '\\' && *++s == '\0') {
                        return false;
                }
        }
        return stars <= STARS_MAX;
}

/* Does the rule match the path or a folder above it? */
static bool hits(const char *rule, const char *path)
{
        cleanup_free char *part = xstrdup(path);
        for (char *slash = part; (slash = strchr(slash + 1, '/')); *slash = '/') {
                *slash = '\0';
                if (glob(rule, part))
                        return true;
        }
        return glob(rule, part);
}

/* False if the file is not plain. */
static bool read_plainly(const char *text, const char *path, bool *ret_ignored)
{
        bool ignored = false;
        cleanup_free char *copy = xstrdup(text);
        char *save = NULL;
        size_t rules = 0;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                if (*line == '#')
                        continue;
                bool exception = *line == '!';
                if (!is_plain(line + exception) || line[exception] == '!' || ++rules > RULES_MAX)
                        return false;
                if (hits(line + exception, path))
                        ignored = !exception;
        }
        *ret_ignored = ignored;
        return true;
}

static bool is_plain_path(const char *path)
{
        size_t n = strlen(path);
        return n > 0 && n < PATH_MAX_BYTES && is_ascii(path) && path[0] != '/' &&
               path[n - 1] != '/' && !strstr(path, "//");
}

static void check_descent(const struct ignore *ig, const char *path)
{
        cleanup_free char *part = xstrdup(path);
        if (*path == '\0' || ignore_path(ig, path))
                return;
        for (char *slash = part; (slash = strchr(slash + 1, '/')); *slash = '/') {
                *slash = '\0';
                if (ignore_path(ig, part) && !ignore_may_descend(ig, part))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_free char *path = xstrndup((const char *)data, n);
        cleanup_ignore struct ignore ig = { 0 };
        struct err e = ERR_INIT;
        bool plainly;
        char *text = strchr(path, '\n');
        if (!text || text - path >= PATH_MAX_BYTES)
                return 0;
        *text++ = '\0';
        if (ignore_parse(text, &ig, &e) < 0) {
                if (e.code != ERR_INVALID || !str_starts(e.msg, ".dockerignore:") || ig.v ||
                        !calm_sentence(e.msg, sizeof e.msg))
                        abort();
                if (read_plainly(text, "x", &plainly))
                        abort();
                return 0;
        }
        bool ignored = ignore_path(&ig, path);
        if (is_plain_path(path) && read_plainly(text, path, &plainly) && ignored != plainly)
                abort();
        check_descent(&ig, path);
        return 0;
}
