/* SPDX-License-Identifier: MIT */
#include "image/variable.h"

#include "base/str.h"

#include <string.h>

enum { NESTING_MAX = 8, SHOWN_MAX = 40 };

void variables_done(struct variables *l)
{
        for (size_t i = 0; i < l->n; i++) {
                free(l->v[i].name);
                free(l->v[i].value);
        }
        free(l->v);
        *l = (struct variables){ 0 };
}

static bool is_name_char(char c, bool first)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
               (!first && c >= '0' && c <= '9');
}

static size_t name_length(const char *s)
{
        size_t n = 0;
        while (is_name_char(s[n], n == 0))
                n++;
        return n;
}

bool variable_name_ok(const char *name, size_t n)
{
        return n > 0 && name_length(name) >= n;
}

static struct variable *find(const struct variables *l, const char *name, size_t n)
{
        for (size_t i = 0; i < l->n; i++)
                if (strlen(l->v[i].name) == n && memcmp(l->v[i].name, name, n) == 0)
                        return &l->v[i];
        return NULL;
}

void variables_set(struct variables *l, const char *name, size_t name_len, const char *value)
{
        struct variable *old = find(l, name, name_len);
        if (old) {
                str_replace(&old->value, value);
                return;
        }
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        l->v[l->n++] = (struct variable){ xstrndup(name, name_len), xstrdup(value) };
}

/* A word on its way through. A variable without a value is noted and counts as empty: it only
 * matters if the result is used. */
struct expansion {
        const struct variables *variables;
        const char *s;
        struct buf out;
        unsigned depth;
        const char *missing;
        size_t missing_len;
        struct err *e;
};

static int expand_until(struct expansion *x, char stop);

static int refuse(struct expansion *x, const char *why)
{
        err_set(x->e, ERR_INVALID, "%s", why);
        return err_fix(x->e, "write the image's name without variables");
}

static void add_value(struct expansion *x, const struct variable *known, const char *name, size_t n)
{
        if (known && known->value) {
                buf_str_add(&x->out, known->value);
        } else if (!x->missing) {
                x->missing = name;
                x->missing_len = n;
        }
}

/* ":-word" or ":+word" of ${X…}, up to the brace. The word is read in any case, used or not. */
static int expand_operator(struct expansion *x, const struct variable *known, char op)
{
        bool set = known && known->value && known->value[0];
        bool wanted = op == '-' ? !set : set;
        size_t len = x->out.len;
        const char *missing = x->missing;
        if (expand_until(x, '}') < 0)
                return -1;
        if (!wanted) {
                x->missing = missing;
                /* Cut what the unused word has added; a word that filled the buffer stays an error.
                 */
                if (x->out.data && !x->out.full) {
                        x->out.len = len;
                        x->out.data[len] = '\0';
                }
        }
        if (op == '-' && set)
                buf_str_add(&x->out, known->value);
        return 0;
}

/* What follows "${". */
static int expand_braces(struct expansion *x)
{
        const char *name = x->s;
        size_t n = name_length(name);
        const struct variable *known = find(x->variables, name, n);
        if (n == 0)
                return refuse(x, "'${' is not followed by a variable's name");
        x->s += n;
        if (x->s[0] == ':' && (x->s[1] == '-' || x->s[1] == '+')) {
                char op = x->s[1];
                x->s += 2;
                if (++x->depth > NESTING_MAX)
                        return refuse(x, "variables are nested too deeply");
                if (expand_operator(x, known, op) < 0)
                        return -1;
                x->depth--;
        } else if (*x->s == '}') {
                add_value(x, known, name, n);
        }
        if (*x->s != '}')
                return refuse(x, *x->s ? "only ${X}, ${X:-word} and ${X:+word} are understood"
                                       : "a '}' is missing");
        x->s++;
        return 0;
}

/* What follows a '$'. */
static int expand_dollar(struct expansion *x)
{
        if (*x->s == '{') {
                x->s++;
                return expand_braces(x);
        }
        size_t n = name_length(x->s);
        if (n == 0)
                return refuse(x, "'$' is not followed by a variable's name");
        add_value(x, find(x->variables, x->s, n), x->s, n);
        x->s += n;
        return 0;
}

static int expand_quoted(struct expansion *x, char quote)
{
        while (*x->s && *x->s != quote) {
                char c = *x->s++;
                if (quote == '"' && c == '$') {
                        if (expand_dollar(x) < 0)
                                return -1;
                        continue;
                }
                if (quote == '"' && c == '\\' && *x->s && strchr("\"$\\", *x->s))
                        c = *x->s++;
                buf_putc(&x->out, c);
        }
        if (!*x->s)
                return refuse(x, "a quote is not closed");
        x->s++;
        return 0;
}

static int expand_until(struct expansion *x, char stop)
{
        while (*x->s && *x->s != stop) {
                char c = *x->s++;
                int r = 0;
                if (c == '\'' || c == '"')
                        r = expand_quoted(x, c);
                else if (c == '$')
                        r = expand_dollar(x);
                else if (c != '\\')
                        buf_putc(&x->out, c);
                else if (*x->s)
                        buf_putc(&x->out, *x->s++);
                if (r < 0)
                        return -1;
        }
        return 0;
}

int variables_expand(const struct variables *l, const char *word, char **ret, struct err *e)
{
        struct expansion x = {
                .variables = l, .s = word, .out = BUF_INIT(VARIABLE_VALUE_MAX), .e = e
        };
        int r = expand_until(&x, '\0');
        if (r == 0 && x.missing) {
                size_t n = x.missing_len < SHOWN_MAX ? x.missing_len : SHOWN_MAX;
                err_set(e, ERR_INVALID, "the variable %.*s has no value here", (int)n, x.missing);
                r = err_fix(e, "give it a default in front of the first FROM: ARG %.*s=VALUE",
                        (int)n, x.missing);
        } else if (r == 0 && x.out.full) {
                r = refuse(&x, "the result is too long");
        }
        if (r == 0)
                *ret = buf_take(&x.out);
        buf_done(&x.out);
        return r;
}
