/* SPDX-License-Identifier: MIT */
#include "project/ignore.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdint.h>
#include <string.h>

enum { PATTERN_MAX = 1024, PATH_BYTES_MAX = 4096 };

enum token_kind {
        TOKEN_CHAR,    /* this character */
        TOKEN_ANY,     /* any character but "/" */
        TOKEN_CLASS,   /* one of a class */
        TOKEN_STAR,    /* any run without "/" */
        TOKEN_FOLDERS, /* nothing, or any run that ends with "/" */
        TOKEN_REST,    /* any run */
};

struct range {
        uint32_t from, to;
};

struct token {
        enum token_kind kind;
        bool negated;     /* TOKEN_CLASS */
        uint32_t c;       /* TOKEN_CHAR */
        struct range *in; /* TOKEN_CLASS */
        size_t in_n;
};

struct ignore_pattern {
        bool exception;
        char *literal; /* set when the pattern has no special character: then a plain comparison */
        struct token *v;
        size_t n;
};

/* One character of UTF-8; a byte that is none counts as one of its own, out of Unicode's range. */
static uint32_t next_char(const char **s)
{
        const unsigned char *p = (const unsigned char *)*s;
        size_t len = *p < 0x80 ? 1 : (*p & 0xe0) == 0xc0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : 4;
        if (len > 1 && !(strnlen(*s, len) == len && str_is_utf8(*s, len))) {
                *s += 1;
                return 0x110000u + *p;
        }
        uint32_t c = len == 1 ? *p : *p & (0x7fu >> len);
        for (size_t i = 1; i < len; i++)
                c = c << 6 | (p[i] & 0x3fu);
        *s += len;
        return c;
}

static void pattern_done(struct ignore_pattern *p)
{
        for (size_t i = 0; i < p->n; i++)
                free(p->v[i].in);
        free(p->v);
        free(p->literal);
        *p = (struct ignore_pattern){ 0 };
}

void ignore_done(struct ignore *ig)
{
        for (size_t i = 0; i < ig->n; i++)
                pattern_done(&ig->v[i]);
        free(ig->v);
        *ig = (struct ignore){ 0 };
}

static struct token *add_token(struct ignore_pattern *p, enum token_kind kind)
{
        p->v = xrealloc(p->v, p->n + 1, sizeof *p->v);
        p->v[p->n] = (struct token){ .kind = kind };
        return &p->v[p->n++];
}

/* A member of a class; "-", "]" and the end need a backslash before them to stand for themselves.
 */
static bool class_char(const char **s, uint32_t *ret)
{
        if (**s == '\\')
                (*s)++;
        else if (**s == '-' || **s == ']')
                return false;
        if (**s == '\0')
                return false;
        *ret = next_char(s);
        return true;
}

/* Reads what follows "[" up to and over "]". */
static bool add_class(struct ignore_pattern *p, const char **s)
{
        struct token *t = add_token(p, TOKEN_CLASS);
        t->negated = **s == '^';
        if (t->negated)
                (*s)++;
        while (**s != ']' || t->in_n == 0) {
                struct range r;
                if (!class_char(s, &r.from))
                        return false;
                r.to = r.from;
                if (**s == '-') {
                        (*s)++;
                        if (!class_char(s, &r.to))
                                return false;
                }
                t->in = xrealloc(t->in, t->in_n + 1, sizeof *t->in);
                t->in[t->in_n++] = r;
        }
        (*s)++;
        return true;
}

/* Reads what follows "*". */
static void add_stars(struct ignore_pattern *p, const char **s)
{
        if (**s != '*') {
                add_token(p, TOKEN_STAR);
                return;
        }
        (*s)++;
        bool slash = **s == '/';
        if (slash)
                (*s)++;
        /* A leading double star on a plain name ("**.log") takes any beginning, as in Docker. */
        bool any_beginning = p->n == 0 && !slash && !strpbrk(*s, "*?[\\");
        add_token(p, **s == '\0' || any_beginning ? TOKEN_REST : TOKEN_FOLDERS);
}

static bool compile(struct ignore_pattern *p, const char *s)
{
        if (!strpbrk(s, "*?[\\"))
                p->literal = xstrdup(s);
        while (*s) {
                uint32_t c = next_char(&s);
                if (c == '*') {
                        add_stars(p, &s);
                } else if (c == '?') {
                        add_token(p, TOKEN_ANY);
                } else if (c == '[') {
                        if (!add_class(p, &s))
                                return false;
                } else {
                        if (c == '\\' && *s == '\0')
                                return false;
                        if (c == '\\')
                                c = next_char(&s);
                        add_token(p, TOKEN_CHAR)->c = c;
                }
        }
        return true;
}

/* Lexical cleaning as Docker does it: no empty and "." parts, "x/.." goes, no slash at the ends. */
static char *clean(const char *s, size_t n)
{
        struct strv parts = { 0 };
        cleanup_free char *copy = xstrndup(s, n);
        bool rooted = *copy == '/';
        char *save = NULL;
        for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
                if (str_eq(part, "."))
                        continue;
                bool up = str_eq(part, "..");
                if (up && parts.n > 0 && !str_eq(parts.v[parts.n - 1], "..")) {
                        free(parts.v[--parts.n]);
                        parts.v[parts.n] = NULL;
                } else if (!up || !rooted) {
                        strv_add(&parts, part);
                }
        }
        struct buf b = BUF_INIT(PATTERN_MAX + 1);
        for (size_t i = 0; i < parts.n; i++) {
                buf_str_add(&b, i ? "/" : "");
                buf_str_add(&b, parts.v[i]);
        }
        strv_done(&parts);
        return buf_take(&b);
}

static void trim(const char **s, size_t *n)
{
        while (*n > 0 && strchr(" \t\r\v\f", **s)) {
                (*s)++;
                (*n)--;
        }
        while (*n > 0 && strchr(" \t\r\v\f", (*s)[*n - 1]))
                (*n)--;
}

static int add_line(struct ignore *ig, const char *s, size_t n, unsigned line, struct err *e)
{
        if (n > 0 && *s == '#')
                return 0;
        trim(&s, &n);
        if (n == 0)
                return 0;
        bool exception = *s == '!';
        if (exception) {
                s++;
                n--;
                trim(&s, &n);
        }
        if (exception && n == 0)
                return err_set(e, ERR_INVALID, ".dockerignore:%u: Nothing follows the '!'", line);
        if (n > PATTERN_MAX)
                return err_set(e, ERR_INVALID, ".dockerignore:%u: The pattern is too long", line);
        cleanup_free char *pattern = clean(s, n);
        /* "." and "/" would be the whole folder; Docker ignores them. */
        if (*pattern == '\0')
                return 0;
        struct ignore_pattern p = { .exception = exception };
        if (!compile(&p, pattern)) {
                cleanup_free char *shown = str_safe(pattern);
                pattern_done(&p);
                return err_set(
                        e, ERR_INVALID, ".dockerignore:%u: Malformed pattern '%s'", line, shown);
        }
        ig->v = xrealloc(ig->v, ig->n + 1, sizeof *ig->v);
        ig->v[ig->n++] = p;
        ig->has_exceptions = ig->has_exceptions || exception;
        return 0;
}

int ignore_parse(const char *text, struct ignore *ret, struct err *e)
{
        static const char byte_order_mark[] = "\xef\xbb\xbf";
        struct ignore ig = { 0 };
        if (str_starts(text, byte_order_mark))
                text += strlen(byte_order_mark);
        for (unsigned line = 1; *text; line++) {
                size_t n = strcspn(text, "\n");
                if (add_line(&ig, text, n, line, e)) {
                        ignore_done(&ig);
                        return -1;
                }
                text += n + (text[n] == '\n');
        }
        *ret = ig;
        return 0;
}

static bool in_class(const struct token *t, uint32_t c)
{
        for (size_t i = 0; i < t->in_n; i++)
                if (c >= t->in[i].from && c <= t->in[i].to)
                        return !t->negated;
        return t->negated;
}

static bool takes(const struct token *t, uint32_t c)
{
        switch (t->kind) {
        case TOKEN_CHAR:
                return t->c == c;
        case TOKEN_ANY:
                return c != '/';
        case TOKEN_CLASS:
                return in_class(t, c);
        case TOKEN_STAR:
        case TOKEN_FOLDERS:
        case TOKEN_REST:
                break;
        }
        return false;
}

/*
 * One step for one token: from the set of places in the path that the tokens before it can reach,
 * to the set that they and it can reach. Places count characters.
 */
static void step(const struct token *t, const uint32_t *path, size_t n, const bool *at, bool *next)
{
        bool carry = false;
        for (size_t i = 0; i <= n; i++) {
                switch (t->kind) {
                case TOKEN_CHAR:
                case TOKEN_ANY:
                case TOKEN_CLASS:
                        next[i] = i > 0 && at[i - 1] && takes(t, path[i - 1]);
                        break;
                case TOKEN_STAR:
                        carry = at[i] || (carry && path[i - 1] != '/');
                        next[i] = carry;
                        break;
                case TOKEN_FOLDERS:
                        next[i] = at[i] || (carry && path[i - 1] == '/');
                        carry = carry || at[i];
                        break;
                case TOKEN_REST:
                        carry = carry || at[i];
                        next[i] = carry;
                        break;
                }
        }
}

static size_t characters(const char *path, uint32_t *out)
{
        size_t n = 0;
        while (*path && n < PATH_BYTES_MAX)
                out[n++] = next_char(&path);
        return n;
}

/* With `prefix`: is there any path that starts with this one and matches? */
static bool pattern_matches(const struct ignore_pattern *p, const char *path, bool prefix)
{
        if (p->literal && !prefix)
                return strcmp(p->literal, path) == 0;
        uint32_t chars[PATH_BYTES_MAX];
        bool sets[2][PATH_BYTES_MAX + 1];
        size_t n = characters(path, chars);
        bool *at = sets[0], *next = sets[1];
        memset(at, 0, n + 1);
        at[0] = true;
        for (size_t i = 0; i < p->n; i++) {
                /* All of the prefix is used up and tokens are left, or a run can still go on. */
                if (prefix && at[n])
                        return true;
                step(&p->v[i], chars, n, at, next);
                if (!memchr(next, true, n + 1))
                        return false;
                bool *swap = at;
                at = next;
                next = swap;
        }
        return at[n];
}

bool ignore_match(const struct ignore *ig, const char *path, bool *hits)
{
        bool ignored = false;
        for (size_t i = 0; i < ig->n; i++) {
                hits[i] = hits[i] || pattern_matches(&ig->v[i], path, false);
                if (hits[i])
                        ignored = !ig->v[i].exception;
        }
        return ignored;
}

bool ignore_may_descend(const struct ignore *ig, const char *dir)
{
        if (!ig->has_exceptions)
                return false;
        cleanup_free char *prefix = xasprintf("%s/", dir);
        for (size_t i = 0; i < ig->n; i++)
                if (ig->v[i].exception && pattern_matches(&ig->v[i], prefix, true))
                        return true;
        return false;
}

bool ignore_path(const struct ignore *ig, const char *path)
{
        cleanup_free bool *hits = xcalloc(ig->n + 1, sizeof *hits);
        cleanup_free char *part = xstrdup(path);
        for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void)ignore_match(ig, part, hits);
                *slash = '/';
        }
        return ignore_match(ig, path, hits);
}
